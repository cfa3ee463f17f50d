//! Waiting for many sockets by epoll(7): a registered socket has no overhead while it is idle.

use std::io;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::fd::OwnedFd;

use super::{Event as ReadyEvent, Interest};
use crate::sys::AsSocket;
use crate::wait::CancelToken;

/// Reports which of many sockets are readable. Each is reported once, and again after it was
/// registered again.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    waker: OwnedFd,
}

/// The key of the waker, which no socket has.
const WAKER: u64 = u64::MAX;

/// How many sockets one wait reports.
const MOST: usize = 64;

const ONCE: EventFlags = EventFlags::IN.union(EventFlags::RDHUP).union(EventFlags::ONESHOT);

impl Poller {
    pub(crate) fn new() -> io::Result<Poller> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let waker = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &waker, EventData::new_u64(WAKER), EventFlags::IN)?;
        Ok(Poller { epoll, waker })
    }

    /// Registers a socket under a key of the caller. A socket that is closed before it was removed
    /// must be forgotten.
    pub(crate) fn add(&self, socket: &impl AsSocket, key: u64) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(key), ONCE)?)
    }

    /// Reports the socket again once it is readable, which may be immediately.
    pub(crate) fn reregister(&self, socket: &impl AsSocket, key: u64) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(key), ONCE)?)
    }

    pub(crate) fn remove(&self, socket: &impl AsSocket, _key: u64) {
        // It fails only for a socket that is not registered.
        let _ = epoll::delete(&self.epoll, socket);
    }

    /// Blocks until a socket is readable, the poller is woken, or the timeout expires, and appends
    /// the keys of readable sockets.
    pub(crate) fn wait(&self, ready: &mut Vec<u64>, timeout: Option<Duration>) -> io::Result<()> {
        let nothing = Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        let mut events = [nothing; MOST];
        let count = match epoll::wait(&self.epoll, &mut events, timespec(timeout).as_ref()) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        for event in &events[..count] {
            match event.data.u64() {
                WAKER => {
                    let _ = rustix::io::read(&self.waker, &mut [0; 8]);
                }
                key => ready.push(key),
            }
        }
        Ok(())
    }

    /// Ends the current wait, or else the next one.
    pub(crate) fn wake(&self) {
        // It fails only after 2^64 - 2 calls.
        let _ = rustix::io::write(&self.waker, &1_u64.to_ne_bytes());
    }
}

/// Reports events of many sockets to several threads, each event to one of them: edge-triggered, so
/// that a socket is registered once.
#[derive(Debug)]
pub(crate) struct EdgePoller {
    epoll: OwnedFd,
    waker: OwnedFd,
}

impl EdgePoller {
    pub(crate) fn new() -> io::Result<EdgePoller> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let waker = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Each write is an edge, so it is never read.
        epoll::add(&epoll, &waker, EventData::new_u64(WAKER), EventFlags::IN | EventFlags::ET)?;
        Ok(EdgePoller { epoll, waker })
    }

    /// Registers a socket under a key of the caller, and reports what it is ready for.
    pub(crate) fn add(&self, socket: &impl AsSocket, key: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(key), flags(interest))?)
    }

    /// Changes the interest in a socket, after it was reported and is not ready any more. Interest in
    /// writing reports the socket again if there is space. Returns which interest is registered: there
    /// is no call to end the interest in writing, which costs nothing while there is space.
    pub(crate) fn rearm(
        &self,
        socket: &impl AsSocket,
        key: u64,
        (before, interest): (Interest, Interest),
    ) -> io::Result<Interest> {
        if interest == Interest::Write {
            epoll::modify(&self.epoll, socket, EventData::new_u64(key), flags(interest))?;
            return Ok(interest);
        }
        Ok(before)
    }

    /// Reports nothing of a socket until it is [resumed](Self::resume).
    pub(crate) fn pause(&self, socket: &impl AsSocket, key: u64) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(key), EventFlags::ET)?)
    }

    /// Reports when there is something to read, which may be immediately.
    pub(crate) fn resume(&self, socket: &impl AsSocket, key: u64) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(key), flags(Interest::Read))?)
    }

    pub(crate) fn remove(&self, socket: &impl AsSocket, _key: u64) {
        // It fails only for a socket that is not registered.
        let _ = epoll::delete(&self.epoll, socket);
    }

    /// Forgets a socket that is about to be closed. The kernel does so on its own.
    pub(crate) fn forget(&self, _key: u64) {}

    /// Blocks until a socket is ready, the poller is woken, or the timeout expires, and appends at most
    /// `max` events. Returns `true` if the poller was woken.
    pub(crate) fn wait(
        &self,
        ready: &mut Vec<ReadyEvent>,
        max: usize,
        timeout: Option<Duration>,
    ) -> io::Result<bool> {
        let nothing = Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        let mut events = [nothing; MOST];
        let count =
            match epoll::wait(&self.epoll, &mut events[..max.clamp(1, MOST)], timespec(timeout).as_ref()) {
                Ok(count) => count,
                Err(rustix::io::Errno::INTR) => 0,
                Err(error) => return Err(error.into()),
            };
        let mut was_woken = false;
        for Event { flags, data } in events[..count].iter().copied() {
            match data.u64() {
                WAKER => was_woken = true,
                key => ready.push(ReadyEvent {
                    key,
                    is_writable: flags.intersects(EventFlags::OUT | BROKEN),
                    drains: flags.intersects(EventFlags::RDHUP | EventFlags::PRI | BROKEN),
                }),
            }
        }
        Ok(was_woken)
    }

    /// Ends the wait of one thread, or else the next wait.
    pub(crate) fn wake(&self) {
        // It fails only after 2^64 - 2 calls.
        let _ = rustix::io::write(&self.waker, &1_u64.to_ne_bytes());
    }
}

/// The connection is reset or closed.
const BROKEN: EventFlags = EventFlags::HUP.union(EventFlags::ERR);

fn flags(interest: Interest) -> EventFlags {
    let read = EventFlags::IN | EventFlags::PRI | EventFlags::RDHUP | EventFlags::ET;
    match interest {
        Interest::Read => read,
        Interest::Write => read | EventFlags::OUT,
    }
}

/// Waits for a connection of a listener for which other threads and processes wait, too: the kernel
/// wakes one that waits.
#[derive(Debug)]
pub(crate) struct ExclusiveWait {
    epoll: OwnedFd,
}

impl ExclusiveWait {
    /// Also woken when a token is cancelled. `None` if the OS wakes all threads.
    pub(crate) fn new(
        listener: &impl AsSocket,
        tokens: [&CancelToken; 2],
    ) -> io::Result<Option<ExclusiveWait>> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        for token in tokens {
            epoll::add(&epoll, token.signal(), EventData::new_u64(0), EventFlags::IN)?;
        }
        let exclusive = EventFlags::IN | EventFlags::EXCLUSIVE;
        epoll::add(&epoll, listener, EventData::new_u64(0), exclusive)?;
        Ok(Some(ExclusiveWait { epoll }))
    }

    /// Blocks until something has happened or the timeout expires. The caller finds out what.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> io::Result<()> {
        let nothing = Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        match epoll::wait(&self.epoll, &mut [nothing], timespec(timeout).as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A timeout that is too long for the kernel's clock is shortened; callers wait again.
fn timespec(timeout: Option<Duration>) -> Option<Timespec> {
    const LONGEST: Duration = Duration::from_secs(24 * 3_600);
    Timespec::try_from(timeout?.min(LONGEST)).ok()
}
