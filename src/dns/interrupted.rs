//! The end of a lookup by its limit.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Operation};
use crate::proto::dns::failure::{ResolveError, ServerError};
use crate::proto::dns::fault::ServerFault;
use crate::wait::WaitLimit;

/// Why a lookup ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    /// The deadline passed. Contains the state of each server, if this lookup has queried any
    /// itself.
    TimedOut(Arc<[ServerError]>),
    Cancelled,
}

impl Interrupted {
    /// The error of a lookup of that host. `servers` are those that another thread queries for it.
    pub(super) fn into_error(self, servers: &[SocketAddr], host: &str, limit: &WaitLimit<'_>) -> Error {
        let silent = |server: &SocketAddr| ServerError { server: *server, fault: ServerFault::Timeout };
        let error = match self {
            Interrupted::Cancelled => {
                Error::new(Operation::Resolve, ErrorKind::Cancelled).at(host.escape_debug())
            }
            Interrupted::TimedOut(states) if states.is_empty() => {
                ResolveError::TimedOut(servers.iter().map(silent).collect()).into_error(host)
            }
            Interrupted::TimedOut(states) => ResolveError::TimedOut(states.to_vec()).into_error(host),
        };
        limit.timed(error)
    }
}
