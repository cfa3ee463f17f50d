//! Handles in an event loop, that of tokio and a poll loop of mio. And servers as iterators.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use crate::kit::*;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use socketry::broadcast::Responder;
use socketry::{Broadcaster, CancelToken, TcpConnection, TcpServer, UdpEndpoint};
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
fn server_is_readable_when_connection_arrives() {
    let server = server();
    let address = server.local_addr();
    let mut client = None;
    let server = wait_until_readable(server, || client = Some(client_of(address)));
    assert!(server.try_accept().unwrap().is_some());
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

const UDP: Token = Token(0);
const RESPONDER: Token = Token(1);
const LISTENER: Token = Token(2);
const CANCEL: Token = Token(3);
const FIRST_CONNECTION: usize = 4;

fn register(poll: &Poll, handle: &impl AsRawFd, token: Token) {
    poll.registry().register(&mut SourceFd(&handle.as_raw_fd()), token, Interest::READABLE).unwrap();
}

/// Answers on all sockets in one thread until the token is cancelled. mio reports edges, so each
/// socket is read until it would block. Returns how many connections were accepted.
fn echo_in_mio(udp: &UdpEndpoint, responder: &Responder, server: &TcpServer, cancel: &CancelToken) -> usize {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(16);
    register(&poll, udp, UDP);
    register(&poll, responder, RESPONDER);
    register(&poll, server, LISTENER);
    register(&poll, cancel, CANCEL);
    let mut connections = BTreeMap::<Token, TcpConnection>::new();
    let mut accepted = 0;
    loop {
        poll.poll(&mut events, Some(PATIENCE)).unwrap();
        assert!(!events.is_empty(), "an event within {PATIENCE:?}");
        for event in &events {
            match event.token() {
                CANCEL => return accepted,
                UDP => {
                    while let Some(datagram) = udp.try_recv().unwrap() {
                        udp.reply(&datagram, datagram.bytes()).unwrap();
                    }
                }
                RESPONDER => {
                    while let Some(query) = responder.try_recv().unwrap() {
                        responder.reply(&query, "here").unwrap();
                    }
                }
                LISTENER => {
                    while let Some(connection) = server.try_accept().unwrap() {
                        let token = Token(FIRST_CONNECTION + accepted);
                        register(&poll, &connection, token);
                        connections.insert(token, connection);
                        accepted += 1;
                    }
                }
                token => {
                    while let Some(bytes) = connections[&token].try_recv(1024).unwrap() {
                        if bytes.is_empty() {
                            connections.remove(&token);
                            break;
                        }
                        connections[&token].send(bytes).unwrap();
                    }
                }
            }
        }
    }
}

#[test]
fn mio_loop_drives_every_kind_of_socket() {
    let udp = local();
    let responder = Broadcaster::builder().interface(Ipv4Addr::LOCALHOST).port(0).responder().unwrap();
    let server = server();
    let cancel = CancelToken::new().unwrap();
    let accepted = std::thread::scope(|scope| {
        let looping = scope.spawn(|| echo_in_mio(&udp, &responder, &server, &cancel));
        for round in 0..3 {
            let client = connected_to(&udp);
            for message in ["one", "two"] {
                client.send(message).unwrap();
                assert_eq!(client.recv().unwrap().text().unwrap(), message);
            }

            let client = client_of(server.local_addr());
            for _ in 0..2 {
                client.send([round; 3000]).unwrap();
                client.recv_exact(&mut [0; 3000]).unwrap();
            }
            client.half_close().unwrap();
            assert_eq!(client.recv(1).unwrap(), b"", "the connection is closed");
        }
        let port = responder.local_addr().port();
        let broadcaster = Broadcaster::builder().interface(Ipv4Addr::LOCALHOST).port(port).build().unwrap();
        let mut replies = broadcaster.discover("who", Duration::from_millis(300)).unwrap();
        assert_eq!(replies.next().unwrap().unwrap().datagram().bytes(), b"here");
        cancel.cancel();
        looping.join().unwrap()
    });
    assert_eq!(accepted, 3);
}

/// The same readiness for what is only waited for: a token and a broadcaster.
#[test]
fn mio_reports_token_and_broadcaster_once_ready() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let token = CancelToken::new().unwrap();
    let responder = Broadcaster::builder().interface(Ipv4Addr::LOCALHOST).port(0).responder().unwrap();
    let port = responder.local_addr().port();
    let broadcaster = Broadcaster::builder().interface(Ipv4Addr::LOCALHOST).port(port).build().unwrap();
    register(&poll, &broadcaster, Token(0));
    register(&poll, &token, Token(1));
    let mut ready = |timeout| {
        poll.poll(&mut events, Some(timeout)).unwrap();
        events.iter().map(|event| event.token().0).collect::<Vec<_>>()
    };
    assert!(ready(Duration::from_millis(20)).is_empty());
    token.cancel();
    assert_eq!(ready(PATIENCE), [1]);
    broadcaster.send("query").unwrap();
    responder.reply(&responder.recv_timeout(PATIENCE).unwrap(), "reply").unwrap();
    assert_eq!(ready(PATIENCE), [0]);
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
