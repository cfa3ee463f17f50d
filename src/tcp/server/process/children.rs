//! One process for each connection. A thread of the server starts it, waits for its end, and ends
//! the connection politely; nobody polls, and no child is left a zombie.

use std::fmt;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::role::Role;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::sys::{self, Tell};
use crate::tcp::close::Closing;
use crate::tcp::connection::{Inner, TcpConnection};
use crate::tcp::server::accept::Next;
use crate::tcp::server::events::ServerEvent;
use crate::tcp::server::hooks::{Terminate, TerminateAt};
use crate::tcp::server::registry::Inside;
use crate::tcp::server::report::ShutdownReport;
use crate::tcp::server::serve::TcpServer;
use crate::tcp::server::state::{Phase, Shared};
use crate::tcp::server::workers::Duty;
use crate::wait::WaitLimit;

/// Options for the processes that serve one connection each.
///
/// [`TcpServer::serve_children`](crate::TcpServer::serve_children) starts them. Any program can
/// serve that reads its standard input and writes its standard output, as the example shows.
///
/// # Examples
///
/// ```
/// use socketry::process::Children;
/// use socketry::{TcpClient, TcpServer};
/// use std::process::Command;
/// use std::time::Duration;
///
/// let server = TcpServer::bind("127.0.0.1:0")?;
/// let handle = server.handle();
/// let children = Children::inetd_style(|_| Command::new("cat"));
/// let serving = std::thread::spawn(move || server.serve_children(children));
///
/// let client = TcpClient::new().connect(handle.local_addr())?;
/// client.send("你好")?;
/// client.half_close()?;
/// assert_eq!(client.recv_to_end(100)?, "你好".as_bytes());
/// drop(client);
/// handle.shutdown(Duration::from_secs(5));
/// serving.join().unwrap()?;
/// # Ok::<(), socketry::Error>(())
/// ```
#[must_use = "processes are started by `TcpServer::serve_children`"]
pub struct Children {
    command: Box<dyn Fn(&TcpConnection) -> Command + Send + Sync>,
    kind: Kind,
    terminate_at: TerminateAt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The connection is its standard input and output.
    Program,
    /// The connection is its standard input, and it knows.
    Role,
}

impl Children {
    /// Runs any program, with the connection as its standard input and output, as `inetd` does.
    ///
    /// Standard error is inherited, unless the command sets it. The environment has the addresses
    /// under the names that `tcpserver` uses: `PROTO` (`TCP`), `TCPREMOTEIP`, `TCPREMOTEPORT`,
    /// `TCPLOCALIP`, `TCPLOCALPORT`.
    ///
    /// The server's [`read_timeout`](crate::tcp::TcpServerBuilder::read_timeout) and
    /// [`write_timeout`](crate::tcp::TcpServerBuilder::write_timeout) also apply to the program: a
    /// read or write that takes longer fails.
    pub fn inetd_style(command: impl Fn(&TcpConnection) -> Command + Send + Sync + 'static) -> Children {
        Children { command: Box::new(command), kind: Kind::Program, terminate_at: TerminateAt::HalfTime }
    }

    /// Runs this program again, with the same arguments. There,
    /// [`process::connection`](super::connection) returns the connection. Standard output is
    /// inherited.
    ///
    /// # Errors
    ///
    /// This returns an error if the OS does not report the path of this program.
    pub fn self_exe() -> Result<Children> {
        let again = Again::new()?;
        Ok(Children::with_socket(move |_| again.command()))
    }

    /// Runs a command that calls [`process::connection`](super::connection): this program with
    /// other arguments, or another program.
    pub fn with_socket(command: impl Fn(&TcpConnection) -> Command + Send + Sync + 'static) -> Children {
        Children { command: Box::new(command), kind: Kind::Role, terminate_at: TerminateAt::HalfTime }
    }

    /// Sets whether a shutdown sends `SIGTERM` to the children when it begins. Defaults to false:
    /// the signal is sent when half of the shutdown timeout has passed.
    ///
    /// Use it for programs that finish the current request after `SIGTERM`. Most programs exit at
    /// once.
    pub fn terminate_immediately(mut self, on: bool) -> Children {
        self.terminate_at = if on { TerminateAt::Start } else { TerminateAt::HalfTime };
        self
    }
}

