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

use crate::sys::AsSocket;
use crate::wait::CancelToken;

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
        let socket = std::sync::Arc::new(SockRef::from(socket).try_clone()?);
        self.list().push(Entry { key, socket, is_armed: true });
        self.wake();
        Ok(())
    }

    /// Reports the socket again once it is readable, which may be immediately.
    pub(crate) fn reregister(&self, _: &impl AsSocket, key: u64) -> io::Result<()> {
        if let Some(entry) = self.list().iter_mut().find(|entry| entry.key == key) {
            entry.is_armed = true;
        }
        self.wake();
        Ok(())
    }

    pub(crate) fn remove(&self, _: &impl AsSocket, key: u64) {
        self.forget(key);
    }

    /// Forgets a socket that is about to be closed, and closes its duplicate.
    pub(crate) fn forget(&self, key: u64) {
        self.list().retain(|entry| entry.key != key);
    }

    /// Blocks until a socket is readable, the poller is woken, or the timeout expires, and appends
    /// the keys of readable sockets.
    pub(crate) fn wait(&self, ready: &mut Vec<u64>, timeout: Option<Duration>) -> io::Result<()> {
        let armed: Vec<_> = {
            let list = self.list();
            let armed = list.iter().filter(|entry| entry.is_armed);
            armed.map(|entry| (entry.key, std::sync::Arc::clone(&entry.socket))).collect()
        };
        let mut descriptors = vec![PollFd::from_borrowed_fd(self.waker.as_fd(), PollFlags::IN)];
        let sockets = armed.iter().map(|(_, socket)| PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN));
        descriptors.extend(sockets);
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        while self.waker.recv(&mut [0; 1]).is_ok() {}
        let found = descriptors[1..].iter().zip(&armed).filter(|(found, _)| !found.revents().is_empty());
        let mut list = self.list();
        for (_, (key, _)) in found {
            if let Some(entry) = list.iter_mut().find(|entry| entry.key == *key && entry.is_armed) {
                entry.is_armed = false;
                ready.push(*key);
            }
        }
        Ok(())
    }

    /// Ends the current wait, or else the next one.
    pub(crate) fn wake(&self) {
        let _ = self.waker.send(&[0]);
    }

    fn list(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
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
