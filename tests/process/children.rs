//! One process for each connection.

#![cfg(target_os = "linux")]

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::kit::processes::*;
use crate::kit::*;
use socketry::process::{self, Children, ProcessError};
use socketry::tcp::{ServerHandle, ShutdownReport, TcpServerBuilder};
use socketry::{Encoding, TcpServer};

/// A server of children that runs in a thread.
struct Serving {
    handle: ServerHandle,
    events: Events,
    thread: Option<std::thread::JoinHandle<socketry::Result<ShutdownReport>>>,
}

impl Serving {
    fn start(builder: TcpServerBuilder, children: Children) -> Serving {
        Serving::start_at("127.0.0.1:0", builder, children)
    }

    fn start_at(address: &str, builder: TcpServerBuilder, children: Children) -> Serving {
        let events = Events::default();
        let server = builder.on_event(events.observer()).bind(address).unwrap();
        let handle = server.handle();
        let thread = std::thread::spawn(move || server.serve_children(children));
        Serving { handle, events, thread: Some(thread) }
    }

    fn client(&self) -> socketry::TcpConnection {
        client_of(self.handle.local_addr())
    }

    fn end(mut self, grace: Duration) -> ShutdownReport {
        let report = self.handle.shutdown(grace);
        self.thread.take().expect("it serves").join().unwrap().unwrap();
        report
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

/// A child that a shell runs.
fn shell(script: &'static str) -> Children {
    Children::inetd_style(move |_| {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    })
}

fn in_role(kind: &'static str) -> Children {
    Children::with_socket(move |_| this_test(child_process, kind))
}

#[test]
#[ignore = "a child of the tests below, which run it in a process of its own"]
fn child_process() {
    match kind().as_str() {
        "echo" => {
            assert!(process::worker().unwrap().is_none(), "another role");
            let connection = process::connection().unwrap().expect("the role of a child");
            assert!(process::connection().unwrap().is_none(), "once");
            let stdin = std::fs::read_link("/proc/self/fd/0").unwrap();
            assert_eq!(stdin, std::path::Path::new("/dev/null"), "no child of its own gets the connection");
            while let Ok(bytes) = connection.recv(1024) {
                if bytes.is_empty() {
                    break;
                }
                let timeouts = (connection.read_timeout(), connection.write_timeout());
                let encoding = connection.encoding();
                connection.send(format!("{} {timeouts:?} {encoding}", std::process::id())).unwrap();
            }
        }
        "again" => {
            // It does not look at its role.
            let server = TcpServer::bind("127.0.0.1:0").unwrap();
            let error = server.serve_children(in_role("again")).unwrap_err();
            let detail = error.detail::<ProcessError>();
            assert!(
                matches!(detail, Some(ProcessError::UnclaimedRole { role: "connection", .. })),
                "{error}"
            );
        }
        "ancestor" => {
            // It has its role, and may start processes; those have none, though they find its name in their environment.
            let connection = process::connection().unwrap().expect("the role of a child");
            serve_after_shutdown();
            for kind in ["descendant", "descendant that does not look"] {
                let status = this_test(child_process, kind).stdin(Stdio::null()).status().unwrap();
                connection.send(format!("{status}\n")).unwrap();
            }
        }
        "descendant" => {
            assert!(process::connection().unwrap().is_none());
            serve_after_shutdown();
        }
        "descendant that does not look" => serve_after_shutdown(),
        "leaves its group" => {
            let connection = process::connection().unwrap().expect("the role of a child");
            let parent = rustix::process::getppid();
            let group = rustix::process::getpgid(parent).unwrap();
            rustix::process::setpgid(None, Some(group)).unwrap();
            connection.send(std::process::id().to_string()).unwrap();
            std::thread::sleep(2 * PATIENCE);
        }
        kind => panic!("{kind}"),
    }
}

/// A server of children that has ended before it begins.
fn serve_after_shutdown() {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    server.handle().begin_shutdown(PATIENCE);
    server.serve_children(shell("exit 1")).unwrap();
}

#[test]
fn inetd_style_child_gets_addresses_in_environment() {
    let script =
        "read line; echo \"$line of $PROTO $TCPREMOTEIP $TCPREMOTEPORT at $TCPLOCALIP $TCPLOCALPORT\"";
    let serving = Serving::start_at("127.0.0.2:0", TcpServer::builder(), shell(script));
    let client = serving.client();
    let (own, port) = (client.local_addr().unwrap(), serving.handle.local_addr().port());
    client.send("你好\n").unwrap();
    let answer = client.recv_to_end(1024).unwrap();
    assert_ne!(own.ip(), serving.handle.local_addr().ip());
    let expected = format!("你好 of TCP {} {} at 127.0.0.2 {port}\n", own.ip(), own.port());
    assert_eq!(String::from_utf8(answer).unwrap(), expected);
    drop(client);
    let report = serving.end(PATIENCE);
    assert_eq!((report.failed, report.crashed, report.aborted), (0, 0, 0), "{report}");
}

#[test]
fn with_socket_starts_one_process_per_connection() {
    let builder = TcpServer::builder().read_timeout(Duration::from_secs(77));
    let builder = builder.write_timeout(Duration::from_secs(88)).encoding(Encoding::Gb18030);
    let serving = Serving::start(builder, in_role("echo"));
    let clients: Vec<_> = (0..3).map(|_| serving.client()).collect();
    let ask = |client: &socketry::TcpConnection| {
        client.send("who?").unwrap();
        client.recv_text(1024).unwrap()
    };
    let mut answers: Vec<_> = clients.iter().map(ask).collect();
    for answer in &answers {
        assert!(answer.ends_with(" (Some(77s), Some(88s)) gb18030"), "as the server has it: {answer}");
        let id: u32 = answer.split(' ').next().unwrap().parse().unwrap();
        assert!(children_of_this_process().contains(&id), "{answer}");
    }
    answers.sort();
    answers.dedup();
    assert_eq!(answers.len(), 3, "three processes");
    drop(clients);
    serving.end(PATIENCE);
}

#[test]
fn unclaimed_role_prevents_recursive_spawn() {
    let serving = Serving::start(TcpServer::builder(), in_role("again"));
    let client = serving.client();
    assert_eq!(client.recv_to_end(1024).unwrap(), b"", "it found the mistake and ended");
    drop(client);
    assert_eq!(serving.end(PATIENCE).failed, 0);
}

#[test]
fn claimed_role_is_not_inherited_by_descendants() {
    let serving = Serving::start(TcpServer::builder(), in_role("ancestor"));
    assert_eq!(serving.client().recv_to_end(1024).unwrap(), b"exit status: 0\nexit status: 0\n");
    assert_eq!(serving.end(PATIENCE).failed, 0);
}

#[test]
fn failed_and_crashed_children_are_counted_and_reported() {
    let serving = Serving::start(TcpServer::builder(), shell("read how; eval \"$how\""));
    for how in ["exit 0", "exit 3", "exit 4", "kill -KILL $$"] {
        let client = serving.client();
        client.send(format!("{how}\n")).unwrap();
        assert_eq!(client.recv_to_end(10).unwrap(), b"", "{how}");
    }
    eventually("three are counted", || {
        let counters = serving.handle.counters();
        (counters.failed, counters.crashed, counters.served) == (2, 1, 4)
    });
    let events = serving.events.clone();
    let report = serving.end(PATIENCE);
    assert_eq!(
        report.to_string(),
        "served 4, drained 0, aborted 0, refused 0, failed 2, panicked 0, crashed 1"
    );
    let events: Vec<_> = events.all().into_iter().filter(|event| event.contains("ended with")).collect();
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(events.iter().any(|event| event.ends_with("ended with exit status: 3")), "{events:?}");
    assert!(events.iter().any(|event| event.contains("ended with signal: 9")), "{events:?}");
}

#[test]
fn missing_program_closes_connection_and_is_reported() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&attempts);
    let children = Children::inetd_style(move |_| {
        own.fetch_add(1, Ordering::Relaxed);
        Command::new("/nowhere/at-all")
    });
    let serving = Serving::start(TcpServer::builder(), children);
    let client = serving.client();
    let address = client.local_addr().unwrap();
    assert_eq!(client.recv_to_end(10).unwrap(), b"");
    drop(client);
    let events = serving.events.clone();
    assert_eq!(serving.end(PATIENCE).failed, 1);
    let all = events.all();
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].starts_with("start process /nowhere/at-all"), "{all:?}");
    assert!(all[0].contains(&address.to_string()), "{all:?}");
    assert_eq!(attempts.load(Ordering::Relaxed), 1, "it would not be there the next time either");
}

