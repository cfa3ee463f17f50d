//! Many datagrams at a time: a burst is sent and received, by one thread, over the loopback
//! interface.

use std::time::Duration;

use socketry::UdpEndpoint;
use socketry::udp::{RecvBatch, UdpBatchEndpoint};

use super::kit::{Variant, compare, is_smoke_run, print, timed, variant};
use super::ways::{name, receiving, sending, sizes};

fn bursts() -> usize {
    if is_smoke_run() { 2 } else { 40 }
}

/// How a burst is sent, and how it is received; the first is what the others are compared with.
const WAYS: [(&str, &str); 8] = [
    ("raw", "raw"),
    ("raw connected", "raw"),
    ("raw mmsg", "raw mmsg"),
    ("quinn-udp", "quinn-udp"),
    ("single", "single"),
    ("batch", "batch"),
    ("batch connected", "batch"),
    ("batch connected", "raw"),
];

/// For datagrams of one size. Raw GSO is without a copy, too.
const SEGMENTS: [(&str, &str); 5] = [
    ("raw GSO", "raw GSO"),
    ("raw GSO, one buffer", "raw GSO"),
    ("raw GSO, control message", "raw GSO"),
    ("segments connected", "batch"),
    ("segments, no copy", "batch"),
];

pub(crate) fn run() {
    for size in [64, 512, 1200, 8000, 0] {
        let count = sizes(size).len();
        let segments = if size == 0 { &[][..] } else { &SEGMENTS };
        let ways = WAYS.iter().chain(segments);
        let rows = compare(31, ways.map(|(to, from)| there_and_back(to, from, size, count)).collect());
        let what = if size == 0 { "64 to 1200".to_owned() } else { size.to_string() };
        print(&format!("send and receive {count} datagrams of {what} bytes"), bursts() * count, &rows);
    }
    by_count();
}

/// What a datagram costs, by how many are a batch.
fn by_count() {
    let counts = [1, 8, 64, 512];
    let rows = counts.map(|count| {
        let receiver = UdpBatchEndpoint::new(UdpEndpoint::bind("127.0.0.1:0").unwrap());
        let sender = UdpEndpoint::connect(receiver.local_addr()).unwrap();
        let (mut outgoing, mut incoming) = (sender.batch(), RecvBatch::new());
        let times = if is_smoke_run() { 1 } else { 10_240 / count };
        variant(count.to_string(), move || {
            timed(|| {
                for _ in 0..times {
                    (0..count).for_each(|_| outgoing.push([b'x'; 64]).unwrap());
                    sender.send_batch(&mut outgoing).unwrap();
                    let mut received = 0;
                    while received < count {
                        received += receiver.recv_batch(&mut incoming).unwrap();
                    }
                }
            })
        })
    });
    print("a datagram of 64 bytes, by how many a batch has", 10_240, &compare(31, rows.into()));
}

fn there_and_back<'a>(to: &str, from: &str, size: usize, count: usize) -> Variant<'a> {
    let (at, mut receive) = receiving(from);
    let mut send = sending(to, size, at);
    variant(name(to, from), move || -> Duration {
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
