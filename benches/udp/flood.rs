//! A flood between two processes, each on a processor of its own: what is received counts, and what
//! is dropped does not.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::kit::{compare, is_smoke_run, print, variant};
use super::raw::pin_to_processor;
use super::ways::{name, receiving, sending};

/// The variable with the data and the destination of the child.
const KIND: &str = "SOCKETRY_FLOOD";

/// How many datagrams the figures are for.
const MANY: usize = 1_000_000;

/// A flood that is measured for so long.
fn length() -> Duration {
    Duration::from_millis(if is_smoke_run() { 10 } else { 200 })
}

/// In a child: sends until it is killed, or until the timeout if its parent has ended.
pub(crate) fn run_as_child() -> bool {
    let Ok(kind) = std::env::var(KIND) else { return false };
    let [name, size, to] = kind.splitn(3, '|').collect::<Vec<_>>()[..] else { panic!("{kind}") };
    pin_to_processor(1);
    let mut send = sending(name, size.parse().unwrap(), to.parse().unwrap());
    let start = Instant::now();
    while start.elapsed() < 10 * length() {
        send();
    }
    true
}

fn flood(to: &str, from: &str, size: usize) -> Duration {
    let (at, mut receive) = receiving(from);
    let at: SocketAddr = at;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(KIND, format!("{to}|{size}|{at}")).args(std::env::args_os().skip(1));
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    // The first has come: the child is under way.
    receive();
    let (start, mut received) = (Instant::now(), 0);
    while start.elapsed() < length() {
        received += receive();
    }
    let time = start.elapsed();
    child.kill().unwrap();
    child.wait().unwrap();
    time.mul_f64(MANY as f64 / received as f64)
}

pub(crate) fn run() {
    let has_two = pin_to_processor(1);
    pin_to_processor(0);
    if !has_two {
        return println!("\nthe flood was left out: it needs two processors");
    }
    for size in [64, 512, 1200, 8000] {
        let ways = [
            ("raw", "raw"),
            ("raw connected", "raw"),
            ("raw mmsg", "raw mmsg"),
            ("quinn-udp", "quinn-udp"),
            ("batch", "batch"),
            ("batch connected", "batch"),
            ("batch connected", "raw"),
            ("batch connected", "single"),
            ("raw GSO", "raw GSO"),
            ("segments connected", "batch"),
        ];
        let rows =
            compare(9, ways.map(|(to, from)| variant(name(to, from), move || flood(to, from, size))).into());
        print(&format!("receive a flood of {size} bytes from another process"), MANY, &rows);
    }
}
