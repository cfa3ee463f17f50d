//! The configured limits of a socket, shared by its threads without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::limit::WaitLimit;
use super::moment::{Moment, NEVER, nanos};
use super::scope::{self, Timed};
use super::stall::Allowance;
use crate::error::TimeLimit;

/// The timeouts and the deadline of a socket, in nanoseconds; `u64::MAX` is none.
#[derive(Debug)]
pub(crate) struct Timeouts {
    deadline: AtomicU64,
    read: AtomicU64,
    write: AtomicU64,
    idle: AtomicU64,
    allowance: Allowance,
}

const NONE: u64 = u64::MAX;

/// The timeouts that a socket starts with.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Configured {
    pub(crate) read: Option<Duration>,
    pub(crate) write: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) stall: Option<Duration>,
}

impl Timeouts {
    pub(crate) fn new(configured: Configured) -> Timeouts {
        Timeouts {
            deadline: AtomicU64::new(NONE),
            read: AtomicU64::new(to_nanos(configured.read)),
            write: AtomicU64::new(to_nanos(configured.write)),
            idle: AtomicU64::new(to_nanos(configured.idle)),
            allowance: Allowance::new(configured.stall),
        }
    }

    pub(crate) fn read_timeout(&self) -> Option<Duration> {
        from_nanos(self.read.load(Ordering::Relaxed))
    }

    pub(crate) fn write_timeout(&self) -> Option<Duration> {
        from_nanos(self.write.load(Ordering::Relaxed))
    }

    pub(crate) fn idle_timeout(&self) -> Option<Duration> {
        from_nanos(self.idle.load(Ordering::Relaxed))
    }

    pub(crate) fn stall_timeout(&self) -> Option<Duration> {
        self.allowance.timeout()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        Moment::from_nanos(self.deadline.load(Ordering::Relaxed)).as_instant()
    }

    pub(crate) fn set_read_timeout(&self, timeout: Option<Duration>) {
        self.read.store(to_nanos(timeout), Ordering::Relaxed);
    }

    pub(crate) fn set_write_timeout(&self, timeout: Option<Duration>) {
        self.write.store(to_nanos(timeout), Ordering::Relaxed);
    }

    pub(crate) fn set_idle_timeout(&self, timeout: Option<Duration>) {
        self.idle.store(to_nanos(timeout), Ordering::Relaxed);
    }

    pub(crate) fn set_stall_timeout(&self, timeout: Option<Duration>) {
        self.allowance.set_timeout(timeout);
    }

    pub(crate) fn set_deadline(&self, deadline: Option<Instant>) {
        let deadline = deadline.map_or(NEVER, Moment::from);
        self.deadline.store(deadline.as_nanos(), Ordering::Relaxed);
    }

    /// The allowance of waiting time of transfers to a slow peer.
    #[inline]
    pub(crate) fn allowance(&self) -> &Allowance {
        &self.allowance
    }

    /// The limit of a call that reads.
    #[inline]
    pub(crate) fn read_limit<'a>(&self) -> WaitLimit<'a> {
        let (read, deadline) = (self.read.load(Ordering::Relaxed), self.deadline.load(Ordering::Relaxed));
        if read == NONE && deadline == NONE && self.idle.load(Ordering::Relaxed) == NONE {
            return WaitLimit::unlimited();
        }
        let now = Moment::now();
        match scope::current() {
            None if read == NONE && deadline == NONE => WaitLimit::unlimited(),
            None => self.limit(Timed { started: now, from: now }, now, read, TimeLimit::ReadTimeout),
            Some(scope) => scope.read_limit(self, now),
        }
    }

    /// The limit of a call that receives a datagram. It is not a part of another call.
    #[inline]
    pub(crate) fn datagram_limit<'a>(&self) -> WaitLimit<'a> {
        let (read, deadline) = (self.read.load(Ordering::Relaxed), self.deadline.load(Ordering::Relaxed));
        if read == NONE && deadline == NONE {
            return WaitLimit::unlimited();
        }
        let now = Moment::now();
        self.limit(Timed { started: now, from: now }, now, read, TimeLimit::ReadTimeout)
    }

    /// The limit of a call that writes.
    #[inline]
    pub(crate) fn write_limit<'a>(&self) -> WaitLimit<'a> {
        if !self.limits_writing() {
            return WaitLimit::unlimited();
        }
        let now = Moment::now();
        match scope::current() {
            None => {
                let write = self.write.load(Ordering::Relaxed);
                self.limit(Timed { started: now, from: now }, now, write, TimeLimit::WriteTimeout)
            }
            Some(scope) => scope.write_limit(self, now),
        }
    }

    /// The limit of a call with a timeout of its own.
    #[inline]
    pub(crate) fn timeout_limit<'a>(&self, timeout: Duration) -> WaitLimit<'a> {
        let now = Moment::now();
        self.limit(Timed { started: now, from: now }, now, nanos(timeout), TimeLimit::Timeout)
    }

    /// The limit of a call with a deadline of its own.
    #[inline]
    pub(crate) fn deadline_limit<'a>(&self, deadline: Instant) -> WaitLimit<'a> {
        WaitLimit::until(deadline).earlier(self.deadline_moment(), TimeLimit::Deadline)
    }