impl fmt::Debug for Children {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Children")
            .field("kind", &self.kind)
            .field("terminate_at", &self.terminate_at)
            .finish_non_exhaustive()
    }
}

/// This program, to be started again.
#[derive(Clone, Debug)]
pub(super) struct Again(std::path::PathBuf);

impl Again {
    /// Where it is now: when it is replaced by another version, that one is started.
    pub(super) fn new() -> Result<Again> {
        let path = std::env::current_exe();
        path.map(Again).map_err(|error| sys::failure(Operation::StartProcess, error))
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command.args(std::env::args_os().skip(1));
        command
    }
}

impl TcpServer {
    /// Serves each connection with a process of its own, until the server is shut down.
    ///
    /// Blocks the current thread. At most
    /// [`max_connections`](crate::tcp::TcpServerBuilder::max_connections) processes run at the same
    /// time. When a process exits, its connection is closed gracefully: the output of the process
    /// is delivered, even if the process did not read all of its input.
    ///
    /// * A process with an exit code other than 0 counts as failed, one that a signal kills as
    ///   crashed. Both are reported as
    ///   [`ServerEvent::ChildEnded`](crate::tcp::ServerEvent::ChildEnded). If a process cannot be
    ///   started, its connection is closed; the start is retried if the OS lacks resources.
    /// * A shutdown serves the backlog first. Running processes receive `SIGTERM` when half of the
    ///   timeout has passed, and `SIGKILL` at its end, together with the other processes of their
    ///   process groups.
    /// * Each process leads a process group, so a Ctrl-C at the terminal only reaches this process.
    ///
    /// If this process is killed, its children continue until their clients disconnect or their
    /// timeouts expire.
    ///
    /// # Errors
    ///
    /// This returns an error if no thread can be started, or if this process is itself a child that
    /// has not [claimed its role](crate::process::connection). Errors of one connection are
    /// counted.
    ///
    /// # Platform-specific behavior
    ///
    /// Unix, with the feature `process`. Not available on Windows, where a socket cannot be the
    /// standard input of a process that `std` starts.
    pub fn serve_children(mut self, children: Children) -> Result<ShutdownReport> {
        Role::refuse_to_start_again()?;
        self.stop_lending();
        self.shared.terminate_inside(children.terminate_at);
        self.shared.serve(children)
    }
}

/// A process that serves a connection.
struct Serving {
    child: Mutex<Option<Child>>,
    connection: Weak<Inner>,
    /// It was told to end, so it is no crash if it does.
    is_told: AtomicBool,
}

impl Serving {
    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, what: Tell) {
        // While the lock is held nobody takes its status, so its number is its own.
        if let Some(child) = &*self.child() {
            self.is_told.store(true, Ordering::SeqCst);
            sys::tell_group(child.id(), what);
        }
    }

    /// Waits for the end.
    fn wait(&self, number: u32) -> Option<ExitStatus> {
        sys::wait_for_exit(number);
        // Without a status where the program has the system throw it away, by ignoring SIGCHLD.
        self.child().take().and_then(|mut child| child.wait().ok())
    }
}

impl Terminate for Serving {
    fn terminate(&self) {
        self.tell(Tell::Terminate);
    }
}

impl Inside for Serving {
    fn cut(&self) {
        // Held meanwhile: it is let go of when the process ends, and others may have it still.
        let connection = self.connection.upgrade();
        self.tell(Tell::Kill);
        if let Some(connection) = connection {
            connection.cut();
        }
    }
}

impl Duty for Children {
    type Work = TcpConnection;

    fn next(&self, shared: &Arc<Shared>) -> Result<Option<TcpConnection>> {
        match shared.next(Closing::Polite, &WaitLimit::unlimited())? {
            Next::Connection(connection) => Ok(Some(connection)),
            Next::TimedOut | Next::Over => Ok(None),
        }
    }

