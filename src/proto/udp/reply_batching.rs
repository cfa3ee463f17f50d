//! When the replies of a server thread are sent: immediately, or together with those of the next
//! requests.
//!
//! Replies are held while requests are available and handlers are quick. One system call then sends
//! several replies. A handler that is not quick has its reply sent at once, and those of the next
//! second.

use std::time::{Duration, Instant};

/// A handler that takes no longer is quick.
const QUICK: Duration = Duration::from_micros(50);

/// How many handlers in a row must be quick before replies are held.
const MIN_QUICK: u32 = 64;

/// How long replies are not held after a handler that was not quick.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a reply is held.
const MAX_HELD: Duration = Duration::from_micros(200);

/// How many replies are held.
pub(crate) const MAX_REPLIES: usize = 32;

/// A receive call that takes no longer has not blocked.
const NOT_BLOCKED: Duration = Duration::from_micros(5);

/// What a thread does after a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Next {
    /// Send the replies, and wait for a request.
    Send,
    /// Receive the next request without blocking, and send the replies if there is none.
    TryNext,
}

/// The decision of one thread. [`waiting`](Self::waiting) is called before a call that blocks,
/// [`received`](Self::received) after it, and [`handled`](Self::handled) after each handler.
#[derive(Debug)]
pub(crate) struct ReplyBatching {
    quick: u32,
    paused_until: Option<Instant>,
    /// When the thread began to wait, or the last handler returned.
    last: Instant,
    /// When the oldest held reply was made.
    held_since: Option<Instant>,
    /// Whether requests are available without blocking.
    is_loaded: bool,
}

impl ReplyBatching {
    pub(crate) fn new(now: Instant) -> ReplyBatching {
        ReplyBatching { quick: 0, paused_until: None, last: now, held_since: None, is_loaded: false }
    }

    pub(crate) fn waiting(&mut self, now: Instant) {
        self.last = now;
        self.held_since = None;
    }

    /// Returns the time when the handler begins.
    pub(crate) fn received(&mut self, now: Instant) {
        self.is_loaded = now.saturating_duration_since(self.last) <= NOT_BLOCKED;
        self.last = now;
    }

    /// `held` is the number of replies that are not sent.
    pub(crate) fn handled(&mut self, now: Instant, held: usize) -> Next {
        let took = now.saturating_duration_since(self.last);
        self.last = now;
        if took > QUICK {
            self.quick = 0;
            self.paused_until = now.checked_add(PAUSE);
            return Next::Send;
        }
        self.quick = self.quick.saturating_add(1);
        if self.paused_until.is_some_and(|until| now >= until) {
            self.paused_until = None;
        }
        if !self.is_loaded || self.quick < MIN_QUICK || self.paused_until.is_some() || held >= MAX_REPLIES {
            return Next::Send;
        }
        if held == 0 {
            return Next::TryNext;
        }
        let since = *self.held_since.get_or_insert(now);
        if now.saturating_duration_since(since) > MAX_HELD { Next::Send } else { Next::TryNext }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICRO: Duration = Duration::from_micros(1);

    struct Clock(Instant);

    impl Clock {
        #[allow(clippy::disallowed_methods, reason = "the clock of a test begins at some time")]
        fn new() -> Clock {
            Clock(Instant::now())
        }

        fn after(&mut self, time: Duration) -> Instant {
            self.0 += time;
            self.0
        }
    }

    /// A thread that has handled many requests under load.
    fn loaded() -> (ReplyBatching, Clock) {
        let mut clock = Clock::new();
        let mut batching = ReplyBatching::new(clock.0);
        for _ in 0..MIN_QUICK {
            batching.waiting(clock.0);
            batching.received(clock.after(MICRO));
            let _ = batching.handled(clock.after(MICRO), 0);
        }
        (batching, clock)
    }

    #[test]
    fn replies_are_held_under_load_up_to_a_number_and_a_time() {
        let (mut batching, mut clock) = loaded();
        assert_eq!(batching.handled(clock.after(MICRO), 1), Next::TryNext);
        assert_eq!(batching.handled(clock.after(MICRO), MAX_REPLIES - 1), Next::TryNext);
        assert_eq!(batching.handled(clock.after(MICRO), MAX_REPLIES), Next::Send);
        batching.waiting(clock.0);
        batching.received(clock.after(MICRO));
        for _ in 0..5 {
            assert_eq!(batching.handled(clock.after(QUICK), 1), Next::TryNext);
        }
        assert_eq!(batching.handled(clock.after(QUICK), 1), Next::Send, "the first is held for too long");
    }

    #[test]
    fn reply_is_sent_at_once_without_load() {
        let (mut batching, mut clock) = loaded();
        batching.waiting(clock.0);
        batching.received(clock.after(NOT_BLOCKED + MICRO));
        assert_eq!(batching.handled(clock.after(MICRO), 1), Next::Send);
    }

    #[test]
    fn slow_handler_pauses_for_a_second() {
        let (mut batching, mut clock) = loaded();
        assert_eq!(batching.handled(clock.after(QUICK + MICRO), 1), Next::Send);
        for _ in 0..2 * MIN_QUICK {
            assert_eq!(batching.handled(clock.after(MICRO), 1), Next::Send);
        }
        batching.waiting(clock.0);
        batching.received(clock.after(MICRO));
        clock.after(PAUSE);
        batching.last = clock.0;
        assert_eq!(batching.handled(clock.after(MICRO), 1), Next::TryNext);
    }

    #[test]
    fn first_handlers_are_not_trusted() {
        let mut clock = Clock::new();
        let mut batching = ReplyBatching::new(clock.0);
        batching.received(clock.after(MICRO));
        assert_eq!(batching.handled(clock.after(MICRO), 1), Next::Send);
    }
}
