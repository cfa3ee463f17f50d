//! The same dialogue in C, Rust's `std`, Go and Python, each in two processes of its own:
//! `cargo bench --bench peers`.
//!
//! One end asks and waits, the other one answers, both on one processor; every figure is a ratio to
//! C in the same round, more is faster. What is not installed is left out, and said.

#[path = "../kit/mod.rs"]
mod kit;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kit::{compare, is_smoke_run, print, variant};
use socketry::{TcpClient, TcpServer, UdpEndpoint};

/// A program that is one of the ends, by its first argument.
struct Peer {
    name: &'static str,
    program: PathBuf,
    before: Vec<String>,
}

/// An end that answers, which is gone with it.
struct Echo(Child, String);

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Peer {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.before);
        command
    }

    fn echo(&self, protocol: &str) -> Echo {
        let mut command = self.command();
        command.arg(format!("{protocol}-echo")).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Echo(child, port.trim().to_owned())
    }

    fn ask(&self, protocol: &str, port: &str, count: usize, size: usize) -> Duration {
        let mut command = self.command();
        command.args([&format!("{protocol}-ask"), port, &count.to_string(), &size.to_string()]);
        let output = command.stderr(Stdio::inherit()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        Duration::from_nanos(text.trim().parse().unwrap_or_else(|_| panic!("{}: {text:?}", self.name)))
    }
}

/// Where the sources are, and where what is made of them is put.
fn peers() -> Vec<Peer> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    let made = std::env::temp_dir().join(format!("socketry-peers-{}", std::process::id()));
    std::fs::create_dir_all(&made).unwrap();
    let is_made = |name: &str, command: &mut Command| match command.status() {
        Ok(status) if status.success() => true,
        _ => {
            println!("{name} is not on this machine, or does not make the program");
            false
        }
    };
    let mut peers = Vec::new();
    let c = made.join("c");
    if is_made("cc", Command::new("cc").args(["-O2", "-o"]).arg(&c).arg(sources.join("peer.c"))) {
        peers.push(Peer { name: "C, the system calls", program: c, before: Vec::new() });
    }
    let own = std::env::current_exe().unwrap();
    for (name, word) in [("std", "std"), ("socketry", "socketry")] {
        peers.push(Peer { name, program: own.clone(), before: vec![word.to_owned()] });
    }
    let go = made.join("go");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&go).arg(sources.join("peer.go")).env("GOFLAGS", "-mod=mod");
    if is_made("go", &mut build) {
        peers.push(Peer { name: "Go", program: go, before: Vec::new() });
    }
    if is_made("python3", Command::new("python3").args(["-c", ""])) {
        let script = sources.join("peer.py").to_string_lossy().into_owned();
        peers.push(Peer { name: "Python", program: "python3".into(), before: vec![script] });
    }
    peers
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["std", role] => return std_echo(role),
        ["socketry", role] => return own_echo(role),
        [word @ ("std" | "socketry"), role, port, count, size] => {
            let ask = if word == "std" { std_ask } else { own_ask };
            let time = ask(role, port.parse().unwrap(), count.parse().unwrap(), size.parse().unwrap());
            return println!("{}", time.as_nanos());
        }
        _ => {}
    }
    pin();
    let peers = peers();
    let count = if is_smoke_run() { 3 } else { 3_000 };
    for protocol in ["udp", "tcp"] {
        for size in [64, 1200, 8000] {
            let echoes: Vec<Echo> = peers.iter().map(|peer| peer.echo(protocol)).collect();
            let variants = peers.iter().zip(&echoes).map(|(peer, Echo(_, port))| {
                variant(peer.name, move || peer.ask(protocol, port, count, size))
            });
            let rows = compare(9, variants.collect());
            print(&format!("{protocol}: {size} bytes asked and answered by two processes"), count, &rows);
        }
    }
    let _ =
        std::fs::remove_dir_all(std::env::temp_dir().join(format!("socketry-peers-{}", std::process::id())));
}

/// Pins this process and those that it starts to one processor, so that no thread is woken on
/// another.
fn pin() {
    #[cfg(target_os = "linux")]
    // SAFETY: all zeros is a valid set, and the set is live during the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
}

fn std_echo(role: &str) {
    let mut buffer = vec![0; 65_536];
    if role == "udp-echo" {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        println!("{}", socket.local_addr().unwrap().port());
        loop {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            socket.send_to(&buffer[..length], from).unwrap();
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        stream.set_nodelay(true).unwrap();
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..length]).unwrap();
        }
    }
}

fn std_ask(role: &str, port: u16, count: usize, size: usize) -> Duration {
    let mut buffer = vec![0; size];
    if role == "udp-ask" {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        return times(count, || {
            socket.send(&buffer).unwrap();
            assert_eq!(socket.recv(&mut buffer).unwrap(), size);
        });
    }
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    times(count, || {
        stream.write_all(&buffer).unwrap();
        stream.read_exact(&mut buffer).unwrap();
    })
}

fn own_echo(role: &str) {
    let mut buffer = vec![0; 65_536];
    if role == "udp-echo" {
        let endpoint = UdpEndpoint::bind("127.0.0.1:0").unwrap();
        println!("{}", endpoint.local_addr().port());
        loop {
            let arrival = endpoint.recv_into(&mut buffer).unwrap();
            endpoint.reply(arrival, &buffer[..arrival.len()]).unwrap();
        }
    }
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    println!("{}", server.local_addr().port());
    for connection in server.incoming() {
        let connection = connection.unwrap();
        while let Ok(length @ 1..) = (&connection).read(&mut buffer) {
            connection.send(&buffer[..length]).unwrap();
        }
    }
}

fn own_ask(role: &str, port: u16, count: usize, size: usize) -> Duration {
    let mut buffer = vec![0; size];
    if role == "udp-ask" {
        let endpoint = UdpEndpoint::connect(("127.0.0.1", port)).unwrap();
        return times(count, || {
            endpoint.send(&buffer[..]).unwrap();
            assert_eq!(endpoint.recv_into(&mut buffer).unwrap().len(), size);
        });
    }
    let connection = TcpClient::new().connect(("127.0.0.1", port)).unwrap();
    times(count, || {
        connection.send(&buffer[..]).unwrap();
        connection.recv_exact(&mut buffer).unwrap();
    })
}

fn times(count: usize, mut exchange: impl FnMut()) -> Duration {
    let start = Instant::now();
    (0..count).for_each(|_| exchange());
    start.elapsed()
}
