//! Several threads and processes that wait for connections of one listener.
//!
//! poll(2) wakes all of them, and all but one for nothing. On Linux each thread waits in an epoll of
//! its own with `EPOLLEXCLUSIVE`, which wakes one that waits. Elsewhere, or without descriptors, one
//! thread polls and the others wait for their turn.
//!
//! A connection is never left without a thread: a thread that was woken tries to accept before its
//! call ends. A process that is killed after it was woken is no longer able to; its parent has the
//! others [interrupted](AcceptQueue::interrupt), so that they try again.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::PoisonError;

use super::cancel::CancelToken;
use super::limit::{WaitError, WaitLimit};
use super::poller::ExclusiveWait;
use super::ready::poll_time;
use super::stream::polling_accept;
use super::sync::{Mutex, MutexGuard};
use super::turn::Turn;
use crate::error::Result;
use crate::sys::{MAX_EINTR, accept_now};

/// The threads that accept from one listener.
#[derive(Debug)]
pub(crate) struct AcceptQueue {
    /// Cancelled when no thread is to wait any more.
    closing: CancelToken,
    waits: Mutex<Waits>,
    /// For systems and situations without exclusive waits.
    turn: Turn<()>,
}

/// How many waits that are not in use are kept.
const MAX_IDLE: usize = 16;

/// An exclusive wait in use, and what interrupts it.
#[derive(Debug)]
struct OwnWait {
    wait: ExclusiveWait,
    interrupt: CancelToken,
    generation: u64,
}

#[derive(Debug)]
struct Waits {
    /// Cancelled, and replaced, to end the waits of now.
    interrupt: CancelToken,
    /// Not in use; the last one used is the first used again.
    idle: Vec<ExclusiveWait>,
    generation: u64,
}

impl AcceptQueue {
    /// Waits end for good when `closing` is cancelled.
    pub(crate) fn new(closing: &CancelToken) -> Result<AcceptQueue> {
        let waits = Waits { interrupt: CancelToken::new()?, idle: Vec::new(), generation: 0 };
        Ok(AcceptQueue { closing: closing.clone(), waits: Mutex::new(waits), turn: Turn::new(()) })
    }

    /// Blocks until there is a connection. Returns [`WaitError::Cancelled`] if the queue is closed, or
    /// was interrupted.
    pub(crate) fn accept(
        &self,
        listener: &TcpListener,
        limit: &WaitLimit<'_>,
    ) -> Result<(TcpStream, SocketAddr), WaitError> {
        let mut wait = None;
        let mut signals = 0_u32;
        loop {
            if self.closing.is_cancelled() {
                return Err(WaitError::Cancelled);
            }
            match accept_now(listener) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted && signals < MAX_EINTR => {
                    signals += 1;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => {
                    self.put_back(wait);
                    return result.map_err(WaitError::Failed);
                }
            }
            let remaining = match poll_time(limit) {
                Ok(remaining) => remaining,
                Err(error) => {
                    self.put_back(wait);
                    return Err(error);
                }
            };
            let own = match wait.take().or_else(|| self.take(listener)) {
                Some(own) => wait.insert(own),
                None => return self.accept_in_turn(listener, limit),
            };
            own.wait.wait(remaining)?;
            if own.interrupt.is_cancelled() {
                return Err(WaitError::Cancelled);
            }
        }
    }

    /// Ends the waits of now with [`WaitError::Cancelled`]; later ones are not affected.
    pub(crate) fn interrupt(&self) -> Result<()> {
        let next = CancelToken::new()?;
        let mut waits = self.waits();
        let interrupt = std::mem::replace(&mut waits.interrupt, next);
        waits.generation += 1;
        let idle = std::mem::take(&mut waits.idle);
        drop(waits);
        interrupt.cancel();
        drop(idle);
        Ok(())
    }

    /// An exclusive wait, for this thread. `None` if there is none to be had.
    fn take(&self, listener: &TcpListener) -> Option<OwnWait> {
        let mut waits = self.waits();
        let (interrupt, generation) = (waits.interrupt.clone(), waits.generation);
        let idle = waits.idle.pop();
        drop(waits);
        let wait = match idle {
            Some(wait) => wait,
            None => ExclusiveWait::new(listener, [&self.closing, &interrupt]).ok()??,
        };
        Some(OwnWait { wait, interrupt, generation })
    }

    fn put_back(&self, own: Option<OwnWait>) {
        let Some(own) = own else { return };
        let mut waits = self.waits();
        if waits.generation == own.generation && waits.idle.len() < MAX_IDLE {
            waits.idle.push(own.wait);
        }
    }

    fn accept_in_turn(
        &self,
        listener: &TcpListener,
        limit: &WaitLimit<'_>,
    ) -> Result<(TcpStream, SocketAddr), WaitError> {
        let Some(_turn) = self.turn.take(limit) else { return Err(WaitError::TimedOut) };
        let interrupt = self.waits().interrupt.clone();
        polling_accept(listener, &limit.cancelled_by(Some(&self.closing), Some(&interrupt)))
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
