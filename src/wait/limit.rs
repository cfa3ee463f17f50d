use std::io;
use std::time::{Duration, Instant};

use super::CancelToken;
use super::moment::{Moment, NEVER};
use crate::error::{Error, ErrorKind, Operation, TimeLimit};

/// The limit of one call: when it started, when it must end and why, and what cancels it.
///
/// A public method creates it, and every function below takes it. Creating it reads the clock once,
/// and not at all if there is no limit of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WaitLimit<'a> {
    /// When the call started. [`NEVER`] if there is no limit of time.
    started: Moment,
    /// The current time, as long as nothing has blocked since it was read; else [`NEVER`].
    now: Moment,
    /// When the call must end, or [`NEVER`].
    deadline: Moment,
    /// Which limit the deadline is.
    reason: TimeLimit,
    token: Option<&'a CancelToken>,
    /// The token of another owner, such as the server of a connection.
    also: Option<&'a CancelToken>,
}

/// Why a wait ended without a result.
#[derive(Debug)]
pub(crate) enum WaitError {
    TimedOut,
    Cancelled,
    /// There is no data, and ICMP errors of earlier datagrams are queued. Until they are taken,
    /// every poll returns immediately.
    ErrorQueueReady,
    Failed(io::Error),
}

impl From<io::Error> for WaitError {
    fn from(error: io::Error) -> WaitError {
        WaitError::Failed(error)
    }
}

/// A system call that takes no longer has not blocked. Waking a thread takes longer.
const IMMEDIATE: Duration = Duration::from_nanos(1_500);

