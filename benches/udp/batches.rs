//! Many datagrams at a time: a burst is sent and received, by one thread, over the loopback interface.

use std::time::Duration;

use super::kit::{Variant, compare, is_smoke_run, print, timed, variant};
use super::ways::{receiving, sending, sizes};

fn bursts() -> usize {
    if is_smoke_run() { 2 } else { 40 }
}

/// How a burst is sent, and how it is received; the first is what the others are compared with.
const WAYS: [(&str, &str); 9] = [
    ("raw", "raw"),
    ("raw connected", "raw"),
    ("raw mmsg", "raw mmsg"),
    ("quinn-udp", "quinn-udp"),
    ("single", "single"),
    ("batch", "batch"),
    ("batch connected", "batch"),
    ("batch connected", "batch, plain"),
    ("batch connected", "raw"),
];

pub(crate) fn run() {
    for size in [64, 512, 1200, 8000, 0] {
        let count = sizes(size).len();
        let rows = compare(31, WAYS.map(|(to, from)| there_and_back(to, from, size, count)).into());
        let what = if size == 0 { "64 to 1200".to_owned() } else { size.to_string() };
        print(&format!("send and receive {count} datagrams of {what} bytes"), bursts() * count, &rows);
    }
}

fn there_and_back<'a>(to: &str, from: &str, size: usize, count: usize) -> Variant<'a> {
    let (at, mut receive) = receiving(from);
    let mut send = sending(to, size, at);
    let name = if to == from { to.to_owned() } else { format!("{to}, received by {from}") };
    variant(name, move || -> Duration {
        timed(|| {
            for _ in 0..bursts() {
                send();
                let mut received = 0;
                while received < count {
                    received += receive();
                }
                assert_eq!(received, count);
            }
        })
    })
}
