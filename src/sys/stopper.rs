use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};

use rustix::fd::{AsFd, BorrowedFd};

use super::platform::Signal;
use super::sync::{AtomicBool, Mutex, MutexGuard};
use crate::error::{Operation, Result};

/// One switch that ends waits: give it to an endpoint's builder, keep a clone, and [`stop`](Self::stop) from any thread.
///
/// Every wait of every socket that has the stopper ends at once with an error whose
/// [`is_stopped`](crate::Error::is_stopped) is true, and every later one before it begins. A stopper is thrown once and
/// stays thrown; what comes after needs a new one. Clones are the same switch.
///
/// A socket with a stopper waits by polling itself and the stopper together: a call that finds its data ready costs
/// nothing more, one that has to wait costs two system calls more than a blocking call (a ping-pong on one core is
/// about 15 % slower). A socket without one pays nothing.
///
/// # Platform-specific behavior
///
/// A stopper holds two descriptors on Unix (a pair of connected sockets), one on Windows (a loopback UDP socket).
///
/// # Examples
///
/// ```
/// use socketry::{Stopper, UdpEndpoint};
///
/// let stopper = Stopper::new()?;
/// let endpoint = UdpEndpoint::builder().stopper(&stopper).bind("127.0.0.1:0")?;
/// std::thread::scope(|scope| {
///     let receiver = scope.spawn(|| endpoint.recv());
///     stopper.stop();
///     assert!(receiver.join().unwrap().unwrap_err().is_stopped());
/// });
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stopper(Arc<Inner>);

struct Inner {
    stopped: AtomicBool,
    signal: Signal,
    /// Those who wait for something else than a descriptor.
    told: Mutex<Vec<Weak<dyn Told>>>,
}

/// Somebody who is told when a stopper is thrown, in the thread that throws it.
pub(crate) trait Told: Send + Sync {
    fn stopped(&self);
}

impl Stopper {
    /// Makes a stopper that is not thrown.
    ///
    /// # Errors
    ///
    /// This returns an error if the process or the system has no descriptors left.
    pub fn new() -> Result<Stopper> {
        let signal = Signal::new().map_err(|error| super::open::failure(Operation::CreateStopper, error))?;
        Ok(Stopper(Arc::new(Inner { stopped: AtomicBool::new(false), signal, told: Mutex::default() })))
    }

    /// Ends every wait of every socket that has this stopper. Further calls do nothing.
    pub fn stop(&self) {
        // The flag comes first: whoever is woken by the signal sees it.
        if !self.0.stopped.swap(true, Ordering::SeqCst) {
            self.0.signal.raise();
            let told = std::mem::take(&mut *self.told());
            told.iter().filter_map(Weak::upgrade).for_each(|told| told.stopped());
        }
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// Tells somebody when the stopper is thrown, or now if it was.
    pub(crate) fn tell(&self, told: Weak<dyn Told>) {
        let mut all = self.told();
        if !self.is_stopped() {
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

    /// What becomes readable when the stopper is thrown.
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
        let stopper = Stopper::new().unwrap();
        let kept: Arc<dyn Told> = Arc::new(Subscriber);
        stopper.tell(Arc::downgrade(&kept));
        for _ in 0..100 {
            let subscriber: Arc<dyn Told> = Arc::new(Subscriber);
            stopper.tell(Arc::downgrade(&subscriber));
        }
        assert!(stopper.told().len() <= 2, "{}", stopper.told().len());
        assert!(stopper.told().iter().any(|told| told.strong_count() > 0));
    }
}

#[cfg(all(test, socketry_loom))]
#[path = "stopper/model.rs"]
mod model;