/// Children whose start fails so often as if there were too many processes, and how often it was tried.
fn failing_spawns(failures: usize) -> (Children, Arc<AtomicUsize>) {
    let attempts = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&attempts);
    let children = Children::inetd_style(move |_| {
        let mut command = Command::new("cat");
        if own.fetch_add(1, Ordering::SeqCst) < failures {
            // SAFETY: what runs between fork and exec makes an error of a number, and nothing else.
            unsafe { command.pre_exec(|| Err(std::io::Error::from_raw_os_error(libc::EAGAIN))) };
        }
        command
    });
    (children, attempts)
}

#[test]
fn spawn_retries_on_eagain() {
    let (children, attempts) = failing_spawns(3);
    let serving = Serving::start(TcpServer::builder(), children);
    let client = serving.client();
    client.send("x").unwrap();
    assert_eq!(client.recv(1).unwrap(), b"x");
    assert_eq!(attempts.load(Ordering::SeqCst), 4);
    drop(client);
    assert_eq!(serving.end(PATIENCE).failed, 0);
}

#[test]
fn spawn_gives_up_on_lasting_eagain() {
    let (children, attempts) = failing_spawns(usize::MAX);
    let serving = Serving::start(TcpServer::builder(), children);
    let client = serving.client();
    assert_eq!(client.recv_to_end(10).unwrap(), b"");
    assert!(attempts.load(Ordering::SeqCst) > 1);
    drop(client);
    let events = serving.events.clone();
    assert_eq!(serving.end(PATIENCE).failed, 1);
    assert_eq!(events.all().len(), 1, "{:?}", events.all());
}

