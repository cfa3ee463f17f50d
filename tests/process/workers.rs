//! Worker processes that accept from one listener: what they do together, what becomes of one that is killed, restarts and
//! ends that lose nobody.

#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::kit::load::{Failure, Load};
use crate::kit::processes::*;
use crate::kit::*;
use rustix::process::{Pid, Signal, kill_process};
use socketry::process::{self, ProcessError, WorkerState, Workers};
use socketry::tcp::{ServerHandle, ShutdownReport};
use socketry::{Encoding, TcpConnection, TcpServer};

type ServeResult = socketry::Result<ShutdownReport>;

/// A server of workers, whose parent is a thread of this test.
struct Serving {
    handle: ServerHandle,
    events: Events,
    thread: Option<std::thread::JoinHandle<ServeResult>>,
}

impl Serving {
    fn start(workers: Workers) -> Serving {
        let events = Events::default();
        let server = TcpServer::builder().on_event(events.observer()).bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let thread = std::thread::spawn(move || server.serve_workers(workers));
        Serving { handle, events, thread: Some(thread) }
    }

    /// With workers that serve until they are told otherwise.
    fn of(count: usize) -> Serving {
        let serving = Serving::start(workers(count, "serve"));
        serving.wait_until_serving(count);
        serving
    }

    fn wait_until_serving(&self, count: usize) {
        eventually("all workers serve", || self.serving().len() == count);
    }

    /// The processes that accept connections.
    fn serving(&self) -> Vec<u32> {
        let workers = self.handle.workers();
        let serving = workers.iter().filter(|worker| worker.state == WorkerState::Serving);
        serving.map(|worker| worker.process).collect()
    }

    fn client(&self) -> TcpConnection {
        client_of(self.handle.local_addr())
    }

    /// Waits until the server returns.
    fn join(&mut self) -> ServeResult {
        self.thread.take().expect("it serves").join().unwrap()
    }

    fn end(mut self, grace: Duration) -> ServeResult {
        let report = self.handle.shutdown(grace);
        let returned = self.join();
        if let Ok(returned) = &returned {
            assert_eq!(*returned, report, "both report the same");
        }
        assert!(self.handle.workers().is_empty());
        returned
    }
}

impl Drop for Serving {
    /// The processes of a test that failed end with it.
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.handle.shutdown(Duration::ZERO);
        }
    }
}

fn workers(count: usize, kind: &'static str) -> Workers {
    Workers::with_command(count, move |_| this_test(child_process, kind))
}

fn kill(process: u32) {
    kill_process(Pid::from_raw(process as i32).unwrap(), Signal::KILL).unwrap();
}

/// Says which process it is, and sends lines back.
fn echo(connection: TcpConnection) -> socketry::tcp::HandlerResult {
    let mut lines = connection.lines(Encoding::Utf8);
    lines.send(std::process::id().to_string())?;
    while let Some(line) = lines.recv()? {
        lines.send(line)?;
    }
    Ok(())
}

/// Two of the tags of the notes between a parent and its workers: "I accept connections", and "look whether somebody waits".
const READY: u8 = 4;
const RECHECK: u8 = 7;

/// The control connection of a worker that does not take its role.
fn control() -> UnixStream {
    std::io::stdin().as_fd().try_clone_to_owned().unwrap().into()
}

