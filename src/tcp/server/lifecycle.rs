//! The phase of a server, and the threads that wait for its end.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::proto::server::lifecycle::{Lifecycle, Phase, Step, earliest};
use crate::wait::sync::{Mutex, MutexGuard};
use crate::wait::{CancelToken, Changes, WaitLimit};

/// The lifecycle of one server, shared by its threads.
#[derive(Debug)]
pub(super) struct ServerLifecycle {
    machine: Mutex<Lifecycle>,
    /// The phase of the machine, to be read without its lock.
    phase: AtomicU8,
    closes_idle: AtomicBool,
    /// Cancelled when the shutdown begins, or nothing is accepted any more.
    pub(super) closing: CancelToken,
    /// Cancelled when the connections are aborted.
    pub(super) aborted: CancelToken,
    /// Notified when the phase changes, and while the server ends, when a connection or thread does.
    pub(super) changes: Arc<Changes>,
}

impl ServerLifecycle {
    pub(super) fn new(backlog: u32) -> Result<ServerLifecycle> {
        Ok(ServerLifecycle {
            machine: Mutex::new(Lifecycle::new(backlog)),
            phase: AtomicU8::new(Phase::Open as u8),
            closes_idle: AtomicBool::new(false),
            closing: CancelToken::new()?,
            aborted: CancelToken::new()?,
            changes: Arc::new(Changes::new()),
        })
    }

    #[inline]
    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Open,
            1 => Phase::Draining,
            2 => Phase::Closed,
            _ => Phase::Aborted,
        }
    }

    /// Whether connections that wait for a request are closed.
    #[inline]
    pub(super) fn closes_idle(&self) -> bool {
        self.closes_idle.load(Ordering::SeqCst)
    }

    /// Whether a thread waits for the end of the server.
    pub(super) fn is_watched(&self) -> bool {
        self.changes.is_watched()
    }

    pub(super) fn is_terminated(&self) -> bool {
        self.machine().is_terminated()
    }

    pub(super) fn machine(&self) -> MutexGuard<'_, Lifecycle> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn update<R>(&self, change: impl FnOnce(&mut Lifecycle) -> R) -> R {
        let mut machine = self.machine();
        let result = change(&mut machine);
        self.phase.store(machine.phase() as u8, Ordering::SeqCst);
        result
    }

    pub(super) fn begin(&self, timeout: Duration, idle: Duration) {
        self.update(|machine| machine.begin(Instant::now(), timeout, idle));
        self.closing.cancel();
        self.changes.notify();
    }

    /// Counts an accept, and returns the phase.
    pub(super) fn tick(&self) -> Phase {
        match self.phase() {
            Phase::Draining => self.update(Lifecycle::tick),
            phase => phase,
        }
    }

    pub(super) fn untick(&self) {
        self.update(Lifecycle::untick);
    }

    /// Nothing is accepted from now on.
    pub(super) fn close(&self) {
        self.update(Lifecycle::close);
        self.closing.cancel();
        self.changes.notify();
    }

    /// Blocks until the server has ended, and has `execute` do what is due meanwhile. Returns `false`
    /// if the limit passes before.
    ///
    /// `execute` gets `None` before each wait, and returns when it is to be called again.
    pub(super) fn run(
        &self,
        limit: &WaitLimit<'_>,
        is_busy: impl Fn() -> bool,
        mut execute: impl FnMut(Option<Step>) -> Option<Instant>,
    ) -> bool {
        let mut watch = self.changes.watch();
        loop {
            let step = self.update(|machine| machine.poll(Instant::now(), is_busy()));
            match step {
                Step::Done => return true,
                Step::Wait(next) => {
                    let again = execute(None);
                    if limit.has_passed() {
                        return false;
                    }
                    watch.wait(earliest(earliest(next, again), limit.deadline()));
                }
                Step::CloseIdle => {
                    self.closes_idle.store(true, Ordering::SeqCst);
                    execute(Some(step));
                }
                Step::Terminate | Step::Abort => {
                    execute(Some(step));
                }
            }
        }
    }
}
