use std::fmt;
use std::net::SocketAddr;

use crate::error::{Error, ErrorKind, Operation};
use crate::proto::dns::fault::ServerFault;
use crate::proto::dns::host::InvalidName;

/// Why a name was not resolved: the [`detail`](crate::Error::detail) of an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// There is no such host.
    #[error("no such host")]
    NoSuchName,
    /// The name exists and has nothing of what was asked for.
    #[error("name exists but has no {0}")]
    NoRecords(&'static str),
    /// No server has answered in time. Asking again may help.
    #[error("timed out{}", List(.0))]
    TimedOut(Vec<ServerError>),
    /// Servers have answered, and none had an answer. Asking again may help.
    #[error("all name servers failed{}", List(.0))]
    ServersFailed(Vec<ServerError>),
    /// The name cannot be one.
    #[error(transparent)]
    InvalidName(InvalidName),
}

/// What went wrong with one server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerError {
    /// Who was asked.
    pub server: SocketAddr,
    /// What came of it.
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
    pub(super) fn into_error(self, name: &str) -> Error {
        let kind = match &self {
            ResolveError::NoSuchName | ResolveError::NoRecords(_) => ErrorKind::NameNotFound,
            ResolveError::TimedOut(_) => ErrorKind::TimedOut,
            ResolveError::ServersFailed(_) => ErrorKind::NameResolution,
            ResolveError::InvalidName(_) => ErrorKind::InvalidInput,
        };
        // A character that would spoil a terminal is shown as what it is.
        Error::detailed(Operation::Resolve, kind, self).at(name.escape_debug())
    }
}
