use std::fmt;
use std::time::Duration;

/// The counters of a server, from
/// [`UdpServerHandle::counters`](crate::udp::UdpServerHandle::counters).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UdpServerCounters {
    /// Datagrams for which the handler was called.
    pub requests: u64,
    /// Replies that were passed to the OS.
    pub replies: u64,
    /// Handlers that returned an error.
    pub failed: u64,
    /// Handlers that panicked.
    pub panicked: u64,
    /// Datagrams that were larger than [`max_datagram`](crate::udp::UdpBuilder::max_datagram), and
    /// were not handled.
    pub truncated: u64,
    /// Failed calls of the OS to receive, each of which was repeated.
    pub receive_errors: u64,
    /// Replies that could not be sent.
    pub reply_errors: u64,
    /// Handlers that run.
    pub active: u64,
    /// Datagrams that the OS has dropped, mostly because the receive buffer was full; 0 where the OS
    /// does not report it. See
    /// [`UdpEndpoint::dropped_datagrams`](crate::UdpEndpoint::dropped_datagrams).
    pub dropped: u64,
}

/// What a server has done until its end. Its `Display` is one line for a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UdpShutdownReport {
    /// The counters at the end.
    pub counters: UdpServerCounters,
    /// Handlers that had not returned at the timeout. They continue in their threads, and the process
    /// does not wait for them.
    pub unfinished: u64,
    /// The time from the beginning of the shutdown to its end.
    pub elapsed: Duration,
}

impl fmt::Display for UdpShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UdpServerCounters { requests, replies, failed, panicked, dropped, .. } = self.counters;
        write!(f, "{requests} requests, {replies} replies")?;
        for (count, what) in [
            (failed, "failed"),
            (panicked, "panicked"),
            (dropped, "dropped by the OS"),
            (self.unfinished, "unfinished"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        write!(f, "; shut down in {:?}", self.elapsed)
    }
}
