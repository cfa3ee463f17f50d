//! A small harness: variants of one piece of work take turns, round after round, and each is
//! compared with the first in the same round, so that a machine whose speed drifts gives the same
//! ratios. Medians are printed, with the spread.
#![allow(dead_code, unreachable_pub, reason = "each bench is a crate that uses a part of the kit")]

mod record;

use std::time::{Duration, Instant};

pub use record::record;

/// One way to do the work, which returns how long it took.
pub struct Variant<'a> {
    pub name: String,
    pub run: Box<dyn FnMut() -> Duration + 'a>,
}

pub fn variant<'a>(name: impl Into<String>, run: impl FnMut() -> Duration + 'a) -> Variant<'a> {
    Variant { name: name.into(), run: Box::new(run) }
}

/// What a variant took: the median of its rounds, and of its speed relative to the first variant's
/// in the same round.
pub struct Row {
    pub name: String,
    pub median: Duration,
    pub ratio: f64,
    pub lowest: f64,
    pub highest: f64,
}

/// Whether only to see that everything runs: `cargo bench` passes `--bench`, `cargo test --benches`
/// does not.
pub fn is_smoke_run() -> bool {
    !std::env::args().any(|argument| argument == "--bench")
}

/// Runs each variant once per round, after a round that is not counted.
pub fn compare(rounds: usize, mut variants: Vec<Variant<'_>>) -> Vec<Row> {
    let rounds = if is_smoke_run() { 1 } else { rounds };
    let mut times = vec![Vec::with_capacity(rounds); variants.len()];
    for round in 0..=rounds {
        // The order turns, so that nobody profits from whom it follows.
        for step in 0..variants.len() {
            let index = (step + round) % variants.len();
            let time = (variants[index].run)();
            if round > 0 {
                times[index].push(time.as_secs_f64().max(1e-9));
            }
        }
    }
    let rows = variants.iter().zip(&times).map(|(variant, own)| {
        let mut ratios: Vec<f64> = times[0].iter().zip(own).map(|(first, own)| first / own).collect();
        ratios.sort_by(f64::total_cmp);
        Row {
            name: variant.name.clone(),
            median: Duration::from_secs_f64(median(own.clone())),
            ratio: median(ratios.clone()),
            lowest: ratios[ratios.len() / 4],
            highest: ratios[ratios.len() - 1 - ratios.len() / 4],
        }
    });
    rows.collect()
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

/// Prints the rows with the time that one of `count` operations took.
pub fn print(title: &str, count: usize, rows: &[Row]) {
    println!("\n{title}");
    println!("  {:<44} {:>11} {:>9}   middle half", "", "each", "speed");
    for row in rows {
        let each = row.median.as_secs_f64() / count as f64 * 1e9;
        record(title, &row.name, each, row.ratio);
        println!(
            "  {:<44} {each:>8.0} ns {:>8.2}×   {:.2}–{:.2}",
            row.name, row.ratio, row.lowest, row.highest
        );
    }
}

/// How long `work` takes.
pub fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
