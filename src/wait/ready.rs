//! Waiting until a socket is ready, a deadline, or a cancellation, whichever is first.
//!
//! A call whose data is available makes the one system call that a raw call would make:
//!
//! * without a limit, it blocks in the call;
//! * with a deadline that is far enough away, it blocks under `SO_RCVTIMEO` (see `rcvtimeo`), and
//!   polls for the rest, because the kernel ends such a wait late;
//! * with a near deadline or a cancel token it tries first, and polls if there was nothing.
//!
//! poll(2) is exact to 0.1 %. A long poll therefore ends a little early and is followed by a short
//! one.

use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
#[cfg(windows)]
use rustix::fd::AsFd as _;

use super::cancel::CancelToken;
use super::limit::{WaitError, WaitLimit};
use super::rcvtimeo::ReceiveTimeout;
use crate::sys::{self, AsSocket, MAX_EINTR, Mode, SHUTDOWN_WAKES_READERS, is_would_block_or_intr};

/// select(2) and poll(2) have a slack of 0.1 % of their timeout. Twice that is left for a second
/// poll, of waits that are long enough for it to matter.
const POLL_SLACK_DIV: u32 = 500;
const LONG_POLL: Duration = Duration::from_millis(100);

/// Runs `attempt` until it succeeds, or the limit ends the wait for the socket to become readable.
pub(crate) fn receiving(
    socket: &impl AsSocket,
    timeout: &ReceiveTimeout,
    limit: &WaitLimit<'_>,
    mut attempt: impl FnMut(Mode) -> io::Result<()>,
) -> Result<(), WaitError> {
    if !limit.has_deadline() {
        timeout.disarm(socket)?;
    }
    if let Some(_permit) = timeout.permit(socket, limit) {
        match attempt(Mode::Blocking) {
            Ok(()) => return Ok(()),
            Err(error) if is_would_block_or_intr(&error) => {}
            Err(error) => return Err(WaitError::Failed(error)),
        }
    }
    polling(socket, PollFlags::IN, limit, First::Attempt, attempt)
}

/// The same after a non-blocking attempt that has found nothing.
pub(crate) fn receiving_next(
    socket: &impl AsSocket,
    limit: &WaitLimit<'_>,
    attempt: impl FnMut(Mode) -> io::Result<()>,
) -> Result<(), WaitError> {
    polling(socket, PollFlags::IN, limit, First::Poll, attempt)
}

/// Runs `attempt` until it has sent, or the limit ends the wait for buffer space.
pub(crate) fn sending(
    socket: &impl AsSocket,
    limit: &WaitLimit<'_>,
    attempt: impl FnMut(Mode) -> io::Result<()>,
) -> Result<(), WaitError> {
    polling(socket, PollFlags::OUT, limit, First::Attempt, attempt)
}

/// What a wait begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    Attempt,
    Poll,
}

/// Tries, and polls if there was nothing.
pub(super) fn polling(
    socket: &impl AsSocket,
    interest: PollFlags,
    limit: &WaitLimit<'_>,
    first: First,
    mut attempt: impl FnMut(Mode) -> io::Result<()>,
) -> Result<(), WaitError> {
    let mut has_errors = false;
    let mut signals = 0_u32;
    let mut skips_attempt = first == First::Poll;
    loop {
        if limit.is_cancelled() {
            return Err(WaitError::Cancelled);
        }
        let tried = match std::mem::take(&mut skips_attempt) {
            true => Err(io::ErrorKind::WouldBlock.into()),
            false => attempt(Mode::Nonblocking),
        };
        match tried {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if has_errors {
                    return Err(WaitError::ErrorQueueReady);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                signals = signals.saturating_add(1);
                if signals > MAX_EINTR {
                    poll_time(limit)?;
                }
                continue;
            }
            Err(error) => return Err(WaitError::Failed(error)),
        }
        let remaining = poll_time(limit)?;
        let socket = PollFd::from_borrowed_fd(socket.as_fd(), interest);
        has_errors = match limit.token_pair() {
            (None, None) => poll_for(&mut [socket], remaining)?,
            (Some(one), None) | (None, Some(one)) => poll_for(&mut [socket, signal(one)], remaining)?,
            (Some(one), Some(two)) => poll_for(&mut [socket, signal(one), signal(two)], remaining)?,
        };
    }
}

