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
    let address = listener.local_addr().unwrap();
    let kind = kind();
    let token = CancelToken::new().unwrap();
    let builder = TcpClient::builder().connect_timeout(PATIENCE);
    let client = match kind.as_str() {
        "local address" => builder.local_address(([127, 0, 0, 2], 0)),
        "no nodelay" => builder.nodelay(false),
        "token" => builder.cancel_token(&token),
        _ => builder,
    };
    let client = client.build();
    for _ in 0..CONNECTS {
        let connection = match kind.as_str() {
            "name" => client.connect(("localhost", address.port())).unwrap(),
            _ => client.connect(address).unwrap(),
        };
        // Known without a system call.
        assert_eq!(connection.peer_addr(), address);
        drop(connection);
        drop(listener.accept().unwrap());
    }
}

/// A connect is in progress when connect(2) returns, also on the loopback interface; a second one returns the outcome. With one
/// address there is no race, and so no poll and no thread.
#[test]
fn connect_and_close_are_seven_system_calls_at_most() {
    for kind in ["address", "name", "token", "no nodelay", "local address"] {
        let strace = Strace::new().calls("network,close,poll,ppoll,fcntl,ioctl,epoll_create1,clone,clone3");
        let Some(traced) = strace.start(child_connects, kind) else { return };
        let (_, trace) = traced.assert_success(kind);
        let trace = trace.between(", IPPROTO_TCP)");
        let rounds = CONNECTS - 1;
        let expected = [
            ("socket", 1),
            // A local address has IP_BIND_ADDRESS_NO_PORT, so that peers share its ports.
            ("setsockopt", usize::from(kind != "no nodelay") + usize::from(kind == "local address")),
            ("bind", usize::from(kind == "local address")),
            ("connect", 2),
            // Only where the socket may be connected to itself.
            ("getsockname", usize::from(kind != "local address")),
            ("ioctl", 1),
            ("close", 1),
        ];
        let most = if kind == "local address" { 8 } else { 7 };
        assert!(expected.iter().map(|(_, times)| times).sum::<usize>() <= most, "{kind}");
        for (name, times) in expected {
            // The other end is accepted and closed. For a name, the hosts file may be read again.
            let accepted = usize::from(name == "close");
            let counted = trace.count(name);
            let is_reread = kind == "name" && name == "close" && counted > rounds;
            assert!(counted == (times + accepted) * rounds || is_reread, "{kind}: {counted} calls of {name}");
        }
        // A debug build of `std` checks each descriptor that it closes.
        assert_eq!(trace.count("fcntl"), trace.lines_with("F_GETFD").len(), "{kind}");
        for name in ["getsockopt", "getpeername", "poll", "ppoll", "epoll_create1", "clone", "clone3"] {
            assert_eq!(trace.count(name), 0, "{kind}: {name}");
        }
    }
}
