//! What goes wrong with accept: descriptors used up, connections that are gone; with servers in processes of their own, under
//! a low limit or under strace.

#![cfg(target_os = "linux")]

use std::io::{BufRead, Write};
use std::time::Duration;

use crate::kit::children::in_own_process;
use crate::kit::processes::descriptors_of;
use crate::kit::strace::Strace;
use crate::kit::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socketry::frame::Lines;
use socketry::{Encoding, TcpConnection, TcpServer};

/// A server in a process of its own, that tells its counters when it is asked.
struct Child {
    port: u16,
    stdin: std::process::ChildStdin,
    lines: crate::kit::Lines,
    running: Running,
}

impl Child {
    fn start(kind: &str, descriptors: u64) -> Child {
        let mut program = this_test(child, kind);
        Child::of(Running::start(program.env("SOCKETRY_DESCRIPTORS", descriptors.to_string())))
    }

    fn of(mut running: Running) -> Child {
        let lines = crate::kit::Lines::of(running.stdout());
        let stdin = running.stdin();
        Child { port: lines.after("at port ").parse().unwrap(), stdin, lines, running }
    }

    fn connect(&self) -> TcpConnection {
        client_of(([127, 0, 0, 1], self.port).into())
    }

    /// Connections inside, and accepts that failed so far.
    fn counters(&mut self) -> (u64, u64) {
        writeln!(self.stdin).unwrap();
        let line = self.lines.next();
        let (active, errors) = line.split_once(' ').unwrap_or_else(|| panic!("{line}"));
        (active.parse().unwrap(), errors.parse().unwrap())
    }

    /// Ends it; what it said at last.
    fn shutdown_report(self) -> String {
        drop(self.stdin);
        let rest = self.lines.rest();
        assert!(self.running.finish().status.success(), "{rest:?}");
        rest.into_iter().find(|line| line.starts_with("served")).unwrap()
    }
}

#[test]
#[ignore = "a part of the tests below, which run it in a process of its own"]
fn child() {
    let kind = kind();
    let descriptors: u64 = std::env::var("SOCKETRY_DESCRIPTORS").unwrap().parse().unwrap();
    setrlimit(Resource::Nofile, Rlimit { current: Some(descriptors), maximum: Some(descriptors) }).unwrap();
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    println!("\nat port {}", handle.local_addr().port());
    let serving = std::thread::spawn(move || match kind.as_str() {
        "requests" => server.serve_requests(Lines::new(Encoding::Utf8), |request| {
            let line = request.frame().to_owned();
            Ok(request.reply(line)?)
        }),
        "turn" => server.serve_sequential(echo),
        "bye" => server.serve(|connection| Ok(connection.send("bye\n")?)),
        _ => server.serve(echo),
    });
    for _ in std::io::stdin().lock().lines() {
        let counters = handle.counters();
        println!("{} {}", counters.active, counters.accept_errors);
    }
    println!("{}", handle.shutdown(PATIENCE));
    serving.join().unwrap().unwrap();
}

fn echo(connection: TcpConnection) -> socketry::tcp::HandlerResult {
    let mut lines = connection.lines(Encoding::Utf8);
    while let Some(line) = lines.recv()? {
        lines.send(line)?;
    }
    Ok(())
}

#[track_caller]
fn assert_served(client: &TcpConnection) {
    client.send("ping\n").unwrap();
    assert_eq!(client.recv(10).unwrap(), b"ping\n");
}

/// More clients than descriptors: the server waits and does not spin, and goes on when there are some again.
#[test]
fn server_recovers_from_descriptor_exhaustion() {
    for kind in ["threads", "requests"] {
        let mut server = Child::start(kind, 40);
        let clients: Vec<_> = (0..60).map(|_| server.connect()).collect();
        eventually("descriptors are used up", || server.counters().1 > 0);
        let (inside, before) = server.counters();
        // The test's subject is how often it tries in this time: 5, 10, 20 … 1,000 ms apart.
        std::thread::sleep(Duration::from_secs(1));
        let (still, after) = server.counters();
        assert!((10..40).contains(&inside) && still == inside, "{kind}: {inside} of 60 inside, then {still}");
        assert!(after - before <= 12, "{kind}: {} tries in a second", after - before);
        // Those that are inside are served meanwhile.
        assert_served(&clients[0]);
        let mut clients = clients;
        let waiting = clients.split_off(40);
        drop(clients);
        for client in &waiting {
            assert_served(client);
        }
        drop(waiting);
        let report = server.shutdown_report();
        assert!(report.contains("aborted 0"), "{kind}: {report}");
    }
}