/// When the time of a shutdown is over nothing is started any more.
#[test]
fn shutdown_timeout_ends_spawn_retries() {
    let (children, attempts) = failing_spawns(usize::MAX);
    let serving = Serving::start(TcpServer::builder(), children);
    let _client = serving.client();
    eventually("an attempt", || attempts.load(Ordering::SeqCst) > 0);
    let events = serving.events.clone();
    assert_eq!(serving.end(Duration::ZERO).aborted, 1);
    eventually("it is told", || !events.all().is_empty());
    assert!(events.all()[0].contains("cancelled"), "{:?}", events.all());
}

/// No more processes than connections may be open: the next one waits, or is refused.
#[test]
fn max_connections_limits_children() {
    let builder = TcpServer::builder().max_connections(2).refuse_with("busy\n");
    let serving = Serving::start(builder, Children::inetd_style(|_| Command::new("cat")));
    let clients: Vec<_> = (0..2).map(|_| serving.client()).collect();
    for client in &clients {
        client.send("x").unwrap();
        assert_eq!(client.recv(1).unwrap(), b"x");
    }
    let third = serving.client();
    assert_eq!(third.recv_to_end(10).unwrap(), b"busy\n");
    drop((third, clients));
    let report = serving.end(PATIENCE);
    assert_eq!((report.refused, report.aborted), (1, 0), "{report}");
}

/// What the program wrote arrives, although it ends without having read everything, which would be a reset.
#[test]
fn response_arrives_whole_with_request_unread() {
    let serving =
        Serving::start(TcpServer::builder(), shell("head -c 1 >/dev/null; head -c 300000 /dev/zero"));
    for _ in 0..20 {
        let client = serving.client();
        client.send([7; 10_000]).unwrap();
        assert_eq!(client.recv_to_end(400_000).unwrap().len(), 300_000);
    }
    serving.end(PATIENCE);
}

