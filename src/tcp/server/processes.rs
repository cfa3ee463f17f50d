//! What a server has for the sake of processes. A build without them has `no_processes.rs` in its
//! place.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::core::ServerCore;
use super::process::{ControlWriter, WorkerTable};
use super::report::ServerCounters;
use crate::proto::server::lifecycle::Lifecycle;

/// The processes around a server.
#[derive(Default)]
pub(super) struct Processes {
    /// Its worker processes.
    pub(super) workers: OnceLock<Arc<WorkerTable>>,
    /// Its parent, if this is the server of a worker process.
    pub(super) parent: OnceLock<Arc<ControlWriter>>,
}

impl Processes {
    /// The counters of the server with those of its worker processes.
    pub(super) fn total(&self, own: ServerCounters) -> ServerCounters {
        match self.workers.get() {
            Some(workers) => own.plus(&workers.counters()),
            None => own,
        }
    }

    /// The server has ended.
    pub(super) fn on_end(&self, counters: impl FnOnce() -> ServerCounters) {
        if let Some(parent) = self.parent.get() {
            parent.send_final(&counters());
        }
    }
}

impl ServerCore {
    /// Sets after which part of the timeout of a shutdown child processes receive `SIGTERM`.
    pub(super) fn terminate_after(&self, percent: u32) {
        self.lifecycle.update(|machine| machine.terminate_after(percent, Instant::now()));
        self.lifecycle.changes.notify();
    }

    /// When the timeout of the shutdown expires.
    pub(super) fn shutdown_deadline(&self) -> Option<Instant> {
        self.lifecycle.machine().deadline()
    }

    /// Begins a shutdown that leaves the backlog to the other processes that accept from the same
    /// listener.
    pub(super) fn begin_handoff(&self, timeout: Duration) {
        self.lifecycle.update(Lifecycle::leave_backlog);
        self.begin_shutdown(timeout);
    }

    /// Has the threads that wait for a connection try again: another process was killed after it had
    /// been woken for one.
    pub(super) fn retry_accept(&self) {
        if let Err(error) = self.acceptor.interrupt() {
            self.note_accept_error(&error);
        }
    }
}
