//! One process for each connection. A thread of the server starts it and waits for its exit, which
//! leaves no zombie. Then the connection is closed gracefully.

use std::fmt;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::role::Role;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::handler;
use crate::sys::{self, Tell};
use crate::tcp::connection::{Inner, TcpConnection};
use crate::tcp::server::core::ServerCore;
use crate::tcp::server::events::ServerEvent;
use crate::tcp::server::pool::{Next, Workload};
use crate::tcp::server::registry::ActiveConnection;
use crate::tcp::server::report::ShutdownReport;
use crate::tcp::server::serve::TcpServer;
use crate::wait::{self, WaitLimit};

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
    /// After which part of the timeout of a shutdown they receive `SIGTERM`.
    terminate_percent: u32,
}

const HALF_TIME: u32 = 50;

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
        Children { command: Box::new(command), kind: Kind::Program, terminate_percent: HALF_TIME }
    }

    /// Runs this program again, with the same arguments. There,
    /// [`process::connection`](super::connection) returns the connection. Standard output is
    /// inherited.
    ///
    /// # Errors
    ///
    /// This returns an error if the OS does not report the path of this program.
    pub fn self_exe() -> Result<Children> {
        let program = SelfExe::new()?;
        Ok(Children::with_socket(move |_| program.command()))
    }

    /// Runs a command that calls [`process::connection`](super::connection): this program with
    /// other arguments, or another program.
    pub fn with_socket(command: impl Fn(&TcpConnection) -> Command + Send + Sync + 'static) -> Children {
        Children { command: Box::new(command), kind: Kind::Role, terminate_percent: HALF_TIME }
    }

    /// Sets whether a shutdown sends `SIGTERM` to the children when it begins. Defaults to false:
    /// the signal is sent when half of the shutdown timeout has passed.
    ///
    /// Use it for programs that finish the current request after `SIGTERM`. Most programs exit at
    /// once.
    pub fn terminate_immediately(mut self, on: bool) -> Children {
        self.terminate_percent = if on { 0 } else { HALF_TIME };
        self
    }
}

impl fmt::Debug for Children {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Children")
            .field("kind", &self.kind)
            .field("terminate_percent", &self.terminate_percent)
            .finish_non_exhaustive()
    }
}

/// This program, to be started again.
#[derive(Clone, Debug)]
pub(super) struct SelfExe(std::path::PathBuf);

impl SelfExe {
    /// Where it is now: when it is replaced by another version, that one is started.
    pub(super) fn new() -> Result<SelfExe> {
        let path = std::env::current_exe();
        path.map(SelfExe).map_err(|error| sys::failure(Operation::StartProcess, error))
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
        Role::prevent_recursive_spawn()?;
        self.stop_lending();
        self.core.terminate_after(children.terminate_percent);
        self.core.serve(Serving { core: Arc::clone(&self.core), children })
    }
}

/// A process that serves a connection.
struct ChildProcess {
    child: Mutex<Option<Child>>,
    connection: Weak<Inner>,
    /// A signal was sent, so it is no crash if one ends it.
    was_signaled: AtomicBool,
}

impl ChildProcess {
    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, signal: Tell) {
        // While the lock is held, the child is not reaped, so its identifier is its own.
        if let Some(child) = &*self.child() {
            self.was_signaled.store(true, Ordering::SeqCst);
            sys::tell_group(child.id(), signal);
        }
    }

    /// Waits for its exit. Returns `None` if the OS has discarded the status, because this process
    /// ignores `SIGCHLD`.
    fn wait(&self, number: u32) -> Option<ExitStatus> {
        sys::wait_for_exit(number);
        self.child().take().and_then(|mut child| child.wait().ok())
    }
}

impl ActiveConnection for ChildProcess {
    fn terminate(&self) {
        self.signal(Tell::Terminate);
    }

    fn abort(&self) {
        // Upgraded first, because the connection is dropped when the process exits.
        let connection = self.connection.upgrade();
        self.signal(Tell::Kill);
        if let Some(connection) = connection {
            connection.force_close();
        }
    }
}

/// Serves connections with child processes.
struct Serving {
    core: Arc<ServerCore>,
    children: Children,
}

impl Workload for Serving {
    type Item = TcpConnection;
    type Scratch = ();

    const THREADS_PER_PROCESSOR: usize = 4;

    fn scratch(&self) {}

    fn next(&self, timeout: Duration, (): &mut ()) -> Next<TcpConnection> {
        self.core.next_connection(timeout)
    }

    fn run(&self, connection: TcpConnection, (): &mut ()) {
        let (core, peer) = (&self.core, connection.peer_addr());
        let started = handler::catch(|| self.children.spawn_with_retry(core, &connection));
        let child = match started {
            Ok(Ok(child)) => child,
            Ok(Err(error)) => {
                core.counters.failed.add(1);
                core.observe(&ServerEvent::ProcessFailed { error: &error.with_remote(Some(peer)) });
                return;
            }
            Err(message) => {
                core.counters.panicked.add(1);
                core.observe(&ServerEvent::HandlerPanicked { peer, message: &message });
                return;
            }
        };
        let process = child.id();
        core.observe(&ServerEvent::ChildStarted { peer, process });
        let child = Arc::new(ChildProcess {
            child: Mutex::new(Some(child)),
            connection: Arc::downgrade(&connection.inner),
            was_signaled: AtomicBool::new(false),
        });
        let active: Arc<dyn ActiveConnection> = child.clone();
        core.set_active(&connection.inner, &active);
        let status = child.wait(process);
        let counter = match status {
            _ if child.was_signaled.load(Ordering::SeqCst) => return,
            Some(status) if status.success() => return,
            Some(status) if status.code().is_some() => &core.counters.failed,
            Some(_) => &core.counters.crashed,
            None => &core.counters.unknown,
        };
        counter.add(1);
        core.observe(&ServerEvent::ChildEnded { peer, process, status });
    }

    fn on_thread_error(&self, error: io::Error) {
        self.core.on_thread_error(error);
    }
}

/// How often a start is tried while the OS lacks resources, and the first pause; each pause is twice
/// as long as the one before.
const MAX_SPAWN_ATTEMPTS: u32 = 9;
const FIRST_PAUSE: Duration = Duration::from_millis(5);

impl Children {
    fn spawn_with_retry(&self, core: &ServerCore, connection: &TcpConnection) -> Result<Child> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            match self.start(connection) {
                Err(error)
                    if attempt < MAX_SPAWN_ATTEMPTS && error.kind() == ErrorKind::ResourceExhausted => {}
                result => return result,
            }
            let limit = WaitLimit::timeout(pause).cancelled_by(Some(&core.lifecycle.aborted), None);
            if wait::sleep(&limit).is_err() {
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
                Role::Connection.assign(&mut command, connection.encoding(), connection.stall_timeout());
            }
        }
        sys::prepare(&mut command, stream);
        // The command has the stream, and closes it when it is dropped.
        command.spawn().map_err(|error| failed(error).at(command.get_program().to_string_lossy()))
    }
}
