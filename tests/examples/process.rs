//! `process_server` and `prefork_server` at work, with clients that leave, stay, say nothing and say what is not text, and with
//! workers that are killed.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ChildStdin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::kit::listening::*;
use crate::kit::processes::*;
use crate::kit::*;
use rustix::process::{Pid, Signal, kill_process};
use socketry::{Encoding, TcpConnection};

const GB2312: Encoding = Encoding::Gb2312;

const WAITING: &str = "-----主进程等待新客户端的到来-----";

/// `process_server` at a port of the system's choice, after its first line.
fn process_server(more: &[&str]) -> Listening {
    let server = listen("process_server", &[&["127.0.0.1:0"], more].concat());
    assert_eq!(server.lines.next(), WAITING);
    server
}

/// A client, and its address, once the server has said that a process is started for it.
#[track_caller]
fn connect_client(server: &Listening) -> (TcpConnection, String) {
    let client = client_of(server.address);
    let own = client.local_addr().unwrap().to_string();
    assert_eq!(server.lines.next(), format!("-----创建一个新的进程负责处理数据[{own}]"));
    assert_eq!(server.lines.next(), WAITING);
    (client, own)
}

/// Sends a piece, and waits until it is shown.
#[track_caller]
fn send_and_expect(server: &Listening, client: &(TcpConnection, String), piece: &[u8], shown: &str) {
    client.0.send(piece).unwrap();
    assert_eq!(server.lines.next(), format!("revv[{}]:[{shown}]", client.1));
}

#[track_caller]
fn wait_for_no_children(server: &Listening) {
    eventually("the end of all children", || children_of(server.running.id()).is_empty());
}

#[test]
fn process_server_decodes_characters_split_across_reads() {
    let server = process_server(&[]);
    let (first, second) = (connect_client(&server), connect_client(&server));
    for (piece, shown) in [
        (&b"hahah"[..], "hahah"),
        (b"\xC4\xE3\xBA", "你"),
        (b"\xC3", "好"),
        (b"a\xFF\xFFb", "a\\xff\\xffb"),
        (b"two\nlines\x1B[2J", "two\\nlines\\u{1b}[2J"),
        // The notes receive as much at a time, and so does the example.
        (&[b'x'; 1024], &"x".repeat(1024)),
        (b"end\xC4", "end"),
    ] {
        send_and_expect(&server, &first, piece, shown);
    }
    send_and_expect(&server, &second, b"\xC4\xE3", "你");
    assert_eq!(children_of(server.running.id()).len(), 2);

    // What never became a character is not lost.
    let (client, own) = first;
    drop(client);
    assert_eq!(server.lines.next(), format!("revv[{own}]:[\\xc4]"));
    assert_eq!(server.lines.next(), format!("[{own}]客户端已关闭"));
    eventually("the end of the first child", || children_of(server.running.id()).len() == 1);
    send_and_expect(&server, &second, b"\xBA\xC3", "好");
    drop(second);
    wait_for_no_children(&server);
    interrupt(&server.running);
    assert_eq!(server.notes.next(), "ending: those inside have 5s");
    assert!(server.running.finish().status.success());
    assert!(server.notes.rest().is_empty(), "nothing went wrong");
    let report = server.lines.rest().pop().unwrap();
    assert_eq!(ended_and_cut(&report), (2, 0), "{report}");
}

#[test]
fn process_server_refuses_clients_over_max() {
    let server = process_server(&["--max", "1", "--encoding", "utf-8"]);
    let first = connect_client(&server);
    send_and_expect(&server, &first, "😀".as_bytes(), "😀");
    let mut second = client_in(Encoding::Utf8, server.address);
    assert_eq!(heard(&mut second), "busy, try again later");
    assert!(server.notes.next().ends_with(": connection limit reached"));
    assert_eq!(children_of(server.running.id()).len(), 1);
    let (client, own) = first;
    drop(client);
    assert_eq!(server.lines.next(), format!("[{own}]客户端已关闭"));
    wait_for_no_children(&server);
    // There is room a moment after the process has ended.
    eventually("room for another", || {
        let third = client_of(server.address);
        third.half_close().unwrap();
        third.recv_to_end(100).unwrap().is_empty()
    });
    assert!(server.lines.next().starts_with("-----创建一个新的进程负责处理数据["));
}

