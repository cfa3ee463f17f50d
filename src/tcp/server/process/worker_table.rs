//! The worker processes of a server, as its handles see them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::failures::ProcessError;
use crate::error::{Error, ErrorKind, Operation, Result};
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

/// Shared by the supervisor and the handles of the server.
pub(in crate::tcp::server) struct WorkerTable {
    state: Mutex<State>,
    changed: Condvar,
    poller: Arc<Poller>,
}

#[derive(Default)]
struct State {
    workers: Vec<WorkerStatus>,
    wanted: Option<Duration>,
    /// The sums of their counters, including those that have exited.
    counters: ServerCounters,
    /// How many restarts have begun, and how the last one ended.
    begun: u64,
    ended: u64,
    error: Option<RestartError>,
    is_over: bool,
}

/// Why not all workers were replaced.
#[derive(Clone, Copy, Debug)]
pub(super) enum RestartError {
    /// The new worker with this index did not start.
    Failed(usize),
    /// The shutdown has begun.
    Cancelled,
}

impl WorkerTable {
    pub(super) fn new(poller: Arc<Poller>) -> WorkerTable {
        WorkerTable { state: Mutex::default(), changed: Condvar::new(), poller }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::tcp::server) fn counters(&self) -> ServerCounters {
        self.state().counters
    }

    pub(super) fn workers(&self) -> Vec<WorkerStatus> {
        self.state().workers.clone()
    }

    pub(super) fn publish(&self, counters: ServerCounters, workers: impl Iterator<Item = WorkerStatus>) {
        let mut state = self.state();
        state.counters = counters;
        state.workers.clear();
        state.workers.extend(workers);
        state.workers.sort_by_key(|worker| (worker.index, worker.started));
    }

    /// The restart that a handle has requested, once.
    pub(super) fn take_restart_request(&self) -> Option<Duration> {
        self.state().wanted.take()
    }

    pub(super) fn restarted(&self, error: Option<RestartError>) {
        let mut state = self.state();
        state.ended = state.begun;
        state.error = error;
        drop(state);
        self.changed.notify_all();
    }

    /// The supervisor has ended.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.workers.clear();
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn restart(&self, grace: Duration, limit: &WaitLimit<'_>) -> Result<()> {
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
        match state.error {
            _ if state.is_over => Err(stopped()),
            Some(RestartError::Cancelled) => Err(stopped()),
            Some(RestartError::Failed(worker)) => {
                Err(ProcessError::RestartFailed { worker }.into_error(Operation::StartProcess))
            }
            None => Ok(()),
        }
    }
}
