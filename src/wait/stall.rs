//! The minimum progress of a transfer to a slow peer.
//!
//! A connection has an allowance of waiting time, at most its stall timeout. Waiting for space in
//! the send buffer uses it up; bytes that the OS accepts refill it, at [`MIN_RATE`]. A peer that
//! reads steadily keeps it full, however long the transfer is. A peer that reads a segment from
//! time to time uses it up, as `RequestReadTimeout` of Apache's httpd does for requests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::limit::WaitLimit;
use super::moment::Moment;
use super::timeouts::{from_nanos, to_nanos};
use crate::error::TimeLimit;

/// The bytes that refill a second of the allowance.
pub(crate) const MIN_RATE: u64 = 1_024;

const NANOS_PER_BYTE: u64 = 1_000_000_000 / MIN_RATE;
const NONE: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct Allowance {
    /// The stall timeout in nanoseconds; `u64::MAX` is none.
    timeout: AtomicU64,
    /// How much of it was used up.
    used: AtomicU64,
}

/// One wait that uses the allowance.
#[derive(Debug)]
pub(crate) struct Stalled<'a> {
    allowance: &'a Allowance,
    began: Moment,
}

impl Allowance {
    pub(super) fn new(timeout: Option<Duration>) -> Allowance {
        Allowance { timeout: AtomicU64::new(to_nanos(timeout)), used: AtomicU64::new(0) }
    }

    pub(super) fn timeout(&self) -> Option<Duration> {
        from_nanos(self.timeout.load(Ordering::Relaxed))
    }

    pub(super) fn set_timeout(&self, timeout: Option<Duration>) {
        self.timeout.store(to_nanos(timeout), Ordering::Relaxed);
        self.used.store(0, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_limited(&self) -> bool {
        self.timeout.load(Ordering::Relaxed) != NONE
    }

    /// Narrows the limit of a wait to the rest of the allowance.
    pub(crate) fn apply<'a>(&self, limit: WaitLimit<'a>) -> (WaitLimit<'a>, Option<Stalled<'_>>) {
        let timeout = self.timeout.load(Ordering::Relaxed);
        if timeout == NONE {
            return (limit, None);
        }
        let began = Moment::now();
        (self.rest_after(limit, began, timeout), Some(Stalled { allowance: self, began }))
    }

    /// The same for a wait that has begun before.
    pub(super) fn apply_since<'a>(&self, limit: WaitLimit<'a>, began: Moment) -> WaitLimit<'a> {
        match self.timeout.load(Ordering::Relaxed) {
            NONE => limit,
            timeout => self.rest_after(limit, began, timeout),
        }
    }

    fn rest_after<'a>(&self, limit: WaitLimit<'a>, began: Moment, timeout: u64) -> WaitLimit<'a> {
        let rest = timeout.saturating_sub(self.used.load(Ordering::Relaxed));
        let end = Moment::from_nanos(began.as_nanos().saturating_add(rest));
        limit.earlier(end, TimeLimit::StallTimeout)
    }

    /// A wait that began then has ended.
    pub(super) fn end_wait(&self, began: Moment) {
        if self.is_limited() {
            Stalled { allowance: self, began }.end(0);
        }
    }

    /// Bytes were accepted.
    #[inline]
    pub(crate) fn refill(&self, bytes: usize) {
        if self.used.load(Ordering::Relaxed) != 0 {
            self.refill_used(bytes);
        }
    }

    #[cold]
    fn refill_used(&self, bytes: usize) {
        let refilled = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(NANOS_PER_BYTE);
        self.update(|used| used.saturating_sub(refilled));
    }

    fn update(&self, change: impl Fn(u64) -> u64) {
        let change = |used| Some(change(used));
        // It never fails: `change` always returns a value.
        let _ = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change);
    }
}

impl Stalled<'_> {
    /// Ends the wait. `bytes` is the number of bytes that the OS has accepted after it.
    pub(crate) fn end(self, bytes: usize) {
        let waited = super::moment::nanos(self.began.until(Moment::now()));
        let timeout = self.allowance.timeout.load(Ordering::Relaxed);
        self.allowance.update(|used| used.saturating_add(waited).min(timeout));
        self.allowance.refill(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn rest(allowance: &Allowance) -> Duration {
        LIMIT.saturating_sub(Duration::from_nanos(allowance.used.load(Ordering::Relaxed)))
    }

    fn wait(allowance: &Allowance, time: Duration, bytes: usize) {
        let began =
            Moment::from_nanos(Moment::now().as_nanos().saturating_sub(super::super::moment::nanos(time)));
        Stalled { allowance, began }.end(bytes);
    }

    #[test]
    fn segment_each_29_seconds_uses_the_allowance_up() {
        // Moments cannot be earlier than the first use of the clock.
        let allowance = Allowance::new(Some(LIMIT));
        allowance.used.store(0, Ordering::Relaxed);
        allowance.update(|used| used + 29_000_000_000);
        allowance.refill(1_460);
        assert!(rest(&allowance) < Duration::from_secs(3), "{:?}", rest(&allowance));
        let (limit, _) = allowance.apply(WaitLimit::unlimited());
        assert!(limit.remaining().is_some_and(|rest| rest < Duration::from_secs(3)));
        assert_eq!(limit.timed_out(crate::error::Operation::Send).limit(), Some(TimeLimit::StallTimeout));
    }

    #[test]
    fn steady_progress_keeps_the_allowance_full() {
        let allowance = Allowance::new(Some(LIMIT));
        for _ in 0..100 {
            wait(&allowance, Duration::from_micros(1), 4_096);
        }
        assert!(rest(&allowance) > LIMIT - Duration::from_secs(1));
    }

    #[test]
    fn no_stall_timeout_is_no_limit() {
        let allowance = Allowance::new(None);
        let (limit, stalled) = allowance.apply(WaitLimit::unlimited());
        assert!(!limit.has_deadline() && stalled.is_none() && !allowance.is_limited());
    }
}
