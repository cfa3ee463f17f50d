//! One process for each connection.

#![cfg(target_os = "linux")]

mod kit;

use std::process::Command;
use std::time::{Duration, Instant};

use kit::processes::*;
use kit::*;
use socketry::process::{self, Children, ProcessError};
use socketry::{AtLimit, Encoding, ServerHandle, ShutdownReport, TcpServer, TcpServerBuilder};

/// A server of children that runs in a thread.
struct Serving {
    handle: ServerHandle,
    events: Events,
    thread: std::thread::JoinHandle<socketry::Result<ShutdownReport>>,
}

impl Serving {
    fn start(builder: TcpServerBuilder, children: Children) -> Serving {
        let events = Events::default();
        let server = builder.on_event(events.observer()).bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let thread = std::thread::spawn(move || server.serve_children(children));
        Serving { handle, events, thread }
    }

    fn client(&self) -> socketry::TcpConnection {
        client_of(self.handle.local_addr())
    }

    fn end(self, grace: Duration) -> ShutdownReport {
        let report = self.handle.shutdown(grace);
        self.thread.join().unwrap().unwrap();
        report
    }
}

/// A child that a shell runs.
fn shell(script: &'static str) -> Children {
    Children::running(move |_| {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    })
}

fn in_role(kind: &'static str) -> Children {
    Children::in_role(move |_| this_test("part", kind))
}

#[test]
#[ignore = "a part of the tests below, which run it in a process of its own"]
fn part() {
    match kind().as_str() {
        "echo" => {
            let connection = process::connection().unwrap().expect("the role of a child");
            assert!(process::connection().unwrap().is_none(), "once");
            while let Ok(bytes) = connection.recv(1024) {
                if bytes.is_empty() {
                    break;
                }
                let (timeout, encoding) = (connection.read_timeout(), connection.encoding());
                connection.send(format!("{} {timeout:?} {encoding}", std::process::id())).unwrap();
            }
        }
        "again" => {
            // It does not look at its role.
            let server = TcpServer::bind("127.0.0.1:0").unwrap();
            let error = server.serve_children(in_role("again")).unwrap_err();
            let detail = error.detail::<ProcessError>();
            assert!(matches!(detail, Some(ProcessError::RoleNotTaken { role: "connection", .. })), "{error}");
        }
        kind => panic!("{kind}"),
    }
}

#[test]
fn any_program_serves_and_knows_who_is_connected() {
    let serving = Serving::start(
        TcpServer::builder(),
        shell("read line; echo \"$line of $PROTO $TCPREMOTEIP $TCPREMOTEPORT at $TCPLOCALPORT\""),
    );
    let client = serving.client();
    let (own, port) = (client.local_addr().unwrap(), serving.handle.local_addr().port());
    client.send("你好\n").unwrap();
    let answer = client.recv_to_end(1024).unwrap();
    let expected = format!("你好 of TCP 127.0.0.1 {} at {port}\n", own.port());
    assert_eq!(String::from_utf8(answer).unwrap(), expected);
    drop(client);
    let report = serving.end(PATIENCE);
    assert_eq!((report.failed, report.crashed, report.aborted), (0, 0, 0), "{report}");
}

#[test]
fn this_program_serves_in_its_role_with_a_process_for_each() {
    let builder = TcpServer::builder().read_timeout(Duration::from_secs(77)).encoding(Encoding::Gb18030);
    let serving = Serving::start(builder, in_role("echo"));
    let clients: Vec<_> = (0..3).map(|_| serving.client()).collect();
    let ask = |client: &socketry::TcpConnection| {
        client.send("who?").unwrap();
        client.recv_text(1024).unwrap()
    };
    let mut answers: Vec<_> = clients.iter().map(ask).collect();
    for answer in &answers {
        assert!(answer.ends_with(" Some(77s) gb18030"), "as the server has it: {answer}");
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
fn one_that_does_not_look_at_its_role_starts_no_others() {
    let serving = Serving::start(TcpServer::builder(), in_role("again"));
    let client = serving.client();
    assert_eq!(client.recv_to_end(1024).unwrap(), b"", "it found the mistake and ended");
    drop(client);
    assert_eq!(serving.end(PATIENCE).failed, 0);
}

#[test]
fn what_ends_badly_is_counted_and_told() {
    let serving = Serving::start(TcpServer::builder(), shell("read how; eval \"$how\""));
    for how in ["exit 0", "exit 3", "kill -KILL $$"] {
        let client = serving.client();
        client.send(format!("{how}\n")).unwrap();
        assert_eq!(client.recv_to_end(10).unwrap(), b"", "{how}");
    }
    eventually("two are counted", || {
        let counters = serving.handle.counters();
        (counters.failed, counters.crashed, counters.served) == (1, 1, 3)
    });
    let events = serving.events.clone();
    let report = serving.end(PATIENCE);
    assert_eq!(
        report.to_string(),
        "served 3, drained 0, aborted 0, refused 0, failed 1, panicked 0, crashed 1"
    );
    let events: Vec<_> = events.all().into_iter().filter(|event| event.contains("ended with")).collect();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events.iter().any(|event| event.ends_with("ended with exit status: 3")), "{events:?}");
    assert!(events.iter().any(|event| event.contains("ended with signal: 9")), "{events:?}");
}

#[test]
fn a_program_that_is_not_there_ends_its_connection_and_is_told() {
    let children = Children::running(|_| Command::new("/nowhere/at-all"));
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
}

/// No more processes than connections may be open: the next one waits, or is refused.
#[test]
fn the_number_of_children_is_bounded() {
    let builder = TcpServer::builder().max_connections(2).at_limit(AtLimit::RefuseWith(b"busy\n".to_vec()));
    let serving = Serving::start(builder, Children::running(|_| Command::new("cat")));
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
fn an_answer_to_a_request_that_was_not_read_arrives() {
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
fn one_that_does_not_end_is_asked_and_then_killed() {
    const GRACE: Duration = Duration::from_millis(1_000);
    let patient = "trap 'echo asked' TERM; echo $$; while :; do sleep 0.1; done";
    let serving = Serving::start(TcpServer::builder(), shell(patient));
    let client = serving.client();
    let mut lines = client.lines(Encoding::Utf8);
    let id: u32 = lines.recv().unwrap().unwrap().parse().unwrap();
    assert!(children_of_this_process().contains(&id));
    let began = Instant::now();
    serving.handle.begin_shutdown(GRACE);
    assert_eq!(lines.recv().unwrap().as_deref(), Some("asked"));
    let asked = began.elapsed();
    assert!(asked >= GRACE / 2 && asked < GRACE, "asked after {asked:?}");
    let report = serving.end(GRACE);
    let ended = began.elapsed();
    assert!(ended >= GRACE && ended < GRACE + Duration::from_millis(500), "ended after {ended:?}");
    assert_eq!((report.aborted, report.crashed, report.failed), (1, 0, 0), "{report}");
    eventually("the group is gone", || !group_exists(id));
}

#[test]
fn those_that_want_to_are_asked_at_once() {
    let script = "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.1; done";
    let serving = Serving::start(TcpServer::builder(), shell(script).ask_at_once(true));
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

/// Those who wait when the shutdown begins are served by processes, too.
#[test]
fn what_waits_in_the_queue_is_served() {
    let server = TcpServer::builder().max_connections(3).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let clients: Vec<_> = (0..10).map(|_| client_of(handle.local_addr())).collect();
    handle.begin_shutdown(PATIENCE);
    let serving =
        std::thread::spawn(move || server.serve_children(Children::running(|_| Command::new("cat"))));
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
