//! What the handles of a server see of its workers, and ask of them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::failures::ProcessError;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::tcp::server::handle::ServerHandle;
use crate::tcp::server::report::ServerCounters;
use crate::wait::{Poller, WaitLimit};

/// The status of a worker process, from
/// [`ServerHandle::workers`](crate::tcp::ServerHandle::workers).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// The index of the worker, from 0. During a restart, two workers can have the same index.
    pub index: usize,
    /// The process identifier.
    pub process: u32,
    /// The state.
    pub state: WorkerState,
    /// The time of its start.
    pub started: Instant,
    /// The counters that it reported last: every 100 ms while it is busy, and every second
    /// otherwise.
    pub counters: ServerCounters,
}

/// The state of a worker process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkerState {
    /// The worker was started and does not accept connections yet.
    Starting,
    /// The worker accepts connections.
    Serving,
    /// The worker accepts no connections and serves those that it has.
    Ending,
}

/// Shared by the one that watches the workers and those who ask it something.
pub(in crate::tcp::server) struct Crew {
    state: Mutex<State>,
    changed: Condvar,
    poller: Arc<Poller>,
}

#[derive(Default)]
struct State {
    workers: Vec<WorkerStatus>,
    wanted: Option<Duration>,
    /// How many restarts have begun, and how the last one ended.
    begun: u64,
    ended: u64,
    unfinished: Option<Unfinished>,
    is_over: bool,
}

/// Why not all workers were replaced.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unfinished {
    /// The new worker of that place did not come.
    Failed(usize),
    /// The shutdown has begun.
    Cancelled,
}

impl Crew {
    pub(super) fn new(poller: Arc<Poller>) -> Crew {
        Crew { state: Mutex::default(), changed: Condvar::new(), poller }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn publish(&self, workers: impl Iterator<Item = WorkerStatus>) {
        let mut state = self.state();
        state.workers.clear();
        state.workers.extend(workers);
        state.workers.sort_by_key(|worker| (worker.index, worker.started));
    }

    /// The restart that somebody wants, once.
    pub(super) fn take_wanted(&self) -> Option<Duration> {
        self.state().wanted.take()
    }

    pub(super) fn restarted(&self, unfinished: Option<Unfinished>) {
        let mut state = self.state();
        state.ended = state.begun;
        state.unfinished = unfinished;
        drop(state);
        self.changed.notify_all();
    }

    /// Nobody watches any more.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.workers.clear();
        drop(state);
        self.changed.notify_all();
    }

    fn restart(&self, grace: Duration, limit: &WaitLimit<'_>) -> Result<()> {
        let stopped = || Error::new(Operation::StartProcess, ErrorKind::Cancelled);
        let mut state = self.state();
        if state.is_over {
            return Err(stopped());
        }
        if state.begun > state.ended {
            return Err(ProcessError::RestartUnderWay.into_error(Operation::StartProcess));
        }
        state.begun += 1;
        state.wanted = Some(grace);
        let own = state.begun;
        self.poller.wake();
        while state.ended < own && !state.is_over {
            state = match limit.remaining() {
                // The times that each worker may take to start and to end limit it.
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Err(limit.timed_out(Operation::StartProcess)),
                Some(remaining) => {
                    self.changed.wait_timeout(state, remaining).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        match state.unfinished {
            _ if state.is_over => Err(stopped()),
            Some(Unfinished::Cancelled) => Err(stopped()),
            Some(Unfinished::Failed(worker)) => {
                Err(ProcessError::RestartFailed { worker }.into_error(Operation::StartProcess))
            }
            None => Ok(()),
        }
    }
}

impl ServerHandle {
    fn crew(&self) -> Option<Arc<Crew>> {
        self.shared.hooks.crew.get().cloned()
    }

    /// Returns the worker processes of [`serve_workers`](crate::TcpServer::serve_workers). Empty
    /// for other servers.
    ///
    /// [`counters`](Self::counters) returns the sums over all workers, including those that have
    /// exited.
    ///
    /// # Platform-specific behavior
    ///
    /// Unix, with the feature `process`.
    pub fn workers(&self) -> Vec<WorkerStatus> {
        self.crew().map(|crew| crew.state().workers.clone()).unwrap_or_default()
    }

    /// Replaces the worker processes sequentially, for example by a new version of the program.
    ///
    /// Blocks until all of them are replaced. For each worker a new one is started. When that one
    /// accepts connections, the old one stops accepting, serves its connections for up to
    /// `timeout`, and is killed if it is still running then. Connections in the backlog are
    /// accepted by the others; none is reset.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * a new worker exits or exceeds its [start timeout](crate::process::Workers::start_timeout),
    ///   which leaves the remaining old workers in place;
    /// * a restart is in progress;
    /// * the server is shut down ([`is_cancelled`](Error::is_cancelled)), or has no workers.
    ///
    /// Its [`detail`](Error::detail) is a [`ProcessError`].
    ///
    /// # Platform-specific behavior
    ///
    /// Unix, with the feature `process`.
    pub fn restart_workers(&self, timeout: Duration) -> Result<()> {
        self.restart_within(timeout, &WaitLimit::unlimited())
    }

    /// Replaces the worker processes sequentially, and blocks at most until `deadline`. Each old
    /// worker serves its connections for up to `timeout`.
    ///
    /// # Errors
    ///
    /// This returns an error if [`restart_workers`](Self::restart_workers) would, or if the deadline
    /// passes ([`TimedOut`](ErrorKind::TimedOut)). The restart then continues in the background.
    ///
    /// # Platform-specific behavior
    ///
    /// Unix, with the feature `process`.
    pub fn restart_workers_deadline(&self, timeout: Duration, deadline: Instant) -> Result<()> {
        self.restart_within(timeout, &WaitLimit::until(deadline))
    }

    fn restart_within(&self, timeout: Duration, limit: &WaitLimit<'_>) -> Result<()> {
        match self.crew() {
            Some(crew) => crew.restart(timeout, limit),
            None => Err(ProcessError::NoWorkers.into_error(Operation::StartProcess)),
        }
    }
}