/// A child has half of the time to end by itself; then it is asked, and at the end it is killed, with its own children.
#[test]
fn shutdown_terminates_child_then_kills_its_group() {
    const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(1_000);
    // What ignores a signal hands that on to its own children.
    let patient = "trap '' TERM; sleep 60 & trap 'echo asked' TERM; echo $$ $!; i=0; while [ $((i += 1)) -lt 600 ]; do sleep 0.1; done";
    let serving = Serving::start(TcpServer::builder(), shell(patient));
    let client = serving.client();
    let mut lines = client.lines(Encoding::Utf8);
    let line = lines.recv().unwrap().unwrap();
    let (id, own_child) = line.split_once(' ').unwrap();
    let (id, own_child): (u32, u32) = (id.parse().unwrap(), own_child.parse().unwrap());
    assert!(children_of_this_process().contains(&id));
    assert_eq!((group_of(id), group_of(own_child)), (Some(id), Some(id)), "a group of its own");
    let began = Instant::now();
    serving.handle.begin_shutdown(SHUTDOWN_TIMEOUT);
    assert_eq!(lines.recv().unwrap().as_deref(), Some("asked"));
    let asked = began.elapsed();
    assert!(asked >= SHUTDOWN_TIMEOUT / 2 && asked < SHUTDOWN_TIMEOUT, "asked after {asked:?}");
    let report = serving.end(SHUTDOWN_TIMEOUT);
    let ended = began.elapsed();
    assert!(
        ended >= SHUTDOWN_TIMEOUT && ended < SHUTDOWN_TIMEOUT + Duration::from_millis(500),
        "ended after {ended:?}"
    );
    assert_eq!((report.aborted, report.crashed, report.failed), (1, 0, 0), "{report}");
    eventually("the group is gone", || !group_exists(id) && !is_alive(own_child));
}

/// A child that is in another group by now is still this program's to end.
#[test]
fn shutdown_kills_child_outside_its_group() {
    let serving = Serving::start(TcpServer::builder(), in_role("leaves its group"));
    let client = serving.client();
    let id: u32 = client.recv_text(100).unwrap().parse().unwrap();
    assert_eq!(group_of(id), group_of(std::process::id()));
    serving.end(Duration::from_millis(200));
    eventually("its end", || !is_alive(id));
}

/// What is out of reach is not killed, but has no connection any more.
#[test]
fn shutdown_closes_connection_of_detached_descendant() {
    if !needs("setsid") {
        return;
    }
    let serving = Serving::start(
        TcpServer::builder(),
        shell(
            "exec 3<&0; setsid cat <&3 3<&- >/dev/null & exec 3<&-; echo $!; i=0; while [ $((i += 1)) -lt 600 ]; do sleep 0.1; done",
        ),
    );
    let client = serving.client();
    let mut lines = client.lines(Encoding::Utf8);
    let id: u32 = lines.recv().unwrap().unwrap().parse().unwrap();
    eventually("it is out of reach", || group_of(id) == Some(id));
    assert_eq!(serving.end(Duration::ZERO).aborted, 1);
    eventually("it has read the end", || !is_alive(id));
}

