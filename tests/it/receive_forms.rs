//! The forms of a verb that receives: plain, `_timeout`, `_deadline` and `try_`, the same on every
//! type.

use crate::kit::*;
use socketry::broadcast::Responder;
use socketry::udp::{RecvBatch, UdpBatchEndpoint};
use socketry::{Broadcaster, CancelToken, Error, TcpConnection, TcpServer, UdpEndpoint};
use std::fmt::Debug;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(30);

/// The limited forms on an object that has nothing to receive, and then something.
fn check<T: Debug>(
    by_timeout: impl Fn(Duration) -> Result<T, Error>,
    by_deadline: impl Fn(Instant) -> Result<T, Error>,
    attempt: impl Fn() -> Result<Option<T>, Error>,
    provide: impl Fn(),
) {
    let began = Instant::now();
    for _ in 0..100 {
        assert!(attempt().unwrap().is_none());
    }
    assert_elapsed(began, Duration::ZERO);
    let began = Instant::now();
    assert_timed_out(by_timeout(SHORT));
    assert_elapsed(began, SHORT);
    let began = Instant::now();
    assert_timed_out(by_deadline(began + SHORT));
    assert_elapsed(began, SHORT);
    assert_timed_out(by_deadline(Instant::now()));
    provide();
    by_timeout(PATIENCE).unwrap();
    provide();
    by_deadline(Instant::now() + PATIENCE).unwrap();
    provide();
    eventually("it is there", || attempt().unwrap().is_some());
    assert!(attempt().unwrap().is_none());
}

#[test]
fn udp_recv_forms_agree() {
    let (receiver, sender) = (local(), local());
    check(
        |timeout| receiver.recv_timeout(timeout),
        |deadline| receiver.recv_deadline(deadline),
        || receiver.try_recv(),
        || sender.send_to("x", receiver.local_addr()).unwrap(),
    );
}

#[test]
fn udp_recv_batch_forms_agree() {
    let (receiver, sender) = (UdpBatchEndpoint::new(local()), local());
    let batch = std::cell::RefCell::new(RecvBatch::new());
    check(
        |timeout| receiver.recv_batch_timeout(&mut batch.borrow_mut(), timeout),
        |deadline| receiver.recv_batch_deadline(&mut batch.borrow_mut(), deadline),
        || receiver.try_recv_batch(&mut batch.borrow_mut()),
        || sender.send_to("x", receiver.local_addr()).unwrap(),
    );
}

#[test]
fn tcp_recv_forms_agree() {
    let (receiver, sender) = connection();
    check(
        |timeout| receiver.recv_timeout(10, timeout),
        |deadline| receiver.recv_deadline(10, deadline),
        || receiver.try_recv(10),
        || sender.send("x").unwrap(),
    );
}

#[test]
fn accept_forms_agree() {
    let server = server();
    let clients = std::cell::RefCell::new(Vec::new());
    check(
        |timeout| server.accept_timeout(timeout),
        |deadline| server.accept_deadline(deadline),
        || server.try_accept(),
        || clients.borrow_mut().push(client_of(server.local_addr())),
    );
}

#[test]
fn responder_recv_forms_agree() {
    let responder = Broadcaster::builder().loopback(true).port(0).responder().unwrap();
    let sender = UdpEndpoint::connect(("127.0.0.1", responder.local_addr().port())).unwrap();
    check(
        |timeout| Responder::recv_timeout(&responder, timeout),
        |deadline| responder.recv_deadline(deadline),
        || responder.try_recv(),
        || sender.send("x").unwrap(),
    );
}

#[test]
fn tcp_try_recv_returns_empty_at_end_and_kept_bytes_first() {
    let (receiver, sender) = connection();
    receiver.set_read_timeout(SHORT);
    sender.send("ab").unwrap();
    assert_timed_out(receiver.recv_exact(&mut [0; 3]));
    assert_eq!(receiver.try_recv(1).unwrap().unwrap(), b"a", "bytes that a timeout interrupted are kept");
    assert_eq!(receiver.try_recv(9).unwrap().unwrap(), b"b");
    assert_eq!(receiver.try_recv(9).unwrap(), None);
    drop(sender);
    eventually("the end", || receiver.try_recv(9).unwrap().is_some_and(|bytes| bytes.is_empty()));
}

#[test]
fn tcp_try_recv_returns_error_once_cancelled() {
    let token = CancelToken::new().unwrap();
    let server = TcpServer::builder().cancel_connections(&token).bind("127.0.0.1:0").unwrap();
    let _client = TcpConnection::connect(server.local_addr()).unwrap();
    let connection = server.accept().unwrap();
    assert_eq!(connection.try_recv(9).unwrap(), None);
    token.cancel();
    assert!(connection.try_recv(9).unwrap_err().is_cancelled());
}

#[test]
fn try_accept_does_not_wait_for_accepting_thread() {
    let server = server();
    std::thread::scope(|scope| {
        let accepting = scope.spawn(|| server.accept_timeout(PATIENCE).unwrap());
        let began = Instant::now();
        while began.elapsed() < SHORT {
            assert!(server.try_accept().unwrap().is_none());
        }
        let _client = client_of(server.local_addr());
        // One of the two has it.
        let mut taken = None;
        eventually("it is accepted", || {
            taken = taken.take().or_else(|| server.try_accept().unwrap());
            taken.is_some() || accepting.is_finished()
        });
        if taken.is_some() {
            server.handle().begin_shutdown(PATIENCE);
        }
        let _ = accepting.join();
    });
}

#[test]
fn try_accept_returns_error_after_shutdown() {
    let server = server();
    server.handle().begin_shutdown(PATIENCE);
    assert!(server.try_accept().unwrap_err().is_cancelled());
}
