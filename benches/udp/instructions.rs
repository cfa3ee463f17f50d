//! How many instructions a call costs outside the kernel: counted by valgrind's callgrind, which
//! counts and does not time, of this program again, for two numbers of datagrams, so that all else
//! cancels out.

use std::net::UdpSocket;
use std::process::Command;

use socketry::UdpEndpoint;

use super::kit::{is_smoke_run, record};
use super::raw::{Raw, sockaddr};

/// A name and its function, which sends the given number of datagrams, and receives them or lets
/// them be dropped.
type Kind = (&'static str, fn(usize, bool));

/// Each raw one is the reference of those after it.
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
pub(crate) fn be(kind: &str, count: usize, receives: bool) {
    let (_, work) = KINDS.iter().find(|(name, _)| *name == kind).expect("a kind");
    work(count, receives);
}

pub(crate) fn run() {
    println!("\ninstructions outside the kernel for a datagram of 64 bytes");
    if is_smoke_run() || Command::new("valgrind").arg("--version").output().is_err() {
        return println!("  not counted: there is no valgrind, or no time");
    }
    println!("  {:<44} {:>8} {:>8} {:>8} {:>8}", "", "to send", "more", "receive", "more");
    let mut raw = [0.0; 2];
    for (kind, _) in KINDS {
        let each = |receives| {
            let [few, many] = [FEW, MANY].map(|count| counted(kind, count, receives));
            (many - few) as f64 / (MANY - FEW) as f64
        };
        let sent = each(false);
        let both = [sent, each(true) - sent];
        if kind.starts_with("raw") {
            raw = both;
        }
        let [send, receive] = both;
        let [more_to_send, more_to_receive] = [send - raw[0], receive - raw[1]];
        for (direction, own, raw) in [("send", send, raw[0]), ("receive", receive, raw[1])] {
            record(&format!("instructions outside the kernel to {direction}"), kind, own, raw / own);
        }
        println!("  {kind:<44} {send:>8.0} {more_to_send:>+8.0} {receive:>8.0} {more_to_receive:>+8.0}");
    }
}

fn counted(kind: &str, count: usize, receives: bool) -> u64 {
    let own = std::env::current_exe().expect("this program");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(own);
    command.args(["as-counted", kind, &count.to_string(), &receives.to_string()]);
    let output = command.output().expect("valgrind");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = text.lines().find_map(|line| line.split("Collected : ").nth(1));
    collected.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

fn raw(count: usize, receives: bool) {
    let ends = [(); 2].map(|()| Raw::new(UdpSocket::bind("127.0.0.1:0").unwrap()));
    let to = sockaddr(ends[1].socket.local_addr().unwrap());
    let mut buffer = [0; 64];
    for _ in 0..count {
        ends[0].send_to(&buffer, &to);
        if receives {
            ends[1].recv_from(&mut buffer);
        }
    }
}

fn std(count: usize, receives: bool) {
    let ends = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let to = ends[1].local_addr().unwrap();
    let mut buffer = [0; 64];
    for _ in 0..count {
        ends[0].send_to(&buffer, to).unwrap();
        if receives {
            ends[1].recv_from(&mut buffer).unwrap();
        }
    }
}

fn exchange(sender: &UdpEndpoint, receiver: &UdpEndpoint, count: usize, receives: bool) {
    let to = receiver.local_addr();
    let mut buffer = [0; 64];
    for _ in 0..count {
        sender.send_to(buffer, to).unwrap();
        if receives {
            let _ = receiver.recv_into(&mut buffer).unwrap();
        }
    }
}

fn ours(count: usize, receives: bool) {
    let [one, two] = [(); 2].map(|()| UdpEndpoint::bind("127.0.0.1:0").unwrap());
    exchange(&one, &two, count, receives);
}

fn ours_with_timeout(count: usize, receives: bool) {
    let builder = || UdpEndpoint::builder().read_timeout(std::time::Duration::from_secs(5));
    let [one, two] = [(); 2].map(|()| builder().bind("127.0.0.1:0").unwrap());
    exchange(&one, &two, count, receives);
}

fn raw_connected(count: usize, receives: bool) {
    let ends = [(); 2].map(|()| Raw::new(UdpSocket::bind("127.0.0.1:0").unwrap()));
    ends[0].socket.connect(ends[1].socket.local_addr().unwrap()).unwrap();
    ends[1].socket.connect(ends[0].socket.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 64];
    for _ in 0..count {
        ends[0].send(&buffer);
        if receives {
            ends[1].recv(&mut buffer);
        }
    }
}

fn ours_connected(count: usize, receives: bool) {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let one = UdpEndpoint::connect(server.local_addr().unwrap()).unwrap();
    server.connect(one.local_addr()).unwrap();
    let two = UdpEndpoint::builder().adopt(server).unwrap();
    let mut buffer = [0; 64];
    for _ in 0..count {
        one.send(buffer).unwrap();
        if receives {
            let _ = two.recv_into(&mut buffer).unwrap();
        }
    }
}
