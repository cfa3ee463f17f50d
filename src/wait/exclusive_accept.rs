//! Waiting for connections in one of several processes that accept from the same listener.
//!
//! poll(2) wakes all of them, and all but one for nothing. `EPOLLEXCLUSIVE` of epoll_ctl(2) wakes
//! one. A process that was woken and does not accept must make another one check: see
//! [`ExclusiveAccept::leave`] and [`ExclusiveAccept::wake`].

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::cancel::CancelToken;
use super::limit::WaitError;
use super::poller::Poller;
use crate::sys::accept_now;

#[derive(Debug)]
pub(crate) struct ExclusiveAccept(Poller);

const CANCELLED: u64 = 0;

impl ExclusiveAccept {
    /// For this listener, and the token that ends the wait. `None` if the OS wakes all processes.
    pub(crate) fn new(listener: &TcpListener, token: &CancelToken) -> io::Result<Option<ExclusiveAccept>> {
        let poller = Poller::new()?;
        poller.add(&token.signal(), CANCELLED)?;
        Ok(poller.add_shared(listener)?.then_some(ExclusiveAccept(poller)))
    }

    /// Blocks until there is a connection to accept, or the token is cancelled.
    pub(crate) fn accept(
        &self,
        listener: &TcpListener,
        token: &CancelToken,
    ) -> Result<(TcpStream, SocketAddr), WaitError> {
        loop {
            if token.is_cancelled() {
                return Err(WaitError::Cancelled);
            }
            match accept_now(listener) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.0.wait_any()?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(WaitError::Failed),
            }
        }
    }

    /// Stops being woken for connections. The process may have been woken for one that is still in
    /// the backlog, so the caller accepts once more before it closes the listener.
    pub(crate) fn leave(&self, listener: &TcpListener) {
        self.0.remove_shared(listener);
    }

    /// Makes the wait check once more, for a connection for which another process was woken that
    /// has ended.
    pub(crate) fn wake(&self) {
        self.0.wake();
    }
}
