use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use rustix::fd::{AsFd, BorrowedFd};

use super::sync::{AtomicBool, Mutex, MutexGuard};
use crate::error::{Operation, Result};
use crate::sys::{self, Signal};

/// A token that cancels blocking calls.
///
/// Pass it to a builder, keep a clone, and call [`cancel`](Self::cancel) from any thread. Blocked calls of every socket that
/// has the token return an error of kind [`Cancelled`](crate::ErrorKind::Cancelled) immediately; later calls return it without
/// blocking. A cancelled token stays cancelled. Clones share their state.
///
/// A call that finds its data available has no overhead. A call that blocks makes two more system calls than without a token,
/// because it polls the socket and the token; a ping-pong on one core is about 15 % slower.
///
/// An event loop can wait for the token: its handle becomes readable when it is cancelled. Do not read from the handle.
///
/// # Platform-specific behavior
///
/// A cancel token holds two descriptors on Unix (a pair of connected sockets), one on Windows (a loopback UDP socket).
///
/// # Examples
///
/// ```
/// use socketry::{CancelToken, UdpEndpoint};
///
/// let token = CancelToken::new()?;
/// let endpoint = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0")?;
/// std::thread::scope(|scope| {
///     let receiver = scope.spawn(|| endpoint.recv());
///     token.cancel();
///     assert!(receiver.join().unwrap().unwrap_err().is_cancelled());
/// });
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "CancellationToken")]
#[doc(alias = "interrupt")]
#[doc(alias = "self-pipe")]
pub struct CancelToken(Arc<Inner>);

struct Inner {
    is_cancelled: AtomicBool,
    signal: Signal,
    /// Callbacks of calls that wait for something other than a descriptor.
    callbacks: Mutex<Vec<Weak<dyn OnCancel>>>,
}

/// A callback that runs when a token is cancelled, in the thread that cancels it.
pub(crate) trait OnCancel: Send + Sync {
    fn cancelled(&self);
}

impl CancelToken {
    /// Creates a token that is not cancelled.
    ///
    /// # Errors
    ///
    /// This returns an error if the process or the OS is out of file descriptors.
    pub fn new() -> Result<CancelToken> {
        let signal = Signal::new().map_err(|error| sys::failure(Operation::CreateCancelToken, error))?;
        Ok(CancelToken(Arc::new(Inner {
            is_cancelled: AtomicBool::new(false),
            signal,
            callbacks: Mutex::default(),
        })))
    }

    /// Cancels the blocking calls of every socket that has this token. Further calls have no effect.
    pub fn cancel(&self) {
        // The flag is set first, so that a thread that the signal wakes sees it.
        if !self.0.is_cancelled.swap(true, Ordering::SeqCst) {
            self.0.signal.raise();
            let callbacks = std::mem::take(&mut *self.callbacks());
            callbacks.iter().filter_map(Weak::upgrade).for_each(|callback| callback.cancelled());
        }
    }

    /// Returns `true` if [`cancel`](Self::cancel) was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::SeqCst)
    }

    /// Registers a callback for the cancellation, or runs it now if the token is cancelled.
    pub(crate) fn on_cancel(&self, callback: Weak<dyn OnCancel>) {
        let mut callbacks = self.callbacks();
        if !self.is_cancelled() {
            callbacks.retain(|callback| callback.strong_count() > 0);
            callbacks.push(callback);
            return;
        }
        drop(callbacks);
        if let Some(callback) = callback.upgrade() {
            callback.cancelled();
        }
    }

    fn callbacks(&self) -> MutexGuard<'_, Vec<Weak<dyn OnCancel>>> {
        self.0.callbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Becomes readable when the token is cancelled.
    pub(crate) fn signal(&self) -> BorrowedFd<'_> {
        self.0.signal.as_fd()
    }
}

crate::sys::borrowed_handle!(CancelToken, 0.signal);

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("is_cancelled", &self.is_cancelled).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(socketry_loom)))]
mod tests {
    use super::*;

    struct Subscriber;

    impl OnCancel for Subscriber {
        fn cancelled(&self) {}
    }

    /// A token may be subscribed to by every lookup of a long-lived program.
    #[test]
    fn dropped_subscribers_are_removed() {
        let token = CancelToken::new().unwrap();
        let kept: Arc<dyn OnCancel> = Arc::new(Subscriber);
        token.on_cancel(Arc::downgrade(&kept));
        for _ in 0..100 {
            let subscriber: Arc<dyn OnCancel> = Arc::new(Subscriber);
            token.on_cancel(Arc::downgrade(&subscriber));
        }
        assert!(token.callbacks().len() <= 2, "{}", token.callbacks().len());
        assert!(token.callbacks().iter().any(|callback| callback.strong_count() > 0));
    }
}

#[cfg(all(test, socketry_loom))]
#[path = "cancel/model.rs"]
mod model;
