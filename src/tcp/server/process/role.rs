//! What a process was started for: said in its environment, together with the parent's number,
//! because what a process inherits it may hand on to children of its own.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::failures::ProcessError;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::text::Encoding;
use crate::sys::{self, StandardInput};
use crate::tcp::client::TcpClient;
use crate::tcp::connection::TcpConnection;

const VARIABLE: &str = "SOCKETRY_ROLE";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Worker,
    Connection,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Worker => "worker",
            Role::Connection => "connection",
        }
    }

    /// Has the child know what it is started for.
    pub(super) fn give(self, command: &mut Command, encoding: Encoding, stall: Option<Duration>) {
        let (name, parent) = (self.name(), std::process::id());
        let stall = stall.map(|stall| format!(" with stall timeout {} ms", stall.as_millis()));
        command.env(VARIABLE, format!("{name} of {parent} in {encoding}{}", stall.unwrap_or_default()));
    }

    /// The socket that this process was given with the role; `None` if it has another role or none,
    /// or has taken it.
    pub(super) fn take(self) -> Result<Option<(StandardInput, Given)>> {
        // A parent that is gone by now is not this one's parent any more; the socket is there all
        // the same.
        let Some(given) = Given::here().filter(|given| given.role == self) else { return Ok(None) };
        if TAKEN.swap(true, Ordering::SeqCst) {
            return Ok(None);
        }
        let failed = |error| sys::failure(Operation::Inherit, error);
        match sys::take_standard_input().map_err(failed)? {
            // Whoever was connected has broken off, and the socket does not know any more who it
            // was.
            None if given.is_own => Err(failed(std::io::ErrorKind::NotConnected.into())),
            taken => Ok(taken.map(|socket| (socket, given))),
        }
    }

    /// Refuses to start processes in one that is itself such a process and does not know it: it
    /// would start itself again, and that one itself, and so on.
    pub(super) fn refuse_to_start_again() -> Result<()> {
        match Given::here() {
            Some(Given { role, is_own: true, .. }) if !TAKEN.load(Ordering::SeqCst) => {
                let detail = ProcessError::UnclaimedRole { role: role.name() };
                Err(Error::detailed(Operation::Serve, ErrorKind::InvalidInput, detail))
            }
            _ => Ok(()),
        }
    }
}

/// What this process, or one from which it descends, was started for.
pub(super) struct Given {
    role: Role,
    encoding: Encoding,
    stall_timeout: Option<Duration>,
    /// Whether it is this process.
    is_own: bool,
}

impl Given {
    /// `None` in a program that nobody gave a role.
    fn here() -> Option<Given> {
        let value = std::env::var(VARIABLE).ok()?;
        let (name, rest) = value.split_once(" of ")?;
        let (parent, encoding) = rest.split_once(" in ")?;
        let (encoding, stall) = match encoding.split_once(" with stall timeout ") {
            Some((encoding, stall)) => (encoding, stall.strip_suffix(" ms")?.parse().ok()),
            None => (encoding, None),
        };
        let role = [Role::Worker, Role::Connection].into_iter().find(|role| role.name() == name)?;
        let encoding = encoding.parse().ok()?;
        let stall_timeout = stall.map(Duration::from_millis);
        Some(Given { role, encoding, stall_timeout, is_own: parent.parse() == Ok(sys::parent()) })
    }
}

static TAKEN: AtomicBool = AtomicBool::new(false);

/// Returns the connection that this process serves, if
/// [`Children::self_exe`](super::Children::self_exe) or
/// [`Children::with_socket`](super::Children::with_socket) started it, and `None` otherwise.
///
/// Call it first in `main`: the code that follows is that of the parent. The connection has the
/// timeouts and the encoding of the server. It was the standard input, which is `/dev/null` from
/// now on. A second call returns `None`.
///
/// # Errors
///
/// This returns an error if the connection cannot be inherited, for example because the client has
/// reset it.
///
/// # Examples
///
/// ```no_run
/// use socketry::process::{self, Children};
/// use socketry::{TcpConnection, TcpServer};
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     // A child begins here: this program, started again for one connection.
///     if let Some(connection) = process::connection()? {
///         return Ok(converse(&connection)?);
///     }
///     // The parent.
///     let server = TcpServer::builder().max_connections(100).bind(":7788")?;
///     println!("{}", server.serve_children(Children::self_exe()?)?);
///     Ok(())
/// }
///
/// fn converse(connection: &TcpConnection) -> socketry::Result<()> {
///     connection.send(format!("you are served by process {}\n", std::process::id()))
/// }
/// ```
pub fn connection() -> Result<Option<TcpConnection>> {
    match Role::Connection.take()? {
        Some((StandardInput::Connection(stream), given)) => {
            let inherited = |error| sys::failure(Operation::Inherit, error);
            let read = stream.read_timeout().map_err(inherited)?;
            let write = stream.write_timeout().map_err(inherited)?;
            let builder = TcpClient::builder().encoding(given.encoding).read_timeout(read);
            let builder = builder.write_timeout(write).stall_timeout(given.stall_timeout);
            Ok(Some(builder.build().adopt(stream)?))
        }
        _ => Ok(None),
    }
}
