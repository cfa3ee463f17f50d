//! When to connect again: round after round, with growing waits. What came of a round and `now` in, what to do out.
//!
//! ```text
//!             ┌── wait ◄── failed ── too many in a row, or for good ──► over
//!   connect ──┤                                                         ▲
//!      ▲      └── lent ──── back after a short time ──► wait            │ stopped
//!      └─────────────────── back after a long time                      │
//! ```

use std::time::{Duration, Instant};

use super::retry::Retry;

/// No wait is shorter, whatever was asked for: what is refused at once would otherwise be asked again without a pause.
const SHORTEST: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Connect, and tell what came of it.
    Connect,
    /// Wait until then, and ask again.
    Wait(Instant),
    Over,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds {
    retry: Retry,
    /// Rounds that failed, in a row.
    failed: u32,
    /// Rounds that failed or whose connection was short, since one was long.
    pauses: u32,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Free,
    Pause {
        until: Option<Instant>,
    },
    /// A connection was handed out.
    Lent {
        since: Instant,
    },
    Over,
}

impl Rounds {
    pub(crate) fn new(retry: Retry) -> Rounds {
        Rounds { retry, failed: 0, pauses: 0, state: State::Free }
    }

    /// The next thing to do, which is asked for when the last connection is done with.
    pub(crate) fn poll(&mut self, now: Instant, random: u64) -> Step {
        if let State::Lent { since } = self.state {
            if now.saturating_duration_since(since) >= self.retry.longest_wait().max(SHORTEST) {
                self.pauses = 0;
                self.state = State::Free;
            } else {
                self.pause(now, random);
            }
        }
        match self.state {
            State::Pause { until: Some(until) } if now < until => Step::Wait(until),
            // A wait beyond all time is never over.
            State::Over | State::Pause { until: None } => Step::Over,
            _ => Step::Connect,
        }
    }

    pub(crate) fn handle_connected(&mut self, now: Instant) {
        self.failed = 0;
        self.state = State::Lent { since: now };
    }

    pub(crate) fn handle_failed(&mut self, is_temporary: bool, now: Instant, random: u64) {
        self.failed = self.failed.saturating_add(1);
        if is_temporary && self.failed < self.retry.most_attempts() {
            self.pause(now, random);
        } else {
            self.state = State::Over;
        }
    }

    pub(crate) fn handle_stopped(&mut self) {
        self.state = State::Over;
    }

