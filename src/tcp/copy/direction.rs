//! The two directions of a copy: what ends one of them, and what it does to the other.
//!
//! ```text
//!  direction 0:  read a ──► write b ──► … ──► end of a: half-close b ──► watch a ──► done
//!  direction 1:  read b ──► write a ──► … ──► end of b: half-close a ──► watch b ──► done
//!                   └── error ──► fail: keep the first error, reset a and b, which wakes both
//! ```
//!
//! A direction that has ended watches its connection, so that a reset is passed on while the other
//! direction waits for data. A direction that waits for buffer space watches the connection that it
//! reads from, because nothing reads from it meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Operation, Result, TimeLimit};
use crate::sys::{self, Mode};
use crate::tcp::close;
use crate::tcp::connection::Inner;
use crate::wait::{self, OnCancel, WaitError, WaitLimit};

/// The size of the buffer of each direction.
const BUFFER_SIZE: usize = 64 * 1024;

/// Both directions of a copy. Direction 0 reads from the first connection, direction 1 from the
/// second.
pub(super) struct Copying {
    ends: [Arc<Inner>; 2],
    directions: [Direction; 2],
    /// The call without a limit of time, but with its start.
    call: WaitLimit<'static>,
    began: Instant,
    /// The shorter idle timeout, and the time of the last byte in nanoseconds from the start.
    idle: Option<Duration>,
    last_byte: AtomicU64,
    /// The earlier deadline.
    deadline: Option<Instant>,
    outcome: Mutex<Outcome>,
}

/// What one direction has copied, and the limits of its reads and writes.
#[derive(Default)]
struct Direction {
    copied: AtomicU64,
    is_done: AtomicBool,
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

enum Outcome {
    Pending,
    Finished,
    Failed(Error),
}

impl Copying {
    pub(super) fn new(a: &Arc<Inner>, b: &Arc<Inner>) -> Copying {
        let direction = |from: &Inner, to: &Inner| Direction {
            read_timeout: from.timeouts.read_timeout().filter(|_| from.timeouts.idle_timeout().is_none()),
            write_timeout: to.timeouts.write_timeout(),
            ..Direction::default()
        };
        let timeouts = [&a.timeouts, &b.timeouts];
        Copying {
            directions: [direction(a, b), direction(b, a)],
            ends: [Arc::clone(a), Arc::clone(b)],
            call: WaitLimit::timeout(Duration::MAX),
            began: Instant::now(),
            idle: timeouts.iter().filter_map(|timeouts| timeouts.idle_timeout()).min(),
            last_byte: AtomicU64::new(0),
            deadline: timeouts.iter().filter_map(|timeouts| timeouts.deadline()).min(),
            outcome: Mutex::new(Outcome::Pending),
        }
    }

    /// Has the cancel tokens of both connections end the copy.
    pub(super) fn subscribe(self: &Arc<Self>) {
        for token in self.ends.iter().filter_map(|end| end.token.as_ref()) {
            let copying: Weak<Copying> = Arc::downgrade(self);
            token.on_cancel(copying);
        }
    }

    /// Copies in one direction, and returns when it and its watch have ended.
    pub(super) fn run(&self, direction: usize) {
        // A shutdown of the server of a connection does not take it for idle.
        self.ends[direction].set_mid_message(true);
        let result = self.copy(direction);
        self.directions[direction].is_done.store(true, Ordering::SeqCst);
        if let Err(error) = result.and_then(|()| self.watch(direction)) {
            self.fail(error);
        }
    }

    pub(super) fn copied(&self) -> super::CopiedBytes {
        let copied = |direction: usize| self.directions[direction].copied.load(Ordering::Relaxed);
        super::CopiedBytes { a_to_b: copied(0), b_to_a: copied(1) }
    }

    /// Returns the error that ended the copy. A token that is cancelled later has no effect.
    pub(super) fn finish(&self) -> Option<Error> {
        let outcome = std::mem::replace(&mut *self.outcome(), Outcome::Finished);
        if let Outcome::Failed(error) = outcome { Some(error) } else { None }
    }

