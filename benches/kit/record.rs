//! What was measured, for the table of all of it: a line of a file for each row, where
//! `SOCKETRY_FIGURES` names one.
#![allow(unreachable_pub, reason = "each bench is a crate that uses it from elsewhere")]

use std::fs::OpenOptions;
use std::io::Write;

/// `each` is in nanoseconds, for one operation; `speed` is to the first row of the work. The name
/// of the benchmark is put before that of the work.
pub fn record(work: &str, who: &str, each: f64, speed: f64) {
    let Some(path) = std::env::var_os("SOCKETRY_FIGURES") else { return };
    let file = OpenOptions::new().create(true).append(true).open(path);
    // A figure that is lost is missed by whoever draws them.
    let _ = file
        .and_then(|mut file| writeln!(file, "{}: {work}\t{who}\t{each}\t{speed}", env!("CARGO_CRATE_NAME")));
}
