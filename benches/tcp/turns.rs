//! Servers that take turns: each turn has a server process of its own, so that the figures of one
//! do not depend on those before it. The order rotates from round to round.

use super::kit::{is_smoke_run, median};
use super::server_process::Program;

/// A server of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The name for the command line.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) program: Program,
    /// The row takes part in every round, or in every second, third and so on.
    pub(crate) every: usize,
    /// For more connections, the row is left out.
    pub(crate) max_size: usize,
}

pub(crate) const fn row(key: &'static str, title: &'static str, program: Program) -> Row {
    Row { key, title, program, every: 1, max_size: usize::MAX }
}

impl Row {
    /// A slow server, which takes part in every third round.
    pub(crate) const fn seldom(self) -> Row {
        Row { every: 3, ..self }
    }

    /// The same server of this library in another build, which takes turns with it.
    fn in_another_build(self) -> Option<Row> {
        let Program::Own(model, backlog, sleep) = self.program else { return None };
        let title = self.title.strip_prefix("socketry ")?;
        // The rows live as long as the program.
        let title = Box::leak(format!("other build: {title}").into_boxed_str());
        Some(Row { key: "other", title, program: Program::OtherBuild(model, backlog, sleep), ..self })
    }

    pub(crate) const fn up_to(self, max_size: usize) -> Row {
        Row { max_size, ..self }
    }
}

/// What the command line asks for after the name of a part: sizes, keys of rows, `rounds=N`.
pub(crate) struct Selection {
    sizes: Option<Vec<usize>>,
    keys: Option<Vec<String>>,
    rounds: Option<usize>,
}

impl Selection {
    pub(crate) fn of_arguments() -> Selection {
        let mut selection = Selection { sizes: None, keys: None, rounds: None };
        let words = std::env::args().skip(1).filter(|word| !word.starts_with('-'));
        for word in words.skip(1) {
            if let Some(rounds) = word.strip_prefix("rounds=") {
                selection.rounds = Some(rounds.parse().expect("a number of rounds"));
            } else if let Ok(sizes) = word.split(',').map(str::parse).collect() {
                selection.sizes = Some(sizes);
            } else {
                selection.keys = Some(word.split(',').map(str::to_owned).collect());
            }
        }
        selection
    }

    pub(crate) fn sizes(&self, default: &[usize], smoke: &[usize]) -> Vec<usize> {
        let default = if is_smoke_run() { smoke } else { default };
        self.sizes.clone().unwrap_or_else(|| default.to_vec())
    }

    pub(crate) fn rounds(&self, default: usize) -> usize {
        if is_smoke_run() { 1 } else { self.rounds.unwrap_or(default) }
    }

    /// The selected rows whose programs are available.
    pub(crate) fn rows(&self, rows: &[Row]) -> Vec<Row> {
        for key in self.keys.iter().flatten() {
            let keys: Vec<&str> = rows.iter().map(|row| row.key).collect();
            assert!(keys.contains(&key.as_str()), "no row {key:?}; there are {}", keys.join(", "));
        }
        let is_selected =
            |row: &&Row| self.keys.as_ref().is_none_or(|keys| keys.iter().any(|key| key == row.key));
        let rows =
            rows.iter().filter(is_selected).flat_map(|row| row.in_another_build().into_iter().chain([*row]));
        rows.filter(|row| row.program.is_available()).collect()
    }
}

/// The turns of each row, by round; `None` where it did not take part.
pub(crate) type Turns<T> = Vec<Vec<Option<T>>>;

pub(crate) fn take_turns<T>(rows: &[Row], rounds: usize, mut turn: impl FnMut(&Row) -> T) -> Turns<T> {
    let mut turns: Turns<T> = rows.iter().map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..rounds {
        for step in 0..rows.len() {
            let index = (step + round) % rows.len();
            let row = &rows[index];
            turns[index].push((round % row.every == 0).then(|| turn(row)));
        }
    }
    turns
}

/// The median of values, and the limits of their middle half.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) count: usize,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        let quarter = values.len() / 4;
        let (low, high) = (values[quarter], values[values.len() - 1 - quarter]);
        Spread { low, high, count: values.len(), median: median(values) }
    }

    /// Of one figure of each turn.
    pub(crate) fn of_turns<T>(turns: &[Option<T>], figure: impl Fn(&T) -> f64) -> Spread {
        Spread::of(turns.iter().flatten().map(figure).collect())
    }

    /// Of the ratios to another row's turns in the same rounds.
    pub(crate) fn of_ratios<T>(own: &[Option<T>], other: &[Option<T>], figure: impl Fn(&T) -> f64) -> Spread {
        let pairs = own.iter().zip(other).filter_map(|(own, other)| own.as_ref().zip(other.as_ref()));
        Spread::of(pairs.map(|(own, other)| figure(own) / figure(other)).collect())
    }

    pub(crate) fn middle_half(&self) -> String {
        format!("{:.2}–{:.2}", self.low, self.high)
    }
}

/// The row with the key, else the first.
pub(crate) fn base(rows: &[Row], key: &str) -> usize {
    rows.iter().position(|row| row.key == key).unwrap_or(0)
}