    /// Ends both directions because of the first error.
    fn fail(&self, error: Error) {
        {
            let mut outcome = self.outcome();
            let Outcome::Pending = *outcome else { return };
            *outcome = Outcome::Failed(error);
        }
        self.ends.iter().for_each(|end| end.reset(true));
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copy(&self, direction: usize) -> Result<()> {
        let (from, to) = (&*self.ends[direction], &*self.ends[1 - direction]);
        let mut buffer = vec![0; BUFFER_SIZE];
        loop {
            match self.read(direction, from, &mut buffer)? {
                0 => return close::half_close(to),
                length => self.write(direction, (from, to), &buffer[..length])?,
            }
        }
    }

    fn read(&self, direction: usize, from: &Inner, buffer: &mut [u8]) -> Result<usize> {
        if let Some(length) = from.unread.is_any().then(|| from.unread.take(buffer)).flatten() {
            return Ok(length);
        }
        let until =
            self.directions[direction].read_timeout.and_then(|timeout| after(Instant::now(), timeout));
        let mut limit = self.read_limit(until);
        if limit.is_past_deadline() {
            // Also if data is available: a peer that never stops does not outlast a deadline.
            return Err(from.wait_error(Operation::Receive, WaitError::TimedOut, &limit));
        }
        loop {
            check(from)?;
            match sys::read(&from.stream, buffer, Mode::Nonblocking, false) {
                Ok(0) => return self.on_eof(from, buffer.len()),
                Ok(length) => {
                    self.note_byte();
                    return Ok(length);
                }
                Err(error) if sys::is_would_block_or_intr(&error) => {}
                Err(error) => {
                    return Err(from.wait_error(Operation::Receive, WaitError::Failed(error), &limit));
                }
            }
            if let Err(error) = wait::await_readable(&from.stream, &limit) {
                // The other direction may have extended the idle timeout meanwhile.
                limit = self.read_limit(until);
                if !matches!(error, WaitError::TimedOut) || limit.has_passed() {
                    return Err(from.wait_error(Operation::Receive, error, &limit));
                }
            }
        }
    }

    /// A read of no bytes. If a write of the other direction has received the reset, Linux returns an
    /// end of stream from the next read, but the connection has no peer.
    fn on_eof(&self, from: &Inner, capacity: usize) -> Result<usize> {
        let has_peer = from.stream.peer_addr().is_ok();
        if !has_peer && !from.is_eof_sent() && !from.is_aborted() {
            return Err(from.with_addrs(Error::new(Operation::Receive, ErrorKind::ConnectionReset)));
        }
        from.on_eof(capacity)
    }

    fn write(&self, direction: usize, (from, to): (&Inner, &Inner), mut bytes: &[u8]) -> Result<()> {
        let timeout = self.directions[direction].write_timeout;
        let until = timeout.and_then(|timeout| after(Instant::now(), timeout));
        let limit = self.limited(until, TimeLimit::WriteTimeout);
        let mut watched = Some(&*from.stream);
        while !bytes.is_empty() {
            check(to)?;
            // Where a poll does not end because another handle has aborted the connection.
            check(from)?;
            let length = match sys::write(&to.stream, bytes, Mode::Nonblocking) {
                Ok(length) => {
                    to.timeouts.allowance().refill(length);
                    length
                }
                Err(error) if sys::is_would_block_or_intr(&error) => {
                    let has_hung_up = to.stalling(Operation::Send, &limit, |limit| {
                        Ok((0, wait::await_writable(&to.stream, watched, limit)?))
                    })?;
                    if has_hung_up {
                        check_error(from)?;
                        // Both sides of it have ended, and what was read from it is to be written.
                        watched = None;
                    }
                    continue;
                }
                Err(error) => return Err(to.wait_error(Operation::Send, WaitError::Failed(error), &limit)),
            };
            bytes = &bytes[length..];
            self.directions[direction].copied.fetch_add(length as u64, Ordering::Relaxed);
            self.note_byte();
            if !bytes.is_empty() {
                // A peer that always reads a little does not extend the limit.
                limit.check().map_err(|error| to.wait_error(Operation::Send, error, &limit))?;
            }
        }
        Ok(())
    }

    /// Waits for the end of the other direction. The stream of `from` has ended, and a reset of it
    /// would be found by a write only.
    fn watch(&self, direction: usize) -> Result<()> {
        let from = &*self.ends[direction];
        while !self.directions[1 - direction].is_done.load(Ordering::SeqCst) {
            check(from)?;
            if wait::await_hang_up(&from.stream).unwrap_or(true) {
                return check_error(from);
            }
        }
        Ok(())
    }

    fn read_limit(&self, until: Option<Instant>) -> WaitLimit<'static> {
        let limit = self.limited(until, TimeLimit::ReadTimeout);
        let Some(idle) = self.idle else { return limit };
        let last = self.began + Duration::from_nanos(self.last_byte.load(Ordering::Relaxed));
        limit.before(after(last, idle), TimeLimit::IdleTimeout)
    }

    fn limited(&self, until: Option<Instant>, reason: TimeLimit) -> WaitLimit<'static> {
        let limit = self.call.before(until, reason).before(self.deadline, TimeLimit::Deadline);
        if limit.has_deadline() || self.idle.is_some() { limit.refreshed() } else { limit.aged() }
    }

    fn note_byte(&self) {
        if self.idle.is_some() {
            let elapsed = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.last_byte.fetch_max(elapsed, Ordering::Relaxed);
        }
    }
}

impl OnCancel for Copying {
    fn cancelled(&self) {
        let end = self.ends.iter().find(|end| end.token.as_ref().is_some_and(|token| token.is_cancelled()));
        let end = end.unwrap_or(&self.ends[0]);
        self.fail(end.wait_error(Operation::Receive, WaitError::Cancelled, &self.call));
    }
}

/// A time that is too late for the clock is no limit.
fn after(began: Instant, timeout: Duration) -> Option<Instant> {
    began.checked_add(timeout)
}

/// Returns an error if the connection was aborted, by this copy or by another handle.
fn check(end: &Inner) -> Result<()> {
    match end.is_aborted() {
        true => Err(end.with_addrs(Error::new(Operation::Receive, ErrorKind::Cancelled))),
        false => Ok(()),
    }
}

/// Returns an error if the connection has failed, and not if both of its sides have ended.
fn check_error(end: &Inner) -> Result<()> {
    check(end)?;
    match end.stream.take_error() {
        Ok(Some(error)) => Err(end.failure(Operation::Receive, error)),
        _ if end.is_lost() => Err(end.with_addrs(Error::new(Operation::Receive, ErrorKind::ConnectionReset))),
        _ => Ok(()),
    }
}
