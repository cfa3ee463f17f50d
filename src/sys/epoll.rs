//! Many sockets waited for at once, by epoll(7): what waits costs this process nothing.

use std::io;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::fd::OwnedFd;

use super::AsSocket;

/// Tells which of many sockets have something to read. Each is told of once, and again after it was armed again.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    bell: OwnedFd,
}

/// The key of the bell, which no socket has.
const BELL: u64 = u64::MAX;

/// How many sockets one wait tells of.
const MOST: usize = 64;

const ONCE: EventFlags = EventFlags::IN.union(EventFlags::RDHUP).union(EventFlags::ONESHOT);

impl Poller {
    pub(crate) fn new() -> io::Result<Poller> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &bell, EventData::new_u64(BELL), EventFlags::IN)?;
        Ok(Poller { epoll, bell })
    }

    /// Takes a socket in, under a key of the caller's. One that is closed before it was
    /// removed must be forgotten.
    pub(crate) fn add(&self, socket: &impl AsSocket, key: u64) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(key), ONCE)?)
    }

    /// Has the next thing to read told again, or at once if it is there.
    pub(crate) fn arm(&self, socket: &impl AsSocket, key: u64) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(key), ONCE)?)
    }

    pub(crate) fn remove(&self, socket: &impl AsSocket, _key: u64) {
        // One that is not in it is as good as removed.
        let _ = epoll::delete(&self.epoll, socket);
    }

    /// Of a socket that is about to be closed: the system forgets it by itself.
    pub(crate) fn forget(&self, _key: u64) {}

    /// Waits until there is something, the bell is rung, or the time is over, and appends the keys of those that have
    /// something to read.
    pub(crate) fn wait(&self, ready: &mut Vec<u64>, timeout: Option<Duration>) -> io::Result<()> {
        let nothing = Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        let mut events = [nothing; MOST];
        // A wait too long for the system's clock is no wait that anybody sees the end of. One is made of whole
        // milliseconds where the system does not know finer ones; that it does not end early is seen to here.
        let longest = Duration::from_secs(24 * 3_600);
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout.min(longest)).ok());
        let count = match epoll::wait(&self.epoll, &mut events, timeout.as_ref()) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        for event in &events[..count] {
            match event.data.u64() {
                BELL => {
                    let _ = rustix::io::read(&self.bell, &mut [0; 8]);
                }
                key => ready.push(key),
            }
        }
        Ok(())
    }

    /// Ends the wait that goes on, or else the next one.
    pub(crate) fn ring(&self) {
        // It fails only when it has been rung 2^64 - 2 times.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }
}

#[cfg(all(unix, feature = "process"))]
impl Poller {
    /// The key of a listener that others have, too.
    const SHARED: u64 = u64::MAX - 2;

    /// Takes in a listener from which other processes accept, too: of several that wait, one is woken for a connection, and no
    /// other. It is told of as long as there is one, to [`doze`](Self::doze) only, and must be [removed](Self::remove_shared)
    /// before it is closed, because the others have it still. False where the system wakes all.
    pub(crate) fn add_shared(&self, listener: &impl AsSocket) -> io::Result<bool> {
        let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
        epoll::add(&self.epoll, listener, EventData::new_u64(Self::SHARED), flags)?;
        Ok(true)
    }

    pub(crate) fn remove_shared(&self, listener: &impl AsSocket) {
        self.remove(listener, Self::SHARED);
    }

    /// Waits until there is something or the bell is rung, and does not tell what.
    pub(crate) fn doze(&self) -> io::Result<()> {
        let nothing = Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        let mut events = [nothing; 4];
        let count = match epoll::wait(&self.epoll, &mut events, None) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        if events[..count].iter().any(|event| event.data.u64() == BELL) {
            let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        }
        Ok(())
    }
}
