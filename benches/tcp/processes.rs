//! Connections per second of servers made of processes: workers on one listener and a process for
//! each connection, against threads, and against Python's.

use std::io::{BufRead, BufReader, stdin};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use socketry::TcpServer;
use socketry::process::{self, Children, Workers};
use socketry::tcp::ServerHandle;

use super::connections::{Comparison, compare};
use super::servers::{ANYWHERE, Start, accept_with_std, answer, serve};

/// Of the servers with workers, for what each worker has served.
static HANDLES: Mutex<Vec<(usize, ServerHandle)>> = Mutex::new(Vec::new());

const KIND: &str = "SOCKETRY_BENCH";

/// A process of `std`, whose standard input is the listener.
const STD: &str = "std";

/// Whether this is a worker or a child.
pub(crate) fn is_one() -> bool {
    std::env::var_os(KIND).is_some()
}

pub(crate) fn be_one() {
    if std::env::var_os(KIND).is_some_and(|kind| kind == STD) {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).unwrap();
        accept_with_std(stdin().as_fd().try_clone_to_owned().unwrap().into());
        loop {
            thread::park();
        }
    }
    if let Some(worker) = process::worker().unwrap() {
        let server = worker.server(TcpServer::builder().threads(8)).unwrap();
        server.serve(answer).unwrap();
    } else if let Some(connection) = process::connection().unwrap() {
        answer(connection).unwrap();
    }
}

fn this_program() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(KIND, "process").args(std::env::args_os().skip(1));
    command
}

fn workers(count: usize) -> SocketAddr {
    let server = TcpServer::bind(ANYWHERE).unwrap();
    let handle = server.handle();
    thread::spawn(move || server.serve_workers(Workers::with_command(count, |_| this_program())).unwrap());
    HANDLES.lock().unwrap().push((count, handle.clone()));
    while handle.workers().iter().filter(|worker| worker.state == process::WorkerState::Serving).count()
        < count
    {
        thread::yield_now();
    }
    handle.local_addr()
}

/// Processes of 8 threads in accept each, of one listener.
fn std_processes(count: usize) -> SocketAddr {
    let listener = TcpListener::bind(ANYWHERE).unwrap();
    let address = listener.local_addr().unwrap();
    for _ in 0..count {
        let mut command = this_program();
        command.env(KIND, STD).stdin(OwnedFd::from(listener.try_clone().unwrap()));
        // It is killed when this process ends.
        std::mem::forget(command.spawn().unwrap());
    }
    address
}

fn children() -> SocketAddr {
    let server = TcpServer::bind(ANYWHERE).unwrap();
    let address = server.local_addr();
    thread::spawn(move || server.serve_children(Children::with_socket(|_| this_program())));
    address
}

pub(crate) fn python(kind: &str) -> SocketAddr {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/tcp/forking_server.py");
    let mut command = Command::new("python3");
    command.args([script, kind]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    // It ends when this process does, and with it the input.
    std::mem::forget(child);
    (Ipv4Addr::LOCALHOST, line.trim().parse().unwrap()).into()
}

const OURS: [(&str, Start); 8] = [
    ("socketry serve, 8 threads", || serve(TcpServer::builder().threads(8))),
    ("socketry serve", || serve(TcpServer::builder())),
    ("socketry 2 workers of 8 threads", || workers(2)),
    ("socketry 4 workers of 8 threads", || workers(4)),
    ("std, 8 threads in accept", || std_processes(1)),
    ("std, 2 processes of 8 threads", || std_processes(2)),
    ("std, 4 processes of 8 threads", || std_processes(4)),
    ("socketry a process for each", children),
];

const PYTHONS: [(&str, Start); 2] = [
    ("Python ForkingTCPServer", || python("forking")),
    ("Python ThreadingTCPServer", || python("threading")),
];

pub(crate) fn run() {
    let mut servers = OURS.to_vec();
    let has_python = Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_ok();
    if has_python {
        servers.extend(PYTHONS);
    } else {
        println!("there is no python3 to compare with");
    }
    let second = if has_python { (OURS.len(), "to forking") } else { (OURS.len() - 1, "to process") };
    for threads in [8, 32] {
        compare(&Comparison { servers: &servers, to: [(0, "to threads"), second] }, threads);
        for (count, handle) in HANDLES.lock().unwrap().drain(..) {
            // They report their counters each tenth of a second.
            thread::sleep(Duration::from_millis(300));
            let served: Vec<u64> = handle.workers().iter().map(|worker| worker.counters.served).collect();
            let all: u64 = served.iter().sum();
            let shares = served.iter().map(|served| format!("{:.0} %", 100.0 * *served as f64 / all as f64));
            println!("  shares of {count} workers: {}", shares.collect::<Vec<_>>().join(", "));
        }
    }
}
