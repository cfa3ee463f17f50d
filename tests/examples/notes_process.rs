//! The notes' server of processes, in `tests/notes`, and the example that descends from it: one can stand for the other.
//!
//! In which spelling Python has two of the characters of GB 2312, and how it refuses the other, is told in
//! `notes_udp.rs`; here are texts in which both agree.

#![cfg(target_os = "linux")]

use std::io::Write;
use std::net::SocketAddr;
use std::process::ChildStdin;

use crate::kit::listening::*;
use crate::kit::processes::*;
use crate::kit::python::*;
use crate::kit::*;
use socketry::Encoding;

const ENCODINGS: [Encoding; 2] = [Encoding::Gb2312, Encoding::Utf8];

const WAITING: &str = "-----主进程等待新客户端的到来-----";

fn created(address: &str) -> String {
    format!("-----创建一个新的进程负责处理数据[{address}]")
}

fn received(address: &str, text: &str) -> String {
    format!("revv[{address}]:[{text}]")
}

fn closed(address: &str) -> String {
    format!("[{address}]客户端已关闭")
}

/// An address as Python prints it.
fn python_address(address: SocketAddr) -> String {
    format!("('{}', {})", address.ip(), address.port())
}

/// The notes' server, after it has said where it listens; its lines are those that follow.
fn notes_server() -> Option<(Running, Lines, SocketAddr)> {
    let mut serving = Running::start(&mut script("process_server.py", &["127.0.0.1", "0"])?);
    let lines = Lines::of(serving.stdout());
    let address = format!("127.0.0.1:{}", lines.next()).parse().unwrap();
    Some((serving, lines, address))
}

/// A client in Python that sends what is typed in.
struct PythonClient {
    running: Running,
    typed: ChildStdin,
    address: String,
}

impl PythonClient {
    fn connect(to: SocketAddr, encoding: Encoding) -> Option<PythonClient> {
        let (host, port) = (to.ip().to_string(), to.port().to_string());
        let arguments = [&*host, &*port, encoding.name()];
        let mut running = Running::start(&mut script("process_client.py", &arguments)?);
        let typed = running.stdin();
        let address = format!("127.0.0.1:{}", Lines::of(running.stdout()).next());
        Some(PythonClient { running, typed, address })
    }

    fn send_line(&mut self, text: &str) {
        writeln!(self.typed, "{text}").unwrap();
    }

    fn close(self) {
        drop(self.typed);
        let output = self.running.finish();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}

#[test]
fn process_server_serves_python_clients_in_one_process_each() {
    for encoding in ENCODINGS {
        let server = listen("process_server", &["127.0.0.1:0", "--encoding", encoding.name()]);
        assert_eq!(server.lines.next(), WAITING);
        let mut clients = Vec::new();
        for _ in 0..3 {
            let Some(client) = PythonClient::connect(server.address, encoding) else { return };
            assert_eq!([server.lines.next(), server.lines.next()], [&created(&client.address), WAITING]);
            clients.push(client);
        }
        for (client, number) in clients.iter_mut().zip(1..) {
            let text = format!("我是{number}号, \"中文\" ①");
            client.send_line(&text);
            assert_eq!(server.lines.next(), received(&client.address, &text), "in {encoding}");
        }
        let parent = server.running.id();
        assert_eq!(children_of(parent).len(), 3, "a process for each, at once");
        for client in clients {
            let address = client.address.clone();
            client.close();
            assert_eq!(server.lines.next(), closed(&address));
        }
        eventually("the end of all children, of which none stays a zombie", || {
            children_of(parent).is_empty()
        });
        interrupt(&server.running);
        assert!(server.running.finish().status.success());
        let rest = server.lines.rest();
        assert_eq!((rest.len(), ended_and_cut(&rest[0])), (1, (3, 0)), "{rest:?}");
    }
}

#[test]
fn python_process_server_serves_tcp_connection() {
    for encoding in ENCODINGS {
        let Some((serving, lines, address)) = notes_server() else {
            return;
        };
        assert_eq!(lines.next(), WAITING);
        let client = client_of(address);
        let own = python_address(client.local_addr().unwrap());
        assert_eq!([lines.next(), lines.next()], [&created(&own), WAITING]);
        assert_eq!(children_of(serving.id()).len(), 1);
        for text in ["hahah", "你好，世界"] {
            let bytes = encoding.encode(text).unwrap();
            client.send(&bytes[..]).unwrap();
            assert_eq!(lines.next(), received(&own, &python_bytes(&bytes)));
        }
        drop(client);
        assert_eq!(lines.next(), closed(&own));
    }
}

/// Two clients at a time, and one after them; each waits until the server has shown what it did. What the server printed, with
/// names in place of addresses.
fn conversation(
    server: SocketAddr,
    lines: &Lines,
    encoding: Encoding,
    as_text: LineNormalizer,
) -> Vec<String> {
    let mut printed = vec![lines.next()];
    let mut take = |count, name: &str, address: SocketAddr| {
        printed
            .extend((0..count).map(|_| as_text(lines.next(), address).replace(&address.to_string(), name)));
    };
    let send = |client: &socketry::TcpConnection, text: &str| {
        client.send(&encoding.encode(text).unwrap()[..]).unwrap();
    };
    let first = client_of(server);
    let first_address = first.local_addr().unwrap();
    take(2, "first", first_address);
    let second = client_of(server);
    let second_address = second.local_addr().unwrap();
    take(2, "second", second_address);
    for text in ["你好", "再见"] {
        send(&second, text);
        take(1, "second", second_address);
        send(&first, text);
        take(1, "first", first_address);
    }
    drop(first);
    take(1, "first", first_address);
    let third = client_of(server);
    let third_address = third.local_addr().unwrap();
    take(2, "third", third_address);
    drop(third);
    take(1, "third", third_address);
    send(&second, "hahah");
    take(1, "second", second_address);
    drop(second);
    take(1, "second", second_address);
    printed
}

/// How a line is made one of ours.
type LineNormalizer = fn(String, SocketAddr) -> String;

/// A line of the notes' server with its address, and its bytes, as the example prints them.
fn normalize_python_line(line: String, address: SocketAddr) -> String {
    let mut line = line.replace(&python_address(address), &address.to_string());
    for encoding in ENCODINGS {
        for text in ["你好", "再见", "hahah"] {
            line = line.replace(&python_bytes(&encoding.encode(text).unwrap()), text);
        }
    }
    line
}

#[test]
fn process_server_output_matches_python() {
    for encoding in ENCODINGS {
        let Some((_serving, lines, address)) = notes_server() else {
            return;
        };
        let theirs = conversation(address, &lines, encoding, normalize_python_line);
        let server = listen("process_server", &["127.0.0.1:0", "--encoding", encoding.name()]);
        let ours = conversation(server.address, &server.lines, encoding, |line, _| line);
        assert_eq!(ours, theirs);
        assert_eq!(ours.len(), 15, "{ours:?}");
        assert!(ours.contains(&received("second", "你好")) && ours.contains(&closed("third")), "{ours:?}");
    }
}
