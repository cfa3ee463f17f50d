//! Accepting connections beside requests.

use std::net::TcpListener;

use super::slots::{RequestConnection, Token};
use super::{Requests, expiry};
use crate::error::{Error, Operation};
use crate::proto::server::lifecycle::Phase;
use crate::sys;
use crate::tcp::connection::TcpConnection;
use crate::tcp::server::accept::{AcceptState, BatchEnd};
use crate::tcp::server::events::ServerEvent;
use crate::wait::Interest;

impl<F, H> Requests<F, H> {
    /// Accepts what is in the backlog. A fault of the listener closes it, and open connections are
    /// served to their end.
    pub(super) fn accept(&self, mut state: AcceptState) {
        let core = &self.core;
        let Some(listener) = core.acceptor.listener() else { return self.scheduler().close_accept() };
        let mut insert = |connection: TcpConnection| {
            let expires = expiry(&connection, true);
            let member = RequestConnection { connection, buffers: None, expires, interest: None };
            self.update(|scheduler| scheduler.slots.insert(member));
        };
        let mut end = core.accept_batch(&listener, &mut state, &mut insert);
        // In a shutdown, no event follows for what is left of the backlog.
        while matches!(end, Ok(BatchEnd::Drained)) && core.phase() >= Phase::Draining {
            end = core.accept_batch(&listener, &mut state, &mut insert);
        }
        let rearmed = match end {
            Ok(BatchEnd::Drained) => {
                let interest = (Interest::Read, Interest::Read);
                self.poller
                    .rearm(&*listener, Token::LISTENER.to_bits(), interest)
                    .map(|_| false)
                    .map_err(|error| sys::failure(Operation::Accept, error))
            }
            Ok(BatchEnd::Paused) => Ok(false),
            Ok(BatchEnd::More) => Ok(true),
            Ok(BatchEnd::Closed) => return self.close_listener(&listener, None),
            Err(error) => Err(error),
        };
        match rearmed {
            Ok(has_more) => {
                let is_earlier = self.update(|scheduler| scheduler.put_back_accept(state, has_more));
                self.notify_timer(is_earlier);
            }
            Err(error) => self.close_listener(&listener, Some(&error)),
        }
    }

    fn close_listener(&self, listener: &TcpListener, error: Option<&Error>) {
        self.poller.remove(listener, Token::LISTENER.to_bits());
        self.scheduler().close_accept();
        self.core.close();
        if let Some(error) = error {
            self.core.observe(&ServerEvent::AcceptFailed { error });
        }
    }
}
