//! Batches where the kernel refuses to cut: with senders in processes of their own, under strace.

#![cfg(target_os = "linux")]

mod kit;

use std::process::Command;

use kit::*;
use socketry::{RecvBatch, UdpEndpoint};

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
                    sent += error.detail::<socketry::UnsentDatagram>().unwrap().sent;
                    errors += 1;
                }
            }
        }
        println!("sent {sent}, errors {errors}");
    }
}

type Datagrams = Vec<Vec<u8>>;

/// What the child sent to each peer, what it said, and the trace of its calls, under the given faults.
fn traced(test: &str, faults: &[&str]) -> Option<(Vec<Datagrams>, String, Vec<String>)> {
    let mut probe = Command::new("strace");
    let works = probe.args(["-f", "-o", "/dev/null", "-e", "inject=sendmmsg:error=EIO"]).arg("true").output();
    if !works.is_ok_and(|output| output.status.success()) {
        skip(test, "strace is not installed, or may not trace here");
        return None;
    }
    let builder =
        || UdpEndpoint::builder().batches_only(true).receive_buffer_size(1 << 20).read_timeout(PATIENCE);
    let peers = [(); 2].map(|()| builder().bind("127.0.0.1:0").unwrap());
    let addresses = peers.each_ref().map(|peer| peer.local_addr().to_string());
    let file = std::env::temp_dir().join(format!("socketry-{}-{test}", std::process::id()));
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=sendmmsg", "-o"]).arg(&file);
    for fault in faults {
        command.args(["-e", &format!("inject=sendmmsg:{fault}")]);
    }
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture", "--test-threads=1"]);
    let output = Running::start(command.env("SOCKETRY_PEERS", addresses.join(" "))).finish();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let trace = std::fs::read_to_string(&file).unwrap();
    let _ = std::fs::remove_file(&file);
    let arrived = peers.iter().map(|peer| {
        let (mut batch, mut datagrams) = (RecvBatch::new(), Vec::new());
        while peer.recv_batch_timeout(&mut batch, std::time::Duration::ZERO).is_ok() {
            datagrams.extend(batch.iter().map(|datagram| datagram.bytes().to_vec()));
        }
        datagrams
    });
    let calls = trace.lines().filter(|line| line.contains("sendmmsg(")).map(str::to_owned).collect();
    Some((arrived.collect(), said, calls))
}

/// All datagrams that were sent, in both rounds, for each peer in order.
#[track_caller]
fn assert_whole(arrived: &[Datagrams]) {
    for (peer, arrived) in arrived.iter().enumerate() {
        let one = datagrams().into_iter().filter(|(to, _)| *to == peer).map(|(_, bytes)| bytes);
        let expected: Datagrams = one.clone().chain(one).collect();
        assert!(*arrived == expected, "{} datagrams instead of {}", arrived.len(), expected.len());
    }
}

fn cuts(call: &str) -> bool {
    call.contains("SOL_UDP")
}

/// Without a fault, most of it goes in a few calls, and one message is cut into 100 or more where the kernel does that.
#[test]
fn what_the_kernel_cuts_goes_in_few_calls() {
    let Some((arrived, said, calls)) = traced("what_the_kernel_cuts_goes_in_few_calls", &[]) else { return };
    assert_whole(&arrived);
    assert!(said.contains("sent 378, errors 0"), "{said}");
    assert!(calls.iter().any(|call| cuts(call)) && calls.len() < 40, "{calls:#?}");
}

/// A device that cannot: the batch is sent whole, and nothing is cut again.
#[test]
fn what_a_device_cannot_cut_is_sent_whole_and_not_tried_again() {
    for error in ["EIO", "EOPNOTSUPP", "ENOPROTOOPT"] {
        let test = "what_a_device_cannot_cut_is_sent_whole_and_not_tried_again";
        let Some((arrived, said, calls)) = traced(test, &[&format!("error={error}:when=1")]) else { return };
        assert_whole(&arrived);
        assert!(said.contains("sent 378, errors 0"), "{said}");
        assert!(cuts(&calls[0]) && !calls[1..].iter().any(|call| cuts(call)), "{error}: {calls:#?}");
    }
}

/// A kernel that takes fewer, or a path whose datagrams are smaller: less is tried, and nothing is lost or doubled.
#[test]
fn what_is_too_much_is_cut_less() {
    for error in ["EINVAL", "EMSGSIZE"] {
        for when in ["1", "2", "1..2", "1..3", "3", "2+3"] {
            let test = "what_is_too_much_is_cut_less";
            let fault = format!("error={error}:when={when}");
            let Some((arrived, said, calls)) = traced(test, &[&fault]) else { return };
            // A fault that hits what is not cut is that datagram's own.
            let own = calls.iter().filter(|call| call.contains("INJECTED") && !cuts(call)).count();
            let arrivals: usize = arrived.iter().map(Vec::len).sum();
            assert_eq!(arrivals, 2 * 378 - own, "{fault}: {said} {calls:#?}");
            if own == 0 {
                assert_whole(&arrived);
            }
            // One fault does not switch off what works.
            assert!(when.len() > 1 || calls.last().is_some_and(|call| cuts(call)), "{fault}: {calls:#?}");
        }
    }
}

/// Whatever fails otherwise is an error of one datagram, and all others arrive.
#[test]
fn an_error_costs_one_datagram() {
    let test = "an_error_costs_one_datagram";
    for (error, lost) in [("EHOSTUNREACH", 1), ("ECONNREFUSED", 0), ("ENOBUFS", 1)] {
        let Some((arrived, said, _)) = traced(test, &[&format!("error={error}:when=2")]) else { return };
        assert!(said.contains(&format!("sent {}, errors 1", 378 - lost)), "{error}: {said}");
        let count: usize = arrived.iter().map(Vec::len).sum();
        assert_eq!(count, 2 * 378 - lost, "{error}");
        if lost == 0 {
            assert_whole(&arrived);
        }
    }
}

/// Signals and a full buffer end a call, not the batch.
#[test]
fn a_call_that_was_ended_goes_on() {
    for error in ["EINTR", "EAGAIN"] {
        let test = "a_call_that_was_ended_goes_on";
        let Some((arrived, said, _)) = traced(test, &[&format!("error={error}:when=1..3")]) else { return };
        assert!(said.contains("sent 378, errors 0"), "{error}: {said}");
        assert_whole(&arrived);
    }
}

#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn receiving_child() {
    let receiver = local();
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
fn an_error_behind_a_datagram_is_for_the_next_call() {
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-e", "trace=recvfrom"]);
    command.args(["-e", "inject=recvfrom:error=ECONNREFUSED:when=2"]);
    let mut probe = Command::new("strace");
    let works = probe.args(["-f", "-o", "/dev/null", "-e", "inject=recvfrom:error=EIO"]).arg("true").output();
    if !works.is_ok_and(|output| output.status.success()) {
        return skip(
            "an_error_behind_a_datagram_is_for_the_next_call",
            "no strace, or it may not trace here",
        );
    }
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", "receiving_child", "--ignored", "--nocapture", "--test-threads=1"]);
    let output = Running::start(&mut command).finish();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
