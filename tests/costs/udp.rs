//! What a call costs, counted: system calls by strace, allocations by an allocator that counts.

use crate::kit::allocations::allocated;
use crate::kit::strace::Strace;
use crate::kit::*;
use socketry::udp::{RecvBatch, UdpBatchEndpoint};
use socketry::{CancelToken, UdpEndpoint};
use std::time::{Duration, Instant};

#[test]
fn send_to_and_recv_into_do_not_allocate() {
    let token = CancelToken::new().unwrap();
    let plain = local();
    let stoppable = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0").unwrap();
    let wildcard = UdpEndpoint::bind(":0").unwrap();
    let sender = local();
    for receiver in [&plain, &stoppable, &wildcard] {
        let to = std::net::SocketAddr::from(([127, 0, 0, 1], receiver.local_addr().port()));
        let mut buffer = [0; 64];
        let received = allocated(|| {
            for _ in 0..10 {
                sender.send_to(&b"bytes"[..], to).unwrap();
                sender.send_to("text, which is UTF-8 already", to).unwrap();
                for _ in 0..2 {
                    let arrival = receiver.recv_into(&mut buffer).unwrap();
                    let _ = std::hint::black_box(arrival);
                }
            }
        });
        // A Windows receive buffer is allocated once for each thread.
        let most = usize::from(cfg!(not(target_os = "linux")));
        assert!(received.calls <= most, "{received:?} by {receiver:?}");
    }
}

#[test]
fn try_recv_without_datagram_does_not_allocate() {
    let endpoint = local();
    assert!(endpoint.try_recv().unwrap().is_none(), "and the thread has its buffer");
    assert_eq!(allocated(|| assert!(endpoint.try_recv().unwrap().is_none())).calls, 0);
}

#[test]
fn reused_batches_do_not_allocate() {
    let token = CancelToken::new().unwrap();
    let builders = [UdpEndpoint::builder(), UdpEndpoint::builder().cancel_token(&token)];
    let addresses = ["127.0.0.1:0", ":0"];
    for (builder, address) in builders.iter().flat_map(|builder| addresses.map(|address| (builder, address)))
    {
        let receiver = UdpBatchEndpoint::new(builder.clone().bind(address).unwrap());
        let to = std::net::SocketAddr::from(([127, 0, 0, 1], receiver.local_addr().port()));
        let sender = local();
        let connected = UdpEndpoint::connect(to).unwrap();
        let (mut to_one, mut to_peer, mut incoming) = (sender.batch(), connected.batch(), RecvBatch::new());
        let mut round = || {
            for number in 0..60_usize {
                to_one.push_to(&[7; 100][..number % 7 * 10], to).unwrap();
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

#[test]
fn send_segments_does_not_allocate() {
    let receiver = local();
    let sender = connected_to(&receiver);
    let bytes = [7; 5_000];
    // The headers of the thread.
    sender.send_segments(&bytes, 1_000).unwrap();
    let calls = allocated(|| assert_eq!(sender.send_segments(&bytes, 999).unwrap(), 6)).calls;
    assert_eq!(calls, 0);
}

/// Run by the test below in a process of its own, under strace.
#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn segments() {
    let receiver = UdpEndpoint::builder().receive_buffer_size(1 << 20).bind("127.0.0.1:0").unwrap();
    // 54 datagrams fit a message of 65,507 bytes.
    assert_eq!(connected_to(&receiver).send_segments(&vec![7; 5 * 54 * 1_200], 1_200).unwrap(), 5 * 54);
}

#[test]
fn send_segments_takes_a_system_call_for_64_kib() {
    let Some(traced) = Strace::new().calls("network").start(segments, "") else { return };
    let (_, trace) = traced.assert_success("segments");
    assert_eq!((trace.count("sendmmsg"), trace.count("sendto"), trace.count("sendmsg")), (5, 0, 0));
}

const ROUND_TRIPS: usize = 100;

/// Run by the tests below in a process of its own, under strace: `ROUND_TRIPS` datagrams back and forth on one thread, so
/// that each is there when it is asked for.
#[test]
#[ignore = "a part of the tests below, which run it under strace"]
fn round_trips() {
    let kind = kind();
    let token = CancelToken::new().unwrap();
    let builder = UdpEndpoint::builder();
    let endpoint = match kind.as_str() {
        "timeout" => builder.read_timeout(Duration::from_secs(5)),
        "token" => builder.cancel_token(&token),
        "ancillary" => builder.receive_ttl(true).receive_tos(true).receive_timestamp(true),
        _ => builder,
    };
    let bind = if kind == "packet info" { ":0" } else { "127.0.0.1:0" };
    let endpoint = endpoint.bind(bind).unwrap();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], endpoint.local_addr().port()));
    let mut buffer = [0; 64];
    for _ in 0..ROUND_TRIPS {
        endpoint.send_to("x", address).unwrap();
        match kind.as_str() {
            "deadline" => endpoint.set_deadline(Instant::now() + Duration::from_secs(5)),
            "short" => endpoint.set_deadline(Instant::now() + Duration::from_millis(5)),
            _ => {}
        }
        assert_eq!(endpoint.recv_into(&mut buffer).unwrap().len(), 1);
    }
}

#[test]
fn recv_into_of_pending_datagram_is_one_system_call() {
    for kind in ["plain", "timeout", "deadline", "short", "token", "packet info", "ancillary"] {
        let Some(traced) = Strace::new().calls("network,poll,ppoll").start(round_trips, kind) else { return };
        let (_, trace) = traced.assert_success(kind);
        let count = |call: &str| trace.count(call);
        assert_eq!(count("sendto"), ROUND_TRIPS, "{kind}");
        assert_eq!(count("recvfrom") + count("recvmsg"), ROUND_TRIPS, "{kind}");
        // The runner's own main thread may poll once at its start.
        assert!(count("poll") + count("ppoll") <= 2, "{kind}");
        // Reuse, the multicast rule and the like when the socket is made, and the kernel's timeout once.
        let own = 3 * usize::from(kind == "ancillary");
        assert!(count("setsockopt") <= 4 + own, "{kind}: {} options set", count("setsockopt"));
    }
}
