use std::fmt;
use std::net::SocketAddr;

use crate::error::Error;

/// Something that a server goes on after, for whoever wants to log it: see
/// [`on_event`](crate::TcpServerBuilder::on_event). All of them are counted as well. Its `Display` is one line.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerEvent<'a> {
    /// A handler ended with an error; its connection is closed.
    HandlerFailed {
        /// Whose connection it was.
        peer: SocketAddr,
        /// What the handler returned.
        error: &'a (dyn std::error::Error + 'static),
    },
    /// A handler panicked; its connection is closed.
    HandlerPanicked {
        /// Whose connection it was.
        peer: SocketAddr,
        /// The panic's message, if it was a text.
        message: &'a str,
    },
    /// A connection was turned away at a limit.
    Refused {
        /// Who came.
        peer: SocketAddr,
    },
    /// An accept failed and is tried again, after a pause if descriptors or memory are used up.
    AcceptFailed {
        /// The system's error.
        error: &'a Error,
    },
    /// A connection did not complete its next request in time, and is closed; see
    /// [`serve_requests`](crate::TcpServer::serve_requests).
    Expired {
        /// Whose connection it was.
        peer: SocketAddr,
        /// The same as an error, with both addresses.
        error: &'a Error,
    },
    /// No thread could be started, so fewer connections are served at once.
    ThreadFailed {
        /// The system's error.
        error: &'a Error,
    },
}

impl fmt::Display for ServerEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerEvent::HandlerFailed { peer, error } => write!(f, "handler of {peer} failed: {error}"),
            ServerEvent::HandlerPanicked { peer, message } => {
                write!(f, "handler of {peer} panicked: {message}")
            }
            ServerEvent::Refused { peer } => write!(f, "refused {peer}: as many are connected as may be"),
            ServerEvent::Expired { peer, .. } => write!(f, "closed {peer}: no complete request in time"),
            ServerEvent::AcceptFailed { error } | ServerEvent::ThreadFailed { error } => error.fmt(f),
        }
    }
}