    fn pause(&mut self, now: Instant, random: u64) {
        let wait = self.retry.pause(self.pauses, random).max(SHORTEST);
        self.pauses = self.pauses.saturating_add(1);
        self.state = State::Pause { until: now.checked_add(wait) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);
    const MIDDLE: u64 = 1 << 63;

    /// Rounds on a clock of the test's.
    struct Clock {
        rounds: Rounds,
        now: Instant,
    }

    impl Clock {
        #[allow(clippy::disallowed_methods, reason = "a clock of the test's must begin somewhere")]
        fn new(retry: Retry) -> Clock {
            Clock { rounds: Rounds::new(retry), now: Instant::now() }
        }

        #[track_caller]
        fn connects(&mut self) {
            assert_eq!(self.rounds.poll(self.now, MIDDLE), Step::Connect);
        }

        /// It waits for that long, and the time passes.
        #[track_caller]
        fn waits(&mut self, millis: u32) {
            assert_eq!(self.rounds.poll(self.now, MIDDLE), Step::Wait(self.now + millis * MS));
            self.now += millis * MS;
        }

        fn fails(&mut self) {
            self.rounds.handle_failed(true, self.now, MIDDLE);
        }

        /// A connection that lasts for so long.
        fn is_connected_for(&mut self, millis: u32) {
            self.rounds.handle_connected(self.now);
            self.now += millis * MS;
        }

        #[track_caller]
        fn is_over(&mut self) {
            assert_eq!(self.rounds.poll(self.now, MIDDLE), Step::Over);
        }
    }

    fn retry() -> Retry {
        Retry::new().initial_delay(100 * MS).max_delay(1_000 * MS)
    }

    #[test]
    fn failed_attempts_back_off_up_to_attempt_limit() {
        let mut clock = Clock::new(retry().attempts(4));
        for wait in [100, 200, 400] {
            clock.connects();
            clock.fails();
            clock.waits(wait);
        }
        clock.connects();
        clock.fails();
        clock.is_over();
        clock.is_over();
    }

    #[test]
    fn long_connection_resets_attempts_and_backoff() {
        let mut clock = Clock::new(retry().attempts(2));
        clock.connects();
        clock.fails();
        clock.waits(100);
        clock.connects();
        clock.is_connected_for(1_000);
        clock.connects();
        clock.fails();
        clock.waits(100);
        clock.connects();
        clock.fails();
        clock.is_over();
    }

    /// Who accepts and closes at once is asked more and more seldom, and for as long as it goes on.
    #[test]
    fn short_connections_back_off_without_ending_schedule() {
        let mut clock = Clock::new(retry().attempts(2));
        for wait in [100, 200, 400, 800, 1_000, 1_000, 1_000] {
            clock.connects();
            clock.is_connected_for(5);
            clock.waits(wait);
        }
        clock.connects();
        clock.fails();
        clock.waits(1_000);
        clock.connects();
        clock.is_connected_for(999);
        clock.waits(1_000);
        clock.connects();
        clock.is_connected_for(1_000);
        clock.connects();
    }

    #[test]
    fn permanent_failure_cancel_or_last_attempt_ends_schedule() {
        let mut clock = Clock::new(retry());
        clock.connects();
        clock.rounds.handle_failed(false, clock.now, MIDDLE);
        clock.is_over();
        let mut clock = Clock::new(retry());
        clock.connects();
        clock.rounds.handle_stopped();
        clock.is_over();
        // As is one attempt that fails, if there is one.
        let mut clock = Clock::new(retry().attempts(1));
        clock.connects();
        clock.fails();
        clock.is_over();
    }

    /// What passes before it is asked for is a part of the wait.
    #[test]
    fn backoff_starts_at_failure() {
        let mut clock = Clock::new(retry());
        clock.connects();
        clock.fails();
        clock.now += 60 * MS;
        clock.waits(40);
        clock.connects();
    }

    #[test]
    fn zero_delay_is_raised_to_minimum() {
        let mut clock = Clock::new(Retry::new().initial_delay(Duration::ZERO).max_delay(Duration::ZERO));
        clock.connects();
        clock.is_connected_for(0);
        clock.waits(10);
        clock.connects();
        clock.fails();
        clock.waits(10);
        clock.connects();
    }

    #[test]
    fn unrepresentable_delay_ends_schedule() {
        let mut clock = Clock::new(Retry::single(Duration::MAX).attempts(2));
        clock.connects();
        clock.fails();
        clock.is_over();
    }

    proptest! {
        /// Whatever the waits and whatever happens: two rounds are never closer together than the shortest wait, unless a
        /// connection lasted as long as the longest.
        #[test]
        fn attempts_keep_minimum_interval(
            first in 0..2_000_u32, longest in 0..2_000_u32, jitter in 0.0..1.0_f64,
            rounds in proptest::collection::vec((any::<bool>(), 0..3_000_u32, any::<u64>()), 1..40),
        ) {
            let retry = Retry::new().attempts(u32::MAX).initial_delay(first * MS).max_delay(longest * MS).jitter(jitter);
            let mut clock = Clock::new(retry);
            let mut ended: Option<Instant> = None;
            for (connects, lasts, random) in rounds {
                if let Step::Wait(until) = clock.rounds.poll(clock.now, random) {
                    prop_assert!(until > clock.now);
                    clock.now = until;
                }
                prop_assert_eq!(clock.rounds.poll(clock.now, random), Step::Connect);
                if let Some(ended) = ended {
                    prop_assert!(clock.now - ended >= SHORTEST);
                }
                if connects {
                    clock.is_connected_for(lasts);
                    ended = (lasts < longest.max(10)).then_some(clock.now);
                } else {
                    clock.rounds.handle_failed(true, clock.now, random);
                    ended = Some(clock.now);
                }
            }
        }
    }
}
