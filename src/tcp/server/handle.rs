use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::report::{ServerCounters, ShutdownReport};
use super::state::Shared;
use crate::error::{Operation, Result};
use crate::wait::WaitLimit;

/// A handle to shut down and observe a server from any thread, from
/// [`TcpServer::handle`](crate::TcpServer::handle). Clones are handles of the same server.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    pub(super) shared: Arc<Shared>,
}

impl ServerHandle {
    /// Returns the local address of the server, with the port that the OS chose for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.address
    }

    /// Returns the counters of the server.
    pub fn counters(&self) -> ServerCounters {
        self.shared.counters()
    }

    /// Shuts the server down gracefully.
    ///
    /// Blocks until the server has ended, at most for `timeout` and 200 ms. In these 200 ms, handlers
    /// whose connections were aborted can return and be counted.
    ///
    /// 1. Blocked accepts are woken at once.
    /// 2. Connections in the backlog are accepted and served; none is reset. Then the port is
    ///    closed.
    /// 3. Handlers continue until they return.
    /// 4. Connections that are open at `timeout` are aborted: blocking calls on them return an
    ///    error of kind [`Cancelled`](crate::ErrorKind::Cancelled). A handler that does not return
    ///    is abandoned with its thread.
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
        self.shared.begin_shutdown(timeout);
        self.shared.serve_to_end()
    }

    /// Begins a [`shutdown`](Self::shutdown) without blocking. The call that serves returns the
    /// report.
    pub fn begin_shutdown(&self, timeout: Duration) {
        self.shared.begin_shutdown(timeout);
    }

    /// Waits until the server has ended, without shutting it down. Blocks without a timeout.
    pub fn wait(&self) -> ShutdownReport {
        self.shared.serve_to_end()
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

    fn wait_within(&self, limit: &WaitLimit<'_>) -> Result<ShutdownReport> {
        let ended = self.shared.wait_for_end(limit);
        ended.ok_or_else(|| limit.timed_out(Operation::Serve).with_local(Some(self.shared.address)))
    }
}
