use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use rustix::fd::{AsFd, BorrowedFd};

use super::platform::Signal;
use super::sync::{AtomicBool, Mutex, MutexGuard};
use crate::error::{Operation, Result};

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
    stopped: AtomicBool,
    signal: Signal,
    /// Callbacks of calls that wait for something other than a descriptor.
    told: Mutex<Vec<Weak<dyn Told>>>,
}

/// A callback that runs when a token is cancelled, in the thread that cancels it.
pub(crate) trait Told: Send + Sync {
    fn stopped(&self);
}

impl CancelToken {
    /// Creates a token that is not cancelled.
    ///
    /// # Errors
    ///
    /// This returns an error if the process or the OS is out of file descriptors.
    pub fn new() -> Result<CancelToken> {
        let signal =
            Signal::new().map_err(|error| super::open::failure(Operation::CreateCancelToken, error))?;
        Ok(CancelToken(Arc::new(Inner { stopped: AtomicBool::new(false), signal, told: Mutex::default() })))
    }

    /// Cancels the blocking calls of every socket that has this token. Further calls have no effect.
    pub fn cancel(&self) {
        // The flag is set first, so that a thread that the signal wakes sees it.
        if !self.0.stopped.swap(true, Ordering::SeqCst) {
            self.0.signal.raise();
            let told = std::mem::take(&mut *self.told());
            told.iter().filter_map(Weak::upgrade).for_each(|told| told.stopped());
        }
    }

    /// Returns `true` if [`cancel`](Self::cancel) was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// Registers a callback for the cancellation, or runs it now if the token is cancelled.
    pub(crate) fn tell(&self, told: Weak<dyn Told>) {
        let mut all = self.told();
        if !self.is_cancelled() {
            all.retain(|told| told.strong_count() > 0);
            all.push(told);
            return;
        }
        drop(all);
        if let Some(told) = told.upgrade() {
            told.stopped();
        }
    }

    fn told(&self) -> MutexGuard<'_, Vec<Weak<dyn Told>>> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Becomes readable when the token is cancelled.
    pub(crate) fn signal(&self) -> BorrowedFd<'_> {
        self.0.signal.as_fd()
    }
}

super::handles::borrowed_handle!(CancelToken, 0.signal);

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("stopped", &self.stopped).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(socketry_loom)))]
mod tests {
    use super::*;

    struct Subscriber;

    impl Told for Subscriber {
        fn stopped(&self) {}
    }

    /// A token may be subscribed to by every lookup of a long-lived program.
    #[test]
    fn dropped_subscribers_are_removed() {
        let token = CancelToken::new().unwrap();
        let kept: Arc<dyn Told> = Arc::new(Subscriber);
        token.tell(Arc::downgrade(&kept));
        for _ in 0..100 {
            let subscriber: Arc<dyn Told> = Arc::new(Subscriber);
            token.tell(Arc::downgrade(&subscriber));
        }
        assert!(token.told().len() <= 2, "{}", token.told().len());
        assert!(token.told().iter().any(|told| told.strong_count() > 0));
    }
}

#[cfg(all(test, socketry_loom))]
#[path = "cancel/model.rs"]
mod model;
