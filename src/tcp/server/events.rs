use std::fmt;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::Duration;

use super::report::ServerCounters;
use crate::error::Error;

/// Something that a server goes on after, for whoever wants to log it: see
/// [`on_event`](crate::tcp::TcpServerBuilder::on_event). All of them are counted as well. Its `Display` is one line.
#[derive(Clone, Copy, Debug)]
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
    /// A process was started that serves a connection; see
    /// [`serve_children`](crate::TcpServer#method.serve_children).
    ChildStarted {
        /// Whose connection it is.
        peer: SocketAddr,
        /// The system's number of the process.
        process: u32,
    },
    /// A process that served a connection ended with another code than 0, or by a signal, unasked.
    ChildEnded {
        /// Whose connection it was.
        peer: SocketAddr,
        /// The system's number of the process.
        process: u32,
        /// What it ended with.
        status: ExitStatus,
    },
    /// A process could not be started; the error names the program, and the peer if it was for one.
    ProcessFailed {
        /// The system's error.
        error: &'a Error,
    },
    /// A worker process accepts connections; see [`serve_workers`](crate::TcpServer#method.serve_workers).
    WorkerStarted {
        /// Which of the workers, counted from 0.
        worker: usize,
        /// The system's number of the process.
        process: u32,
    },
    /// A worker process has ended.
    WorkerEnded {
        /// Which of the workers, counted from 0.
        worker: usize,
        /// The system's number of the process.
        process: u32,
        /// What it ended with, if the system tells.
        status: Option<ExitStatus>,
        /// Whether it was told to end.
        was_requested: bool,
        /// After how long another is started in its place; `None` if none is, or is there already.
        restarts_in: Option<Duration>,
        /// What it has done, as it told last; whom it had then counts as aborted.
        counters: &'a ServerCounters,
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
            ServerEvent::Refused { peer } => write!(f, "refused {peer}: connection limit reached"),
            ServerEvent::Expired { peer, .. } => write!(f, "closed {peer}: request timed out"),
            ServerEvent::ChildStarted { peer, process } => write!(f, "process {process} serves {peer}"),
            ServerEvent::ChildEnded { peer, process, status } => {
                write!(f, "process {process}, which served {peer}, ended with {status}")
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
