//! The worker processes of a server, by its handle.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::failures::ProcessError;
use super::worker_table::{WorkerStatus, WorkerTable};
use crate::error::{Operation, Result};
use crate::tcp::server::handle::ServerHandle;
use crate::wait::WaitLimit;

impl ServerHandle {
    fn worker_table(&self) -> Option<Arc<WorkerTable>> {
        self.core.processes.workers.get().cloned()
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
        self.worker_table().map(|table| table.workers()).unwrap_or_default()
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
    /// * the server is shut down ([`is_cancelled`](crate::Error::is_cancelled)), or has no workers.
    ///
    /// Its [`detail`](crate::Error::detail) is a [`ProcessError`].
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
    /// passes ([`TimedOut`](crate::ErrorKind::TimedOut)). The restart then continues in the background.
    ///
    /// # Platform-specific behavior
    ///
    /// Unix, with the feature `process`.
    pub fn restart_workers_deadline(&self, timeout: Duration, deadline: Instant) -> Result<()> {
        self.restart_within(timeout, &WaitLimit::until(deadline))
    }

    fn restart_within(&self, timeout: Duration, limit: &WaitLimit<'_>) -> Result<()> {
        match self.worker_table() {
            Some(table) => table.restart(timeout, limit),
            None => Err(ProcessError::NoWorkers.into_error(Operation::StartProcess)),
        }
    }
}
