//! A lock whose waiters have limits of their own.

use std::sync::PoisonError;
use std::time::Duration;

use super::limit::WaitLimit;
use super::sync::{Condvar, Mutex, MutexGuard};

/// A value that one thread has at a time, possibly while it blocks. A thread that waits for its turn
/// does so within its own limit.
#[derive(Debug)]
pub(crate) struct Turn<T> {
    state: Mutex<State<T>>,
    freed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    /// `None` while a thread has it.
    value: Option<T>,
    waiting: usize,
}

/// A thread's turn, until it is dropped.
#[derive(Debug)]
pub(crate) struct TurnGuard<'a, T> {
    turn: &'a Turn<T>,
    value: Option<T>,
}

impl<T> Turn<T> {
    pub(crate) fn new(value: T) -> Turn<T> {
        Turn { state: Mutex::new(State { value: Some(value), waiting: 0 }), freed: Condvar::new() }
    }

    /// Waits for the turn. Returns `None` if the deadline of the limit passes before.
    ///
    /// A free turn is taken even if the deadline has passed, so that a notification is never lost.
    pub(crate) fn take(&self, limit: &WaitLimit<'_>) -> Option<TurnGuard<'_, T>> {
        let mut state = self.state();
        loop {
            if let Some(value) = state.value.take() {
                return Some(TurnGuard { turn: self, value: Some(value) });
            }
            let remaining = limit.remaining();
            if remaining == Some(Duration::ZERO) {
                return None;
            }
            state.waiting += 1;
            state = match remaining {
                None => self.freed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(remaining) => {
                    self.freed.wait_timeout(state, remaining).unwrap_or_else(PoisonError::into_inner).0
                }
            };
            state.waiting -= 1;
        }
    }

    /// Takes the turn if no thread has it.
    #[cfg(test)]
    pub(crate) fn try_take(&self) -> Option<TurnGuard<'_, T>> {
        let value = self.state().value.take()?;
        Some(TurnGuard { turn: self, value: Some(value) })
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> std::ops::Deref for TurnGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().unwrap_or_else(|| unreachable!("the value is there until the drop"))
    }
}

impl<T> std::ops::DerefMut for TurnGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().unwrap_or_else(|| unreachable!("the value is there until the drop"))
    }
}

impl<T> Drop for TurnGuard<'_, T> {
    fn drop(&mut self) {
        let mut state = self.turn.state();
        state.value = self.value.take();
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.turn.freed.notify_one();
        }
    }
}

#[cfg(all(test, not(socketry_loom)))]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn turn_is_waited_for_within_the_limit() {
        let turn = Turn::new(1);
        let held = turn.take(&WaitLimit::unlimited());
        assert!(turn.try_take().is_none());
        let began = Instant::now();
        let limit = WaitLimit::timeout(Duration::from_millis(20));
        assert!(turn.take(&limit).is_none());
        assert!(began.elapsed() >= Duration::from_millis(20));
        drop(held);
        // Free: also when the deadline has passed.
        assert!(turn.take(&limit).is_some());
        assert!(turn.try_take().is_some());
    }

    #[test]
    fn turn_passes_from_thread_to_thread() {
        let turn = Turn::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        *turn.take(&WaitLimit::timeout(Duration::from_secs(60))).unwrap() += 1;
                    }
                });
            }
        });
        assert_eq!(*turn.try_take().unwrap(), 2_000);
    }
}

#[cfg(all(test, socketry_loom))]
#[path = "turn/model.rs"]
mod model;
