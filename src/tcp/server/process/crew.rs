//! What the handles of a server see of its workers, and ask of them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::failures::ProcessError;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::sys::Poller;
use crate::tcp::server::handle::ServerHandle;
use crate::tcp::server::report::ServerCounters;

/// A worker process as its parent knows it; see [`ServerHandle::workers`](crate::tcp::ServerHandle::workers).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// Which of the workers it is, counted from 0. In a rolling restart there are two of a number for a while.
    pub index: usize,
    /// The system's number of the process.
    pub process: u32,
    /// What it does.
    pub state: WorkerState,
    /// When it was started.
    pub started: Instant,
    /// What it has done, as it told last: a tenth of a second ago while it has much to tell, up to a second after it had nothing to.
    pub counters: ServerCounters,
}

/// What a worker process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkerState {
    /// It was started, and does not accept connections yet.
    Starting,
    /// It accepts connections.
    Serving,
    /// It was told to end, and goes on with the connections that it has.
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

    fn restart(&self, grace: Duration) -> Result<()> {
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
        self.poller.ring();
        while state.ended < own && !state.is_over {
            // It is bounded by the time that each worker may take to start, and to end.
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
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

    /// The worker processes of [`serve_workers`](crate::TcpServer::serve_workers); none of any other server.
    ///
    /// [`counters`](Self::counters) are those of all of them together, of those that have ended, too.
    ///
    /// # Platform-specific behavior
    ///
    /// Unix, with the feature `process`.
    pub fn workers(&self) -> Vec<WorkerStatus> {
        self.crew().map(|crew| crew.state().workers.clone()).unwrap_or_default()
    }

    /// Replaces the worker processes one after the other, for instance by a new version of the program, and waits for it.
    ///
    /// For each worker another is started. When that one accepts connections, the old one is told to end: it accepts nothing
    /// more, keeps serving its connections for up to `timeout`, and is killed if it is still there then. Connections that
    /// wait are accepted by the others; none is reset.
    ///
    /// # Errors
    ///
    /// This returns an error if a new worker ends or takes [too long](crate::process::Workers::start_timeout) before it
    /// accepts connections, which leaves the rest of the old ones in place; if the workers are being restarted already; if the
    /// server is shut down meanwhile ([`is_cancelled`](Error::is_cancelled)); or if it has no workers. The
    /// [`detail`](Error::detail) is a [`ProcessError`].
    ///
    /// # Platform-specific behavior
    ///
    /// Unix, with the feature `process`.
    pub fn restart_workers(&self, timeout: Duration) -> Result<()> {
        match self.crew() {
            Some(crew) => crew.restart(timeout),
            None => Err(ProcessError::NoWorkers.into_error(Operation::StartProcess)),
        }
    }
}
