//! Batches where the kernel refuses to cut: with senders in processes of their own, under strace.

#![cfg(target_os = "linux")]

use crate::kit::strace::Strace;
use crate::kit::*;
use socketry::UdpEndpoint;
use socketry::udp::{RecvBatch, UdpBatchEndpoint};

/// What the child sends: sizes and how many of them follow each other, to two peers in turn.
const SENT: [(usize, usize); 6] = [(100, 100), (30, 1), (0, 2), (100, 70), (900, 5), (8, 200)];

fn datagrams() -> Vec<(usize, Vec<u8>)> {
    let mut datagrams = Vec::new();
    for (size, count) in SENT {
        for number in 0..count {
            let bytes = (0..size).map(|at| (number + at) as u8).collect();
            datagrams.push((number % 2, bytes));
        }
    }
    datagrams
}

#[test]
#[ignore = "a part of the tests below, which run it under strace"]
fn child() {
    let peers = std::env::var("SOCKETRY_PEERS").unwrap();
    let peers: Vec<std::net::SocketAddr> = peers.split(' ').map(|peer| peer.parse().unwrap()).collect();
    let sender = UdpEndpoint::bind("127.0.0.1:0").unwrap();
    let mut batch = sender.batch();
    // Twice, so that the second time shows what the first has taught.
    for _ in 0..2 {
        let (mut sent, mut errors) = (0, 0);
        for (peer, bytes) in datagrams() {
            batch.push_to(&bytes, peers[peer]).unwrap();
        }
        while !batch.is_empty() {
            match sender.send_batch(&mut batch) {
                Ok(count) => sent += count,
                Err(error) => {
                    sent += error.detail::<socketry::error::UnsentDatagram>().unwrap().sent;
                    errors += 1;
                }
            }
        }
        println!("sent {sent}, errors {errors}");
    }
}

type Datagrams = Vec<Vec<u8>>;

/// What the child sent to each peer, what it said, and the trace of its calls, under the given faults.
fn run_under_strace(faults: &[&str]) -> Option<(Vec<Datagrams>, String, Vec<String>)> {
    let builder = || UdpEndpoint::builder().receive_buffer_size(1 << 20).read_timeout(PATIENCE);
    let peers = [(); 2].map(|()| UdpBatchEndpoint::new(builder().bind("127.0.0.1:0").unwrap()));
    let addresses = peers.each_ref().map(|peer| peer.local_addr().to_string());
    let mut strace = Strace::new().calls("sendmmsg").env("SOCKETRY_PEERS", addresses.join(" "));
    for fault in faults {
        strace = strace.inject(format!("sendmmsg:{fault}"));
    }
    let (said, trace) = strace.start(child, "")?.assert_success("the sender");
    let arrived = peers.iter().map(|peer| {
        let (mut batch, mut datagrams) = (RecvBatch::new(), Vec::new());
        while peer.recv_batch_timeout(&mut batch, std::time::Duration::ZERO).is_ok() {
            datagrams.extend(batch.iter().map(|datagram| datagram.bytes().to_vec()));
        }
        datagrams
    });
    Some((arrived.collect(), said, trace.lines_with("sendmmsg(")))
}

/// All datagrams that were sent, in both rounds, for each peer in order.
#[track_caller]
fn assert_all_received(arrived: &[Datagrams]) {
    for (peer, arrived) in arrived.iter().enumerate() {
        let one = datagrams().into_iter().filter(|(to, _)| *to == peer).map(|(_, bytes)| bytes);
        let expected: Datagrams = one.clone().chain(one).collect();
        assert!(*arrived == expected, "{} datagrams instead of {}", arrived.len(), expected.len());
    }
}

fn uses_gso(call: &str) -> bool {
    call.contains("SOL_UDP")
}

/// Without a fault, most of it goes in a few calls, and one message is cut into 100 or more where the kernel does that.
#[test]
fn gso_batch_takes_few_system_calls() {
    let Some((arrived, said, calls)) = run_under_strace(&[]) else { return };
    assert_all_received(&arrived);
    assert!(said.contains("sent 378, errors 0"), "{said}");
    assert!(calls.iter().any(|call| uses_gso(call)) && calls.len() < 40, "{calls:#?}");
}

/// A device that cannot: the batch is sent whole, and nothing is cut again.
#[test]
fn unsupported_gso_is_disabled_after_first_error() {
    for error in ["EIO", "EOPNOTSUPP", "ENOPROTOOPT"] {
        let Some((arrived, said, calls)) = run_under_strace(&[&format!("error={error}:when=1")]) else {
            return;
        };
        assert_all_received(&arrived);
        assert!(said.contains("sent 378, errors 0"), "{said}");
        assert!(uses_gso(&calls[0]) && !calls[1..].iter().any(|call| uses_gso(call)), "{error}: {calls:#?}");
    }
}

