use std::num::NonZeroU32;
use std::time::Duration;

/// The options of a TCP connection, on either end; `None` leaves the system's default.
///
/// Each field is described at the builders' method of its name.
#[derive(Clone, Debug)]
pub(crate) struct TcpConfig {
    pub(crate) nodelay: bool,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) user_timeout: Option<Duration>,
    pub(crate) dead_peer_timeout: Option<Duration>,
    pub(crate) linger: Option<Duration>,
    pub(crate) ttl: Option<u8>,
    pub(crate) tos: Option<u8>,
    pub(crate) receive_buffer_size: Option<usize>,
    pub(crate) send_buffer_size: Option<usize>,
    pub(crate) congestion_control: Option<Box<str>>,
    pub(crate) device: Option<Box<str>>,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
}

impl Default for TcpConfig {
    fn default() -> TcpConfig {
        TcpConfig {
            nodelay: true,
            keepalive: None,
            user_timeout: None,
            dead_peer_timeout: None,
            linger: None,
            ttl: None,
            tos: None,
            receive_buffer_size: None,
            send_buffer_size: None,
            congestion_control: None,
            device: None,
            read_timeout: None,
            write_timeout: None,
        }
    }
}

/// When the system asks whether an idle peer is still there, and how often before it gives it up.
///
/// Systems count in whole seconds; what is less is one second.
///
/// # Platform-specific behavior
///
/// Windows before version 10 of 2017 has a fixed number of probes, ten.
///
/// # Examples
///
/// ```
/// use socketry::tcp::Keepalive;
/// use socketry::TcpClient;
/// use std::time::Duration;
///
/// let keepalive = Keepalive::new().idle(Duration::from_secs(60)).interval(Duration::from_secs(10)).probes(3);
/// assert_eq!(keepalive.total(), Duration::from_secs(90));
/// let client = TcpClient::builder().keepalive(keepalive).build();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Keepalive {
    idle: Duration,
    interval: Duration,
    probes: NonZeroU32,
}

const SECOND: Duration = Duration::from_secs(1);

impl Default for Keepalive {
    fn default() -> Keepalive {
        const THREE: NonZeroU32 = NonZeroU32::new(3).expect("not zero");
        Keepalive { idle: Duration::from_secs(60), interval: Duration::from_secs(10), probes: THREE }
    }
}

impl Keepalive {
    /// The first probe after 60 s without a word, and three in all, 10 s apart.
    ///
    /// A system's own default is two hours until the first.
    pub fn new() -> Keepalive {
        Keepalive::default()
    }

    /// Sets how long a connection is silent before the first probe. Defaults to 60 s.
    pub fn idle(mut self, time: Duration) -> Keepalive {
        self.idle = time.max(SECOND);
        self
    }

    /// Sets the time between two probes. Defaults to 10 s.
    pub fn interval(mut self, time: Duration) -> Keepalive {
        self.interval = time.max(SECOND);
        self
    }

    /// Sets how many probes go unanswered before the peer is given up; 0 counts as 1. Defaults to 3.
    pub fn probes(mut self, count: u32) -> Keepalive {
        self.probes = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        self
    }

    /// How long after its last word a peer that has vanished is given up.
    pub fn total(&self) -> Duration {
        self.idle.saturating_add(self.interval.saturating_mul(self.probes.get()))
    }

    pub(crate) fn parts(&self) -> (Duration, Duration, u32) {
        (self.idle, self.interval, self.probes.get())
    }

    /// Probes such that a peer is given up after `patience`, to the second: half of it silent, the rest asking.
    pub(crate) fn noticing_within(patience: Duration) -> Keepalive {
        let patience = Duration::from_secs(patience.as_secs().max(2));
        let idle = Duration::from_secs(patience.as_secs() / 2);
        let asking = (patience - idle).as_secs();
        let interval = asking.div_ceil(3).max(1);
        let probes = u32::try_from(asking / interval).unwrap_or(u32::MAX);
        Keepalive::new().idle(idle).interval(Duration::from_secs(interval)).probes(probes)
    }
}

/// What becomes of a connection that comes when as many are being served as may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OverLimit {
    /// It waits in the system's queue until another ends. To its client it is connected and the server is slow.
    ///
    /// A peer over the limit *for itself* cannot wait without holding up all others: it is refused.
    #[default]
    Wait,
    /// It is accepted and closed at once.
    Refuse,
    /// It is accepted, told so in these bytes, and closed.
    RefuseWith(Vec<u8>),
}

/// What a server allows, besides the options of each connection.
#[derive(Clone, Debug)]
pub(crate) struct ServerConfig {
    pub(crate) backlog: u32,
    pub(crate) reuse_address: bool,
    pub(crate) reuse_port: bool,
    pub(crate) dual_stack: bool,
    pub(crate) max_connections: usize,
    pub(crate) max_connections_per_peer: Option<usize>,
    pub(crate) when_full: OverLimit,
    /// As many as there may be connections, unless somebody says otherwise.
    pub(crate) threads: Option<usize>,
    pub(crate) idle_threads: usize,
    pub(crate) thread_stack_size: Option<usize>,
}

impl Default for ServerConfig {
    fn default() -> ServerConfig {
        ServerConfig {
            backlog: 1_024,
            reuse_address: true,
            reuse_port: false,
            dual_stack: false,
            max_connections: 1_024,
            max_connections_per_peer: None,
            when_full: OverLimit::Wait,
            threads: None,
            idle_threads: 2,
            thread_stack_size: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keepalive_probes_end_within_dead_peer_timeout() {
        for seconds in 1..400 {
            let keepalive = Keepalive::noticing_within(Duration::from_secs(seconds));
            let total = keepalive.total().as_secs();
            assert!(
                total <= seconds.max(2) && total + seconds / 6 + 1 >= seconds,
                "{seconds}: {keepalive:?}"
            );
            assert!(keepalive.parts().2 <= 3, "{seconds}: {keepalive:?}");
        }
    }
}
