//! A value that one thread sets once, and other threads wait for within their wait limits.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::interrupted::Interrupted;
use crate::wait::OnCancel;
use crate::wait::WaitLimit;
use crate::wait::sync::{Condvar, Mutex, MutexGuard};

pub(super) struct Oneshot<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

enum State<T> {
    Pending,
    Set(T),
    /// The setter was dropped without a value.
    Cancelled,
}

/// The side that sets the value. Dropping it without a value cancels the waits.
pub(super) struct Setter<T: Clone + Send + 'static>(pub(super) Arc<Oneshot<T>>);

impl<T: Clone + Send + 'static> Drop for Setter<T> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl<T: Clone + Send + 'static> Oneshot<T> {
    pub(super) fn new() -> Arc<Oneshot<T>> {
        Arc::new(Oneshot { state: Mutex::new(State::Pending), changed: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, value: T) {
        *self.state() = State::Set(value);
        self.changed.notify_all();
    }

    fn cancel(&self) {
        let mut state = self.state();
        if matches!(*state, State::Pending) {
            *state = State::Cancelled;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for the value; `None` if the setter was dropped without one.
    pub(super) fn wait(self: &Arc<Self>, limit: &WaitLimit<'_>) -> Result<Option<T>, Interrupted> {
        for token in limit.tokens() {
            let callback: Arc<dyn OnCancel> = self.clone();
            token.on_cancel(Arc::downgrade(&callback));
        }
        let mut state = self.state();
        loop {
            match &*state {
                State::Set(value) => return Ok(Some(value.clone())),
                State::Cancelled => return Ok(None),
                State::Pending => {}
            }
            if limit.is_cancelled() {
                return Err(Interrupted::Cancelled);
            }
            state = match limit.remaining() {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Err(Interrupted::TimedOut(Arc::default())),
                Some(remaining) => {
                    self.changed.wait_timeout(state, remaining).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl<T: Send> OnCancel for Oneshot<T> {
    fn cancelled(&self) {
        // Taking the lock ensures that no waiter is between its check and its wait.
        drop(self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::CancelToken;

    const FREE: &WaitLimit<'static> = &WaitLimit::unlimited();

    fn cancelled_by(token: &CancelToken) -> WaitLimit<'_> {
        WaitLimit::unlimited().cancelled_by(Some(token), None)
    }

    #[test]
    fn oneshot_wait_returns_set_value_or_none_if_cancelled() {
        let oneshot = Oneshot::new();
        oneshot.set(7);
        oneshot.cancel();
        assert_eq!(oneshot.wait(FREE), Ok(Some(7)));
        let dropped = Oneshot::<u8>::new();
        dropped.cancel();
        assert_eq!(dropped.wait(FREE), Ok(None));
    }

    #[test]
    fn oneshot_wait_ends_at_deadline_or_on_cancelled_token() {
        let oneshot = Oneshot::<u8>::new();
        assert_eq!(oneshot.wait(&WaitLimit::no_wait()), Err(Interrupted::TimedOut(Arc::default())));
        let token = CancelToken::new().unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| oneshot.wait(&cancelled_by(&token)));
            // The waiting thread has registered a weak reference for the cancellation.
            while Arc::weak_count(&oneshot) == 0 {
                std::thread::yield_now();
            }
            token.cancel();
            assert_eq!(waiting.join().unwrap(), Err(Interrupted::Cancelled));
        });
        assert_eq!(oneshot.wait(&cancelled_by(&token)), Err(Interrupted::Cancelled));
    }
}
