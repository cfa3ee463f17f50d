//! What a call costs, counted: system calls by strace, allocations by an allocator that counts.

mod allocations;
mod kit;

use allocations::allocated;
use kit::*;
use socketry::{Stopper, UdpEndpoint};
use std::time::{Duration, Instant};

#[test]
fn sending_and_receiving_into_a_buffer_allocate_nothing() {
    let stopper = Stopper::new().unwrap();
    let plain = local();
    let stoppable = UdpEndpoint::builder().stopper(&stopper).bind("127.0.0.1:0").unwrap();
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
fn finding_nothing_allocates_nothing() {
    let endpoint = local();
    assert!(endpoint.try_recv().unwrap().is_none(), "and the thread has its buffer");
    assert_eq!(allocated(|| assert!(endpoint.try_recv().unwrap().is_none())).calls, 0);
}

const EXCHANGES: usize = 100;

/// Run by the tests below in a process of its own, under strace: `EXCHANGES` datagrams back and forth on one thread, so
/// that each is there when it is asked for.
#[test]
#[ignore = "a part of the tests below, which run it under strace"]
fn exchanges() {
    let kind = std::env::var("SOCKETRY_EXCHANGE").unwrap();
    let stopper = Stopper::new().unwrap();
    let builder = UdpEndpoint::builder();
    let endpoint = match kind.as_str() {
        "timeout" => builder.read_timeout(Duration::from_secs(5)),
        "stopper" => builder.stopper(&stopper),
        _ => builder,
    };
    let endpoint = endpoint.bind("127.0.0.1:0").unwrap();
    let address = endpoint.local_addr();
    let mut buffer = [0; 64];
    for _ in 0..EXCHANGES {
        endpoint.send_to("x", address).unwrap();
        match kind.as_str() {
            "deadline" => endpoint.set_deadline(Instant::now() + Duration::from_secs(5)),
            "short" => endpoint.set_deadline(Instant::now() + Duration::from_millis(5)),
            _ => {}
        }
        assert_eq!(endpoint.recv_into(&mut buffer).unwrap().len(), 1);
    }
}

/// How often each system call was made that has to do with sockets and waiting.
fn traced(kind: &str) -> Option<impl Fn(&str) -> usize> {
    if !cfg!(target_os = "linux") || !has("strace") {
        skip("a count of system calls", "no strace");
        return None;
    }
    let report = std::env::temp_dir().join(format!("socketry-{}-{kind}", std::process::id()));
    let status = std::process::Command::new("strace")
        .args(["-f", "-e", "trace=network,poll,ppoll", "-o"])
        .arg(&report)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "exchanges", "--ignored", "--test-threads=1"])
        .env("SOCKETRY_EXCHANGE", kind)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    let trace = std::fs::read_to_string(&report).unwrap_or_default();
    let _ = std::fs::remove_file(&report);
    if trace.contains("ptrace") || !trace.contains("recvfrom") {
        skip("a count of system calls", "strace may not trace here");
        return None;
    }
    assert!(status.success(), "{trace}");
    Some(move |name: &str| trace.matches(&format!(" {name}(")).count())
}

#[test]
fn a_receive_that_finds_its_datagram_is_one_system_call_however_it_is_bounded() {
    for kind in ["plain", "timeout", "deadline", "short", "stopper"] {
        let Some(count) = traced(kind) else { return };
        assert_eq!(count("sendto"), EXCHANGES, "{kind}");
        assert_eq!(count("recvfrom"), EXCHANGES, "{kind}");
        // The runner's own main thread may poll once at its start.
        assert!(count("poll") + count("ppoll") <= 2, "{kind}");
        // Reuse, the multicast rule and the like when the socket is made, and the kernel's timeout once.
        assert!(count("setsockopt") <= 4, "{kind}: {} options set", count("setsockopt"));
    }
}
