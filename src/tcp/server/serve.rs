use std::fmt;
use std::iter::FusedIterator;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::accept::Accepted;
use super::core::ServerCore;
use super::handle::ServerHandle;
use super::handler::Connections;
use super::report::ShutdownReport;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::handler::HandlerResult;
use crate::tcp::connection::TcpConnection;
use crate::wait::WaitLimit;

/// A TCP server: a listener with limits, ways of serving, and a graceful shutdown.
///
/// Create it with [`bind`](Self::bind), or with a [`builder`](Self::builder), and use one of these
/// methods:
///
/// | Method | Runs on | Use for |
/// |---|---|---|
/// | [`accept`](Self::accept), [`incoming`](Self::incoming) | the calling thread | one connection, or threads of the caller |
/// | [`serve_sequential`](Self::serve_sequential) | the calling thread, one connection at a time | short replies |
/// | [`serve`](Self::serve) | a thread for each connection | conversations |
/// | [`serve_requests`](Self::serve_requests) | about as many threads as processors, one request at a time | thousands of connections, idle or busy |
/// | [`serve_children`](Self#method.serve_children) (Unix) | a process for each connection | isolation, programs that use standard input and output |
/// | [`serve_workers`](Self#method.serve_workers) (Unix) | worker processes with threads | surviving crashes, replacing the program while it serves |
///
/// * **Shutdown.** A [`ServerHandle`] wakes the server, serves the backlog, aborts what exceeds the
///   timeout, and reports; see [`shutdown`](ServerHandle::shutdown).
/// * **Limits** on [connections](crate::tcp::TcpServerBuilder::max_connections),
///   [connections per peer](crate::tcp::TcpServerBuilder::max_connections_per_peer),
///   [threads](crate::tcp::TcpServerBuilder::threads), and timeouts of each connection.
/// * **Errors of one connection do not end the server.** It continues after a connection that is
///   aborted before it is accepted, waits when the process is out of file descriptors (`EMFILE`),
///   and isolates errors and panics of handlers. All of them are counted, and passed to
///   [`on_event`](crate::tcp::TcpServerBuilder::on_event).
/// * **Graceful close.** Connections are closed so that the last reply arrives; see
///   [`TcpConnection::close`](crate::TcpConnection::close).
///
/// # Examples
///
/// ```
/// use socketry::frame::Lines;
/// use socketry::{Encoding, TcpClient, TcpServer};
/// use std::time::Duration;
///
/// let server = TcpServer::builder()
///     .max_connections(1_000)
///     .read_timeout(Duration::from_secs(30))
///     .bind("127.0.0.1:0")?;
/// let handle = server.handle();
/// let serving = std::thread::spawn(move || {
///     server.serve(|connection| {
///         let mut lines = connection.lines(Encoding::Gb2312);
///         while let Some(line) = lines.recv()? {
///             lines.send(line)?;
///         }
///         Ok(())
///     })
/// });
///
/// let client = TcpClient::new().connect(handle.local_addr())?;
/// let mut lines = client.into_framed(Lines::new(Encoding::Gb2312));
/// lines.send("收到")?;
/// assert_eq!(lines.recv()?.as_deref(), Some("收到"));
/// drop(lines);
///
/// println!("{}", handle.shutdown(Duration::from_secs(5))); // such as: served 1, drained 0, aborted 0, refused 0
/// serving.join().unwrap()?;
/// # Ok::<(), socketry::Error>(())
/// ```
#[doc(alias = "socketserver")]
#[doc(alias = "ThreadingTCPServer")]
#[doc(alias = "TcpListener")]
pub struct TcpServer {
    pub(super) core: Arc<ServerCore>,
    /// The listener whose handle an event loop has borrowed; `None` if it was closed before.
    pub(super) lent: OnceLock<Option<Arc<TcpListener>>>,
}

/// An iterator over accepted connections, from [`TcpServer::incoming`]. It ends when the server is
/// shut down.
#[derive(Debug)]
#[must_use = "an iterator does nothing until it is asked"]
pub struct Incoming<'a> {
    server: &'a TcpServer,
}

impl TcpServer {
    /// Serves each connection on a thread, until the server is shut down.
    ///
    /// Blocks the current thread. Threads are reused: there are as many as connections that block at the
    /// same time and a few more, up to [`threads`](crate::tcp::TcpServerBuilder::threads). All but a few
    /// exit after 10 s without work. A connection takes about 2 KiB more memory than a thread of `std`
    /// with its stream, on Linux, and the buffer of a framing 9 KiB.
    ///
    /// When clients connect faster than threads can be started, connections are accepted before their
    /// threads are started, up to the number of threads there can be. They count as
    /// [`active`](crate::tcp::ServerCounters::active).
    ///
    /// When the handler returns, the connection is closed gracefully, unless a clone of it exists.
    /// The error type of the handler converts from every error with `?`.
    ///
    /// # Errors
    ///
    /// This returns an error if no thread can be started. Errors of one connection are counted, and
    /// passed to [`on_event`](crate::tcp::TcpServerBuilder::on_event).
    #[doc(alias = "serve_forever")]
    pub fn serve(
        mut self,
        handler: impl Fn(TcpConnection) -> HandlerResult + Send + Sync + 'static,
    ) -> Result<ShutdownReport> {
        self.stop_lending();
        let core = Arc::clone(&self.core);
        self.core.serve(Connections { core, handler })
    }

