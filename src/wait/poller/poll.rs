//! Waiting for many sockets by poll(2) over a list, for systems without a safe crate for anything
//! better. The overhead grows with the number of sockets, and each needs a duplicate descriptor.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
#[cfg(windows)]
use rustix::fd::AsFd as _;
use socket2::{SockRef, Socket};

use super::{Event, Interest};
use crate::sys::AsSocket;
use crate::wait::{CancelToken, Turn, WaitLimit};

/// Reports which of many sockets are readable. Each is reported once, and again after it was
/// registered again.
#[derive(Debug)]
pub(crate) struct Poller {
    list: Mutex<Vec<Entry>>,
    /// A socket that sends a datagram to itself.
    waker: UdpSocket,
}

#[derive(Debug)]
struct Entry {
    key: u64,
    socket: std::sync::Arc<Socket>,
    is_armed: bool,
    interest: Interest,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Poller> {
        let waker = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        waker.connect(waker.local_addr()?)?;
        waker.set_nonblocking(true)?;
        Ok(Poller { list: Mutex::default(), waker })
    }

    /// Registers a socket under a key of the caller. A socket that is closed before it was removed
    /// must be forgotten.
    pub(crate) fn add(&self, socket: &impl AsSocket, key: u64) -> io::Result<()> {
        self.add_for(socket, key, Interest::Read)
    }

    fn add_for(&self, socket: &impl AsSocket, key: u64, interest: Interest) -> io::Result<()> {
        let socket = std::sync::Arc::new(SockRef::from(socket).try_clone()?);
        self.list().push(Entry { key, socket, is_armed: true, interest });
        self.wake();
        Ok(())
    }

    /// Reports the socket again once it is readable, which may be immediately.
    pub(crate) fn reregister(&self, _: &impl AsSocket, key: u64) -> io::Result<()> {
        self.arm(key, Interest::Read);
        Ok(())
    }

    fn arm(&self, key: u64, interest: Interest) {
        if let Some(entry) = self.list().iter_mut().find(|entry| entry.key == key) {
            (entry.is_armed, entry.interest) = (true, interest);
        }
        self.wake();
    }

    pub(crate) fn remove(&self, _: &impl AsSocket, key: u64) {
        self.list().retain(|entry| entry.key != key);
    }

    /// Blocks until a socket is readable, the poller is woken, or the timeout expires, and appends
    /// the keys of readable sockets.
    pub(crate) fn wait(&self, ready: &mut Vec<u64>, timeout: Option<Duration>) -> io::Result<()> {
        let mut events = Vec::new();
        self.wait_for(&mut events, usize::MAX, timeout)?;
        ready.extend(events.iter().map(|event| event.key));
        Ok(())
    }

    fn wait_for(&self, ready: &mut Vec<Event>, max: usize, timeout: Option<Duration>) -> io::Result<bool> {
        let armed: Vec<_> = {
            let list = self.list();
            let armed = list.iter().filter(|entry| entry.is_armed);
            armed.map(|entry| (entry.key, entry.interest, std::sync::Arc::clone(&entry.socket))).collect()
        };
        let mut descriptors = vec![PollFd::from_borrowed_fd(self.waker.as_fd(), PollFlags::IN)];
        let sockets = armed.iter().map(|(_, interest, socket)| {
            let flags = match interest {
                Interest::Read => PollFlags::IN,
                Interest::Write => PollFlags::OUT,
            };
            PollFd::from_borrowed_fd(socket.as_fd(), flags)
        });
        descriptors.extend(sockets);
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut was_woken = false;
        while self.waker.recv(&mut [0; 1]).is_ok() {
            was_woken = true;
        }
        let found = descriptors[1..].iter().zip(&armed).filter(|(found, _)| !found.revents().is_empty());
        let mut list = self.list();
        for (found, (key, interest, _)) in found.take(max) {
            // The interest may have changed since.
            let is_current =
                |entry: &&mut Entry| entry.key == *key && entry.is_armed && entry.interest == *interest;
            if let Some(entry) = list.iter_mut().find(is_current) {
                entry.is_armed = false;
                let broken = PollFlags::HUP | PollFlags::ERR;
                ready.push(Event {
                    key: *key,
                    is_writable: found.revents().intersects(PollFlags::OUT | broken),
                    drains: found.revents().intersects(broken),
                });
            }
        }
        Ok(was_woken)
    }

