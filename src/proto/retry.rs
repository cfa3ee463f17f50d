//! When to try again: a growing wait with jitter, bounded in number. Pure arithmetic; the random number is an argument.

use std::time::Duration;

/// A retry policy: exponential backoff with jitter and a maximum number of attempts.
///
/// Each delay is [`multiplier`](Self::multiplier) times the previous one, up to [`max_delay`](Self::max_delay). Random
/// [`jitter`](Self::jitter) makes it longer or shorter, so that clients that started together do not stay synchronized.
///
/// The default is 4 attempts with delays of 250 ms, 500 ms, 1 s and 2 s, each ±25 %, in all about 3.75 s.
///
/// # Examples
///
/// ```
/// use socketry::Retry;
/// use std::time::Duration;
///
/// let retry = Retry::new().attempts(3).initial_delay(Duration::from_millis(100)).jitter(0.0);
/// assert_eq!(retry.total_delay(), Duration::from_millis(100 + 200 + 400));
/// assert_eq!(Retry::default().total_delay(), Duration::from_millis(3_750));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
#[doc(alias = "backoff")]
pub struct Retry {
    attempts: u32,
    first: Duration,
    multiplier: f64,
    longest: Duration,
    jitter: f64,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry {
            attempts: 4,
            first: Duration::from_millis(250),
            multiplier: 2.0,
            longest: Duration::from_secs(4),
            jitter: 0.25,
        }
    }
}

impl Retry {
    /// Returns the default policy.
    pub fn new() -> Retry {
        Retry::default()
    }

    /// Returns a policy of one attempt with this delay.
    pub fn single(wait: Duration) -> Retry {
        Retry::new().attempts(1).initial_delay(wait).max_delay(wait).jitter(0.0)
    }

    /// Sets the number of attempts, including the first; 0 counts as 1. Defaults to 4.
    pub fn attempts(mut self, attempts: u32) -> Retry {
        self.attempts = attempts.max(1);
        self
    }

    /// Sets the delay of the first attempt. Defaults to 250 ms.
    pub fn initial_delay(mut self, wait: Duration) -> Retry {
        self.first = wait;
        self
    }

    /// Sets the factor from one delay to the next; less than 1 counts as 1. Defaults to 2.
    pub fn multiplier(mut self, multiplier: f64) -> Retry {
        self.multiplier = if multiplier >= 1.0 { multiplier } else { 1.0 };
        self
    }

    /// Sets the maximum delay, without jitter. Defaults to 4 s.
    pub fn max_delay(mut self, wait: Duration) -> Retry {
        self.longest = wait;
        self
    }

    /// Sets the jitter as a fraction of each delay, 0 to 1. Defaults to 0.25.
    pub fn jitter(mut self, part: f64) -> Retry {
        self.jitter = if part >= 0.0 { part.min(1.0) } else { 0.0 };
        self
    }

    /// Returns the sum of all delays, without jitter.
    pub fn total_delay(&self) -> Duration {
        let waits = (0..self.attempts.min(MOST_SUMMED)).map(|attempt| self.base(attempt));
        let summed = waits.fold(Duration::ZERO, Duration::saturating_add);
        let rest = self.attempts.saturating_sub(MOST_SUMMED);
        summed.saturating_add(self.base(MOST_SUMMED).saturating_mul(rest))
    }

    /// How long attempt number `attempt`, counted from 0, waits; `None` when there is no such attempt.
    pub(crate) fn wait(&self, attempt: u32, random: u64) -> Option<Duration> {
        (attempt < self.attempts).then(|| self.pause(attempt, random))
    }

    /// The wait after so many others, however many attempts there are.
    pub(crate) fn pause(&self, before: u32, random: u64) -> Duration {
        // 53 bits make every value of the unit interval that a float has there.
        let unit = (random >> 11) as f64 / (1_u64 << 53) as f64;
        let factor = 1.0 + self.jitter * (2.0 * unit - 1.0);
        saturating_mul(self.base(before), factor)
    }

    pub(crate) fn most_attempts(&self) -> u32 {
        self.attempts
    }

    pub(crate) fn longest_wait(&self) -> Duration {
        self.longest
    }

    fn base(&self, attempt: u32) -> Duration {
        let exponent = i32::try_from(attempt).unwrap_or(i32::MAX);
        saturating_mul(self.first, self.multiplier.powi(exponent)).min(self.longest)
    }
}

/// After so many doublings every wait has reached [`Retry::max_delay`].
const MOST_SUMMED: u32 = 128;

fn saturating_mul(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIDDLE: u64 = 1 << 63;

    #[test]
    fn delay_doubles_up_to_max_delay_and_attempt_limit() {
        let retry = Retry::new().attempts(6).max_delay(Duration::from_secs(1));
        let waits: Vec<_> = (0..).map_while(|attempt| retry.wait(attempt, MIDDLE)).collect();
        assert_eq!(waits, [250, 500, 1000, 1000, 1000, 1000].map(Duration::from_millis));
        assert_eq!(retry.total_delay(), waits.iter().sum::<Duration>());
    }

    #[test]
    fn jitter_stays_within_its_fraction() {
        let retry = Retry::new().initial_delay(Duration::from_secs(1)).jitter(0.25);
        assert_eq!(retry.wait(0, 0), Some(Duration::from_millis(750)));
        let longest = retry.wait(0, u64::MAX).expect("a first attempt");
        assert!(
            longest > Duration::from_millis(1249) && longest < Duration::from_millis(1251),
            "{longest:?}"
        );
    }

    #[test]
    fn zero_attempts_and_nan_values_are_corrected() {
        let retry = Retry::new().attempts(0).multiplier(f64::NAN).jitter(f64::NAN);
        assert_eq!(retry.wait(0, 0), Some(Duration::from_millis(250)));
        assert_eq!(retry.wait(1, 0), None);
        assert_eq!(Retry::single(Duration::from_secs(9)).total_delay(), Duration::from_secs(9));
    }

    proptest! {
        /// No value overflows, and every schedule ends.
        #[test]
        fn delays_never_overflow_and_end_at_attempt_limit(
            attempts in any::<u32>(), first in any::<Duration>(), multiplier in any::<f64>(),
            longest in any::<Duration>(), jitter in any::<f64>(), attempt in any::<u32>(), random in any::<u64>(),
        ) {
            let retry = Retry::new().attempts(attempts).initial_delay(first).multiplier(multiplier).max_delay(longest).jitter(jitter);
            let wait = retry.wait(attempt, random);
            prop_assert_eq!(wait.is_some(), attempt < attempts.max(1));
            prop_assert!(wait.unwrap_or_default().as_secs_f64() <= 2.01 * longest.as_secs_f64());
            let _ = retry.total_delay();
        }
    }
}
