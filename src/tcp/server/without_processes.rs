//! A server without processes: none of what `hooks.rs` has.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::registry::Inside;
use super::report::ServerCounters;
use super::state::State;
use crate::sys::{self, Ended, Limit};

#[derive(Default)]
pub(super) struct Hooks {}

impl Hooks {
    pub(super) fn accept(
        &self,
        listener: &TcpListener,
        limit: Limit<'_>,
    ) -> Result<(TcpStream, SocketAddr), Ended> {
        sys::accept_within(listener, limit)
    }

    pub(super) fn leave(&self, _: &TcpListener) {}

    pub(super) fn total(&self, own: ServerCounters) -> ServerCounters {
        own
    }

    pub(super) fn notify_end(&self, _: impl FnOnce() -> ServerCounters) {}
}

/// Nobody inside can be asked to end.
pub(super) trait Terminate {
    fn terminate(&self) {}
}

#[derive(Clone, Copy, Default)]
pub(super) struct Termination {}

impl Termination {
    pub(super) fn begin(&mut self, _: Instant, _: Duration) {}

    pub(super) fn at(self) -> Option<Instant> {
        None
    }

    pub(super) fn apply(self, _: &dyn Inside) {}
}

impl State {
    pub(super) fn take_due(&mut self, _: Instant) -> Option<Vec<Arc<dyn Inside>>> {
        None
    }
}
