//! Something that another thread will say: waited for no longer than the waiter may.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::failure::Interrupted;
use crate::wait::OnCancel;
use crate::wait::WaitLimit;
use crate::wait::sync::{Condvar, Mutex, MutexGuard};

pub(super) struct Promise<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

enum State<T> {
    Open,
    Kept(T),
    /// Nobody will keep it.
    Broken,
}

/// The one who will say it: if it is dropped without, nobody will.
pub(super) struct Keeper<T: Clone + Send + 'static>(pub(super) Arc<Promise<T>>);

impl<T: Clone + Send + 'static> Drop for Keeper<T> {
    fn drop(&mut self) {
        self.0.break_if_open();
    }
}

impl<T: Clone + Send + 'static> Promise<T> {
    pub(super) fn new() -> Arc<Promise<T>> {
        Arc::new(Promise { state: Mutex::new(State::Open), changed: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep(&self, value: T) {
        *self.state() = State::Kept(value);
        self.changed.notify_all();
    }

    fn break_if_open(&self) {
        let mut state = self.state();
        if matches!(*state, State::Open) {
            *state = State::Broken;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// What was said; `None` if nobody will say it.
    pub(super) fn wait(self: &Arc<Self>, limit: &WaitLimit<'_>) -> Result<Option<T>, Interrupted> {
        for token in limit.tokens() {
            let callback: Arc<dyn OnCancel> = self.clone();
            token.on_cancel(Arc::downgrade(&callback));
        }
        let mut state = self.state();
        loop {
            match &*state {
                State::Kept(value) => return Ok(Some(value.clone())),
                State::Broken => return Ok(None),
                State::Open => {}
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

impl<T: Send> OnCancel for Promise<T> {
    fn cancelled(&self) {
        // The lock sees to it that nobody is between looking and waiting.
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
        let promise = Promise::new();
        promise.keep(7);
        promise.break_if_open();
        assert_eq!(promise.wait(FREE), Ok(Some(7)));
        let broken = Promise::<u8>::new();
        broken.break_if_open();
        assert_eq!(broken.wait(FREE), Ok(None));
    }

    #[test]
    fn oneshot_wait_ends_at_deadline_or_on_cancelled_token() {
        let promise = Promise::<u8>::new();
        assert_eq!(promise.wait(&WaitLimit::no_wait()), Err(Interrupted::TimedOut(Arc::default())));
        let token = CancelToken::new().unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| promise.wait(&cancelled_by(&token)));
            // Itself and the waiter's weak one, by which it is told.
            while Arc::weak_count(&promise) == 0 {
                std::thread::yield_now();
            }
            token.cancel();
            assert_eq!(waiting.join().unwrap(), Err(Interrupted::Cancelled));
        });
        assert_eq!(promise.wait(&cancelled_by(&token)), Err(Interrupted::Cancelled));
    }
}
