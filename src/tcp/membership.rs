//! The server that a connection belongs to, as the connection sees it.

use std::net::TcpStream;
use std::sync::Arc;

use crate::proto::server::admission::Admitted;
use crate::wait::CancelToken;

/// A server with connections.
pub(super) trait Owner: Send + Sync {
    /// Cancelled when the connections are aborted.
    fn aborted(&self) -> &CancelToken;

    fn is_shutting_down(&self) -> bool;

    /// Whether a connection that waits for a request is closed.
    fn closes_idle(&self) -> bool;

    /// Ends a connection. A stream whose write half is shut down lingers.
    fn release(&self, entry: Entry, lingering: Option<TcpStream>);
}

/// Where a server counts a connection.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) slot: u32,
    pub(super) admitted: Admitted,
}

/// Counts one accepted connection against the limits of its server until its last handle is dropped.
pub(super) struct Membership {
    owner: Arc<dyn Owner>,
    /// `None` once it was released.
    entry: Option<Entry>,
}

impl Membership {
    pub(super) fn new(owner: Arc<dyn Owner>, entry: Entry) -> Membership {
        Membership { owner, entry: Some(entry) }
    }

    /// The server, as a token that ends blocking calls where shutting the stream down does not.
    #[inline]
    pub(super) fn abort_signal(&self) -> Option<&CancelToken> {
        (!crate::sys::SHUTDOWN_WAKES_READERS).then(|| self.owner.aborted())
    }

    pub(super) fn aborted(&self) -> &CancelToken {
        self.owner.aborted()
    }

    pub(super) fn is_shutting_down(&self) -> bool {
        self.owner.is_shutting_down()
    }

    #[inline]
    pub(super) fn closes_idle(&self) -> bool {
        self.owner.closes_idle()
    }

    /// Where the server counts the connection. `None` once it was released.
    pub(super) fn slot(&self) -> Option<u32> {
        self.entry.as_ref().map(|entry| entry.slot)
    }

    /// Leaves a stream whose write half is shut down to the server.
    pub(super) fn linger(&mut self, stream: TcpStream) {
        if let Some(entry) = self.entry.take() {
            self.owner.release(entry, Some(stream));
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.owner.release(entry, None);
        }
    }
}
