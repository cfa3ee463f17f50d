//! Something that another thread will say: waited for no longer than the waiter may.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::bound::{Bound, Interrupted};
use crate::sys::Told;
use crate::sys::sync::{Condvar, Mutex, MutexGuard};

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
    pub(super) fn wait(self: &Arc<Self>, bound: Bound<'_>) -> Result<Option<T>, Interrupted> {
        for token in bound.tokens() {
            let told: Arc<dyn Told> = self.clone();
            token.tell(Arc::downgrade(&told));
        }
        let mut state = self.state();
        loop {
            match &*state {
                State::Kept(value) => return Ok(Some(value.clone())),
                State::Broken => return Ok(None),
                State::Open => {}
            }
            if bound.is_cancelled() {
                return Err(Interrupted::Cancelled);
            }
            state = match bound.deadline {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let remaining = deadline.saturating_duration_since(Instant::now());
                    if remaining.is_zero() {
                        return Err(Interrupted::TimedOut(Arc::default()));
                    }
                    self.changed.wait_timeout(state, remaining).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl<T: Send> Told for Promise<T> {
    fn stopped(&self) {
        // The lock sees to it that nobody is between looking and waiting.
        drop(self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::CancelToken;

    fn bound(deadline: Option<Instant>, token: Option<&CancelToken>) -> Bound<'_> {
        Bound { deadline, token, also: None }
    }

    #[test]
    fn oneshot_wait_returns_set_value_or_none_if_cancelled() {
        let promise = Promise::new();
        promise.keep(7);
        promise.break_if_open();
        assert_eq!(promise.wait(bound(None, None)), Ok(Some(7)));
        let broken = Promise::<u8>::new();
        broken.break_if_open();
        assert_eq!(broken.wait(bound(None, None)), Ok(None));
    }

    #[test]
    fn oneshot_wait_ends_at_deadline_or_on_cancelled_token() {
        let promise = Promise::<u8>::new();
        assert_eq!(
            promise.wait(bound(Some(Instant::now()), None)),
            Err(Interrupted::TimedOut(Arc::default()))
        );
        let token = CancelToken::new().unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| promise.wait(bound(None, Some(&token))));
            // Itself and the waiter's weak one, by which it is told.
            while Arc::weak_count(&promise) == 0 {
                std::thread::yield_now();
            }
            token.cancel();
            assert_eq!(waiting.join().unwrap(), Err(Interrupted::Cancelled));
        });
        assert_eq!(promise.wait(bound(None, Some(&token))), Err(Interrupted::Cancelled));
    }
}
