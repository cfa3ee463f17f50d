//! Handlers that block: each request takes 10 ms of sleep, as a query of a database would. With 200
//! clients, 20,000 answers per second are the maximum.

use std::time::Duration;

use super::active::clients::exchange;
use super::active::print;
use super::kit::is_smoke_run;
use super::raw;
use super::server_process::{Program, Server};
use super::turns::{Row, Selection, row, take_turns};

const SLEEP: u32 = 10;

const ROWS: [Row; 5] = [
    row("std", "std, a thread for each", Program::Own("std", 4096, SLEEP)),
    row("tokio", "tokio, 2 workers, tokio::time::sleep", Program::Own("tokio", 4096, SLEEP)),
    row("blocking", "tokio, 2 workers, spawn_blocking", Program::Own("tokio-blocking", 4096, SLEEP)),
    row("serve", "socketry serve", Program::Own("serve", 0, SLEEP)),
    row("requests", "socketry serve_requests", Program::Own("requests", 0, SLEEP)),
];

pub(crate) fn run() {
    raw::raise_descriptor_limit();
    let selection = Selection::of_arguments();
    let (warm_up, time) = match is_smoke_run() {
        true => (Duration::from_millis(1), Duration::from_millis(30)),
        // The pool of threads grows during the first.
        false => (Duration::from_millis(200), Duration::from_millis(600)),
    };
    let rows = selection.rows(&ROWS);
    for clients in selection.sizes(&[200], &[5]) {
        let turns = take_turns(&rows, selection.rounds(9), |row| {
            exchange(&Server::start(row.program), clients, warm_up, time)
        });
        print(&format!("{clients} clients, handlers that sleep {SLEEP} ms"), &rows, &turns);
    }
}
