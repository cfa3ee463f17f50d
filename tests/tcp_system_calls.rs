//! What a read and a write cost, counted: system calls by strace, allocations by an allocator that counts.

mod allocations;
mod kit;

use std::io::Read;
use std::time::{Duration, Instant};

use allocations::allocated;
use kit::*;
use socketry::{Stopper, TcpClient, TcpServer};

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

const CONNECTS: usize = 100;

/// Run by the test below in a process of its own, under strace.
#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn connects() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpClient::builder().timeout(PATIENCE).build();
    for _ in 0..CONNECTS {
        drop((client.connect(listener.local_addr().unwrap()).unwrap(), listener.accept().unwrap()));
    }
}

/// Where there is one address there is no race: the socket and its option, that it does not block and then does, the connect,
/// whether it is over, and whether it has found itself.
#[test]
fn a_connect_to_one_address_costs_what_a_connect_does() {
    if !cfg!(target_os = "linux") || !has("strace") {
        return skip("a count of system calls", "no strace");
    }
    let report = std::env::temp_dir().join(format!("socketry-tcp-{}-connects", std::process::id()));
    let status = std::process::Command::new("strace")
        .args(["-f", "-e", "trace=network,poll,ppoll,fcntl,ioctl,epoll_create1,clone,clone3", "-o"])
        .arg(&report)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "connects", "--ignored", "--test-threads=1"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    let trace = std::fs::read_to_string(&report).unwrap_or_default();
    let _ = std::fs::remove_file(&report);
    if trace.contains("ptrace") || !trace.contains("connect(") {
        return skip("a count of system calls", "strace may not trace here");
    }
    assert!(status.success(), "{trace}");
    let first = trace.find(" connect(").unwrap();
    let last = trace.rfind(" connect(").unwrap();
    let count = |name: &str| trace[first..last].matches(&format!(" {name}(")).count();
    let between = CONNECTS - 1;
    for (name, times) in [("socket", 1), ("setsockopt", 1), ("connect", 1), ("accept4", 1)] {
        assert_eq!(count(name), times * between, "{name}");
    }
    // The listener is asked for its address, too.
    assert_eq!(count("getsockname"), 2 * between);
    // A debug build asks about each descriptor that it closes.
    let flags = trace[first..last].matches("F_GETFL").count() + trace[first..last].matches("F_SETFL").count();
    assert!(flags + count("ioctl") <= 4 * between, "{flags}");
    assert!(count("getsockopt") <= between && count("getpeername") <= between);
    for name in ["poll", "ppoll", "epoll_create1", "clone", "clone3"] {
        assert_eq!(count(name), 0, "{name}");
    }
}
