//! Several lines sent at the same time, and then their answers awaited: one connection, client and
//! server on one processor.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use super::active::clients::LINE;
use super::kit::{is_smoke_run, record};
use super::raw;
use super::server_process::{Program, Server};
use super::turns::{Row, Selection, Spread, base, row, take_turns};

const ROWS: [Row; 6] = [
    row("epoll", "raw epoll, no lines", Program::Own("epoll", 0, 0)),
    row("tokio", "tokio, read_until, a write for each", Program::Own("tokio", 0, 0)),
    row("std", "std, read_until, a write for each", Program::Own("std", 0, 0)).seldom(),
    row("serve", "socketry serve, recv and send", Program::Own("serve", 0, 0)),
    row("requests", "socketry serve_requests", Program::Own("requests", 0, 0)),
    row("requests2", "socketry serve_requests, threads(2)", Program::Own("requests2", 0, 0)),
];

/// A server that is silent for so long has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// The figures of one server in one round, for one line.
#[derive(Clone, Copy, Debug)]
struct Turn {
    per_second: f64,
    /// Of the server, in µs.
    processor: f64,
}

fn exchange(server: &Server, count: usize, time: Duration) -> Turn {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let questions = LINE.repeat(count);
    let mut answers = vec![0; questions.len()];
    let mut exchange_for = |time: Duration| {
        let (start, mut exchanges) = (Instant::now(), 0);
        while start.elapsed() < time {
            stream.write_all(&questions).unwrap();
            stream.read_exact(&mut answers).expect("the server answers");
            exchanges += 1;
        }
        (exchanges * count) as f64 / start.elapsed().as_secs_f64()
    };
    exchange_for(time / 10);
    let before = server.usage();
    let per_second = exchange_for(time);
    let processor = (server.usage().processor - before.processor).as_secs_f64();
    assert_eq!(answers, questions);
    Turn { per_second, processor: processor * 1e6 / (per_second * time.as_secs_f64()) }
}

pub(crate) fn run() {
    // The servers inherit it.
    let _pinned = raw::pin(0);
    let selection = Selection::of_arguments();
    let time = Duration::from_millis(if is_smoke_run() { 5 } else { 300 });
    let rows = selection.rows(&ROWS);
    let [to_first, to_serve] = [base(&rows, "epoll"), base(&rows, "serve")];
    for count in selection.sizes(&[1, 16, 64], &[1, 4]) {
        let turns =
            take_turns(&rows, selection.rounds(15), |row| exchange(&Server::start(row.program), count, time));
        let title = format!("{count} lines of {} bytes, and then their answers", LINE.len());
        println!("\n{title}, on one processor");
        println!(
            "  {:<40} {:>9} {:>9}   {:<12} {:>9}   {:<12} {:>8} {:>7}",
            "",
            "a second",
            format!("to {}", rows[to_first].key),
            "middle half",
            format!("to {}", rows[to_serve].key),
            "middle half",
            "CPU µs",
            "rounds"
        );
        for (row, own) in rows.iter().zip(&turns) {
            let per_second = Spread::of_turns(own, |turn| turn.per_second);
            let [ratio, to_serve] =
                [to_first, to_serve].map(|base| Spread::of_ratios(own, &turns[base], |turn| turn.per_second));
            record(&title, row.title, 1e9 / per_second.median, ratio.median);
            println!(
                "  {:<40} {:>9.0} {:>8.2}×   {:<12} {:>8.2}×   {:<12} {:>8.2} {:>7}",
                row.title,
                per_second.median,
                ratio.median,
                ratio.middle_half(),
                to_serve.median,
                to_serve.middle_half(),
                Spread::of_turns(own, |turn| turn.processor).median,
                per_second.count,
            );
        }
    }
}
