//! A copy between two connections without a thread for its second direction.

#![cfg(target_os = "linux")]

use std::net::TcpListener;

use crate::kit::kind;
use crate::kit::strace::Strace;
use socketry::error::Operation;
use socketry::tcp::copy_bidirectional;
use socketry::{ErrorKind, TcpClient};

#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn copy_without_second_thread() {
    assert_eq!(kind(), "copy");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = || TcpClient::new().connect(listener.local_addr().unwrap()).unwrap();
    let (a, b) = (connect(), connect());
    let error = copy_bidirectional(&a, &b).unwrap_err();
    assert_eq!((error.operation(), error.kind()), (Operation::Copy, ErrorKind::ResourceExhausted));
    assert!(error.is_temporary() && !error.is_timeout(), "{error}");
    // Nothing was copied, and the connections are unchanged.
    a.send("x").unwrap();
    b.half_close().unwrap();
}

/// pthread_create(3) returns `EAGAIN` at the limit of threads, which is no timeout.
#[test]
fn thread_that_cannot_start_is_resource_exhausted() {
    let strace = Strace::new().inject("clone,clone3:error=EAGAIN");
    if let Some(traced) = strace.start(copy_without_second_thread, "copy") {
        traced.assert_success("copy");
    }
}
