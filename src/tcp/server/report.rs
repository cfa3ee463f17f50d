use std::fmt;

/// What a server has done so far; see [`ServerHandle::counters`](crate::tcp::ServerHandle::counters).
///
/// Every connection that was admitted is in exactly one of four: `accepted = active + served + drained + aborted`. What ended by
/// itself is `served + drained`, told apart by whether a shutdown had begun. A connection that was `refused` was not admitted, and
/// how a handler ended (`failed`, `panicked`, `crashed`) is counted beside what became of its connection.
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
    /// Connections that were admitted.
    pub accepted: u64,
    /// Those of them that are open now.
    pub active: u64,
    /// Those that ended before a shutdown had begun.
    pub served: u64,
    /// Those that ended after a shutdown had begun, in time: they are not in `served`.
    pub drained: u64,
    /// Those that were cut because a shutdown's time was over.
    pub aborted: u64,
    /// Connections that were turned away at a limit.
    pub refused: u64,
    /// Handlers that ended with an error.
    pub failed: u64,
    /// Handlers that panicked.
    pub panicked: u64,
    /// Processes that were ended by a signal, unasked, while they served.
    pub crashed: u64,
    /// Accepts that failed, each of which was tried again.
    pub accept_errors: u64,
    /// Requests that were handled, by [`serve_requests`](crate::TcpServer::serve_requests).
    pub requests: u64,
    /// Connections that did not complete their next request in time, and were closed, by the same.
    pub expired: u64,
    /// Threads that serve or wait to.
    pub threads: u64,
    /// Those of them that wait.
    pub idle_threads: u64,
}

/// How a server ended: what became of its connections.
///
/// `served`, `drained` and `aborted` together are all connections that were admitted, each in one of them; `served + drained` ended
/// by themselves. See [`ServerCounters`] for the whole sum.
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
    /// Connections that ended before the shutdown.
    pub served: u64,
    /// Connections that were open or waiting when it began and ended in time: they are not in `served`.
    pub drained: u64,
    /// Connections that were cut when its time was over.
    pub aborted: u64,
    /// Connections that were turned away at a limit.
    pub refused: u64,
    /// Handlers that ended with an error.
    pub failed: u64,
    /// Handlers that panicked.
    pub panicked: u64,
    /// Processes that were ended by a signal, unasked, while they served.
    pub crashed: u64,
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ShutdownReport { served, drained, aborted, refused, failed, panicked, crashed } = self;
        write!(f, "served {served}, drained {drained}, aborted {aborted}, refused {refused}")?;
        if (*failed, *panicked) != (0, 0) {
            write!(f, ", failed {failed}, panicked {panicked}")?;
        }
        match crashed {
            0 => Ok(()),
            _ => write!(f, ", crashed {crashed}"),
        }
    }
}
