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

/// An accept that has begun, and what interrupts it.
#[derive(Debug)]
pub(crate) struct AcceptWatch {
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

    /// Begins an accept, before its conditions are checked: an interrupt from now on ends it.
    pub(crate) fn watch(&self) -> AcceptWatch {
        let waits = self.waits();
        AcceptWatch { interrupt: waits.interrupt.clone(), generation: waits.generation }
    }

    /// Blocks until there is a connection. Returns [`WaitError::Cancelled`] if the queue is closed, or
    /// was interrupted.
    pub(crate) fn accept(
        &self,
        listener: &TcpListener,
        watch: &AcceptWatch,
        limit: &WaitLimit<'_>,
    ) -> Result<(TcpStream, SocketAddr), WaitError> {
        let mut wait = None;
        let mut signals = 0_u32;
        loop {
            if self.closing.is_cancelled() || watch.interrupt.is_cancelled() {
                self.put_back(wait, watch);
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
                    self.put_back(wait, watch);
                    return result.map_err(WaitError::Failed);
                }
            }
            let remaining = match poll_time(limit) {
                Ok(remaining) => remaining,
                Err(error) => {
                    self.put_back(wait, watch);
                    return Err(error);
                }
            };
            match wait.take().or_else(|| self.take(listener, watch)) {
                Some(own) => wait.insert(own).wait(remaining)?,
                None => return self.accept_in_turn(listener, watch, limit),
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
    fn take(&self, listener: &TcpListener, watch: &AcceptWatch) -> Option<ExclusiveWait> {
        let mut waits = self.waits();
        let idle = if waits.generation == watch.generation { waits.idle.pop() } else { None };
        drop(waits);
        match idle {
            Some(wait) => Some(wait),
            None => ExclusiveWait::new(listener, [&self.closing, &watch.interrupt]).ok()?,
        }
    }

    fn put_back(&self, own: Option<ExclusiveWait>, watch: &AcceptWatch) {
        let Some(own) = own else { return };
        let mut waits = self.waits();
        if waits.generation == watch.generation && waits.idle.len() < MAX_IDLE {
            waits.idle.push(own);
        }
    }

    fn accept_in_turn(
        &self,
        listener: &TcpListener,
        watch: &AcceptWatch,
        limit: &WaitLimit<'_>,
    ) -> Result<(TcpStream, SocketAddr), WaitError> {
        let Some(_turn) = self.turn.take(limit) else { return Err(WaitError::TimedOut) };
        polling_accept(listener, &limit.cancelled_by(Some(&self.closing), Some(&watch.interrupt)))
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
