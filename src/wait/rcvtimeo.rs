//! `SO_RCVTIMEO`: a receive with a deadline in one system call.
//!
//! The option belongs to the socket and not to the call, so only one thread at a time relies on it.
//! The state is one word: the timeout that the kernel has, and whether a thread relies on it.
//!
//! ```text
//!            permit: no deadline                 permit: deadline, CAS
//!   ┌──────┐ ─────────────────► blocks    ┌──────┐ ───────────────► ┌────────────────┐
//!   │  0   │                              │  t   │                  │ t + LOCKED     │ blocks under t'
//!   └──────┘ ◄──── disarm ─────────────── └──────┘ ◄─── drop ────── └────────────────┘ setsockopt if t does not fit
//!                                                                     │ another permit with a deadline
//!                                                                     └► None: that thread polls
//! ```
//!
//! A thread without a deadline needs no lock: if the timeout of another thread ends its call, it
//! polls for the rest.

use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::SockRef;

use super::limit::WaitLimit;
use super::moment::nanos;
use crate::sys::{ACCEPT_INHERITS_OPTIONS, AsSocket, BLOCKS_WITH_TIMEOUT, SUPPORTS_BLOCKING};

/// Linux ends a wait under `SO_RCVTIMEO` up to two timer ticks late (5.6 ms were measured at
/// 250 Hz; 100 Hz is the coarsest in use), and up to an eighth of the wait later, because its timer
/// wheel is coarser for later times. In nanoseconds.
const TIMER_TICK: u64 = 20_000_000;
const TIMER_SLACK_DIV: u64 = 8;

/// A shorter wait is a poll from the beginning, in nanoseconds.
const SHORTEST_BLOCKING: u64 = 2 * TIMER_TICK;

/// The `SO_RCVTIMEO` that a socket has in the kernel, in nanoseconds, and whether a thread relies
/// on it.
#[derive(Debug, Default)]
pub(crate) struct ReceiveTimeout(AtomicU64);

const LOCKED: u64 = 1 << 63;

/// The lock on the timeout of a socket, until it is dropped.
struct RcvTimeoLock<'a> {
    timeout: &'a ReceiveTimeout,
    kernel: u64,
}

/// See [`ReceiveTimeout::permit`].
pub(crate) struct BlockingPermit<'a> {
    _lock: Option<RcvTimeoLock<'a>>,
}

impl Drop for RcvTimeoLock<'_> {
    #[inline]
    fn drop(&mut self) {
        self.timeout.0.store(self.kernel, Ordering::Release);
    }
}

/// Sets the timeout that accepted connections inherit, where the OS has them inherit it, so that
/// their first receive needs no system call for it.
pub(crate) fn arm_listener(listener: &TcpListener, timeout: Option<Duration>) -> ReceiveTimeout {
    match timeout {
        Some(timeout) if ACCEPT_INHERITS_OPTIONS => ReceiveTimeout::armed(listener, timeout),
        _ => ReceiveTimeout::default(),
    }
}

impl ReceiveTimeout {
    fn armed(listener: &impl AsSocket, timeout: Duration) -> ReceiveTimeout {
        let timeout = nanos(timeout);
        let kernel = ReceiveTimeout::default();
        if BLOCKS_WITH_TIMEOUT && (SHORTEST_BLOCKING..LOCKED).contains(&timeout) {
            if let Some(mut lock) = kernel.lock() {
                // If the OS refuses, each connection tries again.
                let _ = lock.fit(listener, timeout);
            }
        }
        kernel
    }

    /// The state of a connection that was accepted from such a listener.
    pub(crate) fn inherited(&self) -> ReceiveTimeout {
        ReceiveTimeout(AtomicU64::new(self.0.load(Ordering::Relaxed)))
    }

    #[inline]
    fn lock(&self) -> Option<RcvTimeoLock<'_>> {
        let kernel = self.0.load(Ordering::Relaxed);
        let is_free = kernel & LOCKED == 0;
        let locked = self.0.compare_exchange(kernel, kernel | LOCKED, Ordering::Acquire, Ordering::Relaxed);
        (is_free && locked.is_ok()).then_some(RcvTimeoLock { timeout: self, kernel })
    }

    /// Returns a guard that allows one blocking call within the limit. `SO_RCVTIMEO` is set so that
    /// the call returns before the deadline. Returns `None` if the caller must poll instead.
    #[inline]
    pub(crate) fn permit(&self, socket: &impl AsSocket, limit: &WaitLimit<'_>) -> Option<BlockingPermit<'_>> {
        if !SUPPORTS_BLOCKING || limit.is_cancellable() {
            return None;
        }
        if !limit.has_deadline() {
            let is_endless = self.0.load(Ordering::Relaxed) == 0;
            return is_endless.then_some(BlockingPermit { _lock: None });
        }
        let remaining = limit.nanos_at_start()?;
        if !BLOCKS_WITH_TIMEOUT || remaining < SHORTEST_BLOCKING {
            return None;
        }
        let mut lock = self.lock()?;
        lock.fit(socket, remaining).ok()?;
        Some(BlockingPermit { _lock: Some(lock) })
    }

    /// Makes one blocking call that ends after about `time`, a timer tick or two later. `None` if that is
    /// not possible.
    pub(super) fn briefly<T>(
        &self,
        socket: &impl AsSocket,
        time: Duration,
        call: impl FnOnce() -> T,
    ) -> Option<T> {
        if !SUPPORTS_BLOCKING || !BLOCKS_WITH_TIMEOUT {
            return None;
        }
        let mut lock = self.lock()?;
        if lock.kernel != nanos(time) {
            SockRef::from(socket).set_read_timeout(Some(time)).ok()?;
            lock.kernel = nanos(time);
        }
        Some(call())
    }

    /// Clears the timeout, for a call without a deadline, unless another thread relies on it.
    #[inline]
    pub(super) fn disarm(&self, socket: &impl AsSocket) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) == 0 { Ok(()) } else { self.clear(socket) }
    }

    #[cold]
    fn clear(&self, socket: &impl AsSocket) -> io::Result<()> {
        if let Some(mut lock) = self.lock() {
            SockRef::from(socket).set_read_timeout(None)?;
            lock.kernel = 0;
        }
        Ok(())
    }
}

impl RcvTimeoLock<'_> {
    /// Sets the timeout of the kernel for a wait of `remaining`, unless it already fits.
    #[inline]
    fn fit(&mut self, socket: &impl AsSocket, remaining: u64) -> io::Result<()> {
        let most = (remaining - TIMER_TICK) / (TIMER_SLACK_DIV + 1) * TIMER_SLACK_DIV;
        if self.kernel <= most && self.kernel >= most / 2 { Ok(()) } else { self.set(socket, most) }
    }

    #[cold]
    fn set(&mut self, socket: &impl AsSocket, most: u64) -> io::Result<()> {
        // An eighth less than allowed, so that it still fits the next call with almost the same
        // deadline.
        let wanted = (most - most / 8) & !LOCKED;
        SockRef::from(socket).set_read_timeout(Some(Duration::from_nanos(wanted)))?;
        self.kernel = wanted;
        Ok(())
    }
}
