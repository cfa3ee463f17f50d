//! Batches: every wait ends at its time, and nothing is allocated but the room.

mod allocations;
mod kit;

use std::time::{Duration, Instant};

use allocations::allocated;
use kit::*;
use socketry::{RecvBatch, Stopper, UdpEndpoint};

const WAIT: Duration = Duration::from_millis(60);

/// All kinds of endpoints that a batch can be received by, with the stopper of those that have one.
fn endpoints() -> Vec<(UdpEndpoint, Stopper)> {
    let mut endpoints = Vec::new();
    for only in [false, true] {
        for address in ["127.0.0.1:0", ":0"] {
            let stopper = Stopper::new().unwrap();
            let builder = UdpEndpoint::builder().batches_only(only);
            endpoints.push((builder.clone().bind(address).unwrap(), stopper.clone()));
            endpoints.push((builder.stopper(&stopper).bind(address).unwrap(), stopper));
        }
    }
    endpoints
}

fn at_loopback(endpoint: &UdpEndpoint) -> std::net::SocketAddr {
    ([127, 0, 0, 1], endpoint.local_addr().port()).into()
}

#[test]
fn a_wait_for_a_batch_ends_by_timeout_and_deadline() {
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
            assert_eq!(error.local(), Some(endpoint.local_addr()));
            assert!(batch.is_empty());
        }
    }
}

#[test]
fn a_batch_does_not_wait_to_become_full() {
    for (endpoint, _) in endpoints() {
        let mut batch = RecvBatch::new();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| (endpoint.recv_batch(&mut batch), batch));
            local().send_to("first", at_loopback(&endpoint)).unwrap();
            let (received, batch) = waiting.join().unwrap();
            assert_eq!(received.unwrap(), 1);
            assert_eq!(batch.iter().next().unwrap().bytes(), b"first");
        });
        // What is there is taken without a wait, all of it.
        let sender = local();
        (0..5).for_each(|_| sender.send_to("there", at_loopback(&endpoint)).unwrap());
        let mut batch = RecvBatch::new();
        assert_eq!(endpoint.recv_batch_timeout(&mut batch, Duration::ZERO).unwrap(), 5);
        assert_timed_out(endpoint.recv_batch_timeout(&mut batch, Duration::ZERO));
        assert!(batch.is_empty() && batch.iter().next().is_none(), "what was there is gone");
    }
}

#[test]
fn a_stopper_ends_the_wait_and_all_that_follow() {
    for only in [false, true] {
        let stopper = Stopper::new().unwrap();
        let builder = UdpEndpoint::builder().batches_only(only).max_datagram(10).stopper(&stopper);
        let endpoint = builder.bind("127.0.0.1:0").unwrap();
        let sender = connected_to(&endpoint);
        let mut batch = RecvBatch::new();
        // The second of these is an error that is still to come.
        (0..2_u8).for_each(|number| sender.send(vec![7; 9 + 10 * usize::from(number)]).unwrap());
        assert_eq!(endpoint.recv_batch(&mut batch).unwrap(), 1);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| endpoint.recv_batch(&mut RecvBatch::new()));
            stopper.stop();
            assert!(waiting.join().unwrap().unwrap_err().is_stopped());
        });
        assert!(endpoint.recv_batch(&mut batch).unwrap_err().is_stopped(), "even with something to deliver");
        let mut outgoing = endpoint.batch();
        outgoing.push_to("kept", sender.local_addr()).unwrap();
        assert!(endpoint.send_batch(&mut outgoing).unwrap_err().is_stopped());
        assert_eq!(outgoing.len(), 1);
    }
}

/// As for single calls: the endpoint goes on after the report of a peer that is gone, and delivers what came before it.
#[test]
fn a_peer_that_is_gone_ends_the_wait() {
    if !cfg!(target_os = "linux") {
        return skip("a_peer_that_is_gone_ends_the_wait", "not told at once here");
    }
    for only in [false, true] {
        let peer = local();
        let builder = UdpEndpoint::builder().batches_only(only).read_timeout(PATIENCE);
        let endpoint = builder.connect(peer.local_addr()).unwrap();
        peer.send_to("before", endpoint.local_addr()).unwrap();
        drop(peer);
        endpoint.send("anybody?").unwrap();
        let mut batch = RecvBatch::new();
        let results = [(); 2].map(|()| endpoint.recv_batch(&mut batch).map_err(|error| error.is_refused()));
        assert!(results.contains(&Ok(1)) && results.contains(&Err(true)), "{results:?}");
    }
}

/// A socket that was shut down from outside gives nothing, again and again, which is no datagram.
#[cfg(target_os = "linux")]
#[test]
fn a_socket_that_was_shut_down_gives_no_datagrams() {
    for only in [false, true] {
        let peer = local();
        let builder = UdpEndpoint::builder().batches_only(only).read_timeout(PATIENCE);
        let endpoint = builder.connect(peer.local_addr()).unwrap();
        socket2::SockRef::from(&endpoint).shutdown(std::net::Shutdown::Both).unwrap();
        let error = endpoint.recv_batch(&mut RecvBatch::new()).unwrap_err();
        assert_eq!(error.kind(), socketry::ErrorKind::NotConnected);
    }
}

#[test]
fn a_batch_that_is_used_again_allocates_nothing() {
    for (receiver, _) in endpoints() {
        let sender = local();
        let connected = UdpEndpoint::connect(at_loopback(&receiver)).unwrap();
        let (mut to_one, mut to_peer, mut incoming) = (sender.batch(), connected.batch(), RecvBatch::new());
        let mut round = || {
            for number in 0..60_usize {
                to_one.push_to(&[7; 100][..number % 7 * 10], at_loopback(&receiver)).unwrap();
                to_peer.push([7; 100]).unwrap();
            }
            assert_eq!(sender.send_batch(&mut to_one).unwrap(), 60);
            assert_eq!(connected.send_batch(&mut to_peer).unwrap(), 60);
            let mut received = 0;
            while received < 120 {
                received += receiver.recv_batch(&mut incoming).unwrap();
                assert!(incoming.iter().all(|datagram| datagram.len() <= 100));
            }
        };
        // The batches find the room that they need.
        (0..3).for_each(|_| round());
        let calls = allocated(|| (0..10).for_each(|_| round())).calls;
        let most = usize::from(cfg!(not(target_os = "linux")));
        assert!(calls <= most, "{calls} allocations by {receiver:?}");
    }
}

/// A batch of any length is ended between two calls, and tells how far it came.
#[test]
fn a_stopper_ends_a_long_batch() {
    let stopper = Stopper::new().unwrap();
    let sender = UdpEndpoint::builder().stopper(&stopper).bind("127.0.0.1:0").unwrap();
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
        stopper.stop();
        let (sent, batch) = sending.join().unwrap();
        let error = sent.unwrap_err();
        assert!(error.is_stopped(), "{error}");
        let detail = error.detail::<socketry::UnsentDatagram>().unwrap();
        assert!(detail.sent > 0 && detail.sent + batch.len() == total, "{error}");
        assert_eq!(detail.index, detail.sent, "the next one");
    });
}
