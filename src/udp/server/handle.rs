use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::ServerCore;
use super::report::{UdpServerCounters, UdpShutdownReport};
use crate::error::{Operation, Result};
use crate::wait::WaitLimit;

/// A handle to shut down and observe a server from any thread, from
/// [`UdpServer::handle`](crate::udp::UdpServer::handle). Clones are handles of the same server.
#[derive(Clone, Debug)]
pub struct UdpServerHandle {
    pub(super) core: Arc<ServerCore>,
}

impl UdpServerHandle {
    /// Returns the local address of the server, with the port that the OS chose for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.core.local
    }

    /// Returns the counters of the server.
    pub fn counters(&self) -> UdpServerCounters {
        self.core.counters()
    }

    /// Shuts the server down gracefully.
    ///
    /// Blocks until the server has ended, at most for `timeout`.
    ///
    /// 1. Threads that wait for a request are woken at once.
    /// 2. Requests in the receive buffer of the OS are handled, at most as many as it holds. With a
    ///    timeout of zero they are not.
    /// 3. Handlers continue until they return. They can check
    ///    [`UdpRequest::is_shutting_down`](crate::udp::UdpRequest::is_shutting_down). At `timeout`, those that
    ///    have not returned are [`unfinished`](UdpShutdownReport::unfinished), and the
    ///    server ends without them.
    ///
    /// A server that is not served yet ends at once, whatever its receive buffer contains.
    ///
    /// A second call, on any handle, waits for the same end; the earlier timeout wins. A handler that
    /// calls this waits for itself; use [`begin_shutdown`](Self::begin_shutdown) there.
    pub fn shutdown(&self, timeout: Duration) -> UdpShutdownReport {
        self.core.begin_shutdown(timeout);
        self.wait()
    }

    /// Begins a [`shutdown`](Self::shutdown) without blocking. The call that serves returns the
    /// report.
    pub fn begin_shutdown(&self, timeout: Duration) {
        self.core.begin_shutdown(timeout);
    }

    /// Waits until the server has ended, without shutting it down. Blocks without a timeout.
    pub fn wait(&self) -> UdpShutdownReport {
        self.core.wait_to_end(None);
        self.core.report()
    }

    /// Waits until the server has ended, at most for `timeout`.
    ///
    /// # Errors
    ///
    /// This returns an error if the timeout expires ([`TimedOut`](crate::ErrorKind::TimedOut)). The
    /// server is not affected.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<UdpShutdownReport> {
        self.wait_within(&WaitLimit::timeout(timeout))
    }

    /// Waits until the server has ended, at most until `deadline`.
    ///
    /// # Errors
    ///
    /// This returns an error if the deadline passes ([`TimedOut`](crate::ErrorKind::TimedOut)). The
    /// server is not affected.
    pub fn wait_deadline(&self, deadline: Instant) -> Result<UdpShutdownReport> {
        self.wait_within(&WaitLimit::until(deadline))
    }

    fn wait_within(&self, limit: &WaitLimit<'_>) -> Result<UdpShutdownReport> {
        match self.core.wait_to_end(limit.deadline()) {
            true => Ok(self.core.report()),
            false => Err(limit.timed_out(Operation::Serve).with_local(Some(self.local_addr()))),
        }
    }
}
