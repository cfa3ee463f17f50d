//! Limits of calls after a burst, when the first attempt of a call does not block.

use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::udp::UdpBuilder;
use socketry::{CancelToken, ErrorKind, UdpEndpoint};

const TIMEOUT: Duration = Duration::from_millis(120);

/// Endpoints of each kind that have received a burst, with a sender.
fn after_burst(builder: impl Fn() -> UdpBuilder) -> Vec<(UdpEndpoint, UdpEndpoint)> {
    let mut endpoints = Vec::new();
    for address in ["127.0.0.1:0", ":0"] {
        let receiver = builder().bind(address).unwrap();
        let port = receiver.local_addr().port();
        endpoints.push((receiver, UdpEndpoint::connect(("127.0.0.1", port)).unwrap()));
    }
    let peer = local();
    let connected = builder().connect(peer.local_addr()).unwrap();
    endpoints.push((connected, peer));
    for (receiver, sender) in &endpoints {
        let to = ("127.0.0.1", receiver.local_addr().port());
        receiver.set_read_timeout(TIMEOUT);
        for number in 0..20_u8 {
            sender.send_to([number], to).unwrap();
        }
        for number in 0..20 {
            assert_eq!(receiver.recv().unwrap().bytes(), [number]);
        }
    }
    endpoints
}

#[test]
fn timeout_after_a_burst_is_exact() {
    for (receiver, _) in after_burst(UdpEndpoint::builder) {
        for _ in 0..2 {
            let start = Instant::now();
            let error = assert_timed_out(receiver.recv());
            assert!(start.elapsed() >= TIMEOUT && start.elapsed() < TIMEOUT + PATIENCE / 2);
            assert!(error.elapsed().is_some_and(|elapsed| elapsed >= TIMEOUT), "{error}");
        }
    }
    for (receiver, _) in after_burst(UdpEndpoint::builder) {
        let start = Instant::now();
        assert_timed_out(receiver.recv_timeout(TIMEOUT / 2));
        assert!(start.elapsed() >= TIMEOUT / 2);
    }
    for (receiver, _) in after_burst(UdpEndpoint::builder) {
        let deadline = Instant::now() + TIMEOUT;
        assert_timed_out(receiver.recv_deadline(deadline));
        assert!(Instant::now() >= deadline);
        receiver.set_deadline(deadline);
        assert_timed_out(receiver.recv());
    }
}

#[test]
fn blocked_call_after_a_burst_receives_the_next_datagram() {
    for (receiver, sender) in after_burst(UdpEndpoint::builder) {
        receiver.set_read_timeout(None);
        let to = ("127.0.0.1", receiver.local_addr().port());
        std::thread::scope(|scope| {
            let blocked = scope.spawn(|| receiver.recv());
            sender.send_to("next", to).unwrap();
            assert_eq!(blocked.join().unwrap().unwrap().bytes(), b"next");
        });
    }
}

#[test]
fn cancelled_call_after_a_burst_keeps_the_datagram() {
    let token = CancelToken::new().unwrap();
    let endpoints = after_burst(|| UdpEndpoint::builder().cancel_token(&token));
    token.cancel();
    for (receiver, sender) in endpoints {
        sender.send_to("kept", ("127.0.0.1", receiver.local_addr().port())).unwrap();
        assert!(receiver.recv().unwrap_err().is_cancelled());
        assert!(receiver.try_recv().unwrap_err().is_cancelled());
        let socket = std::net::UdpSocket::from(receiver);
        assert_eq!(socket.recv(&mut [0; 9]).unwrap(), 4);
    }
}

#[test]
fn truncated_datagram_after_a_burst_is_an_error() {
    for (receiver, sender) in after_burst(|| UdpEndpoint::builder().max_datagram(10)) {
        sender.send_to([7; 11], ("127.0.0.1", receiver.local_addr().port())).unwrap();
        let error = receiver.recv().unwrap_err();
        assert_eq!(error.truncated().map(|truncated| (truncated.length, truncated.limit)), Some((11, 10)));
    }
}

/// The error is returned once, by the next call, and the endpoint remains usable.
#[test]
fn refused_port_after_a_burst_is_reported_once() {
    if !cfg!(target_os = "linux") {
        return skip(Need::Platform, "an unreachable port is not reported immediately on this OS");
    }
    let (receiver, peer) = after_burst(UdpEndpoint::builder).pop().unwrap();
    drop(peer);
    receiver.send("to a closed port").unwrap();
    let error = receiver.recv().unwrap_err();
    assert_eq!((error.kind(), error.peer_addr()), (ErrorKind::ConnectionRefused, receiver.peer_addr()));
    assert_timed_out(receiver.recv());
}

/// Threads with different limits share an endpoint: each datagram is received once, and each call ends
/// at its own limit.
#[test]
fn threads_share_bursts_under_different_limits() {
    const TOTAL: u32 = 4_000;
    let receiver = UdpEndpoint::builder().receive_buffer_size(1 << 20).bind("127.0.0.1:0").unwrap();
    let sender = connected_to(&receiver);
    let mut numbers = std::thread::scope(|scope| {
        let receive = |timeout: Duration| {
            let receiver = &receiver;
            scope.spawn(move || {
                let mut numbers = Vec::new();
                loop {
                    let start = Instant::now();
                    match receiver.recv_timeout(timeout) {
                        Ok(datagram) if datagram.is_empty() => return numbers,
                        Ok(datagram) => {
                            numbers.push(u32::from_be_bytes(datagram.bytes().try_into().unwrap()));
                        }
                        Err(error) => {
                            assert!(error.is_timeout() && start.elapsed() >= timeout, "{error}");
                        }
                    }
                }
            })
        };
        let threads = [1, 60, 100, 5_000].map(|millis| receive(Duration::from_millis(millis)));
        for number in 0..TOTAL {
            sender.send(number.to_be_bytes()).unwrap();
            if number % 97 == 0 {
                // The receivers work through the burst, and block.
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        threads.iter().for_each(|_| sender.send("").unwrap());
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..TOTAL), "{} datagrams", numbers.len());
}
