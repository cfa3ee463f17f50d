use std::fmt;
use std::net::SocketAddr;

use crate::error::Error;

/// A non-fatal event of a server, passed to [`on_event`](crate::udp::UdpServer::on_event). Its
/// `Display` is one line for a log.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum UdpServerEvent<'a> {
    /// A handler returned an error.
    HandlerFailed {
        /// The sender of the request.
        peer: SocketAddr,
        /// The error of the handler.
        error: &'a (dyn std::error::Error + 'static),
    },
    /// A handler panicked.
    HandlerPanicked {
        /// The sender of the request.
        peer: SocketAddr,
        /// The message of the panic, if it is text.
        message: &'a str,
    },
    /// A datagram was larger than [`max_datagram`](crate::udp::UdpBuilder::max_datagram), or the OS
    /// failed to receive. The server continues, after a delay if the OS is out of resources.
    ReceiveFailed {
        /// The error, with the sender of a datagram that was too large.
        error: &'a Error,
    },
    /// A reply could not be sent, after its handler had returned.
    ReplyFailed {
        /// The error, with the address of the peer.
        error: &'a Error,
    },
    /// A thread could not be started. The server continues with fewer threads.
    ThreadFailed {
        /// The error of the OS.
        error: &'a Error,
    },
}

impl fmt::Display for UdpServerEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UdpServerEvent::HandlerFailed { peer, error } => {
                write!(f, "handler of {peer} failed: {error}")
            }
            UdpServerEvent::HandlerPanicked { peer, message: "" } => write!(f, "handler of {peer} panicked"),
            UdpServerEvent::HandlerPanicked { peer, message } => {
                write!(f, "handler of {peer} panicked: {message}")
            }
            UdpServerEvent::ReceiveFailed { error }
            | UdpServerEvent::ReplyFailed { error }
            | UdpServerEvent::ThreadFailed { error } => write!(f, "{error}"),
        }
    }
}
