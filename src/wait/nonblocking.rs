//! `O_NONBLOCK` for the length of a call, for system calls that have no flag for it.

use std::sync::{Mutex, PoisonError};

use socket2::SockRef;

use crate::sys::{AsSocket, SUPPORTS_BLOCKING};

/// How many calls need the socket to be non-blocking.
///
/// The flag belongs to the socket and not to the call: it is set by the first call that needs it,
/// and cleared after the last.
#[derive(Debug, Default)]
pub(crate) struct Nonblocking(Mutex<u32>);

/// One call that needs it.
#[derive(Debug)]
pub(crate) struct NonblockingHold<'a, S: AsSocket> {
    count: &'a Nonblocking,
    socket: &'a S,
}

impl Nonblocking {
    /// Makes the socket non-blocking until the last hold is dropped. A receive of another thread
    /// that finds it so polls.
    pub(crate) fn hold<'a, S: AsSocket>(&'a self, socket: &'a S) -> NonblockingHold<'a, S> {
        self.change(socket, |count| {
            let is_first = *count == 0;
            *count += 1;
            is_first.then_some(true)
        });
        NonblockingHold { count: self, socket }
    }

    fn change(&self, socket: &impl AsSocket, change: impl FnOnce(&mut u32) -> Option<bool>) {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(nonblocking), true) = (change(&mut count), SUPPORTS_BLOCKING) {
            // If it fails, the limit of the call is less exact.
            let _ = SockRef::from(socket).set_nonblocking(nonblocking);
        }
    }
}

impl<S: AsSocket> Drop for NonblockingHold<'_, S> {
    fn drop(&mut self) {
        self.count.change(self.socket, |count| {
            *count -= 1;
            (*count == 0).then_some(false)
        });
    }
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use super::*;

    #[cfg(unix)]
    #[test]
    fn socket_blocks_again_after_the_last_hold() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let is_nonblocking = || SockRef::from(&socket).nonblocking().unwrap();
        let count = Nonblocking::default();
        let one = count.hold(&socket);
        let two = count.hold(&socket);
        drop(one);
        assert!(is_nonblocking());
        drop(two);
        assert!(!is_nonblocking());
    }
}