#[test]
#[ignore = "a child of the tests below, which run it in a process of its own"]
fn child_process() {
    if let "again" = kind().as_str() {
        // It does not look at its role.
        let error = TcpServer::bind("127.0.0.1:0").unwrap().serve_workers(workers(1, "again")).unwrap_err();
        let detail = error.detail::<ProcessError>();
        assert!(matches!(detail, Some(ProcessError::UnclaimedRole { role: "worker", .. })), "{error}");
        std::process::exit(33);
    }
    if let "ends" = kind().as_str() {
        std::process::exit(3);
    }
    if let "sleeps" = kind().as_str() {
        std::thread::sleep(PATIENCE);
        return;
    }
    if let "nonsense" = kind().as_str() {
        control().write_all(b"\xFF\xFF").unwrap();
        std::thread::sleep(PATIENCE);
        return;
    }
    if let "looks" = kind().as_str() {
        // As a worker that does nothing but wait until it is told to look.
        let mut control = control();
        control.write_all(&[0, READY]).unwrap();
        let mut note = [0; 2];
        while control.read_exact(&mut note).is_ok() {
            control.read_exact(&mut vec![0; 8 * usize::from(note[0])]).unwrap();
            if note[1] == RECHECK {
                std::process::exit(44);
            }
        }
        return;
    }
    assert!(process::connection().unwrap().is_none(), "another role");
    let worker = process::worker().unwrap().expect("the role of a worker");
    if let "mute" = kind().as_str() {
        drop(worker);
        std::thread::sleep(PATIENCE);
        return;
    }
    assert!(process::worker().unwrap().is_none(), "once");
    let server = worker.server(TcpServer::builder()).unwrap();
    match kind().as_str() {
        "serve" => drop(server.serve(echo).unwrap()),
        "in vain" => {
            // A handler that does not notice, in a program that does not end.
            let _ = server.serve(|connection| {
                let _ = connection.send("here");
                loop {
                    std::thread::sleep(PATIENCE);
                }
            });
            std::thread::sleep(PATIENCE);
        }
        kind => panic!("{kind}"),
    }
}

#[test]
fn workers_share_listener_and_report_counters() {
    let serving = Serving::of(3);
    let own = serving.serving();
    let all = children_of_this_process();
    assert!(own.iter().all(|process| all.contains(process)), "{own:?} of {all:?}");
    // Ctrl-C at the terminal is for the parent alone.
    assert!(own.iter().all(|process| group_of(*process) == Some(*process)), "each leads a group");
    let mut numbers: Vec<_> = serving.handle.workers().iter().map(|worker| worker.index).collect();
    numbers.sort();
    assert_eq!(numbers, [0, 1, 2]);
    for _ in 0..30 {
        let client = serving.client();
        let mut lines = client.lines(Encoding::Utf8);
        let process: u32 = lines.recv().unwrap().unwrap().parse().unwrap();
        assert!(own.contains(&process));
        lines.send("你好").unwrap();
        assert_eq!(lines.recv().unwrap().as_deref(), Some("你好"));
    }
    let done = Instant::now();
    eventually("the counters are told", || serving.handle.counters().served == 30);
    assert!(done.elapsed() < SLACK, "{:?}", done.elapsed());
    let each: u64 = serving.handle.workers().iter().map(|worker| worker.counters.served).sum();
    assert_eq!(each, 30);
    let report = serving.end(PATIENCE).unwrap();
    assert_eq!(report.to_string(), "served 30, drained 0, aborted 0, refused 0");
}

/// Fifty clients ask while workers are killed: only those that a killed one had in hand may fail.
#[test]
fn killed_worker_fails_only_its_own_connections() {
    const BACKOFF: Duration = Duration::from_millis(200);
    let serving = Serving::start(workers(4, "serve").backoff(BACKOFF, BACKOFF));
    serving.wait_until_serving(4);
    let load = Load::start(serving.handle.local_addr(), 50);
    let mut killed = Vec::new();
    for _ in 0..6 {
        load.more(500);
        let before = serving.serving();
        let victim = before[0];
        let moment = Instant::now();
        kill(victim);
        killed.push((victim, moment));
        let has_left = || !serving.serving().contains(&victim);
        eventually("its end is noticed", has_left);
        eventually("another is there", || serving.serving().len() == 4);
        let back = moment.elapsed();
        assert!(back >= BACKOFF && back < BACKOFF + Duration::from_secs(2), "back after {back:?}");
    }
    load.more(500);
    let (answered, refused, failures) = load.end();
    println!("{answered} answered, {} failed for {} kills", failures.len(), killed.len());
    assert_eq!(refused, 0, "the port is never closed");
    for failure in &failures {
        assert!(is_caused_by_kill(failure, &killed), "{failure:?} for kills {killed:?}");
    }
    let crashes = serving.events.all().iter().filter(|event| event.contains("signal: 9")).count();
    assert_eq!(crashes, killed.len(), "{:?}", serving.events.all());
    let report = serving.end(PATIENCE).unwrap();
    assert_eq!(report.crashed, killed.len() as u64, "{report}");
    assert!(report.served + report.drained >= answered - 6 * 500, "{report}, {answered}");
}

