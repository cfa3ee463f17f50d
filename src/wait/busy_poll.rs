//! Busy-polling: trying for a while before a wait, which uses processor time instead of a wake-up.

use std::io;
use std::time::Duration;

use super::limit::{WaitError, WaitLimit};
use super::moment::Moment;
use crate::sys::{Mode, is_would_block_or_intr};

/// Runs `attempt` until it succeeds, a token is cancelled, or the time is up: `None`. Between two
/// attempts it yields the processor, because the sender may need it.
pub(crate) fn busy_poll(
    limit: &WaitLimit<'_>,
    time: Duration,
    mut attempt: impl FnMut(Mode) -> io::Result<()>,
) -> Option<Result<(), WaitError>> {
    let end = Moment::now().after(time).min(limit.deadline_moment());
    loop {
        if limit.is_cancelled() {
            return Some(Err(WaitError::Cancelled));
        }
        match attempt(Mode::Nonblocking) {
            Ok(()) => return Some(Ok(())),
            Err(error) if is_would_block_or_intr(&error) => {}
            Err(error) => return Some(Err(WaitError::Failed(error))),
        }
        if Moment::now() >= end {
            return None;
        }
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::super::CancelToken;
    use super::*;

    fn nothing() -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    #[test]
    fn busy_poll_ends_with_result_or_time_limit() {
        let mut tries = 0;
        let found = busy_poll(&WaitLimit::unlimited(), Duration::from_secs(20), |mode| {
            assert_eq!(mode, Mode::Nonblocking);
            tries += 1;
            if tries < 100 { nothing() } else { Ok(()) }
        });
        assert!(matches!(found, Some(Ok(()))) && tries == 100);

        let began = Instant::now();
        let time = Duration::from_millis(3);
        assert!(busy_poll(&WaitLimit::unlimited(), time, |_| nothing()).is_none());
        assert!(began.elapsed() >= time);
        // The deadline of the call is earlier.
        let limit = WaitLimit::timeout(Duration::from_micros(1));
        assert!(busy_poll(&limit, Duration::from_secs(3_600), |_| nothing()).is_none());
        assert!(began.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn busy_poll_ends_on_cancel_or_error() {
        let token = CancelToken::new().unwrap();
        let limit = WaitLimit::unlimited().cancelled_by(Some(&token), None);
        let mut tries = 0;
        let found = busy_poll(&limit, Duration::MAX, |_| {
            tries += 1;
            if tries == 3 {
                token.cancel();
            }
            nothing()
        });
        assert!(matches!(found, Some(Err(WaitError::Cancelled))) && tries == 3);
        let refused = |_| Err(io::ErrorKind::ConnectionRefused.into());
        let found = busy_poll(&WaitLimit::unlimited(), Duration::MAX, refused);
        assert!(matches!(found, Some(Err(WaitError::Failed(_)))));
    }
}
