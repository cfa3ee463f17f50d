use std::fmt;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::Duration;

use super::report::ServerCounters;
use crate::error::Error;

/// A non-fatal event of a server, passed to [`on_event`](crate::tcp::TcpServerBuilder::on_event).
/// Its `Display` is one line for a log. [`ServerCounters`](crate::tcp::ServerCounters) counts all
/// events.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ServerEvent<'a> {
    /// A handler returned an error. Its connection is closed.
    HandlerFailed {
        /// The address of the peer.
        peer: SocketAddr,
        /// The error of the handler.
        error: &'a (dyn std::error::Error + 'static),
    },
    /// A handler panicked. Its connection is closed.
    HandlerPanicked {
        /// The address of the peer.
        peer: SocketAddr,
        /// The message of the panic, if it is text.
        message: &'a str,
    },
    /// A connection was refused because a limit was reached.
    Refused {
        /// The address of the peer.
        peer: SocketAddr,
    },
    /// An accept failed and is retried, after a delay if the process is out of file descriptors
    /// (`EMFILE`) or memory.
    AcceptFailed {
        /// The error of the OS.
        error: &'a Error,
    },
    /// A timeout of a connection expired, and the connection is closed: a handler returned that
    /// error, or with [`serve_requests`](crate::TcpServer::serve_requests) the next request did not
    /// begin or was not complete in time. [`Error::limit`] is the timeout.
    Expired {
        /// The address of the peer.
        peer: SocketAddr,
        /// The error, with both addresses.
        error: &'a Error,
    },
    /// A peer left in the middle of an exchange: it reset the connection or ended the stream within
    /// a message, or was found dead. The handler returned that error.
    Disconnected {
        /// The address of the peer.
        peer: SocketAddr,
        /// The error, with both addresses.
        error: &'a Error,
    },
    /// A process was started to serve a connection; see
    /// [`serve_children`](crate::TcpServer#method.serve_children).
    ChildStarted {
        /// The address of the peer.
        peer: SocketAddr,
        /// The process identifier.
        process: u32,
    },
    /// A process that served a connection exited with a code other than 0, was killed by a signal
    /// unexpectedly, or ended with an unknown status.
    ChildEnded {
        /// The address of the peer.
        peer: SocketAddr,
        /// The process identifier.
        process: u32,
        /// The exit status. `None` if the OS has discarded it, because this process ignores `SIGCHLD`.
        status: Option<ExitStatus>,
    },
    /// A process could not be started. The error has the program, and the peer if there is one.
    ProcessFailed {
        /// The error of the OS.
        error: &'a Error,
    },
    /// A worker process accepts connections; see
    /// [`serve_workers`](crate::TcpServer#method.serve_workers).
    WorkerStarted {
        /// The index of the worker, from 0.
        worker: usize,
        /// The process identifier.
        process: u32,
    },
    /// A worker process exited.
    WorkerEnded {
        /// The index of the worker, from 0.
        worker: usize,
        /// The process identifier.
        process: u32,
        /// The exit status, if it is known.
        status: Option<ExitStatus>,
        /// Whether the exit was requested.
        was_requested: bool,
        /// The delay until it is started again; `None` if it is not, or if its replacement runs
        /// already.
        restarts_in: Option<Duration>,
        /// The counters that it reported last. Its open connections count as aborted.
        counters: &'a ServerCounters,
    },
    /// A thread could not be started, so fewer connections are served concurrently.
    ThreadFailed {
        /// The error of the OS.
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
            ServerEvent::Refused { peer } => write!(f, "refused {peer}: connection limit reached"),
            ServerEvent::Expired { peer, .. } => write!(f, "closed {peer}: request timed out"),
            ServerEvent::Disconnected { peer, error } => write!(f, "{peer} disconnected: {}", error.reason()),
            ServerEvent::ChildStarted { peer, process } => write!(f, "process {process} serves {peer}"),
            ServerEvent::ChildEnded { peer, process, status } => {
                write!(f, "process {process}, which served {peer}, ended with ")?;
                match status {
                    Some(status) => status.fmt(f),
                    None => f.write_str("an unknown status: SIGCHLD is ignored"),
                }
            }
            ServerEvent::WorkerStarted { worker, process } => {
                write!(f, "worker {worker}, process {process}, accepts connections")
            }
            ServerEvent::WorkerEnded { worker, process, status, was_requested, restarts_in, .. } => {
                write!(f, "worker {worker}, process {process}, ended")?;
                if let Some(status) = status {
                    write!(f, " with {status}")?;
                }
                match restarts_in {
                    _ if *was_requested => f.write_str(" (requested)"),
                    Some(wait) => write!(f, ", and is started again in {wait:?}"),
                    None => f.write_str(", and is not started again"),
                }
            }
            ServerEvent::AcceptFailed { error }
            | ServerEvent::ThreadFailed { error }
            | ServerEvent::ProcessFailed { error } => error.fmt(f),
        }
    }
}