/// A client that was told by whom it is served knows; one that was not was accepted by one that was killed at that time.
fn is_caused_by_kill(failure: &Failure, killed: &[(u32, Instant)]) -> bool {
    killed.iter().any(|(process, moment)| match failure.process {
        Some(own) => own == *process,
        None => (failure.began..=failure.failed).contains(moment),
    })
}

/// Each worker is replaced while fifty clients ask, and then all of them end; nobody is turned away or cut off.
#[test]
fn restart_and_shutdown_lose_no_connection() {
    // A client that comes between the last accept and the close is dropped with root's rights only.
    if !namespaces::as_root() {
        return;
    }
    let serving = Serving::of(3);
    let load = Load::start(serving.handle.local_addr(), 50);
    for _ in 0..3 {
        load.more(300);
        let before = serving.serving();
        serving.handle.restart_workers(PATIENCE).unwrap();
        let after = serving.serving();
        assert_eq!(after.len(), 3);
        assert!(after.iter().all(|process| !before.contains(process)), "{before:?}, {after:?}");
        eventually("the old ones are gone", || before.iter().all(|process| !is_alive(*process)));
    }
    load.more(300);
    let handle = serving.handle.clone();
    let report = serving.end(PATIENCE).unwrap();
    let (answered, _, failures) = load.end();
    assert!(failures.is_empty(), "{failures:?}");
    assert_eq!(report.served + report.drained, answered, "{report}");
    assert_eq!((report.aborted, report.crashed, report.failed), (0, 0, 0), "{report}");
    assert!(handle.restart_workers(PATIENCE).unwrap_err().is_cancelled());
}

/// Fifty clients come without a pause, also in the last moment.
#[test]
fn shutdown_under_load_resets_no_client() {
    if !namespaces::as_root() {
        return;
    }
    for round in 0..12 {
        let serving = Serving::of(1 + round % 2);
        let load = Load::start(serving.handle.local_addr(), 50);
        load.more(100);
        let report = serving.end(PATIENCE).unwrap();
        let (answered, _, failures) = load.end();
        assert!(failures.is_empty(), "{failures:?}");
        assert_eq!(report.served + report.drained, answered, "{report}");
    }
}

/// The connection that a worker has goes on while the worker leaves, for as long as it was given.
#[test]
fn retiring_worker_finishes_its_connections() {
    let serving = Serving::of(1);
    let client = serving.client();
    let mut lines = client.lines(Encoding::Utf8);
    let old: u32 = lines.recv().unwrap().unwrap().parse().unwrap();
    let handle = serving.handle.clone();
    let restarting = std::thread::spawn(move || handle.restart_workers(PATIENCE));
    eventually("another serves", || !serving.serving().is_empty() && !serving.serving().contains(&old));
    // Until it has heard that it is to leave it may accept still.
    let mut others = 0;
    eventually("the new one accepts, and it alone", || {
        others += 1;
        let process = serving.client().lines(Encoding::Utf8).recv().unwrap().unwrap();
        process != old.to_string()
    });
    let again = serving.handle.restart_workers(PATIENCE).unwrap_err();
    assert!(matches!(again.detail(), Some(ProcessError::RestartUnderWay)), "{again}");
    lines.send("still there?").unwrap();
    assert_eq!(lines.recv().unwrap().as_deref(), Some("still there?"));
    drop(lines);
    drop(client);
    restarting.join().unwrap().unwrap();
    let report = serving.end(PATIENCE).unwrap();
    assert_eq!((report.served + report.drained, report.aborted), (1 + others, 0), "{report}");
}

