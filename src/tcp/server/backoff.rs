//! The pause after accepts that failed, which all accepting threads share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::proto::server::accept::{AcceptFault, AcceptFaults, AfterFault};

/// The faults since the last success, and until when no thread accepts.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    is_active: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    faults: AcceptFaults,
    pause: Option<Pause>,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    until: Instant,
    length: Duration,
}

impl Backoff {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the last accept failed.
    pub(super) fn is_active(&self) -> bool {
        self.is_active.load(Ordering::SeqCst)
    }

    /// Returns until when the thread must wait. After a pause, one thread tries, and the others wait
    /// as long again.
    pub(super) fn claim(&self) -> Option<Instant> {
        let mut state = self.state();
        let pause = state.pause.as_mut()?;
        let now = Instant::now();
        if now < pause.until {
            return Some(pause.until);
        }
        pause.until = now + pause.length;
        None
    }

    /// A connection was closed, so the next accept may succeed.
    pub(super) fn expire(&self) {
        if let Some(pause) = &mut self.state().pause {
            pause.until = Instant::now();
        }
    }

    pub(super) fn succeeded(&self) {
        if self.is_active() {
            let mut state = self.state();
            *state = State::default();
            self.is_active.store(false, Ordering::SeqCst);
        }
    }

    /// Counts a fault, and returns what follows. A pause has begun then.
    pub(super) fn failed(&self, fault: AcceptFault) -> AfterFault {
        let mut state = self.state();
        let after = state.faults.failed(fault);
        if let AfterFault::Wait(length) = after {
            state.pause = Some(Pause { until: Instant::now() + length, length });
        }
        self.is_active.store(true, Ordering::SeqCst);
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_tries_after_each_pause() {
        let backoff = Backoff::default();
        assert_eq!(backoff.claim(), None);
        assert!(matches!(backoff.failed(AcceptFault::Resources), AfterFault::Wait(_)));
        assert!(backoff.claim().is_some());
        backoff.expire();
        assert_eq!(backoff.claim(), None);
        assert!(backoff.claim().is_some(), "another thread tries");
        backoff.succeeded();
        assert_eq!((backoff.claim(), backoff.claim()), (None, None));
    }
}
