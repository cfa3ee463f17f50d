//! Workers whose parent is gone.

#![cfg(target_os = "linux")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::kit::listening::*;
use crate::kit::processes::*;
use crate::kit::*;
use rustix::process::{Pid, Signal, kill_process};
use socketry::process::{self, WorkerState, Workers};
use socketry::{Encoding, TcpServer};

const ORPHAN_TIMEOUT: Duration = Duration::from_millis(700);

/// When they are ended from within, and by when that is seen on a machine that has other things to do as well.
const FORCED_EXIT_AFTER: Duration = Duration::from_millis(1_700);
#[test]
#[ignore = "a child of the tests below, which run it in a process of its own"]
fn child_process() {
    if let Some(kind) = kind().strip_prefix("parent of ") {
        let kind = if kind == "willing" { "willing" } else { "unwilling" };
        let workers =
            Workers::with_command(2, move |_| this_test(child_process, kind)).orphan_timeout(ORPHAN_TIMEOUT);
        let server = TcpServer::bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let serving = std::thread::spawn(move || server.serve_workers(workers).unwrap());
        // A worker that does not serve yet has no report.
        eventually("both workers serve", || {
            let workers = handle.workers();
            workers.len() == 2 && workers.iter().all(|worker| worker.state == WorkerState::Serving)
        });
        eprintln!("at port {}", handle.local_addr().port());
        serving.join().unwrap();
        return;
    }
    let worker = process::worker().unwrap().expect("the role of a worker");
    let server = worker.server(TcpServer::builder().shutdown_idle_timeout(PATIENCE)).unwrap();
    if kind() == "willing" {
        let report = server.serve(|connection| {
            let mut lines = connection.lines(Encoding::Utf8);
            lines.send("here")?;
            while let Some(line) = lines.recv()? {
                lines.send(line)?;
            }
            Ok(())
        });
        std::fs::write(report_file(std::process::id()), report.unwrap().to_string()).unwrap();
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

/// Where a worker writes its report, which its parent cannot take.
fn report_file(worker: u32) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("socketry-orphan-{worker}"))
}

/// A parent of workers, in a process of its own.
struct Parent {
    running: Running,
    clients: [Client; 2],
    workers: Vec<u32>,
}

impl Parent {
    fn start(kind: &str) -> Parent {
        let mut running = Running::start(&mut this_test(child_process, kind));
        let port = Lines::of(running.stderr()).after("at port ").parse().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut clients = [(); 2].map(|()| client_in(Encoding::Utf8, address));
        clients.iter_mut().for_each(|client| assert_eq!(heard(client), "here"));
        let workers = children_of(running.id());
        assert_eq!(workers.len(), 2);
        Parent { running, clients, workers }
    }

    fn kill(&self) -> Instant {
        let moment = Instant::now();
        kill_process(Pid::from_raw(self.running.id() as i32).unwrap(), Signal::KILL).unwrap();
        moment
    }

    fn wait_for_worker_exit(&self) {
        eventually("the workers are gone", || self.workers.iter().all(|worker| !is_alive(*worker)));
    }
}

/// Its workers notice, end what they have within their time, and are gone.
#[test]
fn orphaned_workers_abort_after_orphan_timeout() {
    let mut parent = Parent::start("parent of willing");
    let moment = parent.kill();
    // One is still served; both are cut when the time is over.
    let [first, second] = &mut parent.clients;
    first.send("are you there?").unwrap();
    assert_eq!(heard(first), "are you there?");
    assert!(!matches!(second.recv(), Ok(Some(_))), "it was cut");
    assert!(moment.elapsed() >= ORPHAN_TIMEOUT, "{:?}", moment.elapsed());
    parent.wait_for_worker_exit();
    let elapsed = moment.elapsed();
    assert!(elapsed < FORCED_EXIT_AFTER + SLACK, "{elapsed:?}");
    let reports = parent.workers.iter().map(|worker| {
        let file = report_file(*worker);
        let report =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("worker {worker}: {error}"));
        let _ = std::fs::remove_file(file);
        report
    });
    let reports: Vec<_> = reports.collect();
    let mut cut: Vec<_> = reports.iter().map(|report| ended_and_cut(report).1).collect();
    cut.sort();
    assert!(cut == [0, 2] || cut == [1, 1], "what came after serving went on: {reports:?}");
}

/// Not even those whose handlers and whose `main` do not notice.
#[test]
fn orphaned_worker_exits_despite_stuck_handler() {
    let parent = Parent::start("parent of unwilling");
    let moment = parent.kill();
    parent.wait_for_worker_exit();
    let elapsed = moment.elapsed();
    assert!((FORCED_EXIT_AFTER..FORCED_EXIT_AFTER + SLACK).contains(&elapsed), "{elapsed:?}");
}
