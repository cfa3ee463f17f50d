use std::fmt;
use std::iter::FusedIterator;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::accept::Next;
use super::builder::TcpServerBuilder;
use super::handle::ServerHandle;
use super::report::ShutdownReport;
use super::state::Shared;
use super::workers::{Connections, HandlerResult};
use crate::addr::ToBindAddress;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::sys::Moment;
use crate::tcp::close::Closing;
use crate::tcp::connection::TcpConnection;

/// Listens at a local address and serves the connections that come.
///
/// It is made by [`bind`](Self::bind), or with options by a [`builder`](Self::builder), and then used in one of these ways:
///
/// | by | who serves | for |
/// |---|---|---|
/// | [`accept`](Self::accept), [`incoming`](Self::incoming) | whoever calls | one connection, or threads of one's own |
/// | [`serve_sequential`](Self::serve_sequential) | the calling thread, one connection after the other | short answers |
/// | [`serve`](Self::serve) | threads, each one connection at a time | conversations |
/// | [`serve_requests`](Self::serve_requests) | threads, each one request at a time | thousands of connections that are idle mostly |
/// | [`serve_children`](Self#method.serve_children) (Unix) | a process for each connection | programs that read and write, isolation |
/// | [`serve_workers`](Self#method.serve_workers) (Unix) | worker processes, each with threads | a crash that does not end all, replacing the program while it serves |
///
/// * **It ends.** A [`ServerHandle`] wakes a server that waits, has everything served that has come, cuts what takes too
///   long, and reports; see [`shutdown`](ServerHandle::shutdown).
/// * **It is bounded**: in [connections](TcpServerBuilder::max_connections), in
///   [connections of one peer](TcpServerBuilder::max_connections_per_peer), in
///   [threads](TcpServerBuilder::threads), and by the timeouts that each connection begins with.
/// * **It goes on.** A connection that is gone before it is accepted is nobody's loss; when descriptors are used up, it
///   waits until there are some, and does not spin. A handler's error or panic ends its connection only. All of that is
///   counted, and told to whoever wants to [hear](TcpServerBuilder::on_event) it.
/// * **What was answered arrives**: a connection ends politely (see [`TcpConnection::close`](crate::TcpConnection::close)).
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
pub struct TcpServer {
    pub(super) shared: Arc<Shared>,
    /// The handle that an event loop borrows. `None` once the server serves, which consumes it.
    pub(super) listener: Option<Arc<TcpListener>>,
}

/// The connections of a server as they come; made by [`TcpServer::incoming`]. It ends when the server is shut down.
#[derive(Debug)]
#[must_use = "an iterator does nothing until it is asked"]
pub struct Incoming<'a> {
    server: &'a TcpServer,
}

