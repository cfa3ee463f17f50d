//! Waiting for a condition over several parts, each with a lock of its own.

use std::sync::PoisonError;
use std::time::Instant;

use super::sync::{AtomicUsize, Condvar, Mutex, MutexGuard, Ordering};

/// Notified when any of several parts has changed. Without a waiting thread, a notification is one
/// load.
#[derive(Debug)]
pub(crate) struct Changes {
    watching: AtomicUsize,
    generation: Mutex<u64>,
    changed: Condvar,
}

/// A thread that waits for changes. What changes after it was created, or after its last wait, ends
/// the next wait.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    changes: &'a Changes,
    seen: u64,
}

impl Changes {
    pub(crate) fn new() -> Changes {
        Changes { watching: AtomicUsize::new(0), generation: Mutex::new(0), changed: Condvar::new() }
    }

    /// Begins to watch, before the condition is checked.
    pub(crate) fn watch(&self) -> Watch<'_> {
        self.watching.fetch_add(1, Ordering::SeqCst);
        Watch { changes: self, seen: *self.generation() }
    }

    /// Whether a thread waits for changes.
    pub(crate) fn is_watched(&self) -> bool {
        self.watching.load(Ordering::SeqCst) > 0
    }

    /// Called after the change.
    pub(crate) fn notify(&self) {
        if self.watching.load(Ordering::SeqCst) > 0 {
            *self.generation() += 1;
            self.changed.notify_all();
        }
    }

    fn generation(&self) -> MutexGuard<'_, u64> {
        self.generation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch<'_> {
    /// Blocks until there is a change, at most until `deadline`.
    pub(crate) fn wait(&mut self, deadline: Option<Instant>) {
        let changed = &self.changes.changed;
        let mut generation = self.changes.generation();
        while *generation == self.seen {
            let remaining = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            generation = match remaining {
                None => changed.wait(generation).unwrap_or_else(PoisonError::into_inner),
                Some(remaining) if remaining.is_zero() => return,
                Some(remaining) => {
                    changed.wait_timeout(generation, remaining).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        self.seen = *generation;
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.changes.watching.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(all(test, not(socketry_loom)))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn change_after_the_check_ends_the_wait() {
        let changes = Changes::new();
        let mut watch = changes.watch();
        changes.notify();
        watch.wait(None);
        let began = Instant::now();
        watch.wait(Some(began + Duration::from_millis(20)));
        assert!(began.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn every_watching_thread_is_notified() {
        let (changes, flag) = (Changes::new(), std::sync::atomic::AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut watch = changes.watch();
                    while !flag.load(Ordering::SeqCst) {
                        watch.wait(None);
                    }
                });
            }
            flag.store(true, Ordering::SeqCst);
            changes.notify();
        });
    }
}

#[cfg(all(test, socketry_loom))]
mod model {
    use super::*;
    use std::sync::Arc;

    /// A condition under a lock of its own is seen, however the two threads are interleaved.
    #[test]
    fn change_is_never_missed() {
        loom::model(|| {
            let shared = Arc::new((Changes::new(), Mutex::new(false)));
            let other = Arc::clone(&shared);
            let thread = loom::thread::spawn(move || {
                *other.1.lock().unwrap() = true;
                other.0.notify();
            });
            let mut watch = shared.0.watch();
            while !*shared.1.lock().unwrap() {
                watch.wait(None);
            }
            thread.join().unwrap();
        });
    }
}
