//! The lifecycle of a server with processes.

use std::time::Instant;

use super::{Lifecycle, Phase};

/// How many queued connections a leaving worker still accepts. With `EPOLLEXCLUSIVE` it may have been
/// woken for a connection that no other worker will be woken for.
const MAX_ACCEPT_ON_LEAVE: usize = 8;

impl Lifecycle {
    /// When the timeout of the shutdown expires.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Leaves all but a few connections in the backlog, for other processes.
    pub(crate) fn leave_backlog(&mut self) {
        self.backlog_left = self.backlog_left.min(MAX_ACCEPT_ON_LEAVE);
    }

    /// Sets after which part of the timeout child processes receive `SIGTERM`; also if a shutdown has
    /// begun.
    pub(crate) fn terminate_after(&mut self, percent: u32, now: Instant) {
        self.terminate_percent = Some(percent);
        if let (true, Some(deadline)) = (self.phase != Phase::Open, self.deadline) {
            self.set_terminate(now, deadline.saturating_duration_since(now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SECOND, now};
    use super::super::{Lifecycle, Phase, Step};
    use super::MAX_ACCEPT_ON_LEAVE;
    use std::time::Duration;

    #[test]
    fn leaving_worker_accepts_few() {
        let mut server = Lifecycle::new(1_000);
        server.leave_backlog();
        server.begin(now(), SECOND, SECOND);
        let accepted = (0..1_000).take_while(|_| server.tick() == Phase::Draining).count();
        assert_eq!(accepted, MAX_ACCEPT_ON_LEAVE);
    }

    #[test]
    fn children_are_terminated_once_at_the_start_or_at_half_time() {
        for (percent, after) in [(0, Duration::ZERO), (50, 2 * SECOND)] {
            for begins_first in [false, true] {
                let mut server = Lifecycle::new(4);
                if begins_first {
                    server.begin(now(), 4 * SECOND, 9 * SECOND);
                    server.terminate_after(percent, now());
                } else {
                    server.terminate_after(percent, now());
                    server.begin(now(), 4 * SECOND, 9 * SECOND);
                }
                assert!(!server.is_terminated());
                if !after.is_zero() {
                    assert_eq!(server.poll(now(), true), Step::Wait(Some(now() + after)));
                }
                assert_eq!(server.poll(now() + after, true), Step::Terminate);
                server.begin(now() + after, 3 * SECOND, 9 * SECOND);
                assert!(server.is_terminated());
                assert!(matches!(server.poll(now() + after, true), Step::Wait(Some(_))), "once");
            }
        }
    }
}
