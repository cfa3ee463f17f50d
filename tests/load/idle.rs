//! Thousands of connections that are silent beside a hundred that ask: what they cost the hundred, and what is left of them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::client::within;
use super::held::Held;
use super::server::{Model, Server};
use super::soak::KEPT;

const ACTIVE: usize = 100;
const ROUNDS: usize = 100;

/// Threads that go on to wait, however long nobody needs them.
const IDLE_THREADS: u64 = 2;

pub fn run() {
    let mut is_well = true;
    // A thread for each takes 8 KiB of stack of the system's, and 65,536 numbers are all there are by default.
    for (model, idle) in [(Model::Requests, 9_000), (Model::Threads, 5_000)] {
        is_well &= of(model, idle);
    }
    std::process::exit(i32::from(!is_well));
}

fn ask(mut stream: &TcpStream) {
    stream.write_all(b"a question\n").unwrap();
    let mut answer = Vec::new();
    while answer.last() != Some(&b'\n') {
        let mut more = [0; 64];
        let length = stream.read(&mut more).unwrap();
        assert!(length > 0, "the end instead of an answer");
        answer.extend(&more[..length]);
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    ask(&stream);
    stream
}

/// Half and 99 % of the answers to the active ones, in microseconds.
fn active(streams: &[TcpStream]) -> (u32, u32) {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        for stream in streams {
            let began = Instant::now();
            ask(stream);
            times.push(began.elapsed().as_micros() as u32);
        }
    }
    (within(&mut times, 0.5), within(&mut times, 0.99))
}

/// What the process holds when it has no more than before, or after a minute.
fn few(process: u32, before: &Held) -> Held {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let now = Held::by(process);
        let is_few = now.descriptors <= before.descriptors && now.threads <= before.threads + IDLE_THREADS;
        if is_few || Instant::now() > end {
            return now;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn of(model: Model, count: usize) -> bool {
    let mut server = Server::new(model);
    let address = server.start("many");
    let hundred: Vec<_> = (0..ACTIVE).map(|_| connect(address)).collect();
    active(&hundred);
    let before = Held::by(server.id());
    let alone = active(&hundred);
    let mut crowd = || {
        let idle: Vec<_> = (0..count).map(|_| connect(address)).collect();
        let full = Held::by(server.id());
        let beside = active(&hundred);
        drop(idle);
        // A thread that nobody needs waits ten seconds for work.
        (full, beside, few(server.id(), &before), server.heap())
    };
    let (full, beside, first, _) = crowd();
    let again = active(&hundred);
    // What those before have left is for the next to use: tables keep their room.
    let ((.., second, heap), (.., after, heap_after)) = (crowd(), crowd());
    let each = (full.memory as f64 - before.memory as f64) / count as f64;
    let of_the_first = (first.memory as f64 - before.memory as f64) / count as f64;
    drop(hundred);
    let counters = server.stop(Duration::from_secs(5));
    let is_well = after.descriptors <= before.descriptors
        && after.threads <= before.threads + IDLE_THREADS
        && heap_after <= heap + KEPT
        && counters.add_up()
        && counters.get("accepted") == (3 * count + ACTIVE) as u64;
    println!("{model}: {ACTIVE} ask in turn; half and 99 % are answered within, in µs:");
    println!(
        "{model}:   alone {alone:?}; beside {count} that are silent {beside:?}; when those are gone {again:?}"
    );
    println!(
        "{model}: before {before}; full {full}; after {first}; after as many again {second}; again {after}"
    );
    println!("{model}: KiB for each that is silent {each:.2}, left of it {of_the_first:.2}");
    println!("{model}: bytes of the heap in use after the second crowd {heap}, after the third {heap_after}");
    println!("{model}: {counters}");
    println!("{model}: {}", if is_well { "nothing wrong" } else { "FAILED" });
    is_well
}
