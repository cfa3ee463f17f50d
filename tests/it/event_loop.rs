//! Handles that an event loop can wait for, here tokio's: tokens, responders, broadcasters. And servers as iterators.
#![cfg(unix)]

use std::os::fd::AsRawFd;

use crate::kit::*;
use socketry::{Broadcaster, CancelToken, TcpServer};
use tokio::io::unix::AsyncFd;

#[allow(deprecated, reason = "the replacement is newer than the oldest tokio that the manifest allows")]
fn wait_until_readable<T: AsRawFd>(handle: T, cause: impl FnOnce()) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let handle = AsyncFd::with_interest(handle, tokio::io::Interest::READABLE).unwrap();
        let early = tokio::time::timeout(std::time::Duration::from_millis(20), handle.readable()).await;
        assert!(early.is_err(), "it is readable before");
        cause();
        let ready = tokio::time::timeout(PATIENCE, handle.readable()).await;
        ready.expect("it becomes readable").unwrap().retain_ready();
        handle.into_inner()
    })
}

#[test]
fn cancelled_token_is_readable() {
    let token = CancelToken::new().unwrap();
    let token = wait_until_readable(token.clone(), || token.cancel());
    assert!(token.is_cancelled());
}

#[test]
fn responder_and_broadcaster_are_readable_on_arrival() {
    let responder =
        Broadcaster::builder().interface(std::net::Ipv4Addr::LOCALHOST).port(0).responder().unwrap();
    let to = std::net::SocketAddr::from(([127, 0, 0, 1], responder.local_addr().port()));
    let broadcaster =
        Broadcaster::builder().interface(std::net::Ipv4Addr::LOCALHOST).port(to.port()).build().unwrap();
    let responder = wait_until_readable(responder, || drop(broadcaster.send("query").unwrap()));
    let query = responder.recv_timeout(PATIENCE).unwrap();
    wait_until_readable(broadcaster, || responder.reply(&query, "reply").unwrap());
}

#[test]
fn server_reference_iterates_over_connections() {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let (_client, handle) = (client_of(server.local_addr()), server.handle());
    let mut accepted = 0;
    for connection in &server {
        connection.unwrap();
        accepted += 1;
        handle.begin_shutdown(PATIENCE);
    }
    assert_eq!(accepted, 1);
}
