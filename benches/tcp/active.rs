//! Active connections: each always has one request outstanding, a short line. The answers per
//! second, how long they take, and what the server needs for them.
//!
//! `cargo bench --bench tcp -- active 1000 tokio,requests rounds=21` runs one size and two rows. If
//! `SOCKETRY_OTHER_BUILD` is the path of this program built from another commit, its servers of this
//! library take turns with those of this build.

pub(crate) mod clients;

use std::time::Duration;

use super::kit::{is_smoke_run, record};
use super::raw;
use super::server_process::{Program, Server};
use super::turns::{Row, Selection, Spread, Turns, base, row, take_turns};
use clients::{LINE, Turn, exchange};

/// The connections are made a few at a time, so that no server depends on its backlog here.
const ROWS: [Row; 9] = [
    row("epoll", "raw epoll, 2 threads, no lines", Program::Own("epoll", 4096, 0)),
    row("std", "std, a thread for each", Program::Own("std", 4096, 0)).seldom(),
    row("tokio", "tokio, 2 workers, read_until", Program::Own("tokio", 4096, 0)),
    row("codec", "tokio, 2 workers, LinesCodec", Program::Own("codec", 4096, 0)),
    row("go", "Go, ReadSlice", Program::Go).seldom(),
    row("python", "Python ThreadingTCPServer", Program::Python).seldom().up_to(1_000),
    row("serve", "socketry serve", Program::Own("serve", 0, 0)).seldom(),
    row("requests", "socketry serve_requests", Program::Own("requests", 0, 0)),
    row("requests2", "socketry serve_requests, threads(2)", Program::Own("requests2", 0, 0)),
];

/// What all parts with this client print.
pub(crate) fn print(title: &str, rows: &[Row], turns: &Turns<Turn>) {
    let base = base(rows, "tokio");
    println!("\n{title}");
    println!(
        "  {:<40} {:>9} {:>9}   {:<12} {:>8} {:>8} {:>8} {:>9} {:>9} {:>8} {:>7}",
        "",
        "a second",
        format!("to {}", rows[base].key),
        "middle half",
        "p50 ms",
        "p99 ms",
        "CPU µs",
        format!("to {}", rows[base].key),
        "peak MiB",
        "threads",
        "rounds"
    );
    for (row, own) in rows.iter().zip(turns) {
        let median = |figure: fn(&Turn) -> f64| Spread::of_turns(own, figure).median;
        let per_second = Spread::of_turns(own, |turn| turn.per_second);
        let ratio = Spread::of_ratios(own, &turns[base], |turn| turn.per_second);
        record(title, row.title, 1e9 / per_second.median, ratio.median);
        let lost: usize = own.iter().flatten().map(|turn| turn.lost).sum();
        let lost = if lost == 0 { String::new() } else { format!("   {lost} connections lost") };
        println!(
            "  {:<40} {:>9.0} {:>8.2}×   {:<12} {:>8.2} {:>8.2} {:>8.2} {:>8.2}× {:>9.1} {:>8.0} {:>7}{lost}",
            row.title,
            per_second.median,
            ratio.median,
            ratio.middle_half(),
            median(|turn| turn.p50),
            median(|turn| turn.p99),
            median(|turn| turn.processor),
            Spread::of_ratios(own, &turns[base], |turn| turn.processor).median,
            median(|turn| turn.peak_memory),
            median(|turn| turn.threads as f64),
            per_second.count,
        );
    }
}

pub(crate) fn run() {
    raw::raise_descriptor_limit();
    let selection = Selection::of_arguments();
    let (warm_up, time) = match is_smoke_run() {
        true => (Duration::from_millis(1), Duration::from_millis(4)),
        false => (Duration::from_millis(100), Duration::from_millis(400)),
    };
    let all_rows = selection.rows(&ROWS);
    for count in selection.sizes(&[100, 1_000, 5_000], &[3, 8]) {
        let rows: Vec<Row> = all_rows.iter().filter(|row| count <= row.max_size).copied().collect();
        let turns = take_turns(&rows, selection.rounds(9), |row| {
            exchange(&Server::start(row.program), count, warm_up, time)
        });
        let title = format!("{count} active connections, lines of {} bytes", LINE.len());
        print(&title, &rows, &turns);
    }
}
