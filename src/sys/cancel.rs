use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use rustix::fd::{AsFd, BorrowedFd};

use super::platform::Signal;
use super::sync::{AtomicBool, Mutex, MutexGuard};
use crate::error::{Operation, Result};

/// One switch that ends waits: give it to an endpoint's builder, keep a clone, and [`cancel`](Self::cancel) from any thread.
///
/// Every wait of every socket that has the cancel token ends at once with an error whose
/// [`is_cancelled`](crate::Error::is_cancelled) is true, and every later one before it begins. A cancel token is cancelled once and
/// stays thrown; what comes after needs a new one. Clones are the same switch.
///
/// A socket with a cancel token waits by polling itself and the cancel token together: a call that finds its data ready costs
/// nothing more, one that has to wait costs two system calls more than a blocking call (a ping-pong on one core is
/// about 15 % slower). A socket without one pays nothing.
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
pub struct CancelToken(Arc<Inner>);

struct Inner {
    stopped: AtomicBool,
    signal: Signal,
    /// Those who wait for something else than a descriptor.
    told: Mutex<Vec<Weak<dyn Told>>>,
}

/// Somebody who is told when a cancel token is cancelled, in the thread that throws it.
pub(crate) trait Told: Send + Sync {
    fn stopped(&self);
}

impl CancelToken {
    /// Makes a cancel token that is not thrown.
    ///
    /// # Errors
    ///
    /// This returns an error if the process or the system has no descriptors left.
    pub fn new() -> Result<CancelToken> {
        let signal =
            Signal::new().map_err(|error| super::open::failure(Operation::CreateCancelToken, error))?;
        Ok(CancelToken(Arc::new(Inner { stopped: AtomicBool::new(false), signal, told: Mutex::default() })))
    }

    /// Ends every wait of every socket that has this cancel token. Further calls do nothing.
    pub fn cancel(&self) {
        // The flag comes first: whoever is woken by the signal sees it.
        if !self.0.stopped.swap(true, Ordering::SeqCst) {
            self.0.signal.raise();
            let told = std::mem::take(&mut *self.told());
            told.iter().filter_map(Weak::upgrade).for_each(|told| told.stopped());
        }
    }

    /// Whether [`cancel`](Self::cancel) was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// Tells somebody when the cancel token is cancelled, or now if it was.
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

    /// What becomes readable when the cancel token is cancelled.
    pub(crate) fn signal(&self) -> BorrowedFd<'_> {
        self.0.signal.as_fd()
    }
}

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
