//! What a worker process sends to its parent.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use crate::proto::control::Note;
use crate::sys::ControlSocket;
use crate::tcp::server::report::ServerCounters;

/// Sends control messages to the parent, until the final one.
pub(in crate::tcp::server) struct ControlWriter(Mutex<Option<ControlSocket>>);

impl ControlWriter {
    pub(super) fn new(socket: ControlSocket) -> ControlWriter {
        ControlWriter(Mutex::new(Some(socket)))
    }

    pub(super) fn send(&self, note: &Note) {
        if let Some(socket) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            // The reader notices that the parent has exited.
            let _ = (&mut &*socket).write_all(&note.encode());
        }
    }

    pub(in crate::tcp::server) fn send_final(&self, counters: &ServerCounters) {
        self.send(&Note::Ended(counters.to_fields().to_vec()));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
