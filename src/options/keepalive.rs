use std::num::NonZeroU32;
use std::time::Duration;

/// TCP keepalive: when the OS probes an idle peer, and after how many unanswered probes the
/// connection fails.
///
/// The OS counts in whole seconds. A shorter time counts as 1 s.
///
/// # Platform-specific behavior
///
/// Windows before version 10 (1703) always sends ten probes.
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
    /// Returns the default: the first probe after 60 s without received data, and three probes, 10
    /// s apart.
    ///
    /// The default of most systems is two hours until the first probe.
    pub fn new() -> Keepalive {
        Keepalive::default()
    }

    /// Sets the idle time before the first probe (`TCP_KEEPIDLE`). Defaults to 60 s.
    pub fn idle(mut self, time: Duration) -> Keepalive {
        self.idle = time.max(SECOND);
        self
    }

    /// Sets the time between two probes (`TCP_KEEPINTVL`). Defaults to 10 s.
    pub fn interval(mut self, time: Duration) -> Keepalive {
        self.interval = time.max(SECOND);
        self
    }

    /// Sets the number of unanswered probes after which the connection fails (`TCP_KEEPCNT`); 0
    /// counts as 1. Defaults to 3.
    pub fn probes(mut self, count: u32) -> Keepalive {
        self.probes = NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
        self
    }

    /// Returns the time after which an unreachable peer is detected, from the last data that it
    /// sent.
    pub fn total(&self) -> Duration {
        self.idle.saturating_add(self.interval.saturating_mul(self.probes.get()))
    }

    pub(crate) fn parts(&self) -> (Duration, Duration, u32) {
        (self.idle, self.interval, self.probes.get())
    }

    /// Probes that detect an unreachable peer after `patience`, to the second: half of it idle, the
    /// rest for probes.
    pub(crate) fn noticing_within(patience: Duration) -> Keepalive {
        let patience = Duration::from_secs(patience.as_secs().max(2));
        let idle = Duration::from_secs(patience.as_secs() / 2);
        let asking = (patience - idle).as_secs();
        let interval = asking.div_ceil(3).max(1);
        let probes = u32::try_from(asking / interval).unwrap_or(u32::MAX);
        Keepalive::new().idle(idle).interval(Duration::from_secs(interval)).probes(probes)
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