#[test]
fn timeout_or_reset_ends_only_that_child_process() {
    let server = process_server(&["--timeout", "1"]);
    for (leaves, why) in [(false, "timed out after 1"), (true, "connection reset")] {
        let client = connect_client(&server);
        send_and_expect(&server, &client, b"hahah", "hahah");
        let process = children_of(server.running.id())[0];
        let (client, own) = client;
        let client = if leaves {
            client.abort();
            None
        } else {
            Some(client)
        };
        let [error, end] = [server.notes.next(), server.notes.next()];
        assert!(error.starts_with("process_server: receive at ") && error.contains(why), "{error}");
        assert_eq!(end, format!("process {process}, which served {own}, ended with exit status: 1"));
        if let Some(client) = client {
            assert_eq!(client.recv(10).unwrap(), b"", "it is closed");
        }
    }
    send_and_expect(&server, &connect_client(&server), b"next", "next");
}

/// Its process finds a socket that was somebody's, and must not take itself for the parent.
#[test]
fn immediate_reset_spawns_no_second_server() {
    // Should there be one, it does not stay for long.
    let server = process_server(&["--seconds", "30"]);
    for _ in 0..10 {
        let client = client_of(server.address);
        let own = client.local_addr().unwrap().to_string();
        client.abort();
        assert_eq!(server.lines.next(), format!("-----创建一个新的进程负责处理数据[{own}]"));
        assert_eq!(server.lines.next(), WAITING);
        let [error, end] = [server.notes.next(), server.notes.next()];
        assert!(error.starts_with("process_server: "), "{error}");
        assert!(end.contains(&own) && end.ends_with("ended with exit status: 1"), "{end}");
    }
    wait_for_no_children(&server);
    send_and_expect(&server, &connect_client(&server), b"next", "next");
}

#[test]
fn process_server_drains_on_ctrl_c_and_aborts_on_second() {
    for times in [1, 2] {
        let server = process_server(&[]);
        let client = connect_client(&server);
        send_and_expect(&server, &client, b"inside", "inside");
        let children = children_of(server.running.id());
        assert_eq!(children.len(), 1);
        interrupt(&server.running);
        assert_eq!(server.notes.next(), "ending: those inside have 5s");
        send_and_expect(&server, &client, b"still inside", "still inside");
        let began = Instant::now();
        if times == 1 {
            drop(client.0);
        } else {
            interrupt(&server.running);
            assert_eq!(server.notes.next(), "ending at once");
        }
        let output = server.running.finish();
        assert!(output.status.success(), "{output:?}");
        assert!(began.elapsed() < Duration::from_secs(4), "it does not wait for the 5 s to be over");
        assert!(!is_alive(children[0]), "nobody is left behind");
        assert!(server.notes.rest().is_empty());
        let report = server.lines.rest().pop().unwrap();
        // One that is asked to end, and killed, may have obeyed before.
        let is_right = matches!((times, ended_and_cut(&report)), (_, (1, 0)) | (2, (0, 1)));
        assert!(is_right, "{report}");
    }
}

#[test]
fn servers_exit_after_seconds_and_report_port_in_use() {
    let taken = server();
    let taken = taken.local_addr().to_string();
    for name in ["process_server", "prefork_server"] {
        let server = listen(name, &["127.0.0.1:0", "--seconds", "0.5"]);
        assert!(server.running.finish().status.success());
        assert_eq!(server.lines.rest().pop().unwrap(), "served 0, drained 0, aborted 0, refused 0");

        let output = Running::start(example(name).arg(&taken)).finish();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), complaint.lines().count()), (Some(1), 1), "{complaint}");
        assert!(complaint.starts_with(&format!("{name}: bind {taken}: address in use")), "{complaint}");
        assert!(output.stdout.is_empty(), "it does not begin");
    }
}

/// `prefork_server` with two workers that accept connections.
struct Prefork {
    server: Listening,
    typed: ChildStdin,
    /// The process of each worker.
    processes: BTreeMap<usize, u32>,
}

/// A row of the table that `s` shows.
#[derive(Debug)]
struct Row {
    worker: usize,
    process: u32,
    state: String,
}

impl Prefork {
    fn start() -> Prefork {
        let mut server = listen("prefork_server", &["127.0.0.1:0", "--workers", "2"]);
        assert_eq!(server.notes.next(), "r restarts the workers, s shows them, Ctrl-C ends it");
        let typed = server.running.stdin();
        let mut processes = BTreeMap::new();
        for _ in 0..2 {
            let (worker, process) = parse_accepting_note(&server.notes.next());
            processes.insert(worker, process);
        }
        assert_eq!(processes.len(), 2);
        Prefork { server, typed, processes }
    }

