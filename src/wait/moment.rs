use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Monotonic time in nanoseconds since the first use in this process. Cheaper to compare and add
/// than `Instant`; 584 years fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// Later than every time.
pub(super) const NEVER: Moment = Moment(u64::MAX);

static EPOCH: OnceLock<Instant> = OnceLock::new();

#[inline]
fn epoch() -> Instant {
    *EPOCH.get_or_init(Instant::now)
}

impl Moment {
    #[inline]
    pub(crate) fn now() -> Moment {
        Moment(nanos(epoch().elapsed()))
    }

    #[inline]
    pub(super) const fn from_nanos(nanos: u64) -> Moment {
        Moment(nanos)
    }

    #[inline]
    pub(crate) fn as_nanos(self) -> u64 {
        self.0
    }

    /// [`NEVER`] if that is later than 584 years.
    #[inline]
    pub(super) fn after(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(nanos(duration)))
    }

    /// The time from this moment to a later one; zero if it is not later.
    #[inline]
    pub(super) fn until(self, later: Moment) -> Duration {
        Duration::from_nanos(later.0.saturating_sub(self.0))
    }

    /// `None` for [`NEVER`].
    pub(super) fn as_instant(self) -> Option<Instant> {
        if self == NEVER { None } else { epoch().checked_add(Duration::from_nanos(self.0)) }
    }

    /// The same time as an instant, or the current time if no clock can show it.
    #[cfg(feature = "dns")]
    pub(crate) fn instant(self) -> Instant {
        self.as_instant().unwrap_or_else(Instant::now)
    }
}

/// An instant before the epoch is the epoch: it has passed in both cases.
impl From<Instant> for Moment {
    #[inline]
    fn from(instant: Instant) -> Moment {
        Moment(nanos(instant.saturating_duration_since(epoch())))
    }
}

/// A duration of more than 584 years is `u64::MAX`.
#[inline]
pub(super) fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moment_converts_to_and_from_instant() {
        let instant = Instant::now() + Duration::from_secs(7);
        assert_eq!(Moment::from(instant).as_instant(), Some(instant));
        assert!(Moment::now().until(Moment::from(instant)) <= Duration::from_secs(7));
        assert!(Moment::from(instant) > Moment::now());
    }

    #[test]
    fn moment_saturates() {
        let now = Moment::now();
        assert_eq!(now.until(Moment::from_nanos(0)), Duration::ZERO);
        assert_eq!(now.after(Duration::MAX), NEVER);
        assert_eq!(NEVER.as_instant(), None);
        assert_eq!(nanos(Duration::MAX), u64::MAX);
    }
}
