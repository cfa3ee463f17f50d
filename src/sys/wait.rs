//! Waiting: until a socket is ready, a deadline, or a cancel token, whichever is first.
//!
//! A call that finds its datagram makes the one system call that a raw call would make, however it is bounded:
//!
//! * without a limit it blocks in the call;
//! * with a deadline further away than the clock's tick it blocks under `SO_RCVTIMEO`, which is set only when the
//!   remaining time has become another class, and polls for the last stretch only, because the kernel ends such a wait
//!   late (see `TICK`);
//! * with a near deadline or a cancel token it tries first, and polls only when there was nothing.
//!
//! A poll is exact to 0.1 %, so one that is long ends a little early and is followed by a short one.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
#[cfg(windows)]
use rustix::fd::AsFd as _;
use socket2::SockRef;

use super::platform::{BLOCKS, BLOCKS_WITH_TIMEOUT};
use super::{AsSocket, CUT_WAKES, CancelToken, Limit, Mode, Moment};

/// Why a wait ended without its result.
#[derive(Debug)]
pub(crate) enum Ended {
    TimedOut,
    Cancelled,
    /// Nothing has come, and reports about datagrams sent earlier are waiting; until somebody takes them, no poll sleeps.
    Reports,
    Failed(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Ended {
        Ended::Failed(error)
    }
}

/// Linux ends a wait under `SO_RCVTIMEO` up to two of its ticks late (5.6 ms are seen at 250 Hz, 100 Hz is the coarsest in
/// use), and an eighth of the wait on top, because its timer wheel is the coarser the further away the end is. In
/// nanoseconds.
const TICK: u64 = 20_000_000;
const LATENESS: u64 = 8;

/// Below this, a wait is a poll from the beginning.
const SHORTEST_BLOCKING: u64 = 2 * TICK;

/// select(2) and its kin are given a slack of 0.1 % of their timeout; twice that is left for a second poll, of waits so
/// long, in nanoseconds, that it can be seen.
const POLL_SLACK: u64 = 500;
const LONG_POLL: u64 = 100_000_000;

/// So many signals in a row end an attempt before anybody looks whether the time is over: without time to wait, one that comes
/// at the wrong moment would else hide what is there, and without an end they would outlast every limit.
pub(super) const FREE_SIGNALS: u32 = 32;

/// The `SO_RCVTIMEO` that a socket has in the kernel now, in nanoseconds, and whether a thread relies on it.
///
/// The option belongs to the socket, not to the call, so only one thread at a time may rely on it: the one that holds
/// it, for the length of its call. Another that has a deadline at the same time polls. A thread without a deadline
/// needs no hold: if somebody's timeout ends its call, it polls for the rest.
#[derive(Debug, Default)]
pub(crate) struct ReceiveTimeout(AtomicU64);

const HELD: u64 = 1 << 63;

/// The hold on a socket's timeout, which ends with it.
struct Hold<'a> {
    timeout: &'a ReceiveTimeout,
    kernel: u64,
}

/// See [`ReceiveTimeout::permit`].
pub(crate) struct Permit<'a> {
    _hold: Option<Hold<'a>>,
}

impl Drop for Hold<'_> {
    #[inline]
    fn drop(&mut self) {
        self.timeout.0.store(self.kernel, Ordering::Release);
    }
}

impl ReceiveTimeout {
    /// That of a listener, on which it is set for the connections that inherit it: the one that fits a first wait of so
    /// long. Without effect where a wait of that length is a poll.
    pub(super) fn armed(listener: &impl AsSocket, timeout: Duration) -> ReceiveTimeout {
        let timeout_nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        let kernel = ReceiveTimeout::default();
        if BLOCKS_WITH_TIMEOUT && (SHORTEST_BLOCKING..HELD).contains(&timeout_nanos) {
            if let Some(mut hold) = kernel.hold() {
                // A system that refuses is asked again by each connection.
                let _ = hold.fit(listener, timeout_nanos);
            }
        }
        kernel
    }

