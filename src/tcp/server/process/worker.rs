//! A worker process, from within.

use std::io::{self, Read};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use super::control_writer::ControlWriter;
use super::failures::ProcessError;
use super::role::Role;
use crate::error::{Operation, Result};
use crate::proto::control::{MOST_BYTES, Note, VERSION};
use crate::sys::{self, ControlSocket, StandardInput};
use crate::tcp::server::builder::TcpServerBuilder;
use crate::tcp::server::core::ServerCore;
use crate::tcp::server::report::ServerCounters;
use crate::tcp::server::serve::TcpServer;
use crate::wait::{self, WaitLimit};

/// The role of a worker process, from [`process::worker`](worker).
#[derive(Debug)]
#[must_use = "a worker that does not serve is ended by its parent"]
pub struct Worker {
    socket: ControlSocket,
    listener: TcpListener,
    number: usize,
    /// How many there are.
    workers: usize,
    grace: Duration,
    /// What has arrived after the beginning.
    arrived: Vec<u8>,
}

/// How long a parent may take to send the settings of its worker.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a worker sends its counters, while they change and while they do not.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);
const IDLE_REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// How long a worker waits for buffer space of its control connection.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// Returns the worker that this process is, if
/// [`TcpServer::serve_workers`](crate::TcpServer::serve_workers) started it, and `None` otherwise.
///
/// Call it first in `main`: the code that follows is that of the parent. Blocks until the parent
/// has sent the listener. A second call returns `None`.
///
/// # Errors
///
/// This returns an error if the listener cannot be inherited, or if the parent has exited.
///
/// # Examples
///
/// ```no_run
/// use socketry::process::{self, Workers};
/// use socketry::tcp::TcpServerBuilder;
/// use socketry::{Encoding, TcpServer};
///
/// fn options() -> TcpServerBuilder {
///     TcpServer::builder().max_connections(1_000)
/// }
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     // A worker begins here: this program, started again by the parent below.
///     if let Some(worker) = process::worker()? {
///         worker.server(options())?.serve(|connection| {
///             let mut lines = connection.lines(Encoding::Utf8);
///             while let Some(line) = lines.recv()? {
///                 lines.send(line)?;
///             }
///             Ok(())
///         })?;
///         return Ok(());
///     }
///     // The parent, which accepts nothing and watches the workers.
///     println!("{}", options().bind(":7788")?.serve_workers(Workers::new(4)?)?);
///     Ok(())
/// }
/// ```
pub fn worker() -> Result<Option<Worker>> {
    match Role::Worker.claim()? {
        Some((StandardInput::Control(socket), _)) => Worker::begin(socket).map(Some),
        _ => Ok(None),
    }
}

impl Worker {
    fn begin(socket: ControlSocket) -> Result<Worker> {
        let failed = |error| sys::failure(Operation::Inherit, error);
        socket.set_read_timeout(Some(HANDSHAKE_TIMEOUT)).map_err(failed)?;
        socket.set_write_timeout(Some(WRITE_TIMEOUT)).map_err(failed)?;
        let mut arrived = Vec::new();
        let mut listener = None;
        loop {
            let mut buffer = [0; MOST_BYTES];
            let (length, received) = match sys::receive_listener(&socket, &mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result.map_err(failed)?,
            };
            if length == 0 {
                return Err(failed(io::ErrorKind::UnexpectedEof.into()));
            }
            listener = received.or(listener);
            arrived.extend(&buffer[..length]);
            let unknown = || ProcessError::UnknownParent.into_error(Operation::Inherit);
            match Note::take(&mut arrived) {
                Ok(None) => {}
                Ok(Some(Note::Begin { version: VERSION, number, grace, workers })) => {
                    let listener = listener.ok_or_else(unknown)?;
                    let (number, workers) = (number as usize, (workers as usize).max(1));
                    return Ok(Worker { socket, listener, number, workers, grace, arrived });
                }
                Ok(Some(_)) | Err(_) => return Err(unknown()),
            }
        }
    }

    /// Returns the index of the worker, from 0. Its replacement after an exit or a restart has the
    /// same index.
    pub fn index(&self) -> usize {
        self.number
    }

    /// Creates the server of this worker on the shared listener, with the options of the builder.
    /// Use any way of serving, such as [`serve`](crate::TcpServer::serve).
    ///
    /// The parent ends the worker: the server is shut down on its request, and when the parent
    /// exits. Serving returns then, and `main` should return, too.
    /// [Limits](TcpServerBuilder::max_connections) apply to this process.
    ///
    /// If the parent has exited, the server is shut down within its
    /// [timeout](crate::process::Workers::orphan_timeout). If this process is still running one second
    /// later, it sends `SIGTERM` to itself.
    ///
    /// # Errors
    ///
    /// This returns an error if no thread can be started, or for any reason listed under
    /// [`TcpServerBuilder::adopt`].
    pub fn server(self, builder: TcpServerBuilder) -> Result<TcpServer> {
        let Worker { socket, listener, grace, arrived, workers, .. } = self;
        let server = builder.adopt(listener)?;
        server.core.pool.share_processors(workers);
        let failed = |error| sys::failure(Operation::Serve, error);
        let writer = Arc::new(ControlWriter::new(socket.try_clone().map_err(failed)?));
        // There is no other: the server was just created.
        let _ = server.core.processes.parent.set(Arc::clone(&writer));
        let reader = ControlReader { socket, writer: Arc::clone(&writer), grace, arrived };
        let core = Arc::clone(&server.core);
        let thread = std::thread::Builder::new().name("socketry-worker".to_owned());
        thread
            .spawn(move || reader.run(&core))
            .map_err(|error| sys::thread_failure(Operation::Serve, error))?;
        writer.send(&Note::Ready);
        Ok(server)
    }
}

/// Executes the control messages of the parent, on a thread of its own.
struct ControlReader {
    socket: ControlSocket,
    writer: Arc<ControlWriter>,
    grace: Duration,
    arrived: Vec<u8>,
}

impl ControlReader {
    fn run(mut self, core: &ServerCore) {
        let mut told = ServerCounters::default();
        let mut wait = None;
        loop {
            while let Ok(Some(note)) = Note::take(&mut self.arrived) {
                match note {
                    Note::Leave { grace } => core.begin_handoff(grace),
                    Note::Drain { grace } => core.begin_shutdown(grace),
                    Note::Look => core.retry_accept(),
                    _ => {}
                }
            }
            let counters = core.counters();
            let next_wait = if counters == told { IDLE_REPORT_INTERVAL } else { REPORT_INTERVAL };
            if counters != told {
                told = counters;
                self.writer.send(&Note::Counters(counters.to_fields().to_vec()));
            }
            if wait != Some(next_wait) && self.socket.set_read_timeout(Some(next_wait)).is_ok() {
                wait = Some(next_wait);
            }
            let mut buffer = [0; MOST_BYTES];
            match self.socket.read(&mut buffer) {
                Ok(length) if length > 0 && self.arrived.len() <= MOST_BYTES => {
                    self.arrived.extend(&buffer[..length]);
                }
                Err(error) if sys::is_would_block_or_intr(&error) => {}
                Ok(_) | Err(_) => break,
            }
        }
        // The parent has exited, or sends what this version does not know.
        core.begin_shutdown(self.grace);
        let _ = wait::sleep(&WaitLimit::timeout(self.grace.saturating_add(EXIT_TIMEOUT)));
        // `main` has not returned.
        sys::terminate_self();
    }
}

/// How long a worker without a parent may take to exit after its shutdown.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

#[cfg(test)]
#[path = "worker/tests.rs"]
mod tests;