    /// Ends the current wait, or else the next one.
    pub(crate) fn wake(&self) {
        let _ = self.waker.send(&[0]);
    }

    fn list(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reports events of many sockets to several threads, each event to one of them. One thread polls, and
/// the others wait for their turn.
#[derive(Debug)]
pub(crate) struct EdgePoller {
    poller: Poller,
    turn: Turn<()>,
}

impl EdgePoller {
    pub(crate) fn new() -> io::Result<EdgePoller> {
        Ok(EdgePoller { poller: Poller::new()?, turn: Turn::new(()) })
    }

    /// Registers a socket under a key of the caller, and reports what it is ready for. A socket that is
    /// closed before it was removed must be forgotten.
    pub(crate) fn add(&self, socket: &impl AsSocket, key: u64, interest: Interest) -> io::Result<()> {
        self.poller.add_for(socket, key, interest)
    }

    /// Reports the socket again, after it was reported and is not ready any more. Returns which interest
    /// is registered.
    #[allow(clippy::unnecessary_wraps, reason = "the same signature as with epoll")]
    pub(crate) fn rearm(
        &self,
        _: &impl AsSocket,
        key: u64,
        (_, interest): (Interest, Interest),
    ) -> io::Result<Interest> {
        self.poller.arm(key, interest);
        Ok(interest)
    }

    /// Reports nothing of a socket that was reported, until it is [resumed](Self::resume).
    #[allow(clippy::unnecessary_wraps, reason = "the same signature as with epoll")]
    pub(crate) fn pause(&self, _: &impl AsSocket, _key: u64) -> io::Result<()> {
        Ok(())
    }

    /// Reports when there is something to read, which may be immediately.
    #[allow(clippy::unnecessary_wraps, reason = "the same signature as with epoll")]
    pub(crate) fn resume(&self, _: &impl AsSocket, key: u64) -> io::Result<()> {
        self.poller.arm(key, Interest::Read);
        Ok(())
    }

    pub(crate) fn remove(&self, _: &impl AsSocket, key: u64) {
        self.forget(key);
    }

    /// Forgets a socket that is about to be closed, and closes its duplicate.
    pub(crate) fn forget(&self, key: u64) {
        self.poller.list().retain(|entry| entry.key != key);
    }

    /// Blocks until a socket is ready, the poller is woken, or the timeout expires, and appends at most
    /// `max` events. Returns `true` if the poller was woken.
    pub(crate) fn wait(
        &self,
        ready: &mut Vec<Event>,
        max: usize,
        timeout: Option<Duration>,
    ) -> io::Result<bool> {
        let limit = timeout.map_or(WaitLimit::unlimited(), WaitLimit::timeout);
        let Some(_turn) = self.turn.take(&limit) else { return Ok(false) };
        self.poller.wait_for(ready, max, limit.remaining())
    }

    /// Ends the wait of one thread, or else the next wait.
    pub(crate) fn wake(&self) {
        self.poller.wake();
    }
}

/// Not supported: poll(2) wakes all threads and processes that wait for a listener.
#[derive(Debug)]
pub(crate) struct ExclusiveWait(std::convert::Infallible);

impl ExclusiveWait {
    #[allow(clippy::unnecessary_wraps, reason = "the same signature as with epoll")]
    pub(crate) fn new(_: &impl AsSocket, _: [&CancelToken; 2]) -> io::Result<Option<ExclusiveWait>> {
        Ok(None)
    }

    pub(crate) fn wait(&self, _: Option<Duration>) -> io::Result<()> {
        match self.0 {}
    }
}