    /// Serves connections sequentially on the calling thread, until the server is shut down.
    ///
    /// Blocks the current thread. While one connection is served, the next ones stay in the
    /// backlog. Set a [`read_timeout`](crate::tcp::TcpServerBuilder::read_timeout): without one, a peer that
    /// sends nothing blocks all others indefinitely.
    ///
    /// # Errors
    ///
    /// This returns an error if the listener fails. Errors of one connection are counted.
    pub fn serve_sequential(
        mut self,
        mut handler: impl FnMut(TcpConnection) -> HandlerResult,
    ) -> Result<ShutdownReport> {
        self.stop_lending();
        while let Accepted::Connection(connection) = self.core.accept(&WaitLimit::unlimited())? {
            let peer = connection.peer_addr();
            self.core.run_handler(peer, || handler(connection));
        }
        Ok(self.core.serve_to_end())
    }

    /// Accepts the next connection.
    ///
    /// Blocks until a connection arrives. If the limit on connections is reached, blocks until one
    /// closes, or refuses the new one, depending on [`when_full`](crate::tcp::TcpServerBuilder::when_full). If
    /// several threads accept, each connection is returned to one of them.
    ///
    /// # Errors
    ///
    /// This returns an error if the server has been shut down and its backlog is empty
    /// ([`Cancelled`](ErrorKind::Cancelled)), or if the listener fails. An error that concerns one
    /// connection, or a lack of file descriptors, is counted and retried.
    #[doc(alias = "accept4")]
    pub fn accept(&self) -> Result<TcpConnection> {
        self.accept_within(&WaitLimit::unlimited())
    }

    /// Accepts the next connection, and blocks at most for `timeout`.
    ///
    /// # Errors
    ///
    /// This returns an error if [`accept`](Self::accept) would, or if the timeout expires
    /// ([`TimedOut`](ErrorKind::TimedOut)).
    pub fn accept_timeout(&self, timeout: Duration) -> Result<TcpConnection> {
        self.accept_within(&WaitLimit::timeout(timeout))
    }

    /// Accepts the next connection, and blocks at most until `deadline`.
    ///
    /// # Errors
    ///
    /// This returns an error if [`accept`](Self::accept) would, or if the deadline passes
    /// ([`TimedOut`](ErrorKind::TimedOut)).
    pub fn accept_deadline(&self, deadline: Instant) -> Result<TcpConnection> {
        self.accept_within(&WaitLimit::until(deadline))
    }

    /// Accepts a connection if one is in the backlog, without blocking. Returns `None` if there is
    /// none, or if the limit on connections is reached.
    ///
    /// # Errors
    ///
    /// This returns an error if [`accept`](Self::accept) would.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::TcpServer;
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// assert!(server.try_accept()?.is_none());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "EWOULDBLOCK")]
    #[doc(alias = "setblocking")]
    pub fn try_accept(&self) -> Result<Option<TcpConnection>> {
        match self.core.accept(&WaitLimit::no_wait())? {
            Accepted::Connection(connection) => Ok(Some(connection)),
            Accepted::TimedOut => Ok(None),
            Accepted::Closed => {
                Err(Error::new(Operation::Accept, ErrorKind::Cancelled).with_local(Some(self.core.address)))
            }
        }
    }

    /// Returns an iterator over accepted connections, which ends when the server is shut down.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{TcpConnection, TcpServer};
    /// use std::time::Duration;
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let client = TcpConnection::connect(server.local_addr())?;
    /// for connection in server.incoming() {
    ///     connection?.send("welcome")?;
    ///     server.handle().begin_shutdown(Duration::from_secs(1));
    /// }
    /// assert_eq!(client.recv_text(1024)?, "welcome");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { server: self }
    }

    /// Returns a handle, which shuts the server down from another thread.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { core: Arc::clone(&self.core) }
    }

    /// Returns the local address, with the port that the OS chose for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.core.address
    }

    /// Called before the server serves, so that the listener is closed as soon as a shutdown has
    /// accepted the backlog.
    pub(super) fn stop_lending(&mut self) {
        self.lent.take();
        self.core.acceptor.stop_lending();
    }

    fn accept_within(&self, limit: &WaitLimit<'_>) -> Result<TcpConnection> {
        let error = match self.core.accept(limit)? {
            Accepted::Connection(connection) => return Ok(connection),
            Accepted::TimedOut => limit.timed_out(Operation::Accept),
            Accepted::Closed => limit.cancelled(Operation::Accept),
        };
        Err(error.with_local(Some(self.core.address)))
    }
}

impl Drop for TcpServer {
    /// Closes the port. Connections remain open.
    fn drop(&mut self) {
        self.stop_lending();
        self.core.close();
    }
}

impl Iterator for Incoming<'_> {
    type Item = Result<TcpConnection>;

    fn next(&mut self) -> Option<Result<TcpConnection>> {
        match self.server.accept() {
            Err(error) if error.is_cancelled() => None,
            next => Some(next),
        }
    }
}

impl FusedIterator for Incoming<'_> {}

/// Equivalent to [`incoming`](TcpServer::incoming).
impl<'a> IntoIterator for &'a TcpServer {
    type Item = Result<TcpConnection>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

impl fmt::Debug for TcpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpServer").field("local", &self.core.address).finish_non_exhaustive()
    }
}
