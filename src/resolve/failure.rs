use std::fmt;
use std::net::SocketAddr;

use crate::error::{Error, ErrorKind, Operation};
use crate::proto::dns::host::BadName;
use crate::proto::dns::lookup::ServerFault;

/// Why a name was not resolved: the [`detail`](crate::Error::detail) of an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupFailure {
    /// There is no such name.
    #[error("no such name")]
    NoSuchName,
    /// The name exists and has nothing of what was asked for.
    #[error("the name exists and has no {0}")]
    NothingOfTheKind(&'static str),
    /// No server has answered in time. Asking again may help.
    #[error("timed out{}", List(.0))]
    TimedOut(Vec<ServerTrouble>),
    /// Servers have answered, and none had an answer. Asking again may help.
    #[error("no server has an answer{}", List(.0))]
    ServersFailed(Vec<ServerTrouble>),
    /// The name cannot be one.
    #[error(transparent)]
    BadName(BadName),
}

/// What went wrong with one server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerTrouble {
    /// Who was asked.
    pub server: SocketAddr,
    /// What came of it.
    pub fault: ServerFault,
}

struct List<'a>(&'a [ServerTrouble]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, ServerTrouble { server, fault }) in self.0.iter().enumerate() {
            write!(f, "{}{server} {fault}", if number > 0 { ", " } else { ": " })?;
        }
        Ok(())
    }
}

impl LookupFailure {
    pub(super) fn into_error(self, name: &str) -> Error {
        let kind = match &self {
            LookupFailure::NoSuchName | LookupFailure::NothingOfTheKind(_) => ErrorKind::NameNotFound,
            LookupFailure::TimedOut(_) => ErrorKind::TimedOut,
            LookupFailure::ServersFailed(_) => ErrorKind::NameUnavailable,
            LookupFailure::BadName(_) => ErrorKind::InvalidInput,
        };
        // A character that would spoil a terminal is shown as what it is.
        Error::detailed(Operation::Resolve, kind, self).at(name.escape_debug())
    }
}
