use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::report::{ServerCounters, ShutdownReport};
use super::state::Shared;

/// Ends a server and watches it, from any thread; made by [`TcpServer::handle`](crate::TcpServer::handle). Clones are
/// handles of the same server.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    pub(super) shared: Arc<Shared>,
}

impl ServerHandle {
    /// Where the server listens: the port that the system chose, if it was asked to.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.address
    }

    /// What the server has done so far.
    pub fn counters(&self) -> ServerCounters {
        self.shared.counters()
    }

    /// Ends the server, and waits until it has ended:
    ///
    /// 1. Whoever waits for a connection is woken at once.
    /// 2. The connections that were waiting in the system's queue are accepted and served; none is reset. Then the port is
    ///    closed.
    /// 3. Handlers go on to their end.
    /// 4. Connections that are still open after `timeout` are aborted: calls that wait on them end with
    ///    [`Cancelled`](crate::ErrorKind::Cancelled). A handler that does not notice, because it does not call, is left behind
    ///    in its thread; nothing waits for it.
    ///
    /// Where connections are taken by [`accept`](crate::TcpServer::accept), somebody must go on to take those of the queue
    /// until it says that it [is stopped](crate::Error::is_cancelled).
    ///
    /// A second call, also by another handle, waits for the same end; the earlier time counts. A handler that calls it
    /// waits for itself: there use [`begin_shutdown`](Self::begin_shutdown).
    ///
    /// # Platform-specific behavior
    ///
    /// Who comes in the moment between the last accept and the end of the listener is connected by the system and then reset.
    /// On Linux newcomers are held off before, if the process may do that (`CAP_NET_ADMIN`, on recent kernels): their systems
    /// try again after a second, and meet a closed port, or the next server. Who is in the middle of connecting then has 10 ms to
    /// be connected, and is served; who is further away may be reset still. A listener that was
    /// [adopted](crate::tcp::TcpServerBuilder::adopt) is left as it is, because others may have it.
    pub fn shutdown(&self, timeout: Duration) -> ShutdownReport {
        self.shared.begin_shutdown(timeout);
        self.shared.wait_for_end()
    }

    /// Begins what [`shutdown`](Self::shutdown) does, and does not wait: whoever serves returns with the report.
    pub fn begin_shutdown(&self, timeout: Duration) {
        self.shared.begin_shutdown(timeout);
    }

    /// Waits until the server has ended, without ending it.
    pub fn wait(&self) -> ShutdownReport {
        self.shared.wait_for_end()
    }
}
