//! What a process was started for. Its environment has the role, and the process identifier of the
//! parent, because the children of the process inherit its environment, too.

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

    /// Assigns the role to a child, by its environment.
    pub(super) fn assign(self, command: &mut Command, encoding: Encoding, stall: Option<Duration>) {
        let (name, parent) = (self.name(), std::process::id());
        let stall = stall.map(|stall| format!(" with stall timeout {} ms", stall.as_millis()));
        command.env(VARIABLE, format!("{name} of {parent} in {encoding}{}", stall.unwrap_or_default()));
    }

    /// Returns the socket that this process inherited with the role. `None` if it has another role or
    /// none, or has claimed it before.
    pub(super) fn claim(self) -> Result<Option<(StandardInput, InheritedRole)>> {
        // If the parent has exited, this process has another parent, and still has the socket.
        let Some(given) = InheritedRole::here().filter(|given| given.role == self) else { return Ok(None) };
        if CLAIMED.swap(true, Ordering::SeqCst) {
            return Ok(None);
        }
        let failed = |error| sys::failure(Operation::Inherit, error);
        match sys::take_standard_input().map_err(failed)? {
            // The peer has reset the connection, and the socket has no peer address any more.
            None if given.is_own => Err(failed(std::io::ErrorKind::NotConnected.into())),
            taken => Ok(taken.map(|socket| (socket, given))),
        }
    }

    /// Returns an error in a process that has not claimed its role: it would start itself again, and
    /// that one itself, without end.
    pub(super) fn prevent_recursive_spawn() -> Result<()> {
        match InheritedRole::here() {
            Some(InheritedRole { role, is_own: true, .. }) if !CLAIMED.load(Ordering::SeqCst) => {
                let detail = ProcessError::UnclaimedRole { role: role.name() };
                Err(Error::detailed(Operation::Serve, ErrorKind::InvalidInput, detail))
            }
            _ => Ok(()),
        }
    }
}

/// The role of this process, or of an ancestor.
pub(super) struct InheritedRole {
    role: Role,
    encoding: Encoding,
    stall_timeout: Option<Duration>,
    /// Whether it is the role of this process.
    is_own: bool,
}

impl InheritedRole {
    /// `None` if no role was assigned.
    fn here() -> Option<InheritedRole> {
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
        Some(InheritedRole { role, encoding, stall_timeout, is_own: parent.parse() == Ok(sys::parent()) })
    }
}

static CLAIMED: AtomicBool = AtomicBool::new(false);

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
    match Role::Connection.claim()? {
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
