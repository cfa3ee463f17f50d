//! Batches: timeouts, deadlines and cancellation of every receive and send.

use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::udp::{RecvBatch, UdpBatchEndpoint};
use socketry::{CancelToken, UdpEndpoint};

const WAIT: Duration = Duration::from_millis(60);

/// Endpoints with and without packet info, with the cancel token of those that have one.
fn endpoints() -> Vec<(UdpBatchEndpoint, CancelToken)> {
    let mut endpoints = Vec::new();
    for address in ["127.0.0.1:0", ":0"] {
        let token = CancelToken::new().unwrap();
        let builder = UdpEndpoint::builder();
        endpoints.push((UdpBatchEndpoint::new(builder.clone().bind(address).unwrap()), token.clone()));
        let cancelled = builder.cancel_token(&token).bind(address).unwrap();
        endpoints.push((UdpBatchEndpoint::new(cancelled), token));
    }
    endpoints
}

fn loopback_addr(endpoint: &UdpBatchEndpoint) -> std::net::SocketAddr {
    ([127, 0, 0, 1], endpoint.local_addr().port()).into()
}

#[test]
fn recv_batch_honors_timeout_and_deadline() {
    for (endpoint, _) in endpoints() {
        let mut batch = RecvBatch::new();
        for limit in ["call", "timeout", "deadline"] {
            let start = Instant::now();
            let received = match limit {
                "call" => endpoint.recv_batch_timeout(&mut batch, WAIT),
                "timeout" => {
                    endpoint.set_read_timeout(WAIT);
                    endpoint.recv_batch(&mut batch)
                }
                _ => {
                    endpoint.set_read_timeout(None);
                    endpoint.set_deadline(start + WAIT);
                    endpoint.recv_batch(&mut batch)
                }
            };
            let error = assert_timed_out(received);
            assert!(start.elapsed() >= WAIT && start.elapsed() < WAIT + PATIENCE, "{limit}");
            assert_eq!(error.local_addr(), Some(endpoint.local_addr()));
            assert!(batch.is_empty());
        }
    }
}

#[test]
fn recv_batch_does_not_wait_until_full() {
    for (endpoint, _) in endpoints() {
        let mut batch = RecvBatch::new();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| (endpoint.recv_batch(&mut batch), batch));
            local().send_to("first", loopback_addr(&endpoint)).unwrap();
            let (received, batch) = waiting.join().unwrap();
            assert_eq!(received.unwrap(), 1);
            assert_eq!(batch.iter().next().unwrap().bytes(), b"first");
        });
        // All available datagrams are received without blocking.
        let sender = local();
        (0..5).for_each(|_| sender.send_to("there", loopback_addr(&endpoint)).unwrap());
        let mut batch = RecvBatch::new();
        assert_eq!(endpoint.recv_batch_timeout(&mut batch, Duration::ZERO).unwrap(), 5);
        assert_timed_out(endpoint.recv_batch_timeout(&mut batch, Duration::ZERO));
        assert!(batch.is_empty() && batch.iter().next().is_none(), "what was there is gone");
    }
}

#[test]
fn cancel_ends_blocked_and_later_batch_calls() {
    let token = CancelToken::new().unwrap();
    let builder = UdpEndpoint::builder().max_datagram(10).cancel_token(&token);
    let endpoint = UdpBatchEndpoint::new(builder.bind("127.0.0.1:0").unwrap());
    let sender = connected_to(&endpoint);
    let mut batch = RecvBatch::new();
    // The second of these is an error that is still to come.
    (0..2_u8).for_each(|number| sender.send(vec![7; 9 + 10 * usize::from(number)]).unwrap());
    assert_eq!(endpoint.recv_batch(&mut batch).unwrap(), 1);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| endpoint.recv_batch(&mut RecvBatch::new()));
        token.cancel();
        assert!(waiting.join().unwrap().unwrap_err().is_cancelled());
    });
    assert!(endpoint.recv_batch(&mut batch).unwrap_err().is_cancelled(), "even with something to deliver");
    let mut outgoing = endpoint.batch();
    outgoing.push_to("kept", sender.local_addr()).unwrap();
    assert!(endpoint.send_batch(&mut outgoing).unwrap_err().is_cancelled());
    assert_eq!(outgoing.len(), 1);
}

/// As with single calls, the endpoint remains usable after the ICMP error of a closed port, and
/// delivers earlier datagrams.
#[test]
fn recv_batch_returns_datagram_and_connection_refused() {
    if !cfg!(target_os = "linux") {
        return skip(Need::Platform, "an unreachable port is not reported immediately on this OS");
    }
    let peer = local();
    let builder = UdpEndpoint::builder().read_timeout(PATIENCE);
    let endpoint = UdpBatchEndpoint::new(builder.connect(peer.local_addr()).unwrap());
    peer.send_to("before", endpoint.local_addr()).unwrap();
    drop(peer);
    endpoint.send("anybody?").unwrap();
    let mut batch = RecvBatch::new();
    let results = [(); 2].map(|()| endpoint.recv_batch(&mut batch).map_err(|error| error.is_refused()));
    assert!(results.contains(&Ok(1)) && results.contains(&Err(true)), "{results:?}");
}

/// A socket that was shut down from outside returns nothing, which is not a datagram.
#[cfg(target_os = "linux")]
#[test]
fn recv_batch_on_shut_down_socket_is_not_connected() {
    let peer = local();
    let builder = UdpEndpoint::builder().read_timeout(PATIENCE);
    let endpoint = UdpBatchEndpoint::new(builder.connect(peer.local_addr()).unwrap());
    socket2::SockRef::from(&endpoint).shutdown(std::net::Shutdown::Both).unwrap();
    let error = endpoint.recv_batch(&mut RecvBatch::new()).unwrap_err();
    assert_eq!(error.kind(), socketry::ErrorKind::NotConnected);
}

/// A batch of any length is cancelled between two calls, and the error has the number of sent datagrams.
#[test]
fn cancel_interrupts_long_send_batch_with_sent_count() {
    let token = CancelToken::new().unwrap();
    let sender = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0").unwrap();
    let (receiver, mut batch) = (local(), sender.batch());
    // Of sizes that cannot go together, and enough for seconds.
    for number in 0..500_000_usize {
        batch.push_to(&[7; 100][..number % 100], receiver.local_addr()).unwrap();
    }
    let total = batch.len();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| (sender.send_batch(&mut batch), batch));
        // The first of it has arrived.
        receiver.recv().unwrap();
        token.cancel();
        let (sent, batch) = sending.join().unwrap();
        let error = sent.unwrap_err();
        assert!(error.is_cancelled(), "{error}");
        let detail = error.detail::<socketry::error::UnsentDatagram>().unwrap();
        assert!(detail.sent > 0 && detail.sent + batch.len() == total, "{error}");
        assert_eq!(detail.index, detail.sent, "the next one");
    });
}
