//! What a request costs a server of requests, counted by strace.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::kit::strace::Strace;
use crate::kit::*;
use socketry::TcpServer;
use socketry::frame::FixedLength;

const REQUESTS: usize = 400;

/// Run by the test below in a process of its own, under strace: sends the requests on the connections
/// alternately.
#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn child_requests() {
    let connections: usize = kind().parse().unwrap();
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || {
        server.serve_requests(FixedLength::new(1), |request| Ok(request.reply([request.frame()[0]])?))
    });
    let mut clients: Vec<_> =
        (0..connections).map(|_| TcpStream::connect(handle.local_addr()).unwrap()).collect();
    for number in 0..REQUESTS {
        let client = &mut clients[number % connections];
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
    drop(clients);
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

/// A request is one wait, one read and one write, and on the only busy connection not even a wait.
#[test]
fn request_needs_no_change_of_the_poller() {
    for (connections, max_waits) in [(1, REQUESTS / 2), (4, REQUESTS * 5 / 4)] {
        let strace = Strace::new().calls("network,epoll_ctl,epoll_wait,epoll_pwait,epoll_pwait2");
        let Some(traced) = strace.start(child_requests, &connections.to_string()) else { return };
        let (_, trace) = traced.assert_success("requests");
        let count = |call: &str| trace.count(call);
        let waits = count("epoll_wait") + count("epoll_pwait") + count("epoll_pwait2");
        let summary = format!(
            "{connections} connections: {waits} waits, {} changes, {} reads, {} writes",
            count("epoll_ctl"),
            count("recvfrom"),
            count("sendto"),
        );
        // The clients are of `std` and read and write as often.
        assert_eq!(count("sendto"), 2 * REQUESTS, "{summary}");
        assert!(count("recvfrom") <= 2 * REQUESTS + REQUESTS / 4, "{summary}");
        assert!(waits <= max_waits, "{summary}");
        // Each connection is added once, and one that is followed is paused and resumed.
        assert!(count("epoll_ctl") <= 20 + REQUESTS / 10, "{summary}");
    }
}
