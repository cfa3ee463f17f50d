//! What a server has for the sake of processes. A build without them has `no_processes.rs` in its
//! place.

use std::sync::{Arc, OnceLock};

use super::process::{ControlWriter, WorkerTable};
use super::report::ServerCounters;

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
