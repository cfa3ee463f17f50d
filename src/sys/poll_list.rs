//! Many sockets waited for at once, by poll(2) over a list: for systems on which no safe crate offers more. What it costs
//! grows with the number of sockets, and each is held by a duplicate.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
#[cfg(windows)]
use rustix::fd::AsFd as _;
use socket2::{SockRef, Socket};

use super::AsSocket;

/// Tells which of many sockets have something to read. Each is told of once, and again after it was armed again.
#[derive(Debug)]
pub(crate) struct Poller {
    list: Mutex<Vec<Entry>>,
    /// A datagram to itself.
    bell: UdpSocket,
}

#[derive(Debug)]
struct Entry {
    key: u64,
    socket: std::sync::Arc<Socket>,
    is_armed: bool,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Poller> {
        let bell = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        bell.connect(bell.local_addr()?)?;
        bell.set_nonblocking(true)?;
        Ok(Poller { list: Mutex::default(), bell })
    }

    /// Takes a socket in, under a key of the caller's. One that is closed before it was
    /// removed must be forgotten.
    pub(crate) fn add(&self, socket: &impl AsSocket, key: u64) -> io::Result<()> {
        let socket = std::sync::Arc::new(SockRef::from(socket).try_clone()?);
        self.list().push(Entry { key, socket, is_armed: true });
        self.ring();
        Ok(())
    }

    /// Has the next thing to read told again, or at once if it is there.
    pub(crate) fn arm(&self, _: &impl AsSocket, key: u64) -> io::Result<()> {
        if let Some(entry) = self.list().iter_mut().find(|entry| entry.key == key) {
            entry.is_armed = true;
        }
        self.ring();
        Ok(())
    }

    pub(crate) fn remove(&self, _: &impl AsSocket, key: u64) {
        self.forget(key);
    }

    /// Of a socket that is about to be closed: its duplicate is, too.
    pub(crate) fn forget(&self, key: u64) {
        self.list().retain(|entry| entry.key != key);
    }

    /// Waits until there is something, the bell is rung, or the time is over, and appends the keys of those that have
    /// something to read.
    pub(crate) fn wait(&self, ready: &mut Vec<u64>, timeout: Option<Duration>) -> io::Result<()> {
        let armed: Vec<_> = {
            let list = self.list();
            let armed = list.iter().filter(|entry| entry.is_armed);
            armed.map(|entry| (entry.key, std::sync::Arc::clone(&entry.socket))).collect()
        };
        let mut descriptors = vec![PollFd::from_borrowed_fd(self.bell.as_fd(), PollFlags::IN)];
        let sockets = armed.iter().map(|(_, socket)| PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN));
        descriptors.extend(sockets);
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut descriptors, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        while self.bell.recv(&mut [0; 1]).is_ok() {}
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

    /// Ends the wait that goes on, or else the next one.
    pub(crate) fn ring(&self) {
        let _ = self.bell.send(&[0]);
    }

    fn list(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(unix, feature = "process"))]
impl Poller {
    /// Not here: poll(2) wakes all who wait for a listener.
    pub(crate) fn add_shared(&self, _: &impl AsSocket) -> io::Result<bool> {
        Ok(false)
    }

    pub(crate) fn remove_shared(&self, _: &impl AsSocket) {}

    /// Waits until there is something or the bell is rung, and does not tell what.
    pub(crate) fn doze(&self) -> io::Result<()> {
        self.wait(&mut Vec::new(), None)
    }
}