/// Whether a socket is readable now.
pub(crate) fn is_readable(socket: &impl AsSocket) -> bool {
    is_ready(socket, PollFlags::IN)
}

/// Whether a socket was shut down for reading (poll(2), `POLLRDHUP`), after which its receive calls
/// return nothing.
#[cold]
pub(crate) fn is_shut_down(socket: &impl AsSocket) -> bool {
    // `rustix` has no name for it on some systems, which do not have it.
    is_ready(socket, PollFlags::from_bits_retain(0x2000))
}

/// Whether all data of a stream was sent, though it may not be acknowledged. `true` if the OS does not
/// report it.
pub(crate) fn has_sent_all(stream: &std::net::TcpStream) -> bool {
    !sys::limit_unsent(stream) || is_ready(stream, PollFlags::OUT)
}

fn is_ready(socket: &impl AsSocket, interest: PollFlags) -> bool {
    let mut socket = [PollFd::from_borrowed_fd(socket.as_fd(), interest)];
    poll_for(&mut socket, Some(Duration::ZERO)).is_ok() && !socket[0].revents().is_empty()
}

/// How often a wait for a stream ends, where a shutdown does not end it, to check for one.
pub(super) const SLICE: Duration = Duration::from_millis(100);

/// Waits for a stream that another handle may shut down meanwhile.
#[inline]
pub(super) fn wait_in_slices<T>(
    limit: &WaitLimit<'_>,
    mut wait: impl FnMut(&WaitLimit<'_>) -> Result<T, WaitError>,
) -> Result<T, WaitError> {
    if SHUTDOWN_WAKES_READERS {
        return wait(limit);
    }
    loop {
        let Some(slice) = limit.slice(SLICE) else { return wait(limit) };
        match wait(&slice) {
            Err(WaitError::TimedOut) => {}
            ended => return ended,
        }
    }
}

/// How long one poll may sleep; `None` is without a limit. It must be computed again for each poll.
pub(super) fn poll_time(limit: &WaitLimit<'_>) -> Result<Option<Duration>, WaitError> {
    match limit.remaining() {
        Some(Duration::ZERO) => Err(WaitError::TimedOut),
        Some(remaining) if remaining > LONG_POLL => Ok(Some(remaining - remaining / POLL_SLACK_DIV)),
        remaining => Ok(remaining),
    }
}

/// Sleeps until the deadline of the limit. Returns an error if a token was cancelled before.
pub(crate) fn sleep(limit: &WaitLimit<'_>) -> Result<(), WaitError> {
    loop {
        if limit.is_cancelled() {
            return Err(WaitError::Cancelled);
        }
        let remaining = match limit.remaining() {
            None | Some(Duration::ZERO) => return Ok(()),
            Some(remaining) => remaining,
        };
        // A poll that fails was a sleep that is too short, and is followed by another.
        match limit.token_pair() {
            (None, None) => std::thread::sleep(remaining),
            (Some(one), None) | (None, Some(one)) => drop(poll_for(&mut [signal(one)], Some(remaining))),
            (Some(one), Some(two)) => drop(poll_for(&mut [signal(one), signal(two)], Some(remaining))),
        }
    }
}

pub(super) fn signal(token: &CancelToken) -> PollFd<'_> {
    PollFd::from_borrowed_fd(token.signal(), PollFlags::IN)
}

/// One poll. The caller finds out what has happened, except whether the first descriptor has a
/// queued error.
pub(super) fn poll_for(descriptors: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<bool> {
    // A timeout that is too long for the clock of the OS is none.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(descriptors, timeout.as_ref()) {
        Ok(_) => Ok(descriptors[0].revents().contains(PollFlags::ERR)),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