/// Who watches the workers wakes for it, though nothing is heard of any of them.
#[test]
fn restart_begins_while_workers_are_silent() {
    let serving = Serving::start(workers(1, "looks"));
    serving.wait_until_serving(1);
    let old = serving.serving();
    let handle = serving.handle.clone();
    let restarting = std::thread::spawn(move || handle.restart_workers(Duration::ZERO));
    eventually("the restart is over", || restarting.is_finished());
    restarting.join().unwrap().unwrap();
    assert_ne!(serving.serving(), old);
    serving.end(Duration::ZERO).unwrap();
}

/// Whoever restarts while the server is shut down hears that, and not that a worker did not come.
#[test]
fn restart_interrupted_by_shutdown_is_cancelled() {
    let serving = Serving::of(1);
    let client = serving.client();
    let mut lines = client.lines(Encoding::Utf8);
    let old: u32 = lines.recv().unwrap().unwrap().parse().unwrap();
    let handle = serving.handle.clone();
    let restarting = std::thread::spawn(move || handle.restart_workers(PATIENCE));
    eventually("another serves", || !serving.serving().is_empty() && !serving.serving().contains(&old));
    serving.handle.begin_shutdown(PATIENCE);
    let error = restarting.join().unwrap().unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    let error = serving.handle.restart_workers(PATIENCE).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
    drop(lines);
    drop(client);
    serving.end(PATIENCE).unwrap();
}

#[test]
fn failed_restart_keeps_old_workers() {
    let breaks = Arc::new(AtomicBool::new(false));
    let own = Arc::clone(&breaks);
    let command =
        move |_| this_test(child_process, if own.load(Ordering::Relaxed) { "ends" } else { "serve" });
    let serving = Serving::start(Workers::with_command(2, command));
    serving.wait_until_serving(2);
    let before = serving.serving();
    breaks.store(true, Ordering::Relaxed);
    let error = serving.handle.restart_workers(PATIENCE).unwrap_err();
    assert!(matches!(error.detail(), Some(ProcessError::RestartFailed { worker: 0, .. })), "{error}");
    assert_eq!(serving.serving(), before);
    let line = serving.client().lines(Encoding::Utf8).recv().unwrap().unwrap();
    assert!(before.contains(&line.parse().unwrap()));
    serving.end(PATIENCE).unwrap();
}

#[test]
fn start_timeout_kills_worker() {
    let workers = workers(1, "sleeps").start_timeout(Duration::from_millis(300)).max_failed_starts(0);
    let began = Instant::now();
    let mut serving = Serving::start(workers);
    let error = serving.join().unwrap_err();
    assert!(began.elapsed() >= Duration::from_millis(300) && began.elapsed() < PATIENCE / 2);
    let events = serving.events.all();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].ends_with("and is not started again"), "it was not told to end: {events:?}");
    assert!(matches!(error.detail(), Some(ProcessError::TooManyFailures { last: Some(_), .. })), "{error}");
}

/// It cannot be told anything, so that it would be there for ever.
#[test]
fn worker_with_broken_control_channel_is_killed() {
    for kind in ["mute", "nonsense"] {
        let began = Instant::now();
        let mut serving = Serving::start(workers(1, kind).max_failed_starts(0));
        let error = serving.join().unwrap_err();
        assert!(began.elapsed() < PATIENCE / 2, "{kind}: {:?}", began.elapsed());
        let Some(ProcessError::TooManyFailures { last: Some(status), .. }) = error.detail() else {
            panic!("{kind}: {error}")
        };
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{kind}");
    }
}

/// Somebody may wait for whom one was woken that is no more: the others are told to look.
#[test]
fn killed_worker_makes_other_workers_recheck() {
    let command = |number| this_test(child_process, if number == 0 { "looks" } else { "serve" });
    let serving = Serving::start(Workers::with_command(2, command).backoff(PATIENCE, PATIENCE));
    serving.wait_until_serving(2);
    let workers = serving.handle.workers();
    kill(workers.iter().find(|worker| worker.index == 1).unwrap().process);
    eventually("the other one looks", || {
        serving.events.all().iter().any(|event| event.contains("ended with exit status: 44"))
    });
    serving.end(Duration::ZERO).unwrap();
}