    fn type_in(&mut self, line: &str) {
        writeln!(self.typed, "{line}").unwrap();
    }

    /// The rows of the table, and its sums: connections that were accepted, and those that are open.
    fn table(&mut self) -> (Vec<Row>, u64, u64) {
        self.type_in("s");
        let mut rows = Vec::new();
        loop {
            let line = self.server.lines.next();
            let cells: Vec<_> = line.split_whitespace().collect();
            match cells[..] {
                ["all", accepted, open] => return (rows, accepted.parse().unwrap(), open.parse().unwrap()),
                [worker, process, state, age, _, _] if age.ends_with('s') && line.starts_with("  ") => {
                    let state = state.to_owned();
                    let (worker, process) = (worker.parse().unwrap(), process.parse().unwrap());
                    rows.push(Row { worker, process, state });
                }
                // The heading, or what a worker says.
                _ => assert!(line.starts_with("worker "), "{line}"),
            }
        }
    }

    /// A client, and the worker that has it.
    fn client(&self) -> (Client, usize) {
        let mut client = client_in(GB2312, self.server.address);
        client.send("你好").unwrap();
        assert_eq!(heard(&mut client), "你好");
        let own = client.get_ref().local_addr().unwrap();
        let line = self.server.lines.next();
        let worker =
            line.strip_prefix("worker ").and_then(|rest| rest.strip_suffix(&format!(", {own}: 你好")));
        (client, worker.unwrap_or_else(|| panic!("{line}")).parse().unwrap())
    }
}

/// The worker and its process in the line that says that it has begun.
#[track_caller]
fn parse_accepting_note(note: &str) -> (usize, u32) {
    let numbers = note.strip_prefix("worker ").and_then(|rest| rest.strip_suffix(", accepts connections"));
    let numbers = numbers.and_then(|numbers| numbers.split_once(", process "));
    let (worker, process) = numbers.unwrap_or_else(|| panic!("{note}"));
    (worker.parse().unwrap(), process.parse().unwrap())
}

#[track_caller]
fn echo(client: &mut Client, text: &str) {
    client.send(text).unwrap();
    assert_eq!(heard(client), text);
}

/// A client that comes, is answered and leaves.
#[track_caller]
fn connect_and_echo(address: SocketAddr) {
    echo(&mut client_in(GB2312, address), "收到");
}

#[test]
fn prefork_echo_survives_worker_kill_and_restart() {
    let mut prefork = Prefork::start();
    let (mut steady, own) = prefork.client();
    let other = 1 - own;
    let (rows, ..) = prefork.table();
    let processes: BTreeMap<_, _> = rows.iter().map(|row| (row.worker, row.process)).collect();
    assert_eq!(processes, prefork.processes, "{rows:?}");
    assert!(rows.iter().all(|row| row.state == "serving"), "{rows:?}");

    let killed = processes[&other];
    assert!(children_of(prefork.server.running.id()).contains(&killed), "only those that were started here");
    kill_process(Pid::from_raw(killed.try_into().unwrap()).unwrap(), Signal::KILL).unwrap();
    let said = format!(
        "worker {other}, process {killed}, ended with signal: 9 (SIGKILL), and is started again in 100ms"
    );
    assert_eq!(prefork.server.notes.next(), said);
    let address = prefork.server.address;
    let mut visits = 1;
    for _ in 0..10 {
        echo(&mut steady, "still here");
        connect_and_echo(address);
        visits += 1;
    }
    let (worker, process) = parse_accepting_note(&prefork.server.notes.next());
    assert_eq!(worker, other);
    assert_ne!(process, killed);
    prefork.processes.insert(worker, process);

    // Somebody comes at every moment of the restart, and nobody is turned away.
    let is_over = Arc::new(AtomicBool::new(false));
    let visiting = {
        let is_over = Arc::clone(&is_over);
        thread::spawn(move || {
            let mut visits = 0;
            while !is_over.load(Ordering::Relaxed) {
                connect_and_echo(address);
                visits += 1;
            }
            visits
        })
    };
    prefork.type_in("r");
    let mut new = BTreeMap::new();
    for worker in 0..2 {
        let note = prefork.server.notes.next();
        let (number, process) = parse_accepting_note(&note);
        assert_eq!(number, worker, "one after the other: {note}");
        new.insert(number, process);
        let old = prefork.processes[&number];
        if number == own {
            // The one before has a client, and waits for it.
            eventually("a worker that is ending", || {
                prefork.table().0.iter().any(|row| row.process == old && row.state == "ending")
            });
            echo(&mut steady, "until the end");
            prefork.type_in("restart");
            let note = prefork.server.notes.next();
            assert_eq!(note, "not restarted: start process: the workers are being restarted already");
            steady.get_mut().half_close().unwrap();
            assert_eq!(steady.recv().unwrap(), None);
        }
        let note = prefork.server.notes.next();
        assert_eq!(note, format!("worker {worker}, process {old}, ended with exit status: 0 (requested)"));
    }
    assert_eq!(prefork.server.notes.next(), "every worker has been restarted");
    is_over.store(true, Ordering::Relaxed);
    let during = visiting.join().unwrap();
    assert!(during > 0);
    visits += during;

    let (rows, ..) = prefork.table();
    let processes: BTreeMap<_, _> = rows.iter().map(|row| (row.worker, row.process)).collect();
    assert_eq!(processes, new, "{rows:?}");
    assert!(
        children_of(prefork.server.running.id()).iter().all(|child| new.values().any(|own| own == child))
    );
    connect_and_echo(address);
    visits += 1;
    eventually("what all workers have told", || {
        let (_, accepted, open) = prefork.table();
        (accepted, open) == (visits, 0)
    });
    interrupt(&prefork.server.running);
    assert!(prefork.server.running.finish().status.success());
    assert!(new.values().all(|&process| !is_alive(process)));
    let lines = prefork.server.lines.rest();
    let report = lines.last().unwrap();
    assert!(report.ends_with(", refused 0, crashed 1"), "{report}");
    assert_eq!(ended_and_cut(report), (visits, 0), "{report}");
    for (worker, process) in new {
        let begins = format!("worker {worker}, process {process}: served ");
        assert!(lines.iter().any(|line| line.starts_with(&begins)), "{begins} {lines:?}");
    }
}