/// Connections that linger after their handler give their descriptors to clients that wait to be accepted.
#[test]
fn descriptor_exhaustion_ends_lingering_closes() {
    let mut server = Child::start("bye", 40);
    let mut lingering = Vec::new();
    eventually("descriptors are used up", || {
        let client = server.connect();
        assert_eq!(client.recv_to_end(10).unwrap(), b"bye\n");
        lingering.push(client);
        server.counters().1 > 0
    });
    let (_, before) = server.counters();
    // More than were free: without theirs each of these would wait for the 2 s of a lingering close, with ten tries meanwhile.
    for _ in 0..30 {
        let client = server.connect();
        assert_eq!(client.recv_to_end(10).unwrap(), b"bye\n");
        lingering.push(client);
    }
    let (_, after) = server.counters();
    assert!(after - before <= 4, "{} accepts failed", after - before);
    server.shutdown_report();
}

/// At most 1,024 connections linger at a time; the next is closed immediately.
#[test]
fn lingering_closes_are_bounded() {
    const CLIENTS: usize = 1_300;
    if !in_own_process() {
        return;
    }
    let limit = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit }).unwrap();
    if limit.is_some_and(|limit| limit < 3 * CLIENTS as u64) {
        return skip(Need::Platform, "the limit of descriptors is too low");
    }
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || server.serve(|connection| Ok(connection.send("bye\n")?)));
    let before = descriptors_of(std::process::id());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let client = client_of(handle.local_addr());
            assert_eq!(client.recv_to_end(10).unwrap(), b"bye\n");
            client
        })
        .collect();
    eventually("all handlers are done", || handle.counters().active == 0);
    let lingering = descriptors_of(std::process::id()) - before - clients.len();
    // The poller's own are among them.
    assert!(lingering <= 1_024 + 8, "{lingering}");
    drop(clients);
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

/// Every second accept fails with the given error, and every client is served.
#[test]
fn server_continues_after_transient_accept_errors() {
    for error in ["ECONNABORTED", "EPROTO", "ENETDOWN", "EINTR"] {
        for kind in ["threads", "requests", "turn"] {
            let strace = Strace::new().inject(format!("accept4:error={error}:when=1+2"));
            let Some(traced) = strace.env("SOCKETRY_DESCRIPTORS", "1000").start(child, kind) else { return };
            let mut server = Child::of(traced.running);
            for _ in 0..20 {
                assert_served(&server.connect());
            }
            let (_, errors) = server.counters();
            assert!(errors > 0 || error == "EINTR", "{kind}, {error}");
            let report = server.shutdown_report();
            assert!(report.contains("aborted 0"), "{kind}, {error}: {report}");
        }
    }
}

/// With every accept failing for want of descriptors, the system is asked a dozen times in a second.
#[test]
fn accept_backs_off_when_descriptors_are_exhausted() {
    for kind in ["threads", "requests"] {
        let strace = Strace::new().calls("accept4").inject("accept4:error=EMFILE");
        let Some(traced) = strace.env("SOCKETRY_DESCRIPTORS", "1000").start(child, kind) else { return };
        let file = traced.file;
        let mut server = Child::of(traced.running);
        let _client = server.connect();
        eventually("the first failure", || server.counters().1 > 0);
        std::thread::sleep(Duration::from_secs(1));
        let (_, errors) = server.counters();
        let calls = file.so_far().count("accept4");
        assert!((2..=14).contains(&calls), "{kind}: {calls} calls, {errors} errors");
        drop(server);
    }
}