/// A process that is started while the time runs out does not outlive it.
#[test]
fn child_spawned_after_shutdown_timeout_is_killed() {
    let (begun, is_over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (own_begun, own_over) = (Arc::clone(&begun), Arc::clone(&is_over));
    let children = Children::inetd_style(move |_| {
        own_begun.store(true, Ordering::SeqCst);
        eventually("the end of the time", || own_over.load(Ordering::SeqCst));
        let mut command = Command::new("sleep");
        command.arg("60");
        command
    });
    let serving = Serving::start(TcpServer::builder(), children);
    let _client = serving.client();
    eventually("it is about to be started", || begun.load(Ordering::SeqCst));
    let events = serving.events.clone();
    assert_eq!(serving.end(Duration::ZERO).aborted, 1);
    is_over.store(true, Ordering::SeqCst);
    eventually("it is started all the same", || !events.all().is_empty());
    let event = events.all().remove(0);
    let id = event.strip_prefix("process ").and_then(|rest| rest.split(' ').next()).expect(&event);
    let id = id.parse().expect(&event);
    eventually("its end", || !is_alive(id));
}

#[test]
fn terminate_immediately_signals_children_at_shutdown() {
    let script =
        "trap 'echo bye; exit 5' TERM; echo ready; i=0; while [ $((i += 1)) -lt 600 ]; do sleep 0.1; done";
    let serving = Serving::start(TcpServer::builder(), shell(script).terminate_immediately(true));
    let client = serving.client();
    let mut lines = client.lines(Encoding::Utf8);
    assert_eq!(lines.recv().unwrap().as_deref(), Some("ready"));
    let began = Instant::now();
    let report = serving.end(PATIENCE);
    assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
    assert_eq!(lines.recv().unwrap().as_deref(), Some("bye"));
    // It ended as it was asked to, whatever its code.
    assert_eq!((report.drained, report.failed, report.aborted), (1, 0, 0), "{report}");
}

/// Children that begin after the others were asked are asked, too.
#[test]
fn terminate_immediately_signals_children_started_later() {
    let builder = TcpServer::builder().max_connections(1);
    let serving =
        Serving::start(builder, Children::inetd_style(|_| Command::new("cat")).terminate_immediately(true));
    let first = serving.client();
    first.send("x").unwrap();
    assert_eq!(first.recv(1).unwrap(), b"x");
    let second = serving.client();
    let began = Instant::now();
    let report = serving.end(PATIENCE);
    assert!(began.elapsed() < PATIENCE / 4, "{:?}", began.elapsed());
    assert_eq!((report.drained, report.failed, report.crashed, report.aborted), (2, 0, 0, 0), "{report}");
    drop((first, second));
}

/// The time that counts is the one that is over first.
#[test]
fn shorter_second_shutdown_terminates_earlier() {
    const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
    let serving = Serving::start(TcpServer::builder(), Children::inetd_style(|_| Command::new("cat")));
    let client = serving.client();
    client.send("x").unwrap();
    assert_eq!(client.recv(1).unwrap(), b"x");
    serving.handle.begin_shutdown(PATIENCE);
    let began = Instant::now();
    serving.handle.begin_shutdown(SHUTDOWN_TIMEOUT);
    assert_eq!(client.recv_to_end(10).unwrap(), b"");
    let asked = began.elapsed();
    assert!(asked >= SHUTDOWN_TIMEOUT / 2 && asked < SHUTDOWN_TIMEOUT, "asked after {asked:?}");
    drop(client);
    let report = serving.end(PATIENCE);
    assert_eq!((report.drained, report.aborted), (1, 0), "{report}");
}

/// It may have begun before there was anybody to ask.
#[test]
fn shutdown_before_serve_still_terminates_children() {
    for at_once in [true, false] {
        let server = TcpServer::builder().max_connections(1).bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let client = client_of(handle.local_addr());
        let grace = if at_once { PATIENCE } else { Duration::from_secs(2) };
        let began = Instant::now();
        handle.begin_shutdown(grace);
        let children = Children::inetd_style(|_| Command::new("cat")).terminate_immediately(at_once);
        let serving = std::thread::spawn(move || server.serve_children(children));
        assert_eq!(client.recv_to_end(10).unwrap(), b"");
        let elapsed = began.elapsed();
        drop(client);
        let latest = if at_once { grace / 4 } else { grace };
        assert!(elapsed < latest && (at_once || elapsed >= grace / 2), "{at_once} {elapsed:?}");
        let report = serving.join().unwrap().unwrap();
        assert_eq!((report.drained, report.aborted), (1, 0), "{report}");
    }
}

/// Those who wait when the shutdown begins are served by processes, too.
#[test]
fn shutdown_serves_backlog() {
    let server = TcpServer::builder().max_connections(3).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let clients: Vec<_> = (0..10).map(|_| client_of(handle.local_addr())).collect();
    handle.begin_shutdown(PATIENCE);
    let serving =
        std::thread::spawn(move || server.serve_children(Children::inetd_style(|_| Command::new("cat"))));
    for client in &clients {
        client.send("x").unwrap();
        client.half_close().unwrap();
    }
    for client in clients {
        assert_eq!(client.recv_to_end(10).unwrap(), b"x");
    }
    let report = serving.join().unwrap().unwrap();
    assert_eq!((report.drained, report.aborted), (10, 0), "{report}");
}
