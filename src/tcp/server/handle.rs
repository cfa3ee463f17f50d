use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::ServerCore;
use super::report::{ServerCounters, ShutdownReport};
use crate::error::{Operation, Result};
use crate::wait::WaitLimit;

/// A handle to shut down, suspend and observe a server from any thread, from
/// [`TcpServer::handle`](crate::TcpServer::handle). Clones are handles of the same server.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    pub(super) core: Arc<ServerCore>,
}

impl ServerHandle {
    /// Returns the local address of the server, with the port that the OS chose for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.core.address
    }

    /// Returns the counters of the server.
    pub fn counters(&self) -> ServerCounters {
        self.core.counters()
    }

    /// Shuts the server down gracefully.
    ///
    /// Blocks until the server has ended, at most for `timeout` and 200 ms. In these 200 ms, handlers
    /// whose connections were aborted can return and be counted.
    ///
    /// 1. Blocked accepts are woken at once.
    /// 2. Connections in the backlog are accepted and served; none is reset. Then the port is
    ///    closed.
    /// 3. Handlers continue until they return. They can check
    ///    [`TcpConnection::is_shutting_down`](crate::TcpConnection::is_shutting_down).
    /// 4. Connections that wait for a request after
    ///    [`shutdown_idle_timeout`](crate::tcp::TcpServerBuilder::shutdown_idle_timeout) are closed:
    ///    their handlers read the end of the stream.
    /// 5. Connections that are open at `timeout` are aborted: blocking calls on them return an
    ///    error of kind [`Cancelled`](crate::ErrorKind::Cancelled). A handler that does not return
    ///    is abandoned with its thread. Connections that are still in the backlog, as with a timeout of
    ///    zero, are reset, and counted as aborted.
    ///
    /// If the server is used by [`accept`](crate::TcpServer::accept), the backlog is served by
    /// further calls until one returns an error of kind [`Cancelled`](crate::ErrorKind::Cancelled).
    /// A server that has lent its handle to an event loop (`AsFd`, `AsSocket`) closes the port when
    /// it is dropped. On Linux it refuses connections until then; elsewhere the OS still accepts
    /// them into the backlog.
    ///
    /// A second call, on any handle, waits for the same end; the earlier timeout wins. A handler
    /// that calls this waits for itself; use [`begin_shutdown`](Self::begin_shutdown) there.
    ///
    /// # Platform-specific behavior
    ///
    /// A connection that is established between the last accept and the close of the listener is
    /// reset. On Linux, if the process may do so (`CAP_NET_ADMIN`, on recent kernels), the kernel
    /// drops new SYNs before: their clients retry after a second and find a closed port, or the
    /// next server. Handshakes in progress have 10 ms to finish; slower ones can be reset. A
    /// listener that was [adopted](crate::tcp::TcpServerBuilder::adopt) is not filtered, because
    /// other processes may use it.
    pub fn shutdown(&self, timeout: Duration) -> ShutdownReport {
        self.core.begin_shutdown(timeout);
        self.core.serve_to_end()
    }

    /// Begins a [`shutdown`](Self::shutdown) without blocking. The call that serves returns the
    /// report.
    pub fn begin_shutdown(&self, timeout: Duration) {
        self.core.begin_shutdown(timeout);
    }

    /// Waits until the server has ended, without shutting it down. Blocks without a timeout.
    pub fn wait(&self) -> ShutdownReport {
        self.core.serve_to_end()
    }

    /// Waits until the server has ended, at most for `timeout`.
    ///
    /// # Errors
    ///
    /// This returns an error if the timeout expires ([`TimedOut`](crate::ErrorKind::TimedOut)). The
    /// server is not affected.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::TcpServer;
    /// use std::time::Duration;
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let error = server.handle().wait_timeout(Duration::from_millis(10)).unwrap_err();
    /// assert!(error.is_timeout());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> Result<ShutdownReport> {
        self.wait_within(&WaitLimit::timeout(timeout))
    }

    /// Waits until the server has ended, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// This returns an error if the deadline passes ([`TimedOut`](crate::ErrorKind::TimedOut)). The
    /// server is not affected.
    pub fn wait_deadline(&self, deadline: Instant) -> Result<ShutdownReport> {
        self.wait_within(&WaitLimit::until(deadline))
    }

    /// Suspends accepting: new connections stay in the backlog until [`resume`](Self::resume), and open
    /// ones are served. Does not block.
    ///
    /// A thread that is about to return from an accept can still return one connection. A
    /// [shutdown](Self::shutdown) serves the backlog, also of a suspended server. Once the backlog is
    /// full, the OS does not answer new connections, which are retried by their clients.
    ///
    /// With worker processes, which accept by themselves, this has no effect.
    ///
    /// # Errors
    ///
    /// This returns an error if the process or the OS is out of file descriptors. Threads that wait for
    /// a connection then accept one more each.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{TcpClient, TcpServer};
    /// use std::time::Duration;
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let handle = server.handle();
    /// handle.suspend()?;
    /// let client = TcpClient::new().connect(handle.local_addr())?;
    /// assert!(server.accept_timeout(Duration::from_millis(10)).unwrap_err().is_timeout());
    /// handle.resume();
    /// assert_eq!(server.accept()?.peer_addr(), client.local_addr()?);
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn suspend(&self) -> Result<()> {
        self.core.suspend()
    }

    /// Resumes accepting after [`suspend`](Self::suspend). Does not block.
    pub fn resume(&self) {
        self.core.table.set_suspended(false);
    }

    /// Changes the maximum number of open connections; 0 counts as 1. Connections over a lower limit
    /// stay open. Does not block.
    ///
    /// The maximum number of [threads](crate::tcp::TcpServerBuilder::threads) follows, unless the
    /// builder has set it.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{TcpClient, TcpServer};
    ///
    /// let server = TcpServer::builder().max_connections(1).bind("127.0.0.1:0")?;
    /// let clients = [(); 2].map(|()| TcpClient::new().connect(server.local_addr()));
    /// let _first = server.accept()?;
    /// assert!(server.try_accept()?.is_none());
    /// server.handle().set_max_connections(2);
    /// assert!(server.try_accept()?.is_some());
    /// # drop(clients);
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn set_max_connections(&self, connections: usize) {
        self.core.set_max_connections(connections.max(1));
    }

    /// Changes the maximum number of open connections of one peer; `None` removes the limit, and 0
    /// counts as 1. Does not block.
    ///
    /// If there was no such limit before, connections that are open already are not counted.
    pub fn set_max_connections_per_peer(&self, connections: Option<usize>) {
        self.core.table.set_max_per_peer(connections.map(|connections| connections.max(1)));
    }

    fn wait_within(&self, limit: &WaitLimit<'_>) -> Result<ShutdownReport> {
        let ended = self.core.wait_for_end(limit);
        ended.ok_or_else(|| limit.timed_out(Operation::Serve).with_local(Some(self.core.address)))
    }
}