/// A kernel that takes fewer, or a path whose datagrams are smaller: less is tried, and nothing is lost or doubled.
#[test]
fn gso_size_error_is_retried_without_datagram_loss() {
    for error in ["EINVAL", "EMSGSIZE"] {
        for when in ["1", "2", "1..2", "1..3", "3", "2+3"] {
            let fault = format!("error={error}:when={when}");
            let Some((arrived, said, calls)) = run_under_strace(&[&fault]) else { return };
            // A fault that hits what is not cut is that datagram's own.
            let own = calls.iter().filter(|call| call.contains("INJECTED") && !uses_gso(call)).count();
            let arrivals: usize = arrived.iter().map(Vec::len).sum();
            assert_eq!(arrivals, 2 * 378 - own, "{fault}: {said} {calls:#?}");
            if own == 0 {
                assert_all_received(&arrived);
            }
            // One fault does not switch off what works.
            assert!(when.len() > 1 || calls.last().is_some_and(|call| uses_gso(call)), "{fault}: {calls:#?}");
        }
    }
}

/// Whatever fails otherwise is an error of one datagram, and all others arrive.
#[test]
fn send_batch_error_affects_at_most_one_datagram() {
    for (error, lost) in [("EHOSTUNREACH", 1), ("ECONNREFUSED", 0), ("ENOBUFS", 1)] {
        let Some((arrived, said, _)) = run_under_strace(&[&format!("error={error}:when=2")]) else { return };
        assert!(said.contains(&format!("sent {}, errors 1", 378 - lost)), "{error}: {said}");
        let count: usize = arrived.iter().map(Vec::len).sum();
        assert_eq!(count, 2 * 378 - lost, "{error}");
        if lost == 0 {
            assert_all_received(&arrived);
        }
    }
}

#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn segments_child() {
    let receiver = UdpEndpoint::builder().receive_buffer_size(1 << 20).bind("127.0.0.1:0").unwrap();
    let sender = connected_to(&receiver);
    let bytes: Vec<u8> = (0..100_000).map(|index| (index % 251) as u8).collect();
    for _ in 0..2 {
        assert_eq!(sender.send_segments(&bytes, 1_000).unwrap(), 100);
        for segment in bytes.chunks(1_000) {
            assert!(receiver.recv_timeout(PATIENCE).unwrap().bytes() == segment);
        }
    }
}

/// Each datagram arrives once and in order, whatever the kernel does not segment.
#[test]
fn segments_are_sent_without_gso() {
    for error in ["EIO", "EOPNOTSUPP", "ENOPROTOOPT", "EINVAL", "EMSGSIZE", "EINTR", "EAGAIN"] {
        let fault = format!("sendmmsg:error={error}:when=1");
        let strace = Strace::new().calls("sendmmsg,sendto").inject(fault);
        let Some(traced) = strace.start(segments_child, "") else { return };
        let (_, trace) = traced.assert_success(error);
        let calls = (trace.count("sendmmsg"), trace.count("sendto"));
        match error {
            "EIO" | "EOPNOTSUPP" | "ENOPROTOOPT" => assert_eq!(calls, (1, 200), "{error}"),
            // Two messages for each call, and the one that has failed.
            _ => assert_eq!(calls, (5, 0), "{error}"),
        }
    }
}

/// Signals and a full buffer end a call, not the batch.
#[test]
fn send_batch_retries_after_eintr_and_eagain() {
    for error in ["EINTR", "EAGAIN"] {
        let Some((arrived, said, _)) = run_under_strace(&[&format!("error={error}:when=1..3")]) else {
            return;
        };
        assert!(said.contains("sent 378, errors 0"), "{error}: {said}");
        assert_all_received(&arrived);
    }
}

#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn receiving_child() {
    let receiver = UdpBatchEndpoint::new(local());
    let sender = connected_to(&receiver);
    (0..2).for_each(|_| sender.send("whole").unwrap());
    let mut batch = RecvBatch::new();
    assert_eq!(receiver.recv_batch(&mut batch).unwrap(), 1);
    assert_eq!(batch.iter().next().unwrap().bytes(), b"whole");
    assert!(receiver.recv_batch(&mut batch).unwrap_err().is_refused());
    assert!(batch.is_empty());
    assert_eq!(receiver.recv_batch(&mut batch).unwrap(), 1);
}

/// An error that comes after a datagram is neither lost nor takes the datagram with it.
#[test]
fn recv_batch_defers_error_to_next_call() {
    let strace = Strace::new().calls("recvmsg").inject("recvmsg:error=ECONNREFUSED:when=2");
    let Some(traced) = strace.start(receiving_child, "") else { return };
    traced.assert_success("the receiver");
}
