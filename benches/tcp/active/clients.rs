//! The clients of one server, in one thread over epoll: each sends a line, and the next one as soon
//! as its answer has arrived.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use crate::server_process::{Server, Usage};

pub(crate) const LINE: &[u8] = b"one short line of this client\n";

/// The number of connections that are made before their first answers are awaited.
const CONNECTING: usize = 64;

/// How often the threads of the server are counted.
const SAMPLE: Duration = Duration::from_millis(20);

const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// A server that is silent for so long while connections are made has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The figures of one server in one round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) per_second: f64,
    /// In ms, as the next.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Of the server for each answer, in µs.
    pub(crate) processor: f64,
    /// In MiB.
    pub(crate) peak_memory: f64,
    pub(crate) threads: usize,
    /// Connections that the server closed.
    pub(crate) lost: usize,
}

struct Connection {
    stream: TcpStream,
    sent: Instant,
    missing: usize,
}

impl Connection {
    fn send(&mut self, now: Instant) -> std::io::Result<()> {
        (self.sent, self.missing) = (now, LINE.len());
        // A line fits the OS send buffer, which is empty.
        self.stream.write_all(LINE)
    }
}

/// Connects; each connection has received one answer.
fn connect(port: u16, count: usize) -> Vec<Connection> {
    let mut connections = Vec::with_capacity(count);
    while connections.len() < count {
        let first = connections.len();
        for _ in first..count.min(first + CONNECTING) {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut connection = Connection { stream, sent: Instant::now(), missing: 0 };
            connection.send(Instant::now()).unwrap();
            connections.push(connection);
        }
        for connection in &mut connections[first..] {
            let mut answer = [0; LINE.len()];
            connection.stream.read_exact(&mut answer).expect("the server answers");
            assert_eq!(answer, LINE);
            connection.stream.set_nonblocking(true).unwrap();
        }
    }
    connections
}

struct Clients {
    epoll: OwnedFd,
    events: Vec<Event>,
    connections: Vec<Connection>,
    /// Of answers that are measured, in ns.
    times: Vec<u64>,
    lost: usize,
}

impl Clients {
    fn new(connections: Vec<Connection>) -> Clients {
        let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
        for (index, connection) in connections.iter().enumerate() {
            let data = EventData::new_u64(index as u64);
            epoll::add(&epoll, &connection.stream, data, EventFlags::IN).unwrap();
        }
        let times = Vec::with_capacity(1 << 18);
        Clients { epoll, events: Vec::with_capacity(256), connections, times, lost: 0 }
    }

    fn exchange_until(&mut self, server: &Server, start: Instant, end: Instant) -> usize {
        let mut buffer = [0; 2 * LINE.len()];
        let (mut threads, mut sample) = (0, start);
        loop {
            match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&TICK)) {
                Err(rustix::io::Errno::INTR) => {}
                waited => drop(waited.unwrap()),
            }
            for event in self.events.drain(..) {
                let connection = &mut self.connections[event.data.u64() as usize];
                let received = match connection.stream.read(&mut buffer) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                    received => received.unwrap_or(0),
                };
                let now = Instant::now();
                let mut is_open = received > 0;
                if is_open {
                    connection.missing = connection.missing.checked_sub(received).expect("one answer");
                    if connection.missing == 0 {
                        self.times.push((now - connection.sent).as_nanos() as u64);
                        is_open = connection.send(now).is_ok();
                    }
                }
                if !is_open {
                    self.lost += 1;
                    epoll::delete(&self.epoll, &connection.stream).unwrap();
                }
            }
            let now = Instant::now();
            if now >= sample {
                threads = threads.max(server.usage().threads);
                sample = now + SAMPLE;
            }
            if now >= end {
                return threads;
            }
        }
    }
}

/// Has all connections exchange lines, at first for `warm_up`, which is not measured.
pub(crate) fn exchange(server: &Server, count: usize, warm_up: Duration, time: Duration) -> Turn {
    let mut clients = Clients::new(connect(server.port, count));
    let start = Instant::now();
    for connection in &mut clients.connections {
        connection.send(Instant::now()).unwrap();
    }
    let before_threads = clients.exchange_until(server, start, start + warm_up);
    clients.times.clear();
    let before: Usage = server.usage();
    let start = Instant::now();
    let threads = clients.exchange_until(server, start, start + time);
    let elapsed = start.elapsed();
    let after = server.usage();
    let Clients { mut times, lost, .. } = clients;
    let answers = times.len().max(1);
    times.sort_unstable();
    let millis = |share: usize| {
        let time = times.get((times.len() * share / 100).min(times.len().saturating_sub(1)));
        time.map_or(f64::NAN, |&nanos| nanos as f64 / 1e6)
    };
    Turn {
        per_second: times.len() as f64 / elapsed.as_secs_f64(),
        p50: millis(50),
        p99: millis(99),
        processor: (after.processor - before.processor).as_secs_f64() * 1e6 / answers as f64,
        peak_memory: server.peak_memory(),
        threads: threads.max(before_threads),
        lost,
    }
}