    /// For a connection that has come from such a listener.
    pub(crate) fn inherited(&self) -> ReceiveTimeout {
        ReceiveTimeout(AtomicU64::new(self.0.load(Ordering::Relaxed)))
    }

    #[inline]
    fn hold(&self) -> Option<Hold<'_>> {
        let kernel = self.0.load(Ordering::Relaxed);
        let is_free = kernel & HELD == 0;
        let held = self.0.compare_exchange(kernel, kernel | HELD, Ordering::Acquire, Ordering::Relaxed);
        (is_free && held.is_ok()).then_some(Hold { timeout: self, kernel })
    }

    /// Leave to make one blocking call under the limit, as long as it is held; the call ends in time, with nothing if
    /// need be. `None` where the wait must be a poll, or the system refuses the option.
    #[inline]
    pub(crate) fn permit(&self, socket: &impl AsSocket, limit: Limit<'_>) -> Option<Permit<'_>> {
        if !BLOCKS || limit.token.is_some() || limit.also.is_some() {
            return None;
        }
        let Some(deadline) = limit.deadline else {
            let is_endless = self.0.load(Ordering::Relaxed) == 0;
            return is_endless.then_some(Permit { _hold: None });
        };
        let remaining = limit.started?.until(deadline);
        if !BLOCKS_WITH_TIMEOUT || remaining < SHORTEST_BLOCKING {
            return None;
        }
        let mut hold = self.hold()?;
        hold.fit(socket, remaining).ok()?;
        Some(Permit { _hold: Some(hold) })
    }

    /// Takes the timeout away, unless somebody relies on it at the moment.
    #[cold]
    fn disarm(&self, socket: &impl AsSocket) -> io::Result<()> {
        if let Some(mut hold) = self.hold() {
            SockRef::from(socket).set_read_timeout(None)?;
            hold.kernel = 0;
        }
        Ok(())
    }
}

impl Hold<'_> {
    /// Makes the kernel's timeout fit a wait of `remaining`, which it does already when the one before was similar.
    #[inline]
    fn fit(&mut self, socket: &impl AsSocket, remaining: u64) -> io::Result<()> {
        let most = (remaining - TICK) / (LATENESS + 1) * LATENESS;
        if self.kernel <= most && self.kernel >= most / 2 { Ok(()) } else { self.set(socket, most) }
    }

    #[cold]
    fn set(&mut self, socket: &impl AsSocket, most: u64) -> io::Result<()> {
        // An eighth less than allowed, so that the next call with almost the same deadline finds it still fits.
        let wanted = (most - most / 8) & !HELD;
        SockRef::from(socket).set_read_timeout(Some(Duration::from_nanos(wanted)))?;
        self.kernel = wanted;
        Ok(())
    }
}

/// Runs `attempt` until it gets something or the limit ends the wait for the socket to become readable.
pub(crate) fn receiving(
    socket: &impl AsSocket,
    timeout: &ReceiveTimeout,
    limit: Limit<'_>,
    mut attempt: impl FnMut(Mode) -> io::Result<()>,
) -> Result<(), Ended> {
    if limit.deadline.is_none() && timeout.0.load(Ordering::Relaxed) != 0 {
        timeout.disarm(socket)?;
    }
    if let Some(_permit) = timeout.permit(socket, limit) {
        match attempt(Mode::Block) {
            Ok(()) => return Ok(()),
            Err(error) if is_again(&error) => {}
            Err(error) => return Err(Ended::Failed(error)),
        }
    }
    polling(socket, PollFlags::IN, limit, attempt)
}

/// Runs `attempt` until it has sent or the limit ends the wait for room.
pub(crate) fn sending(
    socket: &impl AsSocket,
    limit: Limit<'_>,
    attempt: impl FnMut(Mode) -> io::Result<()>,
) -> Result<(), Ended> {
    polling(socket, PollFlags::OUT, limit, attempt)
}

