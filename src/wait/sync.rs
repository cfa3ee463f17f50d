//! Locks and threads that can be model-checked: those of `std`, or in model tests those of `loom`,
//! which runs them in every order.

#[cfg(not(all(test, socketry_loom)))]
pub(crate) use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    sync::{Condvar, Mutex, MutexGuard},
    thread,
};

#[cfg(all(test, socketry_loom))]
pub(crate) use model::{AtomicBool, AtomicUsize, Condvar, Mutex, MutexGuard, Ordering, thread};

#[cfg(all(test, socketry_loom))]
mod model {
    use std::sync::{LockResult, PoisonError};
    use std::time::Duration;

    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};

    pub(crate) mod thread {
        pub(crate) use loom::thread::Builder;

        /// A wait that no thread ends is a fault, even if its timeout would end it.
        pub(crate) fn park_timeout(_: std::time::Duration) {
            loom::thread::park();
        }
    }

    /// A condition variable whose timeouts never expire.
    #[derive(Debug)]
    pub(crate) struct Condvar(loom::sync::Condvar);

    pub(crate) struct Waited;

    impl Waited {
        #[allow(clippy::unused_self, reason = "it has the signature of std")]
        pub(crate) fn timed_out(&self) -> bool {
            false
        }
    }

    impl Condvar {
        pub(crate) fn new() -> Condvar {
            Condvar(loom::sync::Condvar::new())
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }

        pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
            self.0.wait(guard)
        }

        pub(crate) fn wait_timeout<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            _: Duration,
        ) -> LockResult<(MutexGuard<'a, T>, Waited)> {
            Ok((self.0.wait(guard).unwrap_or_else(PoisonError::into_inner), Waited))
        }

        pub(crate) fn wait_timeout_while<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            _: Duration,
            mut still: impl FnMut(&mut T) -> bool,
        ) -> LockResult<(MutexGuard<'a, T>, Waited)> {
            while still(&mut guard) {
                guard = self.0.wait(guard).unwrap_or_else(PoisonError::into_inner);
            }
            Ok((guard, Waited))
        }
    }
}
