//! Cells: one call of one method under one hostile condition, and what it must end with.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use socketry::Error;
use socketry::error::TimeLimit;

use crate::known::KNOWN;

/// The limit of the calls.
pub const LIMIT: Duration = Duration::from_millis(150);

/// A limit that must not apply, such as that of another thread.
pub const OTHER_LIMIT: Duration = Duration::from_secs(60);

/// How long a call with [`LIMIT`] may take on a busy machine.
pub const LATEST: Duration = Duration::from_secs(5);

/// By how much clocks may differ.
const TOLERANCE: Duration = Duration::from_millis(2);

/// A cell that has not ended by then is a call that does not end.
const ABANDONED: Duration = Duration::from_secs(45);

/// How many cells run at the same time. Most only wait.
const CONCURRENT: usize = 24;

/// How often a cell is tried if a late machine can be the reason of its failure.
const ATTEMPTS: u32 = 4;

/// Begins the text of such a failure.
const MAYBE_LATE: &str = "(perhaps the machine) ";

/// The fault of a cell, if it has one.
pub type Verdict = Result<(), String>;

/// What a call must end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A timeout by this limit.
    TimedOut(TimeLimit),
    Cancelled,
    /// A refusal by the peer, of the last of several attempts, or a timeout of the connect.
    Refused,
    /// A result, within the limit.
    Success,
}

/// One call of one method under one condition.
pub struct Cell {
    pub method: &'static str,
    pub condition: String,
    pub run: Arc<dyn Fn() -> Verdict + Send + Sync>,
}

impl Cell {
    pub fn new(
        method: &'static str,
        condition: impl Into<String>,
        run: impl Fn() -> Verdict + Send + Sync + 'static,
    ) -> Cell {
        Cell { method, condition: condition.into(), run: Arc::new(run) }
    }

    /// Whether its peers use all the processor time that there is.
    fn is_heavy(&self) -> bool {
        ["Flood", "Unwanted"].iter().any(|word| self.condition.contains(word))
    }

    fn name(&self) -> String {
        format!("{} / {}", self.method, self.condition)
    }
}

/// When a call began, and when its limit ends it.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    began: Instant,
    due: Instant,
    is_deadline: bool,
}

impl Watch {
    /// For a limit that begins with the call.
    pub fn of_timeout(limit: Duration) -> Watch {
        let began = Instant::now();
        Watch { began, due: began + limit, is_deadline: false }
    }

    /// For a deadline.
    pub fn of_deadline(due: Instant) -> Watch {
        Watch { began: Instant::now(), due, is_deadline: true }
    }

    /// Judges what the call, which has just ended, ended with.
    pub fn judge<T: Debug>(&self, expected: Expected, result: &Result<T, Error>) -> Verdict {
        let took = self.began.elapsed();
        if took > LATEST {
            return Err(format!("ended after {took:?}: {result:?}"));
        }
        let limit = match (expected, result) {
            (Expected::Success, Ok(_)) => return Ok(()),
            (Expected::Refused, Err(error)) if error.is_refused() => return Ok(()),
            (Expected::Refused, Err(error)) if error.is_timeout() => TimeLimit::ConnectTimeout,
            // What the call waits for is late.
            (Expected::Success, Err(error)) if error.is_timeout() && took >= LIMIT => {
                return Err(format!("{MAYBE_LATE}expected success: {error}"));
            }
            (Expected::Cancelled, Err(error)) if error.is_cancelled() => match error.limit() {
                None => return Ok(()),
                limit => return Err(format!("cancelled, and yet the limit is {limit:?}")),
            },
            (Expected::TimedOut(limit), Err(error)) if error.is_timeout() => limit,
            _ => return Err(format!("expected {expected:?}: {result:?} after {took:?}")),
        };
        let Err(error) = result else { return Ok(()) };
        if error.limit() != Some(limit) {
            return Err(format!("expected the limit {limit:?}, not {:?}: {error}", error.limit()));
        }
        if Instant::now() + TOLERANCE < self.due {
            return Err(format!("ended after {took:?}, too early: {error}"));
        }
        let Some(elapsed) = error.elapsed() else { return Err(format!("no elapsed time: {error}")) };
        // A deadline is set before the call begins; by how much is up to the machine.
        let parts = if self.is_deadline { 3 } else { 1 };
        let least = self.due.saturating_duration_since(self.began) / parts;
        if elapsed + TOLERANCE < least || elapsed > took + TOLERANCE {
            let maybe = if self.is_deadline { MAYBE_LATE } else { "" };
            return Err(format!("{maybe}took {took:?}, and says {elapsed:?}: {error}"));
        }
        Ok(())
    }
}

/// Checks a condition within a cell.
pub fn ensure(is_true: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if is_true { Ok(()) } else { Err(otherwise()) }
}

/// Runs the cells of a family, and reports all that fail.
pub fn run(family: &str, cells: Vec<Cell>) {
    let began = Instant::now();
    let methods: BTreeSet<_> = cells.iter().map(|cell| cell.method).collect();
    let conditions: BTreeSet<_> = cells.iter().map(|cell| cell.condition.clone()).collect();
    let size = format!("{} methods x {} conditions: {} cells", methods.len(), conditions.len(), cells.len());
    let (heavy, light): (Vec<_>, Vec<_>) = cells.into_iter().partition(Cell::is_heavy);
    let mut failures = run_all(light, CONCURRENT);
    failures.extend(run_all(heavy, 1));
    println!("{family}: {size}, in {:.1?}", began.elapsed());
    assert!(failures.is_empty(), "{} cells of {family} fail:\n{}", failures.len(), failures.join("\n"));
}

/// Runs cells in so many threads, and returns the failures.
fn run_all(cells: Vec<Cell>, threads: usize) -> Vec<String> {
    let queue = Mutex::new(cells.into_iter());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some(cell) = queue.lock().unwrap().next() else { return };
                    let name = cell.name();
                    let is_known = KNOWN.contains(&name.as_str());
                    let failure = match (run_repeatedly(&cell), is_known) {
                        (Err(_), true) | (Ok(()), false) => continue,
                        (Ok(()), true) => format!("{name}: known, and passes"),
                        (Err(what), false) => format!("{name}: {what}"),
                    };
                    failures.lock().unwrap().push(failure);
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

/// Runs a cell again if a late machine can be the reason of its failure. A fault fails each time.
fn run_repeatedly(cell: &Cell) -> Verdict {
    let mut verdict = run_apart(cell.run.clone());
    for _ in 1..ATTEMPTS {
        if !verdict.as_ref().is_err_and(|what| what.starts_with(MAYBE_LATE)) {
            break;
        }
        verdict = run_apart(cell.run.clone());
    }
    verdict
}

/// Runs a cell in a thread that is left behind if it does not end.
fn run_apart(cell: Arc<dyn Fn() -> Verdict + Send + Sync>) -> Verdict {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let verdict = catch_unwind(AssertUnwindSafe(|| cell())).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            Err(format!("panicked: {}", text.unwrap_or_default()))
        });
        let _ = sender.send(verdict);
    });
    receiver.recv_timeout(ABANDONED).unwrap_or_else(|_| Err(format!("not ended after {ABANDONED:?}")))
}
