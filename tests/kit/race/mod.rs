//! What happens at the same moment, over and over: the races of `tests/it/races.rs`, in few rounds,
//! and of the load program, in many. Each moment is drawn anew, and no round may hang.

pub mod ends;
#[cfg(feature = "dns")]
pub mod names;
pub mod shared;
pub mod stops;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// A race, and how many rounds of it take about as long as one of the others'.
pub type Race = (&'static str, fn(usize), usize);

/// The rounds are for a run among all other tests; the load program runs them `n` times.
pub const ALL: &[Race] = &[
    ("a token and a datagram", stops::receive, 400),
    ("a token and a connection that comes", stops::accept, 100),
    ("a token and a connect", stops::connect, 150),
    ("a token and a connect that waits", stops::connect_blocked, 150),
    ("a token and a send that waits", stops::send, 100),
    ("a token and a discovery", stops::discover, 60),
    ("a token and threads that come and go", stops::recv_from_threads, 60),
    ("a shutdown and accept", ends::accept, 150),
    ("a shutdown and the threads of a server", ends::serve, 150),
    ("a shutdown and the requests of a server", ends::requests, 150),
    ("a handle that goes and one that reads", ends::handles, 200),
    ("an abort and one that reads", ends::abort, 200),
    ("two that read what was given back", shared::pushed_back, 400),
    ("eight threads on one endpoint", shared::datagrams, 40),
    ("both ends read and written at once", shared::full_duplex, 20),
    #[cfg(feature = "dns")]
    ("a token and look-ups of one name", names::lookup, 100),
    #[cfg(feature = "dns")]
    ("eight threads of one resolver", names::names, 20),
];

/// No round takes longer, on whatever machine.
const ROUND_TIMEOUT: Duration = Duration::from_secs(20);

/// Runs the rounds under the eye of a thread that ends the program if one does not come to its end:
/// a thread that hangs cannot be ended otherwise.
pub fn rounds(what: &'static str, count: usize, mut round: impl FnMut(&mut Dice)) {
    let begun = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let (over, is_over) = mpsc::channel::<()>();
    let own = Arc::clone(&begun);
    let watching = std::thread::spawn(move || {
        while is_over.recv_timeout(ROUND_TIMEOUT / 40) == Err(mpsc::RecvTimeoutError::Timeout) {
            let since = began.elapsed().saturating_sub(Duration::from_micros(own.load(Ordering::Relaxed)));
            if since > ROUND_TIMEOUT {
                eprintln!("{what}: a round hangs since {since:?}");
                std::process::exit(101);
            }
        }
    });
    let mut dice = Dice::new(count as u64);
    for _ in 0..count {
        begun.store(began.elapsed().as_micros() as u64, Ordering::Relaxed);
        round(&mut dice);
    }
    drop(over);
    watching.join().unwrap();
}

/// The same numbers in each run.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(0x9e37_79b9_7f4a_7c15 ^ (seed << 17 | 1))
    }

    /// Less than `most`.
    pub fn roll(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    /// A moment that is nobody's: at once mostly, or after some tens of microseconds.
    pub fn moment(&mut self) -> Moment {
        Moment(Duration::from_nanos(if self.roll(4) == 0 { 0 } else { self.roll(120_000) }))
    }
}

/// How long to wait before something is done, by turning: a sleep is longer than what is to be met.
#[derive(Clone, Copy)]
pub struct Moment(Duration);

impl Moment {
    pub fn wait(self) {
        let began = Instant::now();
        while began.elapsed() < self.0 {
            std::thread::yield_now();
        }
    }
}
