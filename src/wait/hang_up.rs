//! Waits of a copy between two streams: for one of them, and for the failure of the other.
//!
//! poll(2) reports errors and hang-ups whether asked for or not, so a stream that is only watched is
//! polled for no event. Every wait may return early; the caller tries again.

use std::net::TcpStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::fd::AsFd as _;

use super::limit::{WaitError, WaitLimit};
use super::ready::{SLICE, poll_for, poll_time};
use crate::sys::SHUTDOWN_WAKES_READERS;

/// How long a watch lasts. On Linux a shutdown of the stream ends it before; elsewhere it may not.
const WATCH: Duration = Duration::from_millis(500);

/// Waits until a stream is readable, has ended or has failed.
pub(crate) fn await_readable(stream: &TcpStream, limit: &WaitLimit<'_>) -> Result<(), WaitError> {
    poll_for(&mut [poll_fd(stream, PollFlags::IN)], sliced(poll_time(limit)?))?;
    Ok(())
}

/// Waits until a stream has buffer space or has failed. Returns `true` if the watched stream has
/// failed, or both of its sides have ended.
pub(crate) fn await_writable(
    stream: &TcpStream,
    watched: Option<&TcpStream>,
    limit: &WaitLimit<'_>,
) -> Result<bool, WaitError> {
    let (remaining, own) = (sliced(poll_time(limit)?), poll_fd(stream, PollFlags::OUT));
    let Some(watched) = watched else {
        poll_for(&mut [own], remaining)?;
        return Ok(false);
    };
    let mut both = [own, poll_fd(watched, PollFlags::empty())];
    poll_for(&mut both, remaining)?;
    Ok(!both[1].revents().is_empty())
}

/// Waits until a stream has failed or both of its sides have ended, for a short time.
pub(crate) fn await_hang_up(stream: &TcpStream) -> Result<bool, WaitError> {
    let mut watched = [poll_fd(stream, PollFlags::empty())];
    poll_for(&mut watched, sliced(Some(WATCH)))?;
    Ok(!watched[0].revents().is_empty())
}

fn poll_fd(stream: &TcpStream, events: PollFlags) -> PollFd<'_> {
    PollFd::from_borrowed_fd(stream.as_fd(), events)
}

/// Where an abort by another handle does not end a poll, it is checked for from time to time.
fn sliced(remaining: Option<Duration>) -> Option<Duration> {
    match SHUTDOWN_WAKES_READERS {
        true => remaining,
        false => Some(remaining.map_or(SLICE, |remaining| remaining.min(SLICE))),
    }
}
