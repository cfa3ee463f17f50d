//! Workers whose parent is gone.

#![cfg(target_os = "linux")]

mod kit;

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use kit::listening::*;
use kit::processes::*;
use kit::*;
use rustix::process::{Pid, Signal, kill_process};
use socketry::process::{self, Workers};
use socketry::{Encoding, TcpServer};

const GRACE: Duration = Duration::from_millis(700);

/// When they are ended from within, and by when that is seen on a machine that has other things to do as well.
const LATEST: Duration = Duration::from_millis(1_700);
const SLACK: Duration = Duration::from_secs(3);

#[test]
#[ignore = "a part of the tests below, which run it in a process of its own"]
fn part() {
    if let Some(kind) = kind().strip_prefix("parent of ") {
        let kind = if kind == "willing" { "willing" } else { "unwilling" };
        let workers = Workers::running(2, move |_| this_test("part", kind)).grace_without_parent(GRACE);
        let server = TcpServer::bind("127.0.0.1:0").unwrap();
        eprintln!("at port {}", server.local_addr().port());
        server.serve_workers(workers).unwrap();
        return;
    }
    let worker = process::worker().unwrap().expect("the role of a worker");
    let server = worker.server(TcpServer::builder()).unwrap();
    if kind() == "willing" {
        let report = server.serve(|connection| {
            let mut lines = connection.lines(Encoding::Utf8);
            lines.send("here")?;
            while let Some(line) = lines.recv()? {
                lines.send(line)?;
            }
            Ok(())
        });
        // In one piece, because the other worker writes to the same place.
        std::io::stderr().write_all(format!("{}\n", report.unwrap()).as_bytes()).unwrap();
    } else {
        let _ = server.serve(|connection| {
            let _ = connection.send("here\n");
            loop {
                std::thread::sleep(PATIENCE);
            }
        });
        std::thread::sleep(PATIENCE);
    }
}

/// A parent of workers, in a process of its own.
struct Parent {
    running: Running,
    lines: Lines,
    clients: [Client; 2],
    workers: Vec<u32>,
}

impl Parent {
    fn start(kind: &str) -> Parent {
        let mut running = Running::start(&mut this_test("part", kind));
        let lines = Lines::of(running.stderr());
        let port = lines.next().strip_prefix("at port ").unwrap().parse().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut clients = [(); 2].map(|()| client_in(Encoding::Utf8, address));
        clients.iter_mut().for_each(|client| assert_eq!(heard(client), "here"));
        let workers = children_of(running.id());
        assert_eq!(workers.len(), 2);
        Parent { running, lines, clients, workers }
    }

    fn kill(&self) -> Instant {
        let moment = Instant::now();
        kill_process(Pid::from_raw(self.running.id() as i32).unwrap(), Signal::KILL).unwrap();
        moment
    }

    fn workers_are_gone(&self) {
        eventually("the workers are gone", || self.workers.iter().all(|worker| !is_alive(*worker)));
    }
}

/// Its workers notice, end what they have within their time, and are gone.
#[test]
fn no_worker_outlives_a_killed_parent_for_long() {
    let mut parent = Parent::start("parent of willing");
    let moment = parent.kill();
    // One is still served; both are cut when the time is over.
    let [first, second] = &mut parent.clients;
    first.send("are you there?").unwrap();
    assert_eq!(heard(first), "are you there?");
    assert!(!matches!(second.recv(), Ok(Some(_))), "it was cut");
    assert!(moment.elapsed() >= GRACE, "{:?}", moment.elapsed());
    parent.workers_are_gone();
    let elapsed = moment.elapsed();
    assert!(elapsed < LATEST + SLACK, "{elapsed:?}");
    let reports = parent.lines.rest();
    let mut cut: Vec<_> = reports.iter().map(|report| ended_and_cut(report).1).collect();
    cut.sort();
    assert!(cut == [0, 2] || cut == [1, 1], "what came after serving went on: {reports:?}");
}

/// Not even those whose handlers and whose `main` do not notice.
#[test]
fn workers_that_do_not_end_when_their_parent_is_gone_are_ended_from_within() {
    let parent = Parent::start("parent of unwilling");
    let moment = parent.kill();
    parent.workers_are_gone();
    let elapsed = moment.elapsed();
    assert!((LATEST..LATEST + SLACK).contains(&elapsed), "{elapsed:?}");
}