/// `prefork_server` with somebody inside when Ctrl-C comes, who is echoed still and then leaves, or is cut by another Ctrl-C.
fn interrupt_prefork(times: usize) {
    let prefork = Prefork::start();
    let (mut client, worker) = prefork.client();
    let Prefork { server, typed, processes } = prefork;
    // The end of the input ends nothing.
    drop(typed);
    echo(&mut client, "inside");
    interrupt(&server.running);
    assert_eq!(server.notes.next(), "ending: those inside have 5s");
    echo(&mut client, "still inside");
    let began = Instant::now();
    if times == 1 {
        drop(client);
    } else {
        interrupt(&server.running);
        // The other worker may have ended before.
        while server.notes.next() != "ending at once" {}
    }
    assert!(server.running.finish().status.success());
    assert!(began.elapsed() < Duration::from_secs(4), "it does not wait for the 5 s to be over");
    assert!(processes.values().all(|&process| !is_alive(process)), "nobody is left behind");
    let lines = server.lines.rest();
    let report = lines.last().unwrap();
    assert_eq!(ended_and_cut(report), if times == 1 { (1, 0) } else { (0, 1) }, "{report}");
    let own = format!("worker {worker}, process {}: {report}", processes[&worker]);
    // Who is ended at once may not come to say what it did.
    assert!(lines.contains(&own) || times == 2, "{lines:?}");
}

#[test]
fn prefork_ctrl_c_drains_active_connections() {
    interrupt_prefork(1);
}

#[test]
fn prefork_second_ctrl_c_aborts_active_connections() {
    interrupt_prefork(2);
}

#[test]
fn prefork_reports_invalid_line_and_unknown_command() {
    let mut prefork = Prefork::start();
    let (mut client, worker) = prefork.client();
    let own = client.get_ref().local_addr().unwrap();
    client.get_mut().send(b"\xFF\n").unwrap();
    assert_eq!(heard(&mut client), "error: byte FF at byte 5 is not gb2312");
    assert_eq!(
        prefork.server.notes.next(),
        format!("worker {worker}, {own}: byte FF at byte 5 is not gb2312")
    );
    echo(&mut client, "收到\t\u{3000}");
    prefork.type_in("q\u{1B}");
    let note = prefork.server.notes.next();
    assert_eq!(note, "\"q\\u{1b}\" is not understood: r restarts the workers, s shows them");
    prefork.typed.write_all(b"\xFF\n").unwrap();
    assert!(prefork.server.notes.next().starts_with("prefork_server: standard input: "));
    echo(&mut client, "it goes on");
}
