use std::fmt;

/// The limit that ended a call, from [`Error::limit`](crate::Error::limit).
///
/// A call that a limit ends returns an error of kind [`TimedOut`](crate::ErrorKind::TimedOut).
///
/// | Limit | Set by | Applies to |
/// |---|---|---|
/// | `Timeout` | an argument of the call, or the only timeout of the object | the whole call |
/// | `ConnectTimeout` | [`connect_timeout`](crate::tcp::TcpClientBuilder::connect_timeout) | the lookup, all addresses, and retries |
/// | `ReadTimeout` | [`read_timeout`](crate::tcp::TcpOptions::read_timeout) | the whole call |
/// | `WriteTimeout` | [`write_timeout`](crate::tcp::TcpOptions::write_timeout) | the whole call |
/// | `IdleTimeout` | [`idle_timeout`](crate::tcp::TcpOptions::idle_timeout) | the wait for the first byte of a message |
/// | `StallTimeout` | [`stall_timeout`](crate::tcp::TcpOptions::stall_timeout) | a transfer to a peer that reads too slowly |
/// | `Deadline` | `set_deadline`, or an argument of the call | all calls until the deadline is cleared |
///
/// # Examples
///
/// ```
/// use socketry::UdpEndpoint;
/// use socketry::error::TimeLimit;
/// use std::time::{Duration, Instant};
///
/// let endpoint = UdpEndpoint::builder().read_timeout(Duration::from_secs(5)).bind("127.0.0.1:0")?;
/// endpoint.set_deadline(Instant::now() + Duration::from_millis(20));
/// let error = endpoint.recv().unwrap_err();
/// assert!(error.is_timeout());
/// assert_eq!(error.limit(), Some(TimeLimit::Deadline));
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TimeLimit {
    /// The timeout of this call.
    Timeout,
    /// The timeout of a connect.
    ConnectTimeout,
    /// The timeout of calls that read.
    ReadTimeout,
    /// The timeout of calls that write.
    WriteTimeout,
    /// The timeout of the wait for a message.
    IdleTimeout,
    /// The timeout of a transfer without enough progress.
    StallTimeout,
    /// A deadline.
    Deadline,
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeLimit::Timeout => "timeout",
            TimeLimit::ConnectTimeout => "connect timeout",
            TimeLimit::ReadTimeout => "read timeout",
            TimeLimit::WriteTimeout => "write timeout",
            TimeLimit::IdleTimeout => "idle timeout",
            TimeLimit::StallTimeout => "stall timeout",
            TimeLimit::Deadline => "deadline",
        })
    }
}