/// Waits of 40, 80 and 80 ms, and then no more.
#[test]
fn failing_workers_back_off_until_max_failed_starts() {
    let ends = workers(1, "ends").backoff(Duration::from_millis(40), Duration::from_millis(80));
    let began = Instant::now();
    let mut serving = Serving::start(ends.max_failed_starts(3));
    let waiting = serving.client();
    let error = serving.join().unwrap_err();
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    let text = "serve: all workers have ended too often, the last one with exit status: 3";
    assert_eq!(error.to_string(), text);
    let events = serving.events.all();
    let waits = ["40ms", "80ms", "80ms", "not started again"];
    assert_eq!(events.len(), waits.len(), "{events:?}");
    assert!(
        events.iter().zip(waits).all(|(event, wait)| event.ends_with(wait) || event.contains(wait)),
        "{events:?}"
    );
    // Nobody will accept it, and it is not left waiting.
    assert!(waiting.recv(1).map_or(true, |bytes| bytes.is_empty()));
    assert!(std::net::TcpStream::connect(serving.handle.local_addr()).is_err());
    assert!(serving.handle.restart_workers(PATIENCE).unwrap_err().is_cancelled());
}

#[test]
fn unclaimed_role_prevents_recursive_spawn() {
    let mut serving = Serving::start(workers(1, "again").max_failed_starts(0));
    let error = serving.join().unwrap_err();
    let Some(ProcessError::TooManyFailures { last: Some(status), .. }) = error.detail() else {
        panic!("{error}")
    };
    assert_eq!(status.code(), Some(33), "it was refused");
}

/// Neither a handler that computes for ever nor a `main` that does not return outlasts the time.
#[test]
fn shutdown_timeout_kills_stuck_workers() {
    const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(800);
    let serving = Serving::start(workers(2, "in vain"));
    serving.wait_until_serving(2);
    let client = serving.client();
    assert_eq!(client.recv(4).unwrap(), b"here");
    let processes = serving.serving();
    eventually("their threads are told", || serving.handle.counters().threads >= 2);
    let handle = serving.handle.clone();
    let began = Instant::now();
    let report = serving.end(SHUTDOWN_TIMEOUT).unwrap();
    let ended = began.elapsed();
    let counters = handle.counters();
    assert_eq!((counters.active, counters.threads, counters.idle_threads), (0, 0, 0), "nobody is left");
    assert!(ended >= SHUTDOWN_TIMEOUT && ended < SHUTDOWN_TIMEOUT + Duration::from_millis(500), "{ended:?}");
    assert!(processes.iter().all(|process| !is_alive(*process)));
    assert_eq!((report.aborted, report.crashed), (1, 0), "{report}");
}

/// It reaches workers that have been told of more time already, and nobody else has anything to say.
#[test]
fn shorter_second_shutdown_takes_effect() {
    let serving = Serving::of(1);
    let client = serving.client();
    let mut lines = client.lines(Encoding::Utf8);
    lines.recv().unwrap();
    eventually("its connection is told", || serving.handle.counters().active == 1);
    serving.handle.begin_shutdown(PATIENCE);
    let is_told = || serving.handle.workers().iter().all(|worker| worker.state == WorkerState::Ending);
    eventually("it is told to end", is_told);
    let began = Instant::now();
    let report = serving.end(Duration::from_millis(300)).unwrap();
    assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
    assert_eq!((report.aborted, report.crashed), (1, 0), "{report}");
}

#[test]
fn server_without_workers_rejects_restart() {
    let server = server();
    assert!(server.handle().workers().is_empty());
    let error = server.handle().restart_workers(PATIENCE).unwrap_err();
    assert!(matches!(error.detail(), Some(ProcessError::NoWorkers)), "{error}");
    assert_eq!(error.to_string(), "start process: this server has no workers");
}
