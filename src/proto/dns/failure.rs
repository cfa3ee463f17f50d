//! The errors of lookups.

use std::fmt;
use std::net::SocketAddr;

use super::fault::ServerFault;
use super::host::InvalidName;
use crate::error::{Error, ErrorKind, Operation};

/// The cause of a failed lookup: the [`detail`](crate::Error::detail) of its error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The name does not exist (NXDOMAIN).
    #[error("no such host")]
    NoSuchName,
    /// The name exists and has no records of the requested type (NODATA).
    #[error("name exists but has no {0}")]
    NoRecords(&'static str),
    /// No server responded within the timeout. A retry may succeed.
    #[error("timed out{}", List(.0))]
    TimedOut(Vec<ServerError>),
    /// Every server failed. A retry may succeed.
    #[error("all name servers failed{}", List(.0))]
    ServersFailed(Vec<ServerError>),
    /// The text is not a valid host name.
    #[error(transparent)]
    InvalidName(InvalidName),
}

/// The failure of one name server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerError {
    /// The name server.
    pub server: SocketAddr,
    /// The failure.
    pub fault: ServerFault,
}

struct List<'a>(&'a [ServerError]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, ServerError { server, fault }) in self.0.iter().enumerate() {
            write!(f, "{}{server} {fault}", if number > 0 { ", " } else { ": " })?;
        }
        Ok(())
    }
}

impl ResolveError {
    /// The cause if all servers failed.
    #[cfg(feature = "dns")]
    pub(crate) fn of_servers(errors: Vec<ServerError>) -> ResolveError {
        let is_silent = !errors.is_empty() && errors.iter().all(|error| error.fault == ServerFault::Timeout);
        if is_silent { ResolveError::TimedOut(errors) } else { ResolveError::ServersFailed(errors) }
    }

    /// An error of a lookup of that host.
    pub(crate) fn into_error(self, name: &str) -> Error {
        let kind = match &self {
            ResolveError::NoSuchName | ResolveError::NoRecords(_) => ErrorKind::NameNotFound,
            ResolveError::TimedOut(_) => ErrorKind::TimedOut,
            ResolveError::ServersFailed(_) => ErrorKind::NameResolution,
            ResolveError::InvalidName(_) => ErrorKind::InvalidInput,
        };
        // Control characters are shown as escapes.
        Error::detailed(Operation::Resolve, kind, self).at(name.escape_debug())
    }
}