    fn perform(&self, shared: &Arc<Shared>, connection: TcpConnection) {
        let peer = connection.peer_addr();
        let child = match self.start_with_patience(shared, &connection) {
            Ok(child) => child,
            Err(error) => {
                shared.totals.failed.fetch_add(1, Ordering::Relaxed);
                shared.observe(&ServerEvent::ProcessFailed { error: &error.with_remote(Some(peer)) });
                return;
            }
        };
        let number = child.id();
        shared.observe(&ServerEvent::ChildStarted { peer, process: number });
        let serving = Arc::new(Serving {
            child: Mutex::new(Some(child)),
            connection: Arc::downgrade(&connection.inner),
            is_told: AtomicBool::new(false),
        });
        if let Some(ticket) = &connection.inner.ticket {
            let inside: Arc<dyn Inside> = serving.clone();
            shared.register_as(ticket, &inside);
        }
        let status = serving.wait(number);
        let is_told = serving.is_told.load(Ordering::SeqCst);
        let Some(status) = status.filter(|status| !status.success() && !is_told) else { return };
        let total = if status.code().is_some() { &shared.totals.failed } else { &shared.totals.crashed };
        total.fetch_add(1, Ordering::Relaxed);
        shared.observe(&ServerEvent::ChildEnded { peer, process: number, status });
    }

    fn is_over(&self, _: Phase) -> bool {
        true
    }
}

/// How often a process is started that cannot be because the system is short of something, and how
/// long after the first time it is tried again; twice as long each time.
const ATTEMPTS: u32 = 9;
const FIRST_PAUSE: Duration = Duration::from_millis(5);

impl Children {
    fn start_with_patience(&self, shared: &Shared, connection: &TcpConnection) -> Result<Child> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            match self.start(connection) {
                Err(error) if attempt < ATTEMPTS && error.kind() == ErrorKind::ResourceExhausted => {}
                result => return result,
            }
            let state = shared.state();
            let wait = shared.changed.wait_timeout_while(state, pause, |state| state.phase < Phase::Cut);
            if wait.is_ok_and(|(_, wait)| !wait.timed_out()) {
                break;
            }
            pause *= 2;
        }
        Err(Error::new(Operation::StartProcess, ErrorKind::Cancelled))
    }

    fn start(&self, connection: &TcpConnection) -> Result<Child> {
        let inner = &connection.inner;
        let failed = |error: io::Error| {
            // fork(2): EAGAIN is a limit on processes.
            let kind = match error.kind() {
                io::ErrorKind::WouldBlock => ErrorKind::ResourceExhausted,
                _ => sys::error_kind(&error),
            };
            sys::failure(Operation::StartProcess, error).with_kind(kind)
        };
        let mut command = (self.command)(connection);
        let stream = inner.stream.try_clone().map_err(failed)?;
        let write_timeout = match self.kind {
            // For a program that knows nothing of a stall timeout, a timeout of each write is the
            // closest.
            Kind::Program => connection.write_timeout().or(connection.stall_timeout()),
            Kind::Role => connection.write_timeout(),
        };
        let stream = sys::release_stream(stream, connection.read_timeout(), write_timeout);
        match self.kind {
            Kind::Program => {
                let local = inner.stream.local_addr().map(sys::canonical).map_err(failed)?;
                command
                    .env("PROTO", "TCP")
                    .env("TCPLOCALIP", local.ip().to_string())
                    .env("TCPLOCALPORT", local.port().to_string())
                    .env("TCPREMOTEIP", inner.peer.ip().to_string())
                    .env("TCPREMOTEPORT", inner.peer.port().to_string())
                    .stdout(sys::as_output(stream.try_clone().map_err(failed)?));
            }
            Kind::Role => {
                Role::Connection.give(&mut command, connection.encoding(), connection.stall_timeout());
            }
        }
        sys::prepare(&mut command, stream);
        // The command has the stream, and closes it when it is dropped.
        command.spawn().map_err(|error| failed(error).at(command.get_program().to_string_lossy()))
    }
}
