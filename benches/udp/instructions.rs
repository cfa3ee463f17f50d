//! How many instructions a datagram costs outside the kernel: counted by valgrind's callgrind, which counts and does not time, of
//! this program again, for two numbers of datagrams, so that all else cancels out.

use std::net::UdpSocket;
use std::process::Command;

use socketry::UdpEndpoint;

use super::kit::is_smoke_run;
use super::raw::{Raw, sockaddr};

/// A name, and what it is the name of.
type Kind = (&'static str, fn(usize));

/// Each that is raw is what those behind it are compared with.
const KINDS: [Kind; 6] = [
    ("raw sendto, recvfrom", raw),
    ("std send_to, recv_from", std),
    ("socketry send_to, recv_into", ours),
    ("socketry send_to, recv_into, timeout", ours_with_timeout),
    ("raw send, recv, connected", raw_connected),
    ("socketry send, recv_into, connected", ours_connected),
];

const FEW: usize = 1_000;
const MANY: usize = 3_000;

/// What the program is asked for when it is run again.
pub(crate) fn be(kind: &str, count: usize) {
    let (_, work) = KINDS.iter().find(|(name, _)| *name == kind).expect("a kind");
    work(count);
}

pub(crate) fn run() {
    println!("\ninstructions outside the kernel for a datagram of 64 bytes sent and received");
    if is_smoke_run() || Command::new("valgrind").arg("--version").output().is_err() {
        return println!("  not counted: there is no valgrind, or no time");
    }
    let mut base = 0.0;
    for (kind, _) in KINDS {
        let [few, many] = [FEW, MANY].map(|count| counted(kind, count));
        let each = (many - few) as f64 / (MANY - FEW) as f64;
        if kind.starts_with("raw") {
            base = each;
        }
        println!("  {kind:<44} {each:>8.0} {:>+8.0}", each - base);
    }
}

fn counted(kind: &str, count: usize) -> u64 {
    let own = std::env::current_exe().expect("this program");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(own);
    let output = command.args(["as-counted", kind, &count.to_string()]).output().expect("valgrind");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = text.lines().find_map(|line| line.split("Collected : ").nth(1));
    collected.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

fn raw(count: usize) {
    let ends = [(); 2].map(|()| Raw::new(UdpSocket::bind("127.0.0.1:0").unwrap()));
    let to = sockaddr(ends[1].socket.local_addr().unwrap());
    let mut buffer = [0; 64];
    for _ in 0..count {
        ends[0].send_to(&buffer, &to);
        ends[1].recv_from(&mut buffer);
    }
}

fn std(count: usize) {
    let ends = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let to = ends[1].local_addr().unwrap();
    let mut buffer = [0; 64];
    for _ in 0..count {
        ends[0].send_to(&buffer, to).unwrap();
        ends[1].recv_from(&mut buffer).unwrap();
    }
}

fn exchange(sender: &UdpEndpoint, receiver: &UdpEndpoint, count: usize) {
    let to = receiver.local_addr();
    let mut buffer = [0; 64];
    for _ in 0..count {
        sender.send_to(buffer, to).unwrap();
        let _ = receiver.recv_into(&mut buffer).unwrap();
    }
}

fn ours(count: usize) {
    let [one, two] = [(); 2].map(|()| UdpEndpoint::bind("127.0.0.1:0").unwrap());
    exchange(&one, &two, count);
}

fn ours_with_timeout(count: usize) {
    let builder = || UdpEndpoint::builder().read_timeout(std::time::Duration::from_secs(5));
    let [one, two] = [(); 2].map(|()| builder().bind("127.0.0.1:0").unwrap());
    exchange(&one, &two, count);
}

fn raw_connected(count: usize) {
    let ends = [(); 2].map(|()| Raw::new(UdpSocket::bind("127.0.0.1:0").unwrap()));
    ends[0].socket.connect(ends[1].socket.local_addr().unwrap()).unwrap();
    ends[1].socket.connect(ends[0].socket.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 64];
    for _ in 0..count {
        ends[0].send(&buffer);
        ends[1].recv(&mut buffer);
    }
}

fn ours_connected(count: usize) {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let one = UdpEndpoint::connect(server.local_addr().unwrap()).unwrap();
    server.connect(one.local_addr()).unwrap();
    let two = UdpEndpoint::builder().adopt(server).unwrap();
    let mut buffer = [0; 64];
    for _ in 0..count {
        one.send(buffer).unwrap();
        let _ = two.recv_into(&mut buffer).unwrap();
    }
}
