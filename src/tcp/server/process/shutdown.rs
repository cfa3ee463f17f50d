//! The shutdown of a server with processes.

use std::time::{Duration, Instant};

use crate::proto::server::lifecycle::Lifecycle;
use crate::tcp::server::core::ServerCore;

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
