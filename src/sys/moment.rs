use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A point in time as nanoseconds since this process first asked: what a limit is compared in, because sums and
/// differences of `Instant`s cost several times as much. 584 years fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

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
    pub(crate) fn from_nanos(nanos: u64) -> Moment {
        Moment(nanos)
    }

    #[inline]
    pub(crate) fn as_nanos(self) -> u64 {
        self.0
    }

    /// `None` is beyond all time.
    #[inline]
    pub(crate) fn after(self, nanos: u64) -> Option<Moment> {
        self.0.checked_add(nanos).map(Moment)
    }

    /// In nanoseconds; zero if this is later.
    #[inline]
    pub(crate) fn until(self, later: Moment) -> u64 {
        later.0.saturating_sub(self.0)
    }

    pub(crate) fn elapsed(self) -> Duration {
        Duration::from_nanos(self.until(Moment::now()))
    }

    pub(crate) fn as_instant(self) -> Option<Instant> {
        epoch().checked_add(Duration::from_nanos(self.0))
    }
}

/// An instant before the epoch is the epoch: it is over either way.
impl From<Instant> for Moment {
    fn from(instant: Instant) -> Moment {
        Moment(nanos(instant.saturating_duration_since(epoch())))
    }
}

#[inline]
fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moment_converts_to_and_from_instant() {
        let instant = Instant::now() + Duration::from_secs(7);
        assert_eq!(Moment::from(instant).as_instant(), Some(instant));
        assert!(Moment::now().until(Moment::from(instant)) <= 7_000_000_000);
        assert!(Moment::from(instant) > Moment::now());
    }

    #[test]
    fn moment_until_saturates_and_after_overflow_is_none() {
        let now = Moment::now();
        assert_eq!(now.until(Moment::from_nanos(0)), 0);
        assert_eq!(now.after(u64::MAX), None);
        assert_eq!(nanos(Duration::MAX), u64::MAX);
    }
}
