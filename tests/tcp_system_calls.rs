//! What a read and a write cost, counted: system calls by strace, allocations by an allocator that counts.

mod allocations;
mod kit;

use std::io::Read;
use std::time::{Duration, Instant};

use allocations::allocated;
use kit::*;
use socketry::{Stopper, TcpServer};

#[test]
fn reading_and_writing_allocate_nothing() {
    let (client, peer) = connection();
    let mut buffer = [0; 64];
    client.send("first").unwrap();
    peer.recv_exact(&mut buffer[..5]).unwrap();
    let exchanged = allocated(|| {
        for _ in 0..10 {
            client.send("text, which is UTF-8 already").unwrap();
            assert_eq!((&peer).read(&mut buffer).unwrap(), 28);
            peer.send(&buffer[..28]).unwrap();
            client.recv_exact(&mut buffer[..28]).unwrap();
        }
    });
    assert_eq!(exchanged.calls, 0);
}

const EXCHANGES: usize = 100;

/// Run by the test below in a process of its own, under strace: each read finds what it wants.
#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn exchanges() {
    let kind = std::env::var("SOCKETRY_EXCHANGE").unwrap();
    let stopper = Stopper::new().unwrap();
    let builder = TcpServer::builder().write_timeout(None);
    let server = match kind.as_str() {
        "timeout" => builder.read_timeout(Duration::from_secs(5)),
        "stopper" => builder.connection_stopper(&stopper),
        _ => builder,
    };
    let server = server.bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(server.local_addr()).unwrap();
    let connection = server.accept().unwrap();
    let mut buffer = [0; 1];
    for _ in 0..EXCHANGES {
        std::io::Write::write_all(&mut &client, b"x").unwrap();
        match kind.as_str() {
            "deadline" => connection.set_deadline(Instant::now() + Duration::from_secs(5)),
            "short" => connection.set_deadline(Instant::now() + Duration::from_millis(5)),
            _ => {}
        }
        connection.recv_exact(&mut buffer).unwrap();
        connection.send(buffer).unwrap();
        (&client).read_exact(&mut buffer).unwrap();
    }
}

#[test]
fn a_read_that_finds_its_bytes_is_one_system_call_however_it_is_bounded() {
    if !cfg!(target_os = "linux") || !has("strace") {
        return skip("a count of system calls", "no strace");
    }
    for kind in ["plain", "timeout", "deadline", "short", "stopper"] {
        let report = std::env::temp_dir().join(format!("socketry-tcp-{}-{kind}", std::process::id()));
        let status = std::process::Command::new("strace")
            .args(["-f", "-e", "trace=network,poll,ppoll,read,write", "-o"])
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
            return skip("a count of system calls", "strace may not trace here");
        }
        assert!(status.success(), "{trace}");
        let count = |name: &str| trace.matches(&format!(" {name}(")).count();
        // Each exchange has two ends, one of which is of `std`.
        assert_eq!(count("sendto"), 2 * EXCHANGES, "{kind}");
        // Whoever sees the connection off reads its end.
        assert!((2 * EXCHANGES..=2 * EXCHANGES + 1).contains(&count("recvfrom")), "{kind}");
        // The runner's own main thread may poll once at its start.
        assert!(count("poll") + count("ppoll") <= 2, "{kind}");
        let connection = trace.split("accept4(").last().unwrap();
        let set = connection.matches("setsockopt(").count();
        // One that has its limit from its listener has it from the beginning.
        assert_eq!(set, usize::from(kind == "deadline"), "{kind}: options set on the connection");
    }
}