impl TcpServer {
    /// A server at a local address, without options: see [`TcpServerBuilder::bind`].
    ///
    /// # Errors
    ///
    /// This returns an error if [`TcpServerBuilder::bind`] would.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::TcpServer;
    ///
    /// let first = TcpServer::bind("127.0.0.1:0")?;
    /// let error = TcpServer::bind(first.local_addr()).unwrap_err();
    /// assert!(error.is_address_in_use());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn bind(address: impl ToBindAddress) -> Result<TcpServer> {
        TcpServer::builder().bind(address)
    }

    /// A server with options.
    pub fn builder() -> TcpServerBuilder {
        TcpServerBuilder::default()
    }

    /// Where it listens: the port that the system chose, if it was asked to.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.address
    }

    /// What ends the server from another thread.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { shared: Arc::clone(&self.shared) }
    }

    /// Waits for the next connection.
    ///
    /// Where there are as many as may be, it waits until one of them is dropped, or refuses, as the builder says. Of several
    /// threads that call it each connection reaches one.
    ///
    /// # Errors
    ///
    /// This returns an error if the server is shut down and nobody waits any more ([`is_cancelled`](Error::is_cancelled)), or if
    /// something is wrong with the listener itself. An error that concerns one connection, or a lack of descriptors, is
    /// waited out and counted.
    pub fn accept(&self) -> Result<TcpConnection> {
        self.accept_within(None, None)
    }

    /// Waits for the next connection, no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// This returns an error if [`accept`](Self::accept) would, or if the time is over
    /// ([`is_timeout`](Error::is_timeout)).
    pub fn accept_timeout(&self, timeout: Duration) -> Result<TcpConnection> {
        let started = Moment::now();
        let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        self.accept_within(Some(started), started.after(nanos))
    }

    /// Waits for the next connection, no longer than to `deadline`.
    ///
    /// # Errors
    ///
    /// This returns an error if [`accept_timeout`](Self::accept_timeout) would.
    pub fn accept_deadline(&self, deadline: Instant) -> Result<TcpConnection> {
        self.accept_within(Some(Moment::now()), Some(deadline.into()))
    }

    /// Accepts a connection if one is in the backlog, without blocking. Returns `None` if there is none, if the limit on
    /// connections is reached, or if another thread is accepting, which takes it then.
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
        match self.shared.try_next(Closing::Polite)? {
            Next::Connection(connection) => Ok(Some(connection)),
            Next::TimedOut => Ok(None),
            Next::Over => {
                Err(Error::new(Operation::Accept, ErrorKind::Cancelled).with_local(Some(self.shared.address)))
            }
        }
    }

    /// Before it serves: from then on the listener is closed as soon as the shutdown has accepted its queue.
    pub(super) fn stop_lending(&mut self) {
        self.listener = None;
    }

    fn accept_within(&self, started: Option<Moment>, deadline: Option<Moment>) -> Result<TcpConnection> {
        let kind = match self.shared.next(Closing::Polite, deadline)? {
            Next::Connection(connection) => return Ok(connection),
            Next::TimedOut => ErrorKind::TimedOut,
            Next::Over => ErrorKind::Cancelled,
        };
        Err(Error::new(Operation::Accept, kind)
            .with_local(Some(self.shared.address))
            .with_elapsed(started.map(Moment::elapsed)))
    }

    /// The connections as they come, until the server is shut down.
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

    /// Serves one connection after the other in the calling thread, until the server is shut down.
    ///
    /// While one is served the next ones wait in the system's queue: give them a
    /// [`read_timeout`](TcpServerBuilder::read_timeout), or one that is silent keeps all others waiting for ever.
    ///
    /// # Errors
    ///
    /// This returns an error if something is wrong with the listener itself. What goes wrong with one connection is counted.
    pub fn serve_sequential(
        mut self,
        mut handler: impl FnMut(TcpConnection) -> HandlerResult,
    ) -> Result<ShutdownReport> {
        self.stop_lending();
        while let Next::Connection(connection) = self.shared.next(Closing::Polite, None)? {
            let peer = connection.peer_addr();
            self.shared.isolated(peer, || handler(connection));
        }
        Ok(self.shared.wait_for_end())
    }

    /// Serves each connection in a thread, until the server is shut down.
    ///
    /// The threads accept for themselves and are used again: there are as many as there are connections at a time, up to
    /// [`threads`](TcpServerBuilder::threads), and those that are idle for 10 s end, but for a few. The calling thread waits.
    ///
    /// When the handler returns, the connection is closed politely, unless the handler has given a clone of it to somebody.
    /// The error type of the handler takes every error by `?`.
    ///
    /// # Errors
    ///
    /// This returns an error if no thread can be started. What goes wrong with one connection is counted, and told to
    /// [`on_event`](TcpServerBuilder::on_event).
    pub fn serve(
        mut self,
        handler: impl Fn(TcpConnection) -> HandlerResult + Send + Sync + 'static,
    ) -> Result<ShutdownReport> {
        self.stop_lending();
        self.shared.serve(Connections(handler))
    }
}

impl Drop for TcpServer {
    /// Closes the port. Connections go on.
    fn drop(&mut self) {
        self.stop_lending();
        let listener = self.shared.listener().take();
        if listener.is_some() {
            self.shared.close(listener);
        }
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

/// As [`incoming`](TcpServer::incoming).
impl<'a> IntoIterator for &'a TcpServer {
    type Item = Result<TcpConnection>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

impl fmt::Debug for TcpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpServer").field("local", &self.shared.address).finish_non_exhaustive()
    }
}
