//! Waiting for many connection attempts, by one poll.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use super::limit::{WaitError, WaitLimit};
use super::ready::{poll_for, poll_time, signal};
use crate::sys::{Connecting, SUPPORTS_BLOCKING};

/// Before Windows 10 version 2004, poll does not report attempts that fail, but the sockets do.
/// Where waits are polls, the sockets are checked this often.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Blocks until some attempts may be complete, and returns the positions of those to check.
pub(crate) fn await_connects<'a>(
    connects: impl Iterator<Item = &'a Connecting>,
    limit: &WaitLimit<'_>,
) -> Result<Vec<usize>, WaitError> {
    let poll_fd = |connecting: &'a Connecting| PollFd::from_borrowed_fd(connecting.as_fd(), PollFlags::OUT);
    let mut descriptors: Vec<PollFd<'_>> = connects.map(poll_fd).collect();
    let count = descriptors.len();
    descriptors.extend(limit.tokens().map(signal));
    loop {
        if limit.is_cancelled() {
            return Err(WaitError::Cancelled);
        }
        let mut remaining = poll_time(limit)?;
        if !SUPPORTS_BLOCKING {
            remaining = Some(remaining.map_or(CHECK_INTERVAL, |remaining| remaining.min(CHECK_INTERVAL)));
        }
        poll_for(&mut descriptors, remaining)?;
        let ready = descriptors[..count].iter().enumerate().filter(|(_, found)| !found.revents().is_empty());
        let ready: Vec<usize> = ready.map(|(position, _)| position).collect();
        if !ready.is_empty() {
            return Ok(ready);
        }
        if !SUPPORTS_BLOCKING {
            return Ok((0..count).collect());
        }
    }
}
