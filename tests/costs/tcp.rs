//! What a read and a write cost, counted: system calls by strace, allocations by an allocator that counts.

use std::io::Read;
use std::time::{Duration, Instant};

use crate::kit::allocations::allocated;
use crate::kit::strace::Strace;
use crate::kit::*;
use socketry::{CancelToken, TcpClient, TcpServer};

#[test]
fn read_and_write_allocate_nothing() {
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

const ROUND_TRIPS: usize = 100;

/// Run by the test below in a process of its own, under strace: each read finds what it wants.
#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn child_round_trips() {
    let kind = kind();
    let token = CancelToken::new().unwrap();
    let builder = TcpServer::builder().write_timeout(None);
    let server = match kind.as_str() {
        "timeout" => builder.read_timeout(Duration::from_secs(5)),
        "token" => builder.cancel_connections(&token),
        _ => builder,
    };
    let server = server.bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(server.local_addr()).unwrap();
    let connection = server.accept().unwrap();
    let mut buffer = [0; 1];
    for _ in 0..ROUND_TRIPS {
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
fn read_of_available_bytes_is_one_system_call() {
    for kind in ["plain", "timeout", "deadline", "short", "token"] {
        let strace = Strace::new().calls("network,poll,ppoll,read,write");
        let Some(traced) = strace.start(child_round_trips, kind) else { return };
        let (_, trace) = traced.assert_success(kind);
        let count = |call: &str| trace.count(call);
        // Each exchange has two ends, one of which is of `std`.
        assert_eq!(count("sendto"), 2 * ROUND_TRIPS, "{kind}");
        // The graceful close reads at once, and again at the end of the stream.
        assert!((2 * ROUND_TRIPS..=2 * ROUND_TRIPS + 2).contains(&count("recvfrom")), "{kind}");
        // The runner's own main thread may poll once at its start.
        assert!(count("poll") + count("ppoll") <= 2, "{kind}");
        let set = trace.after_last("accept4(").count("setsockopt");
        // One that has its limit from its listener has it from the beginning.
        assert_eq!(set, usize::from(kind == "deadline"), "{kind}: options set on the connection");
    }
}

const CONNECTS: usize = 100;

/// Run by the test below in a process of its own, under strace.
#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn child_connects() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpClient::builder().connect_timeout(PATIENCE).build();
    for _ in 0..CONNECTS {
        drop((client.connect(listener.local_addr().unwrap()).unwrap(), listener.accept().unwrap()));
    }
}

/// Where there is one address there is no race: the socket and its option, that it does not block and then does, the connect,
/// whether it is over, and whether it has found itself.
#[test]
fn connect_to_one_address_needs_no_poll_or_thread() {
    let strace = Strace::new().calls("network,poll,ppoll,fcntl,ioctl,epoll_create1,clone,clone3");
    let Some(traced) = strace.start(child_connects, "") else { return };
    let (_, trace) = traced.assert_success("connects");
    let trace = trace.between(" connect(");
    let count = |call: &str| trace.count(call);
    let between = CONNECTS - 1;
    for (name, times) in [("socket", 1), ("setsockopt", 1), ("connect", 1), ("accept4", 1)] {
        assert_eq!(count(name), times * between, "{name}");
    }
    // The listener is asked for its address, too.
    assert_eq!(count("getsockname"), 2 * between);
    // A debug build asks about each descriptor that it closes.
    let flags = trace.lines_with("F_GETFL").len() + trace.lines_with("F_SETFL").len();
    assert!(flags + count("ioctl") <= 4 * between, "{flags}");
    assert!(count("getsockopt") <= between && count("getpeername") <= between);
    for name in ["poll", "ppoll", "epoll_create1", "clone", "clone3"] {
        assert_eq!(count(name), 0, "{name}");
    }
}