impl<'a> WaitLimit<'a> {
    /// No limit.
    #[inline]
    pub(crate) const fn unlimited() -> WaitLimit<'a> {
        WaitLimit {
            started: NEVER,
            now: NEVER,
            deadline: NEVER,
            reason: TimeLimit::Timeout,
            token: None,
            also: None,
        }
    }

    /// No limit, with the time of the call measured.
    pub(crate) fn started_now() -> WaitLimit<'a> {
        let now = Moment::now();
        WaitLimit { started: now, now, ..WaitLimit::unlimited() }
    }

    /// At most until `deadline`, for a call that started at `started`; `now` is the current time.
    #[inline]
    pub(super) fn new(started: Moment, now: Moment, deadline: Moment, reason: TimeLimit) -> WaitLimit<'a> {
        WaitLimit { started, now, deadline, reason, ..WaitLimit::unlimited() }
    }

    /// At most for `timeout` from now.
    #[inline]
    pub(crate) fn timeout(timeout: Duration) -> WaitLimit<'a> {
        let now = Moment::now();
        WaitLimit::new(now, now, now.after(timeout), TimeLimit::Timeout)
    }

    /// At most until `deadline`.
    #[inline]
    pub(crate) fn until(deadline: Instant) -> WaitLimit<'a> {
        let now = Moment::now();
        WaitLimit::new(now, now, deadline.into(), TimeLimit::Deadline)
    }

    /// A limit that has passed: for a call that never blocks.
    #[inline]
    pub(crate) fn no_wait() -> WaitLimit<'a> {
        WaitLimit::timeout(Duration::ZERO)
    }

    /// The same, also cancelled by the tokens.
    #[inline]
    #[must_use]
    pub(crate) fn cancelled_by(
        self,
        token: Option<&'a CancelToken>,
        also: Option<&'a CancelToken>,
    ) -> WaitLimit<'a> {
        WaitLimit { token, also, ..self }
    }

    /// The same, also cancelled by the token, if there is a place for it.
    #[inline]
    #[must_use]
    pub(crate) fn or_cancelled_by(self, token: Option<&'a CancelToken>) -> WaitLimit<'a> {
        WaitLimit { also: self.also.or(token), ..self }
    }

    /// The same, and at most for `timeout` from the start of the call.
    #[must_use]
    pub(crate) fn at_most(self, timeout: Option<Duration>, reason: TimeLimit) -> WaitLimit<'a> {
        let Some(timeout) = timeout else { return self };
        let limit = self.with_clock();
        limit.earlier(limit.started.after(timeout), reason)
    }

    /// The same, and at most until `deadline`.
    #[must_use]
    pub(crate) fn before(self, deadline: Option<Instant>, reason: TimeLimit) -> WaitLimit<'a> {
        let Some(deadline) = deadline else { return self };
        self.with_clock().earlier(deadline.into(), reason)
    }

    /// The same, for a part of the call that may take at most `timeout` from now.
    #[must_use]
    pub(crate) fn next(self, timeout: Duration, reason: TimeLimit) -> WaitLimit<'a> {
        let limit = self.with_clock().refreshed();
        limit.earlier(limit.now.after(timeout), reason)
    }

    /// The same, for a part of the call that may take at most `timeout`: from the time when the
    /// clock was read last, if nothing has blocked since, and from now otherwise.
    #[inline]
    #[must_use]
    pub(crate) fn starting(self, timeout: Duration, reason: TimeLimit) -> WaitLimit<'a> {
        let now = if self.now == NEVER { Moment::now() } else { self.now };
        let started = if self.started == NEVER { now } else { self.started };
        WaitLimit { started, now, ..self }.earlier(now.after(timeout), reason)
    }

    /// The time when the clock was read last, if nothing has blocked since, and now otherwise.
    pub(crate) fn now(&self) -> Moment {
        if self.now == NEVER { Moment::now() } else { self.now }
    }

    #[inline]
    #[must_use]
    pub(super) fn earlier(self, deadline: Moment, reason: TimeLimit) -> WaitLimit<'a> {
        if deadline < self.deadline { WaitLimit { deadline, reason, ..self } } else { self }
    }

    fn with_clock(self) -> WaitLimit<'a> {
        if self.started != NEVER {
            return self;
        }
        let now = Moment::now();
        WaitLimit { started: now, now, ..self }
    }

    /// The same with the current time read again, after a part of the call.
    #[inline]
    #[must_use]
    pub(crate) fn refreshed(self) -> WaitLimit<'a> {
        if self.started == NEVER { self } else { WaitLimit { now: Moment::now(), ..self } }
    }

    /// The same after a wait: the current time is unknown.
    #[inline]
    #[must_use]
    pub(crate) fn aged(self) -> WaitLimit<'a> {
        WaitLimit { now: NEVER, ..self }
    }

    /// The same for a slice of the wait, which ends without effect.
    pub(super) fn slice(self, length: Duration) -> Option<WaitLimit<'a>> {
        let end = Moment::now().after(length);
        (end < self.deadline).then_some(WaitLimit { deadline: end, now: NEVER, ..self })
    }

    /// The tokens that cancel the call.
    #[inline]
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &'a CancelToken> + use<'a> {
        self.token.into_iter().chain(self.also)
    }

    #[inline]
    pub(super) fn token_pair(&self) -> (Option<&'a CancelToken>, Option<&'a CancelToken>) {
        (self.token, self.also)
    }

    #[inline]
    pub(crate) fn is_cancellable(&self) -> bool {
        self.token.is_some() || self.also.is_some()
    }

    #[inline]
    pub(crate) fn is_cancelled(&self) -> bool {
        self.token.is_some_and(CancelToken::is_cancelled) || self.also.is_some_and(CancelToken::is_cancelled)
    }

    /// Returns `true` if time or a token limits the call.
    #[inline]
    pub(crate) fn is_limited(&self) -> bool {
        self.has_deadline() || self.is_cancellable()
    }

    #[inline]
    pub(crate) fn has_deadline(&self) -> bool {
        self.deadline != NEVER
    }

    /// When the call must end, or `None` if no time limits it.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline.as_instant()
    }

    #[inline]
    pub(super) fn deadline_moment(&self) -> Moment {
        self.deadline
    }

    #[inline]
    pub(super) fn reason(&self) -> TimeLimit {
        self.reason
    }

    /// How many nanoseconds were left when the clock was read last, if nothing has blocked since.
    #[inline]
    pub(super) fn nanos_at_start(&self) -> Option<u64> {
        (self.now != NEVER).then(|| self.deadline.as_nanos().saturating_sub(self.now.as_nanos()))
    }

    /// Whether the call has a limit of time, and so little has passed since its start that it has not
    /// blocked.
    #[inline]
    pub(crate) fn was_immediate(&self) -> bool {
        self.has_deadline() && self.now != NEVER && self.now.until(Moment::now()) < IMMEDIATE
    }

    /// How much time is left, or `None` without a limit of time.
    #[inline]
    pub(crate) fn remaining(&self) -> Option<Duration> {
        self.has_deadline().then(|| Moment::now().until(self.deadline))
    }

    /// Returns an error if the deadline has passed or a token is cancelled.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), WaitError> {
        if self.is_cancelled() {
            return Err(WaitError::Cancelled);
        }
        if self.has_passed() { Err(WaitError::TimedOut) } else { Ok(()) }
    }

    /// Returns `true` if the deadline has passed.
    #[inline]
    pub(crate) fn has_passed(&self) -> bool {
        self.has_deadline() && self.deadline <= Moment::now()
    }

    /// Returns `true` if the deadline had passed when the clock was read last.
    #[inline]
    pub(crate) fn had_passed(&self) -> bool {
        self.now != NEVER && self.deadline <= self.now
    }

    /// Returns `true` if the call is limited by a deadline, and it had passed when the clock was
    /// read last. A timeout of zero does not count: it allows the receipt of available data.
    #[inline]
    pub(crate) fn is_past_deadline(&self) -> bool {
        self.had_passed() && matches!(self.reason, TimeLimit::Deadline)
    }

    /// The time since the start of the call, if it has a limit of time.
    pub(crate) fn elapsed(&self) -> Option<Duration> {
        (self.started != NEVER).then(|| self.started.until(Moment::now()))
    }

    /// The error of a call that timed out.
    #[cold]
    pub(crate) fn timed_out(&self, operation: Operation) -> Error {
        self.timed(Error::new(operation, ErrorKind::TimedOut))
    }

    /// The error of a call that was cancelled.
    #[cold]
    pub(crate) fn cancelled(&self, operation: Operation) -> Error {
        Error::new(operation, ErrorKind::Cancelled).with_elapsed(self.elapsed())
    }

    /// Adds to an error which limit ended the call, and the time of the whole call.
    #[cold]
    pub(crate) fn timed(&self, error: Error) -> Error {
        let elapsed = self.elapsed();
        match error.kind() {
            // Time did not pass in the call.
            ErrorKind::TimedOut if self.deadline <= self.started && self.reason == TimeLimit::Deadline => {
                error.with_limit(self.reason).with_elapsed(elapsed).tells_elapsed()
            }
            ErrorKind::TimedOut => error.with_limit(self.reason).with_elapsed(elapsed),
            _ => error.with_elapsed(elapsed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earliest_limit_wins_and_is_named() {
        let soon = Instant::now() + Duration::from_secs(1);
        let limit = WaitLimit::timeout(Duration::from_secs(9)).before(Some(soon), TimeLimit::Deadline);
        assert_eq!(limit.deadline(), Some(soon));
        assert_eq!(limit.timed_out(Operation::Receive).limit(), Some(TimeLimit::Deadline));
        let limit = limit.at_most(Some(Duration::ZERO), TimeLimit::WriteTimeout);
        assert!(limit.has_passed() && limit.had_passed());
        assert_eq!(limit.timed_out(Operation::Send).limit(), Some(TimeLimit::WriteTimeout));
        assert!(limit.check().is_err());
    }

    #[test]
    fn unlimited_call_reads_no_clock() {
        let limit = WaitLimit::unlimited();
        assert_eq!((limit.deadline(), limit.remaining(), limit.elapsed()), (None, None, None));
        assert!(!limit.is_limited() && !limit.has_passed() && limit.check().is_ok());
    }

    #[test]
    fn duration_max_is_no_limit() {
        let limit = WaitLimit::timeout(Duration::MAX);
        assert!(!limit.has_deadline() && !limit.has_passed());
        assert!(limit.elapsed().is_some());
    }

    #[test]
    fn passed_deadline_reads_so() {
        let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or_else(Instant::now);
        let error = WaitLimit::until(past).timed_out(Operation::Receive);
        assert_eq!(error.to_string(), "receive: deadline already passed");
        assert!(error.is_timeout() && error.elapsed().is_some());
    }
}
