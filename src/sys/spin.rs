//! Looking again and again for a while before a wait, for those who would rather spend processor time than a wake-up.

use std::io;
use std::time::Duration;

use super::wait::is_again;
use super::{CancelToken, Ended, Limit, Mode, Moment};

/// Runs `attempt` until it gets something, the cancel token is cancelled, or it is time to wait for it: `None`. It gives the processor away
/// between two attempts to whoever else can use it, because that may be the sender.
pub(crate) fn spinning(
    limit: Limit<'_>,
    time: Duration,
    mut attempt: impl FnMut(Mode) -> io::Result<()>,
) -> Option<Result<(), Ended>> {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let end = Moment::now().after(nanos).into_iter().chain(limit.deadline).min();
    loop {
        if limit.token.is_some_and(CancelToken::is_cancelled)
            || limit.also.is_some_and(CancelToken::is_cancelled)
        {
            return Some(Err(Ended::Cancelled));
        }
        match attempt(Mode::Try) {
            Ok(()) => return Some(Ok(())),
            Err(error) if is_again(&error) => {}
            Err(error) => return Some(Err(Ended::Failed(error))),
        }
        if end.is_some_and(|end| Moment::now() >= end) {
            return None;
        }
        std::thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    #[test]
    fn busy_poll_ends_with_result_or_time_limit() {
        let mut looks = 0;
        let found = spinning(Limit::default(), Duration::from_secs(20), |mode| {
            assert_eq!(mode, Mode::Try, "it never blocks");
            looks += 1;
            if looks < 100 { nothing() } else { Ok(()) }
        });
        assert!(matches!(found, Some(Ok(()))) && looks == 100);

        let began = Moment::now();
        let time = Duration::from_millis(3);
        assert!(spinning(Limit::default(), time, |_| nothing()).is_none());
        assert!(began.elapsed() >= time);
        // The wait's own end is before that of the spin.
        let limit = Limit { deadline: Moment::now().after(1_000), ..Limit::default() };
        assert!(spinning(limit, Duration::from_secs(3_600), |_| nothing()).is_none());
        assert!(began.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn busy_poll_ends_on_cancel_or_error() {
        let token = CancelToken::new().unwrap();
        let limit = Limit { token: Some(&token), ..Limit::default() };
        let mut looks = 0;
        let found = spinning(limit, Duration::MAX, |_| {
            looks += 1;
            if looks == 3 {
                token.cancel();
            }
            nothing()
        });
        assert!(matches!(found, Some(Err(Ended::Cancelled))) && looks == 3);
        let found =
            spinning(Limit::default(), Duration::MAX, |_| Err(io::ErrorKind::ConnectionRefused.into()));
        assert!(matches!(found, Some(Err(Ended::Failed(_)))));
    }
}
