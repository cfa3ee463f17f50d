//! A file of 64 MiB, in the system's memory already, to a socket that a thread drains.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::clock::Clock;
use super::kit::{compare, is_smoke_run, print, variant};
use super::raw::{self, Aligned, Raw};

fn mebibytes() -> usize {
    if is_smoke_run() { 1 } else { 64 }
}

/// Accepts one connection after the other and reads each to its end.
fn drain(listener: &TcpListener) {
    let mut buffer = Aligned::new(256 * 1024);
    while let Ok((stream, _)) = listener.accept() {
        let mut total = 0;
        loop {
            match Raw::of(&stream).recv(buffer.room()) {
                0 => break,
                length => total += length,
            }
        }
        assert_eq!(total, mebibytes() << 20);
        // Whoever sends waits for this, so that nothing of one turn is left in the next.
        (&stream).write_all(b".").unwrap();
    }
}

/// Times what sends the file, up to its return; then waits until it has arrived.
fn sent(clock: Clock, to: SocketAddr, send: impl FnOnce(&TcpStream)) -> Duration {
    let stream = raw::connect(to);
    let time = clock.time(|| send(&stream));
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(Raw::of(&stream).recv(&mut [0]), 1);
    time
}

/// Python's `socket.sendfile`, in a process that waits for a line, sends the file, and reports the
/// time.
struct Python {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

const PROGRAM: &str = r"
import socket, sys, time
host, port, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for line in sys.stdin:
    with socket.create_connection((host, port)) as connection, open(path, 'rb') as file:
        connection.settimeout(None)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b'cubic')
        except OSError:
            pass
        start, used = time.perf_counter_ns(), time.thread_time_ns()
        connection.sendfile(file)
        start, used = time.perf_counter_ns() - start, time.thread_time_ns() - used
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
        print(start, used, flush=True)
";

impl Python {
    fn start(to: SocketAddr, path: &Path) -> Option<Python> {
        let mut command = Command::new("python3");
        command.args(["-c", PROGRAM, &to.ip().to_string(), &to.port().to_string()]).arg(path);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take()?));
        Some(Python { child, input, output })
    }

    fn send(&mut self, clock: Clock) -> Duration {
        self.input.as_mut().unwrap().write_all(b"go\n").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let mut figures = line.split_whitespace().map(|figure| Duration::from_nanos(figure.parse().unwrap()));
        let (passed, processor) = (figures.next(), figures.next());
        match clock {
            Clock::Passed => passed,
            Clock::Processor => processor,
        }
        .expect("python3 tells how long it took")
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(crate) fn run() {
    let path = Temporary(std::env::temp_dir().join(format!("socketry-bench-{}", std::process::id())));
    std::fs::write(&path.0, vec![b'x'; mebibytes() << 20]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = listener.local_addr().unwrap();
    std::thread::spawn(move || drain(&listener));

    for (clock, addition) in Clock::BOTH {
        measured(clock, if addition.is_empty() { "" } else { ", processor time of the sender" }, to, &path.0);
    }
}

fn measured(clock: Clock, addition: &str, to: SocketAddr, path: &Path) {
    let file = || File::open(path).unwrap();
    let plain = raw::client().build();
    let limited = raw::client().write_timeout(Duration::from_secs(30)).build();
    let mut rows = vec![
        variant("sendfile", || {
            let file = file();
            sent(clock, to, |stream| Raw::of(stream).send_file(&file, mebibytes() << 20))
        }),
        variant("socketry send_file", || {
            let file = file();
            sent(clock, to, |stream| {
                plain.adopt(stream.try_clone().unwrap()).unwrap().send_file(&file).unwrap();
            })
        }),
        variant("socketry send_file, write timeout", || {
            let file = file();
            sent(clock, to, |stream| {
                limited.adopt(stream.try_clone().unwrap()).unwrap().send_file(&file).unwrap();
            })
        }),
        variant("std::io::copy", || {
            let mut file = file();
            file.rewind().unwrap();
            sent(clock, to, |mut stream| {
                std::io::copy(&mut file, &mut stream).unwrap();
            })
        }),
    ];
    match Python::start(to, path) {
        Some(mut python) => rows.push(variant("Python socket.sendfile", move || python.send(clock))),
        None => println!("skipped: Python's socket.sendfile, for there is no python3"),
    }
    print(&format!("a file of {} MiB, each MiB{addition}", mebibytes()), mebibytes(), &compare(21, rows));
}