/// Tries, and polls when there was nothing.
pub(super) fn polling(
    socket: &impl AsSocket,
    interest: PollFlags,
    limit: Limit<'_>,
    mut attempt: impl FnMut(Mode) -> io::Result<()>,
) -> Result<(), Ended> {
    let mut has_reports = false;
    let mut signals = 0_u32;
    loop {
        if limit.token.is_some_and(CancelToken::is_cancelled)
            || limit.also.is_some_and(CancelToken::is_cancelled)
        {
            return Err(Ended::Cancelled);
        }
        match attempt(Mode::Try) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if has_reports {
                    return Err(Ended::Reports);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                signals = signals.saturating_add(1);
                if signals > FREE_SIGNALS {
                    poll_time(limit.deadline)?;
                }
                continue;
            }
            Err(error) => return Err(Ended::Failed(error)),
        }
        let remaining = poll_time(limit.deadline)?;
        let socket = PollFd::from_borrowed_fd(socket.as_fd(), interest);
        has_reports = match (limit.token, limit.also) {
            (None, None) => poll_for(&mut [socket], remaining)?,
            (Some(one), None) | (None, Some(one)) => poll_for(&mut [socket, signal(one)], remaining)?,
            (Some(one), Some(two)) => poll_for(&mut [socket, signal(one), signal(two)], remaining)?,
        };
    }
}

/// How long a wait for a stream goes on, where a shutdown may not end it, before somebody looks whether there was one. In
/// nanoseconds.
const SLICE: u64 = 100_000_000;

/// Waits for a stream that another handle may shut down meanwhile.
#[inline]
pub(super) fn for_stream<T>(
    limit: Limit<'_>,
    mut wait: impl FnMut(Limit<'_>) -> Result<T, Ended>,
) -> Result<T, Ended> {
    if CUT_WAKES {
        return wait(limit);
    }
    loop {
        let slice = Moment::now().after(SLICE);
        let is_last = limit.deadline.is_some_and(|deadline| slice.is_none_or(|slice| deadline <= slice));
        if is_last {
            return wait(limit);
        }
        match wait(Limit { deadline: slice, ..limit }) {
            Err(Ended::TimedOut) => {}
            ended => return ended,
        }
    }
}

/// How long one poll may sleep, where `None` is for ever. What remains is to be asked for anew before each.
pub(super) fn poll_time(deadline: Option<Moment>) -> Result<Option<Duration>, Ended> {
    let Some(deadline) = deadline else { return Ok(None) };
    match Moment::now().until(deadline) {
        0 => Err(Ended::TimedOut),
        nanos if nanos > LONG_POLL => Ok(Some(Duration::from_nanos(nanos - nanos / POLL_SLACK))),
        nanos => Ok(Some(Duration::from_nanos(nanos))),
    }
}

/// Sleeps to the deadline, which there must be: true, or false if a cancel token was cancelled before.
pub(crate) fn sleep(limit: Limit<'_>) -> bool {
    let Some(deadline) = limit.deadline else { return true };
    loop {
        if limit.token.is_some_and(CancelToken::is_cancelled) {
            return false;
        }
        let remaining = Duration::from_nanos(Moment::now().until(deadline));
        if remaining.is_zero() {
            return true;
        }
        match limit.token {
            None => std::thread::sleep(remaining),
            // A poll that fails is a sleep that was too short, and there is another one.
            Some(token) => drop(poll_for(&mut [signal(token)], Some(remaining))),
        }
    }
}

pub(super) fn signal(token: &CancelToken) -> PollFd<'_> {
    PollFd::from_borrowed_fd(token.signal(), PollFlags::IN)
}

/// One poll. Whoever calls looks for itself at what has happened, except for this: whether the first descriptor has
/// an error waiting.
pub(super) fn poll_for(descriptors: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<bool> {
    // A wait too long for the system's clock is no wait that anybody sees the end of.
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(descriptors, timeout.as_ref()) {
        Ok(_) => Ok(descriptors[0].revents().contains(PollFlags::ERR)),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a blocking call ended with nothing: a signal came, or the time that the kernel was told, or the socket does
/// not block because somebody made it so from outside. The rest of the wait is a poll, so that nothing ever spins.
pub(crate) fn is_again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}
