//! A write that has begun, and that no thread waits for.

use std::time::Instant;

use super::limit::WaitLimit;
use super::moment::Moment;
use super::timeouts::Timeouts;
use crate::error::{Error, Operation};

/// The limit of a write whose rest waits in a poller: as that of a call that blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PendingWrite {
    limit: WaitLimit<'static>,
    waiting_since: Moment,
}

impl PendingWrite {
    /// Begins to wait for buffer space.
    pub(crate) fn begin(timeouts: &Timeouts) -> PendingWrite {
        PendingWrite { limit: timeouts.write_limit(), waiting_since: Moment::now() }
    }

    /// There is buffer space: the wait has ended, and uses the allowance of the connection.
    pub(crate) fn end_wait(&self, timeouts: &Timeouts) {
        timeouts.allowance().end_wait(self.waiting_since);
    }

    /// Waits again, within the same limit.
    #[must_use]
    pub(crate) fn again(self) -> PendingWrite {
        PendingWrite { waiting_since: Moment::now(), ..self }
    }

    /// When the wait ends without result.
    pub(crate) fn expires(&self, timeouts: &Timeouts) -> Option<Instant> {
        self.current(timeouts).deadline()
    }

    /// The error of a write that has expired.
    pub(crate) fn timed_out(&self, timeouts: &Timeouts) -> Error {
        self.current(timeouts).timed_out(Operation::Send)
    }

    fn current(&self, timeouts: &Timeouts) -> WaitLimit<'static> {
        timeouts.allowance().apply_since(self.limit, self.waiting_since)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::timeouts::Configured;
    use super::*;
    use crate::error::TimeLimit;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn waiting_again_does_not_restart_the_write_timeout() {
        let timeouts = Timeouts::new(Configured { write: Some(MINUTE), ..Configured::default() });
        let pending = PendingWrite::begin(&timeouts);
        let first = pending.expires(&timeouts);
        assert!(first.is_some());
        pending.end_wait(&timeouts);
        assert_eq!(pending.again().expires(&timeouts), first);
        assert_eq!(pending.timed_out(&timeouts).limit(), Some(TimeLimit::WriteTimeout));
    }

    #[test]
    fn stall_timeout_counts_the_time_of_all_waits() {
        let timeouts = Timeouts::new(Configured { stall: Some(MINUTE), ..Configured::default() });
        let pending = PendingWrite::begin(&timeouts);
        let first = pending.expires(&timeouts).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        pending.end_wait(&timeouts);
        let again = pending.again();
        let soon = first + Duration::from_millis(25);
        assert!(again.expires(&timeouts).unwrap() < soon, "nothing was accepted meanwhile");
        timeouts.allowance().refill(1 << 20);
        assert!(again.expires(&timeouts).unwrap() > first);
        assert_eq!(again.timed_out(&timeouts).limit(), Some(TimeLimit::StallTimeout));
    }

    #[test]
    fn no_timeout_is_no_limit() {
        let timeouts = Timeouts::new(Configured::default());
        assert_eq!(PendingWrite::begin(&timeouts).expires(&timeouts), None);
    }
}
