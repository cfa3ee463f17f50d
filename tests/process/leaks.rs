//! What is left in the system when processes have served: nothing.

#![cfg(target_os = "linux")]

use std::process::Command;
use std::time::Duration;

use crate::kit::children::in_own_process;
use crate::kit::load::Load;
use crate::kit::processes::*;
use crate::kit::*;
use rustix::process::{Pid, Signal, kill_process};
use socketry::process::{self, Children, WorkerState, Workers};
use socketry::{Encoding, TcpServer};

#[test]
#[ignore = "a child of the tests below, which run it in a process of its own"]
fn child_process() {
    let worker = process::worker().unwrap().expect("the role of a worker");
    let server = worker.server(TcpServer::builder()).unwrap();
    let report = server.serve(|connection| {
        let mut lines = connection.lines(Encoding::Utf8);
        lines.send(std::process::id().to_string())?;
        while let Some(line) = lines.recv()? {
            lines.send(line)?;
        }
        Ok(())
    });
    report.unwrap();
}

/// A thousand connections later there is no zombie, and no descriptor more than before.
#[test]
fn children_leave_no_zombies_or_descriptors() {
    if !in_own_process() {
        return;
    }
    let server = TcpServer::builder().bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let children = Children::inetd_style(|_| Command::new("cat"));
    let serving = std::thread::spawn(move || server.serve_children(children));
    let once = || {
        let client = client_of(handle.local_addr());
        client.send("x").unwrap();
        client.half_close().unwrap();
        assert_eq!(client.recv_to_end(10).unwrap(), b"x");
    };
    let is_quiet = || handle.counters().active == 0;
    // Each thread that waits for a connection has a descriptor; a few are kept.
    std::thread::scope(|scope| (0..32).for_each(|_| drop(scope.spawn(once))));
    eventually("they are served", is_quiet);
    let before = descriptors_of(std::process::id());
    for _ in 0..250 {
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(once))));
    }
    eventually("all are served", || handle.counters().served == 1_032 && is_quiet());
    eventually("the descriptors are as before", || descriptors_of(std::process::id()) <= before);
    assert_eq!(children_of_this_process(), [], "no child, and no zombie");
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

/// More than a thousand connections, a worker that is killed and two restarts later, parent and workers have the descriptors
/// that they had.
#[test]
fn workers_leave_no_zombies_or_descriptors() {
    const COUNT: usize = 3;
    if !in_own_process() {
        return;
    }
    let server = TcpServer::builder().bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let command = |_| this_test(child_process, "worker");
    let workers =
        Workers::with_command(COUNT, command).backoff(Duration::from_millis(20), Duration::from_secs(1));
    let serving = std::thread::spawn(move || server.serve_workers(workers));
    let serves = || {
        let workers = handle.workers();
        let all = workers.iter().filter(|worker| worker.state == WorkerState::Serving);
        all.map(|worker| worker.process).collect::<Vec<_>>()
    };
    let all_serve = || {
        eventually("all serve, and nobody else is there", || {
            serves().len() == COUNT && handle.workers().len() == COUNT
        })
    };
    all_serve();
    let before = descriptors_of(std::process::id());
    let of_a_worker = || serves().into_iter().map(descriptors_of).max().unwrap();
    let load = Load::start(handle.local_addr(), 8);
    load.more(300);
    kill_process(Pid::from_raw(serves()[1] as i32).unwrap(), Signal::KILL).unwrap();
    load.more(300);
    all_serve();
    handle.restart_workers(PATIENCE).unwrap();
    load.more(300);
    handle.restart_workers(PATIENCE).unwrap();
    load.more(300);
    all_serve();
    let (answered, ..) = load.end();
    assert!(answered >= 1_200, "{answered}");
    eventually("the parent has no more than before", || descriptors_of(std::process::id()) <= before);
    // Threads come and go and hold none; those that a worker begins with are its standard ones, the listener twice in its
    // poller's and its own name, the control connection twice, and its switches.
    let quiet = || handle.counters().active == 0;
    eventually("nobody is inside", quiet);
    let first = of_a_worker();
    let load = Load::start(handle.local_addr(), 8);
    load.more(600);
    load.end();
    eventually("the workers have no more than before", || quiet() && of_a_worker() <= first);
    let children = children_of_this_process();
    assert_eq!(children.len(), COUNT, "{children:?}");
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
    assert_eq!(children_of_this_process(), [], "no child, and no zombie");
}
