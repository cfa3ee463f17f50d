//! Clients that do as they should, and what became of what they asked.

use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use socketry::frame::Lines;
use socketry::{Encoding, ErrorKind, TcpClient};

use super::server::BUSY;

/// How long a client waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(25);

/// A request that was not answered.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "all of it is printed")]
pub struct Failure {
    /// Which process had it in hand, if it was known.
    pub process: Option<u32>,
    /// How many requests of the connection were answered before.
    pub answered: u32,
    /// Whether the connection ended in order.
    pub is_end: bool,
    pub began: Instant,
    pub failed: Instant,
    pub error: String,
}

/// What clients have seen.
#[derive(Default)]
pub struct Account {
    /// Connections of which everything was answered, and the answers of all.
    pub visits: AtomicU64,
    pub answered: AtomicU64,
    /// Those that were turned away with a word.
    pub busy: AtomicU64,
    /// Those that found the port closed.
    pub closed: AtomicU64,
    pub failures: Mutex<Vec<Failure>>,
    /// How long each answer took, in microseconds; a connection's first with its connect.
    pub times: Mutex<Vec<u32>>,
}

/// One visit: so many requests on one connection.
#[derive(Clone, Copy, Debug)]
pub struct Visit {
    pub from: IpAddr,
    pub requests: u32,
    /// Whether it says that nothing follows before it reads the last answer.
    pub half_closes: bool,
}

impl Account {
    pub fn visit(&self, address: SocketAddr, visit: Visit) {
        let began = Instant::now();
        let (mut process, mut answered, mut is_end) = (None, 0, false);
        let mut times = Vec::new();
        let mut talk = || -> Result<bool, String> {
            let client = TcpClient::builder()
                .local_address((visit.from, 0))
                .connect_timeout(PATIENCE)
                .read_timeout(PATIENCE);
            let connection = match client.connect(address) {
                Ok(connection) => connection,
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(false),
                Err(error) => return Err(error.to_string()),
            };
            let mut lines = connection.framed(Lines::new(Encoding::Utf8));
            for number in 0..visit.requests {
                let asked = if number == 0 { began } else { Instant::now() };
                let question = format!("question {number} from {}", visit.from);
                lines.send(&question).map_err(|error| error.to_string())?;
                if visit.half_closes && number + 1 == visit.requests {
                    lines.get_ref().half_close().map_err(|error| error.to_string())?;
                }
                let answer = lines.recv().map_err(|error| error.to_string())?;
                let Some(answer) = answer else {
                    is_end = true;
                    return Err("the end instead of an answer".to_owned());
                };
                if answer == BUSY && number == 0 {
                    self.busy.fetch_add(1, Ordering::Relaxed);
                    return Ok(true);
                }
                let (by, rest) = answer.split_once(' ').unwrap_or_default();
                if rest != question {
                    return Err(format!("{answer:?} to {question:?}"));
                }
                process = by.parse().ok();
                answered += 1;
                times.push(asked.elapsed().as_micros() as u32);
            }
            Ok(true)
        };
        let result = talk();
        self.answered.fetch_add(answered.into(), Ordering::Relaxed);
        self.times.lock().unwrap().append(&mut times);
        match result {
            Ok(true) => drop(self.visits.fetch_add(u64::from(answered > 0), Ordering::Relaxed)),
            Ok(false) => {
                self.closed.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => {
                let failure = Failure { process, answered, is_end, began, failed: Instant::now(), error };
                self.failures.lock().unwrap().push(failure);
            }
        }
    }
}

/// The time within which so large a part of all are, in microseconds.
pub fn within(times: &mut [u32], part: f64) -> u32 {
    times.sort_unstable();
    let index = (times.len() as f64 * part) as usize;
    times.get(index.min(times.len().saturating_sub(1))).copied().unwrap_or(0)
}
