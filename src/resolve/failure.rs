use std::fmt;
use std::net::SocketAddr;

use crate::error::{Error, ErrorKind, Operation};
use crate::proto::dns::lookup::Trouble;
use crate::proto::dns::name::BadName;
use crate::proto::dns::wire::Failure;

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
    /// What came of it, in a few words.
    pub trouble: &'static str,
}

struct List<'a>(&'a [ServerTrouble]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, ServerTrouble { server, trouble }) in self.0.iter().enumerate() {
            write!(f, "{}{server} {trouble}", if number > 0 { ", " } else { ": " })?;
        }
        Ok(())
    }
}

impl ServerTrouble {
    pub(super) fn of(server: SocketAddr, trouble: Trouble) -> ServerTrouble {
        let trouble = match trouble {
            Trouble::Silent => "is silent",
            Trouble::Unreachable => "cannot be reached",
            Trouble::Failed(Failure::Format) => "does not understand the query",
            Trouble::Failed(Failure::Server) => "failed",
            Trouble::Failed(Failure::NotImplemented) => "does not implement the query",
            Trouble::Failed(Failure::Refused) => "refused",
            Trouble::Failed(Failure::Other(_)) => "answered with an unknown code",
            Trouble::Failed(Failure::Malformed) => "sent what is no message",
            Trouble::Failed(Failure::Lame) => "is not in charge of the name",
            Trouble::Failed(Failure::Aliases) => "has too many aliases in a row",
        };
        ServerTrouble { server, trouble }
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
