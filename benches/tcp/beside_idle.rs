//! Connections per second of a server that has idle connections, too: their overhead for the active
//! ones.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use super::connections::{Clients, Turn};
use super::idle::Server;
use super::kit::{is_smoke_run, median, record};
use super::raw;
use super::servers::MESSAGE;

const CLIENTS: usize = 8;

pub(crate) fn run() {
    raw::raise_descriptor_limit();
    let counts = if is_smoke_run() { [0, 3, 5, 9] } else { [0, 1_000, 5_000, 9_000] };
    let (rounds, time) = match is_smoke_run() {
        true => (1, Duration::from_millis(5)),
        false => (15, Duration::from_millis(300)),
    };
    let mut clients = Clients::start();
    // Each number has a server of its own, so that the rounds can take turns.
    let servers = counts.map(|count| {
        let server = Server::start("fixed");
        let idle: Vec<TcpStream> = (0..count).map(|_| asked_once(server.address.port())).collect();
        (server, idle)
    });
    let mut turns = counts.map(|_| Vec::with_capacity(rounds));
    for round in 0..=rounds {
        for step in 0..servers.len() {
            let index = (step + round) % servers.len();
            let turn = clients.turn(servers[index].0.address.port(), CLIENTS, time);
            // The first round is not counted.
            if round > 0 {
                turns[index].push(turn);
            }
        }
    }
    println!("\nconnections of {CLIENTS} clients at a time, beside idle ones (serve_requests)");
    println!("  {:<12} {:>9} {:>9} {:>9} {:>9}", "idle", "a second", "to none", "p50 µs", "p99 µs");
    for (count, own) in counts.iter().zip(&turns) {
        let all = |figure: fn(&Turn) -> f64| median(own.iter().map(figure).collect());
        let ratios = own.iter().zip(&turns[0]).map(|(own, none)| own.per_second / none.per_second);
        let (per_second, ratio) = (all(|turn| turn.per_second), median(ratios.collect()));
        record("a connection beside idle ones", &count.to_string(), 1e9 / per_second, ratio);
        println!(
            "  {count:<12} {per_second:>9.0} {ratio:>8.2}× {:>9.0} {:>9.0}",
            all(|turn| turn.half),
            all(|turn| turn.worst_of_100),
        );
    }
}

/// A connection that has been served, and is silent from then on.
fn asked_once(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut message = [b'x'; MESSAGE];
    stream.write_all(&message).unwrap();
    stream.read_exact(&mut message).unwrap();
    stream
}
