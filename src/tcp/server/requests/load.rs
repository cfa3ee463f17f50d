//! Whether the threads are busy with short handlers.

use std::time::{Duration, Instant};

/// How much the threads do, to tell short handlers under load from handlers that block.
///
/// Under load, one thread polls and gets many events at a time, while the others are parked: if all of
/// them polled, the kernel would wake one for each event. A parked thread checks from time to time
/// whether the load is still served.
#[derive(Debug, Default)]
pub(super) struct Load {
    measured_at: Option<Instant>,
    /// How many connections were served since.
    served: usize,
    /// How many threads serve one now.
    running: usize,
    is_high: bool,
}

/// How often the load is measured, and how long a thread stays parked.
pub(super) const WATCH_INTERVAL: Duration = Duration::from_millis(1);

/// How many connections each running thread serves in an interval if the load is high, and handlers do
/// not block.
const HIGH: usize = 5;

impl Load {
    pub(super) fn is_high(&self) -> bool {
        self.is_high
    }

    /// A thread begins to serve a connection.
    pub(super) fn begin(&mut self) {
        self.running += 1;
    }

    pub(super) fn finish(&mut self) {
        self.running -= 1;
        self.served += 1;
    }

    /// Measures the load, if an interval has passed.
    pub(super) fn measure(&mut self, now: Instant) {
        let Some(measured_at) = self.measured_at else {
            (self.measured_at, self.served) = (Some(now), 0);
            return;
        };
        let elapsed = now.saturating_duration_since(measured_at);
        if elapsed < WATCH_INTERVAL {
            return;
        }
        let intervals = elapsed.as_micros() as usize / WATCH_INTERVAL.as_micros() as usize;
        self.is_high = self.served >= HIGH * self.running.max(1) * intervals;
        (self.measured_at, self.served) = (Some(now), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(served: usize, running: usize, intervals: u32) -> bool {
        let start = Instant::now();
        let mut load = Load::default();
        load.measure(start);
        (0..running).for_each(|_| load.begin());
        (0..served).for_each(|_| {
            load.begin();
            load.finish();
        });
        load.measure(start + WATCH_INTERVAL * intervals);
        load.is_high()
    }

    #[test]
    fn load_is_high_while_few_threads_serve_many() {
        assert!(measured(40, 1, 1) && measured(40, 2, 1) && measured(400, 2, 10));
    }

    #[test]
    fn blocked_handlers_and_few_requests_are_no_high_load() {
        assert!(!measured(20, 200, 1), "200 handlers that sleep for 10 ms");
        assert!(!measured(0, 1, 1) && !measured(4, 0, 1) && !measured(40, 1, 100));
    }
}
