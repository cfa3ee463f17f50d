//! The time limits of a socket, shared by its threads without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Moment;

const NONE: u64 = u64::MAX;

/// Two timeouts and a deadline, each as nanoseconds.
#[derive(Debug)]
pub(crate) struct Timing {
    deadline: AtomicU64,
    read: AtomicU64,
    write: AtomicU64,
}

/// How long one call may take.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Window {
    /// As the socket is set.
    AsSet,
    Timeout(Duration),
    Deadline(Instant),
}

/// When a call began, if anybody needed to look, and when it must end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    pub(crate) started: Option<Moment>,
    pub(crate) deadline: Option<Moment>,
}

impl Timing {
    pub(crate) fn new(read: Option<Duration>, write: Option<Duration>) -> Timing {
        Timing {
            deadline: AtomicU64::new(NONE),
            read: AtomicU64::new(to_nanos(read)),
            write: AtomicU64::new(to_nanos(write)),
        }
    }

    pub(crate) fn read_timeout(&self) -> Option<Duration> {
        from_nanos(self.read.load(Ordering::Relaxed)).map(Duration::from_nanos)
    }

    pub(crate) fn write_timeout(&self) -> Option<Duration> {
        from_nanos(self.write.load(Ordering::Relaxed)).map(Duration::from_nanos)
    }

    pub(crate) fn deadline(&self) -> Option<Moment> {
        from_nanos(self.deadline.load(Ordering::Relaxed)).map(Moment::from_nanos)
    }

    pub(crate) fn set_read_timeout(&self, timeout: Option<Duration>) {
        self.read.store(to_nanos(timeout), Ordering::Relaxed);
    }

    pub(crate) fn set_write_timeout(&self, timeout: Option<Duration>) {
        self.write.store(to_nanos(timeout), Ordering::Relaxed);
    }

    pub(crate) fn set_deadline(&self, deadline: Option<Instant>) {
        let deadline = deadline.map_or(NONE, |deadline| Moment::from(deadline).as_nanos());
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn reading(&self, window: Window) -> Span {
        match window {
            Window::AsSet => self.span(&self.read),
            Window::Timeout(timeout) => {
                let started = Moment::now();
                Span { started: Some(started), deadline: started.after(to_nanos(Some(timeout))) }
            }
            Window::Deadline(deadline) => {
                Span { started: Some(Moment::now()), deadline: Some(deadline.into()) }
            }
        }
    }

    /// Whether the deadline, if there is one, is not later than `now`.
    #[inline]
    pub(crate) fn is_over(&self, now: Option<Moment>) -> bool {
        // Without a limit nobody has looked at the clock.
        now.is_some_and(|now| self.deadline.load(Ordering::Relaxed) <= now.as_nanos())
    }

    #[inline]
    pub(crate) fn limits_writing(&self) -> bool {
        self.write.load(Ordering::Relaxed) & self.deadline.load(Ordering::Relaxed) != NONE
    }

    pub(crate) fn writing(&self) -> Span {
        self.span(&self.write)
    }

    /// Looks at the clock only when there is a limit.
    #[inline]
    fn span(&self, timeout: &AtomicU64) -> Span {
        let (timeout, deadline) = (timeout.load(Ordering::Relaxed), self.deadline.load(Ordering::Relaxed));
        if timeout == NONE && deadline == NONE {
            return Span::default();
        }
        let started = Moment::now();
        let by_timeout = started.as_nanos().saturating_add(timeout);
        let deadline = from_nanos(by_timeout.min(deadline)).map(Moment::from_nanos);
        Span { started: Some(started), deadline }
    }
}

/// A time of more than 584 years is no limit.
fn to_nanos(duration: Option<Duration>) -> u64 {
    duration.map_or(NONE, |duration| u64::try_from(duration.as_nanos()).unwrap_or(NONE))
}

#[inline]
fn from_nanos(nanos: u64) -> Option<u64> {
    (nanos != NONE).then_some(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timing_without_limit_reads_no_clock() {
        let span = Timing::new(None, None).writing();
        assert!(span.started.is_none() && span.deadline.is_none());
    }

    #[test]
    fn earlier_of_timeout_and_deadline_applies() {
        let timing = Timing::new(Some(Duration::from_secs(10)), None);
        let soon = Instant::now() + Duration::from_secs(1);
        timing.set_deadline(Some(soon));
        assert_eq!(timing.reading(Window::AsSet).deadline, timing.deadline());
        timing.set_read_timeout(Some(Duration::ZERO));
        let span = timing.reading(Window::AsSet);
        assert_eq!(span.deadline, span.started);
        timing.set_read_timeout(None);
        timing.set_deadline(None);
        assert!(timing.reading(Window::AsSet).deadline.is_none());
    }

    #[test]
    fn duration_max_timeout_means_no_limit() {
        let timing = Timing::new(Some(Duration::MAX), None);
        assert_eq!(timing.read_timeout(), None);
        assert!(timing.reading(Window::Timeout(Duration::MAX)).deadline.is_none());
        timing.set_deadline(Instant::now().checked_sub(Duration::from_secs(1)));
        assert!(timing.reading(Window::AsSet).deadline <= Some(Moment::now()), "a deadline that is over");
    }
}
