//! The course of a server from its start to its end. Pure: the shell waits, and does what is said.
//!
//! ```text
//!  Open ──begin──► Draining ──close──► Closed ──(no connection is left)──► done
//!                     └───────────────────┴──(timeout)──► Aborted ──(ABORT_NOTICE)──► done
//! ```

use std::time::{Duration, Instant};

/// How long handlers have to notice that their connections were aborted, after the timeout of a
/// shutdown.
pub(crate) const ABORT_NOTICE: Duration = Duration::from_millis(200);

/// How often connections that wait for a request are closed, once their time has passed.
const IDLE_CHECK: Duration = Duration::from_millis(250);

/// How many connections the backlog of an OS holds at most.
const MAX_BACKLOG: usize = 65_535;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Connections are accepted.
    Open,
    /// Connections in the backlog are accepted, at most as many as it holds.
    Draining,
    /// Nothing is accepted; open connections are served.
    Closed,
    /// The timeout has expired, and open connections were aborted.
    Aborted,
}

/// What the shell does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Step {
    /// Wait for a change, at most until this time, and poll again.
    Wait(Option<Instant>),
    /// Send `SIGTERM` to child processes. Said once.
    Terminate,
    /// Close the connections that wait for a request. Said again from time to time, for those that wait
    /// later.
    CloseIdle,
    /// Abort the connections. Said once.
    Abort,
    /// The server has ended.
    Done,
}

/// The lifecycle of a server.
///
/// [`begin`](Self::begin) may be called any number of times; the earliest timeout counts. Before each
/// accept the shell calls [`tick`](Self::tick), and [`untick`](Self::untick) if the accept failed for
/// lack of resources. When the backlog is empty, it calls [`close`](Self::close). A thread that
/// waits for the end calls [`poll`](Self::poll) and executes the step that it returns.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    phase: Phase,
    /// How many more are accepted while draining.
    backlog_left: usize,
    deadline: Option<Instant>,
    idle_deadline: Option<Instant>,
    /// After which part of the timeout child processes receive `SIGTERM`, in percent.
    terminate_percent: Option<u32>,
    terminate_at: Option<Instant>,
    terminated: bool,
    /// When an aborted server ends although handlers have not returned.
    abandon_at: Option<Instant>,
}

impl Lifecycle {
    pub(crate) fn new(backlog: u32) -> Lifecycle {
        Lifecycle {
            phase: Phase::Open,
            backlog_left: (backlog as usize).min(MAX_BACKLOG) + 1,
            deadline: None,
            idle_deadline: None,
            terminate_percent: None,
            terminate_at: None,
            terminated: false,
            abandon_at: None,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether child processes have received `SIGTERM`.
    pub(crate) fn is_terminated(&self) -> bool {
        self.terminated
    }

    /// Begins a shutdown, which lasts at most for `timeout`. Connections without a request are closed
    /// after `idle`.
    pub(crate) fn begin(&mut self, now: Instant, timeout: Duration, idle: Duration) {
        self.deadline = earliest(self.deadline, now.checked_add(timeout));
        self.idle_deadline = earliest(self.idle_deadline, now.checked_add(idle.min(timeout)));
        self.set_terminate(now, timeout);
        if self.phase == Phase::Open {
            self.phase = Phase::Draining;
        }
    }

    fn set_terminate(&mut self, now: Instant, timeout: Duration) {
        let percent = self.terminate_percent.filter(|_| !self.terminated);
        let at = percent.and_then(|percent| now.checked_add(timeout / 100 * percent));
        self.terminate_at = earliest(self.terminate_at, at);
    }

    /// Counts an accept. While draining, connections that arrived after the shutdown began cannot keep
    /// it from ending: the phase is [`Closed`](Phase::Closed) when as many were accepted as the
    /// backlog holds.
    pub(crate) fn tick(&mut self) -> Phase {
        if self.phase == Phase::Draining {
            match self.backlog_left.checked_sub(1) {
                Some(left) => self.backlog_left = left,
                None => self.phase = Phase::Closed,
            }
        }
        self.phase
    }

    /// Takes a count back: the connection is still in the backlog.
    pub(crate) fn untick(&mut self) {
        self.backlog_left += usize::from(self.phase == Phase::Draining);
    }

    /// Nothing is accepted from now on.
    pub(crate) fn close(&mut self) {
        self.phase = self.phase.max(Phase::Closed);
    }

    /// What to do now. `is_busy` says whether a connection or a thread is left.
    pub(crate) fn poll(&mut self, now: Instant, is_busy: bool) -> Step {
        if self.phase >= Phase::Closed && !is_busy {
            return Step::Done;
        }
        if let Some(abandon_at) = self.abandon_at {
            return if now >= abandon_at { Step::Done } else { Step::Wait(Some(abandon_at)) };
        }
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            self.phase = Phase::Aborted;
            self.abandon_at = Some(now + ABORT_NOTICE);
            return Step::Abort;
        }
        if self.terminate_at.take_if(|at| now >= *at).is_some() {
            self.terminated = true;
            return Step::Terminate;
        }
        if self.idle_deadline.is_some_and(|deadline| now >= deadline) {
            self.idle_deadline = now.checked_add(IDLE_CHECK);
            return Step::CloseIdle;
        }
        Step::Wait(earliest(earliest(self.deadline, self.terminate_at), self.idle_deadline))
    }
}

pub(crate) fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}

#[cfg(all(unix, feature = "process"))]
mod processes;

#[cfg(test)]
mod tests;