    #[inline]
    pub(super) fn limit<'a>(
        &self,
        timed: Timed,
        now: Moment,
        timeout: u64,
        reason: TimeLimit,
    ) -> WaitLimit<'a> {
        let end = Moment::from_nanos(timed.from.as_nanos().saturating_add(timeout));
        let limit = WaitLimit::new(timed.started, now, end, reason);
        limit.earlier(self.deadline_moment(), TimeLimit::Deadline)
    }

    #[inline]
    fn deadline_moment(&self) -> Moment {
        Moment::from_nanos(self.deadline.load(Ordering::Relaxed))
    }

    pub(super) fn read_nanos(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(super) fn write_nanos(&self) -> u64 {
        self.write.load(Ordering::Relaxed)
    }

    pub(super) fn idle_nanos(&self) -> u64 {
        self.idle.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn limits_writing(&self) -> bool {
        let times = self.write.load(Ordering::Relaxed) & self.deadline.load(Ordering::Relaxed);
        times != NONE || self.allowance.is_limited()
    }
}

/// A duration of more than 584 years is no limit.
pub(super) fn to_nanos(duration: Option<Duration>) -> u64 {
    duration.map_or(NONE, nanos)
}

#[inline]
pub(super) fn from_nanos(nanos: u64) -> Option<Duration> {
    (nanos != NONE).then(|| Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::super::scope::CallScope;
    use super::*;

    fn read_timeout(timeout: Option<Duration>) -> Timeouts {
        Timeouts::new(Configured { read: timeout, ..Configured::default() })
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn call_without_limit_reads_no_clock() {
        let timeouts = read_timeout(None);
        assert!(timeouts.write_limit().elapsed().is_none() && timeouts.read_limit().elapsed().is_none());
    }

    #[test]
    fn earlier_of_timeout_and_deadline_applies() {
        let timeouts = read_timeout(Some(MINUTE));
        let soon = Instant::now() + Duration::from_secs(1);
        timeouts.set_deadline(Some(soon));
        assert_eq!(timeouts.read_limit().deadline(), Some(soon));
        assert_eq!(timeouts.timeout_limit(MINUTE).deadline(), Some(soon));
        assert_eq!(timeouts.deadline_limit(soon + MINUTE).deadline(), Some(soon));
        timeouts.set_read_timeout(Some(Duration::ZERO));
        assert!(timeouts.read_limit().had_passed());
        timeouts.set_read_timeout(None);
        timeouts.set_deadline(None);
        assert_eq!(timeouts.read_limit().deadline(), None);
    }

    #[test]
    fn duration_max_timeout_means_no_limit() {
        let timeouts = read_timeout(Some(Duration::MAX));
        assert_eq!(timeouts.read_timeout(), None);
        assert_eq!(timeouts.timeout_limit(Duration::MAX).deadline(), None);
        timeouts.set_deadline(Instant::now().checked_sub(Duration::from_secs(1)));
        assert!(timeouts.read_limit().had_passed(), "a deadline in the past");
    }

    #[test]
    fn reads_of_one_scope_share_one_limit() {
        let timeouts = read_timeout(Some(MINUTE));
        let scope = CallScope::enter(false);
        let first = timeouts.read_limit().deadline();
        // A change applies from the next call.
        timeouts.set_read_timeout(Some(Duration::ZERO));
        assert_eq!(timeouts.read_limit().deadline(), first);
        let other = read_timeout(Some(MINUTE + MINUTE));
        assert!(other.read_limit().deadline() > first);
        drop(scope);
        assert!(timeouts.read_limit().had_passed());
    }

    #[test]
    fn inner_scope_does_not_restart_the_outer_limit() {
        let timeouts = read_timeout(Some(MINUTE));
        let _outer = CallScope::enter(false);
        let first = timeouts.read_limit().deadline();
        {
            let _inner = CallScope::enter(false);
            assert_eq!(timeouts.read_limit().deadline(), first);
        }
        assert_eq!(timeouts.read_limit().deadline(), first);
    }

    #[test]
    fn idle_timeout_applies_until_a_message_begins() {
        let timeouts = read_timeout(Some(Duration::from_secs(5)));
        timeouts.set_idle_timeout(Some(MINUTE));
        let began = Instant::now();
        assert!(timeouts.read_limit().deadline() < Some(began + MINUTE), "outside of framed use");
        let scope = CallScope::enter(true);
        let limit = timeouts.read_limit();
        assert!(limit.deadline() >= Some(began + MINUTE));
        assert_eq!(limit.timed_out(crate::error::Operation::Receive).limit(), Some(TimeLimit::IdleTimeout));
        scope.message_begins();
        let limit = timeouts.read_limit();
        assert!(limit.deadline() < Some(began + MINUTE));
        assert!(limit.deadline() >= Some(began + Duration::from_secs(5)));
        assert_eq!(limit.timed_out(crate::error::Operation::Receive).limit(), Some(TimeLimit::ReadTimeout));
    }

    #[test]
    fn idle_timeout_alone_limits_framed_calls_only() {
        let timeouts = read_timeout(None);
        timeouts.set_idle_timeout(Some(MINUTE));
        assert_eq!(timeouts.read_limit().deadline(), None);
        let scope = CallScope::enter(true);
        assert!(timeouts.read_limit().has_deadline());
        scope.message_begins();
        assert_eq!(timeouts.read_limit().deadline(), None);
    }
}
