//! A crowd of clients that connect at the same time: the time until all are connected, as the
//! clients see it, and until each has received an answer to one line.
//!
//! Connections that do not fit the backlog are tried again by the kernel after 1 s, 3 s and so on.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::process::{Resource, getrlimit};
use socket2::{Domain, Socket, Type};

use super::active::clients::LINE;
use super::kit::record;
use super::line_servers::MAX_CONNECTIONS;
use super::raw;
use super::server_process::{Program, Server};
use super::turns::{Row, Selection, Spread, row, take_turns};

/// A server whose backlog is short needs seconds for each turn.
const ROWS: [Row; 9] = [
    row("std", "std, a thread for each, default backlog", Program::Own("std", 0, 0)).seldom(),
    row("std4096", "std, a thread for each, backlog 4,096", Program::Own("std", 4096, 0)),
    row("tokio", "tokio, default backlog", Program::Own("tokio", 0, 0)).seldom(),
    row("tokio4096", "tokio, backlog 4,096", Program::Own("tokio", 4096, 0)),
    row("go", "Go", Program::Go),
    row("serve", "socketry serve", Program::Own("serve", 0, 0)),
    row("serve4096", "socketry serve, backlog 4,096", Program::Own("serve", 4096, 0)),
    row("requests", "socketry serve_requests", Program::Own("requests", 0, 0)),
    row("requests4096", "socketry serve_requests, backlog 4,096", Program::Own("requests", 4096, 0)),
];

/// Clients that have no answer by then are counted as failed.
const PATIENCE: Duration = Duration::from_secs(20);

const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The figures of one server in one round.
#[derive(Clone, Copy, Debug)]
struct Turn {
    connected: f64,
    answered: f64,
    failed: usize,
}

struct Client {
    stream: TcpStream,
    is_connected: bool,
    missing: usize,
}

impl Client {
    /// Starts to connect, and does not block.
    fn connecting(to: SocketAddr) -> Client {
        let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking(), None).unwrap();
        if let Err(error) = socket.connect(&to.into()) {
            assert_eq!(error.raw_os_error(), Some(libc::EINPROGRESS), "{error}");
        }
        Client { stream: socket.into(), is_connected: false, missing: LINE.len() }
    }

    /// Receives what is available of the answer.
    fn receive(&mut self) -> bool {
        match self.stream.read(&mut [0; LINE.len()]) {
            Ok(received @ 1..) => {
                self.missing -= received;
                true
            }
            _ => false,
        }
    }

    fn send(&mut self) -> bool {
        self.is_connected = true;
        self.stream.take_error().is_ok_and(|error| error.is_none()) && self.stream.write_all(LINE).is_ok()
    }
}

fn connect(server: &Server, count: usize) -> Turn {
    let to = (Ipv4Addr::LOCALHOST, server.port).into();
    let epoll = epoll::create(CreateFlags::CLOEXEC).unwrap();
    let start = Instant::now();
    let mut clients: Vec<Client> = (0..count).map(|_| Client::connecting(to)).collect();
    for (index, client) in clients.iter().enumerate() {
        epoll::add(&epoll, &client.stream, EventData::new_u64(index as u64), EventFlags::OUT).unwrap();
    }
    let mut events = Vec::with_capacity(256);
    let mut turn = Turn { connected: PATIENCE.as_secs_f64(), answered: PATIENCE.as_secs_f64(), failed: 0 };
    let (mut connected, mut answered) = (0, 0);
    while answered + turn.failed < count && start.elapsed() < PATIENCE {
        match epoll::wait(&epoll, spare_capacity(&mut events), Some(&TICK)) {
            Err(rustix::io::Errno::INTR) => continue,
            waited => waited.unwrap(),
        };
        for event in events.drain(..) {
            let (data, client) = (event.data, &mut clients[event.data.u64() as usize]);
            let was_connected = client.is_connected;
            let is_open = if was_connected { client.receive() } else { client.send() };
            if !is_open || client.missing == 0 {
                epoll::delete(&epoll, &client.stream).unwrap();
            } else if !was_connected {
                epoll::modify(&epoll, &client.stream, data, EventFlags::IN).unwrap();
            }
            turn.failed += usize::from(!is_open);
            answered += usize::from(client.missing == 0);
            if is_open && !was_connected {
                connected += 1;
                if connected == count {
                    turn.connected = start.elapsed().as_secs_f64();
                }
            }
        }
    }
    if answered == count {
        turn.answered = start.elapsed().as_secs_f64();
    }
    turn.failed = count - answered;
    turn
}

fn print_settings() {
    let read = |path: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/net/{path}"));
        text.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
    };
    let descriptors = getrlimit(Resource::Nofile).current;
    println!("\na crowd that connects at the same time: seconds, median and lowest–highest");
    println!(
        "  somaxconn {}, tcp_max_syn_backlog {}, tcp_syncookies {}, max_connections {MAX_CONNECTIONS}, \
         RLIMIT_NOFILE {}",
        read("core/somaxconn"),
        read("ipv4/tcp_max_syn_backlog"),
        read("ipv4/tcp_syncookies"),
        descriptors.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string()),
    );
}

pub(crate) fn run() {
    raw::raise_descriptor_limit();
    print_settings();
    let selection = Selection::of_arguments();
    let rows = selection.rows(&ROWS);
    for count in selection.sizes(&[2_000, 5_000], &[5, 10]) {
        let turns = take_turns(&rows, selection.rounds(5), |row| connect(&Server::start(row.program), count));
        let title = format!("{count} clients connect at the same time");
        println!("\n{title}");
        println!("  {:<40} {:>9} {:<13} {:>9} {:<13} {:>7}", "", "connected", "", "answered", "", "rounds");
        let first = Spread::of_turns(&turns[0], |turn| turn.connected).median;
        for (row, own) in rows.iter().zip(&turns) {
            let figures = |figure: fn(&Turn) -> f64| {
                let values: Vec<f64> = own.iter().flatten().map(figure).collect();
                let [low, high] = [f64::min, f64::max].map(|least| values.iter().copied().reduce(least));
                let range = format!("{:.2}–{:.2}", low.unwrap_or(f64::NAN), high.unwrap_or(f64::NAN));
                (Spread::of(values), range)
            };
            let (connected, connected_range) = figures(|turn| turn.connected);
            let (answered, answered_range) = figures(|turn| turn.answered);
            let failed: usize = own.iter().flatten().map(|turn| turn.failed).sum();
            let failed = if failed == 0 { String::new() } else { format!("   {failed} clients failed") };
            record(&title, row.title, connected.median * 1e9 / count as f64, first / connected.median);
            println!(
                "  {:<40} {:>9.3} {connected_range:<13} {:>9.3} {answered_range:<13} {:>7}{failed}",
                row.title, connected.median, answered.median, connected.count,
            );
        }
    }
}
