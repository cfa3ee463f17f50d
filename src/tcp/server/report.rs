use std::fmt;

/// The counters of a server, from [`ServerHandle::counters`](crate::tcp::ServerHandle::counters).
///
/// Every accepted connection is in exactly one of four:
/// `accepted = active + served + drained + aborted`. A connection that closed before a shutdown
/// began is in `served`, and one that closed during it in `drained`. A `refused` connection is not
/// in `accepted`. The outcomes of handlers (`failed`, `panicked`, `crashed`, `unknown`) are counted in
/// addition.
///
/// # Examples
///
/// ```
/// use socketry::{TcpClient, TcpServer};
/// use std::time::Duration;
///
/// let server = TcpServer::bind("127.0.0.1:0")?;
/// let handle = server.handle();
/// let serving = std::thread::spawn(move || server.serve(|connection| Ok(connection.send("你好")?)));
///
/// for _ in 0..3 {
///     let client = TcpClient::new().connect(handle.local_addr())?;
///     assert_eq!(client.recv_text(100)?, "你好");
/// }
/// let report = handle.shutdown(Duration::from_secs(5));
/// assert_eq!((report.served + report.drained, report.aborted), (3, 0));
///
/// let all = handle.counters();
/// assert_eq!(all.accepted, all.active + all.served + all.drained + all.aborted);
/// # serving.join().unwrap()?;
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ServerCounters {
    /// Accepted connections.
    pub accepted: u64,
    /// Open connections.
    pub active: u64,
    /// Connections that closed before a shutdown began.
    pub served: u64,
    /// Connections that closed during a shutdown, before its timeout.
    pub drained: u64,
    /// Connections that were aborted at the timeout of a shutdown, or that were in the backlog then
    /// and were reset.
    pub aborted: u64,
    /// Connections that were refused because a limit was reached.
    pub refused: u64,
    /// Handlers that returned an error, other than those in `expired` and `disconnected`.
    pub failed: u64,
    /// Handlers that panicked.
    pub panicked: u64,
    /// Processes that a signal killed unexpectedly while they served.
    pub crashed: u64,
    /// Processes whose exit status the OS discarded, because this process ignores `SIGCHLD`.
    pub unknown: u64,
    /// Failed accepts, each of which was retried.
    pub accept_errors: u64,
    /// Requests that were handled by [`serve_requests`](crate::TcpServer::serve_requests).
    pub requests: u64,
    /// Connections that ended because one of their timeouts expired.
    pub expired: u64,
    /// Connections whose peer left in the middle of an exchange.
    pub disconnected: u64,
    /// Connections that are being closed gracefully: their handler has returned, and the peer has
    /// not ended its stream. They count in the limits of the server, and not in `active`.
    pub lingering: u64,
    /// Connections that were closed before their graceful close was complete, because
    /// [`max_lingering`](crate::tcp::TcpServerBuilder::max_lingering) was reached, their place was
    /// needed for a new connection, or the OS lacked descriptors or threads. Their peers can have
    /// lost the last data.
    pub closed_early: u64,
    /// Threads that serve or wait for a connection.
    pub threads: u64,
    /// Threads that wait for a connection.
    pub idle_threads: u64,
}

/// The report of a shutdown: the outcomes of the server's connections.
///
/// Every accepted connection is in one of `served`, `drained` and `aborted`. See also
/// [`ServerCounters`].
///
/// # Examples
///
/// ```
/// use socketry::TcpServer;
/// use std::time::Duration;
///
/// let server = TcpServer::bind("127.0.0.1:0")?;
/// let handle = server.handle();
/// let serving = std::thread::spawn(move || server.serve(|_| Ok(())));
/// let report = handle.shutdown(Duration::from_secs(1));
/// assert_eq!(report.to_string(), "served 0, drained 0, aborted 0, refused 0");
/// serving.join().unwrap()?;
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Connections that closed before the shutdown.
    pub served: u64,
    /// Connections that were open or in the backlog when it began, and closed before its timeout.
    pub drained: u64,
    /// Connections that were aborted at its timeout, or were in the backlog then and were reset.
    pub aborted: u64,
    /// Connections that were refused because a limit was reached.
    pub refused: u64,
    /// Handlers that returned an error.
    pub failed: u64,
    /// Handlers that panicked.
    pub panicked: u64,
    /// Processes that a signal killed unexpectedly while they served.
    pub crashed: u64,
    /// Processes whose exit status the OS discarded, because this process ignores `SIGCHLD`.
    pub unknown: u64,
}

impl ShutdownReport {
    pub(super) fn of(counters: &ServerCounters) -> ShutdownReport {
        ShutdownReport {
            served: counters.served,
            drained: counters.drained,
            aborted: counters.aborted,
            refused: counters.refused,
            failed: counters.failed,
            panicked: counters.panicked,
            crashed: counters.crashed,
            unknown: counters.unknown,
        }
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ShutdownReport { served, drained, aborted, refused, failed, panicked, crashed, unknown } = self;
        write!(f, "served {served}, drained {drained}, aborted {aborted}, refused {refused}")?;
        if (*failed, *panicked) != (0, 0) {
            write!(f, ", failed {failed}, panicked {panicked}")?;
        }
        if *crashed != 0 {
            write!(f, ", crashed {crashed}")?;
        }
        match unknown {
            0 => Ok(()),
            _ => write!(f, ", unknown {unknown}"),
        }
    }
}
