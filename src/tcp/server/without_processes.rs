//! A server without processes: none of what `hooks.rs` has.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::registry::Inside;
use super::report::ServerCounters;
use super::state::State;
use crate::wait::{self, CancelToken, WaitError, WaitLimit};

#[derive(Default)]
pub(super) struct Hooks {}

impl Hooks {
    pub(super) fn accept(
        &self,
        listener: &TcpListener,
        limit: &WaitLimit<'_>,
        wake: &CancelToken,
    ) -> Result<(TcpStream, SocketAddr), WaitError> {
        wait::accept_within(listener, &limit.cancelled_by(Some(wake), None))
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
