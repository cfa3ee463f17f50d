//! Where the processes that accept from one listener wait: of all of them one is woken for a connection.
//!
//! With poll(2) all wake, and all but one in vain. epoll_ctl(2), `EPOLLEXCLUSIVE`, wakes one; so whoever was woken and does
//! not accept owes it to the others that somebody looks: see [`Gate::leave`] and [`Gate::ring`].

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::stream::accept_now;
use super::wait::Ended;
use super::{CancelToken, Poller};

#[derive(Debug)]
pub(crate) struct Gate(Poller);

const WAKE: u64 = 0;

impl Gate {
    /// For this listener and the switch that ends the waiting; `None` where the system wakes all.
    pub(crate) fn new(listener: &TcpListener, wake: &CancelToken) -> io::Result<Option<Gate>> {
        let poller = Poller::new()?;
        poller.add(&wake.signal(), WAKE)?;
        Ok(poller.add_shared(listener)?.then_some(Gate(poller)))
    }

    /// Waits for the next connection.
    pub(crate) fn accept(
        &self,
        listener: &TcpListener,
        wake: &CancelToken,
    ) -> Result<(TcpStream, SocketAddr), Ended> {
        loop {
            if wake.is_cancelled() {
                return Err(Ended::Cancelled);
            }
            match accept_now(listener) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.0.doze()?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(Ended::Failed),
            }
        }
    }

    /// No connection wakes this process any more. One for which it was woken last may be waiting: whoever leaves must look
    /// once more, and then close the listener.
    pub(crate) fn leave(&self, listener: &TcpListener) {
        self.0.remove_shared(listener);
    }

    /// Has whoever waits here look once more: for a connection for which another process was woken that is no more.
    pub(crate) fn ring(&self) {
        self.0.ring();
    }
}
