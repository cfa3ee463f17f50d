//! How a client connects: look up, race, and retry, within one limit.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::client::TcpClient;
use super::connection::{Inner, TcpConnection};
use super::failures::ConnectFailures;
use super::observe::{ConnectEvent, Observer};
use super::race::{self, Outcome, Runners};
use crate::addr::Address;
use crate::dns::{self, Found};
use crate::error::{Error, ErrorKind, Operation, Result, TimeLimit};
use crate::proto::race::interleave;
use crate::proto::retry::Retry;
use crate::sys::{self, Family};
use crate::wait::{self, WaitLimit};

/// The maximum number of addresses of a name that are tried. A name server can send thousands.
const MAX_ADDRESSES: usize = 64;

impl TcpClient {
    /// Attempts until one connects, the retries are used up, or the timeout expires.
    pub(super) fn connect_within(
        &self,
        address: &Address,
        retry: Option<Retry>,
        observer: &mut Observer<'_>,
    ) -> Result<TcpConnection> {
        let limit = self.connect_limit();
        let mut attempt = 0;
        loop {
            let error = match self.connect_once(address, &limit, observer) {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            let delay = retry.and_then(|retry| {
                // The delays are between the attempts, so the last attempt has none.
                retry.wait(attempt + 1, 0)?;
                retry.wait(attempt, sys::random())
            });
            attempt += 1;
            match delay {
                Some(delay) if error.is_temporary() => self.delay(delay, &limit, error, observer)?,
                _ => return Err(error),
            }
        }
    }

    /// The limit of a connect as a whole.
    pub(super) fn connect_limit(&self) -> WaitLimit<'_> {
        let limit = WaitLimit::started_now().cancelled_by(self.token.as_ref(), None);
        limit.at_most(self.connect_timeout, TimeLimit::ConnectTimeout)
    }

    /// Waits between two attempts. If there is no time for another, the error of the last one is
    /// the result.
    fn delay(
        &self,
        delay: Duration,
        limit: &WaitLimit<'_>,
        error: Error,
        observer: &mut Observer<'_>,
    ) -> Result<()> {
        if limit.remaining().is_some_and(|remaining| remaining <= delay) {
            return Err(error);
        }
        observer.tell(|| ConnectEvent::Waiting { wait: delay, error: &error });
        match wait::sleep(&limit.next(delay, TimeLimit::ConnectTimeout)) {
            Ok(()) => Ok(()),
            Err(_) => Err(error.with_kind(ErrorKind::Cancelled)),
        }
    }

    fn connect_once(
        &self,
        address: &Address,
        limit: &WaitLimit<'_>,
        observer: &mut Observer<'_>,
    ) -> Result<TcpConnection> {
        let began = observer.is_some().then(Instant::now);
        let connection = match dns::lookup_all(self.resolver.as_ref(), address, limit)? {
            Found::Literal(literal) => self.connect_to_any(&[sys::canonical(literal)], limit, observer),
            Found::Resolved(found) => {
                let elapsed = began.map(|began| began.elapsed()).unwrap_or_default();
                observer.tell(|| ConnectEvent::Resolved { found: &found, elapsed });
                let addresses: Vec<SocketAddr> = found.with_port(address.port()).collect();
                self.connect_to_any(&addresses, limit, observer)
            }
        };
        connection.map_err(|error| error.at(address))
    }

    /// One attempt with these addresses, in the order in which a lookup returns them.
    pub(super) fn connect_to_any(
        &self,
        addresses: &[SocketAddr],
        limit: &WaitLimit<'_>,
        observer: &mut Observer<'_>,
    ) -> Result<TcpConnection> {
        let mut sorted;
        let addresses = match addresses {
            [_] => addresses,
            several => {
                sorted = interleave(several);
                if let Some(local) = self.local {
                    // Addresses that cannot be tried are last.
                    sorted.sort_by_key(|remote| Family::of(remote) != Family::of(&local));
                }
                &sorted
            }
        };
        let (addresses, found) = (&addresses[..addresses.len().min(MAX_ADDRESSES)], addresses.len());
        observer.tell(|| ConnectEvent::Addresses { addresses });
        let runners = Runners {
            addresses,
            local: self.local,
            config: &self.settings.options,
            // Only one socket can use a port at a time.
            delay: self.attempt_delay.filter(|_| self.local.is_none_or(|local| local.port() == 0)),
            limit: *limit,
        };
        match race::connect(runners, observer) {
            Ok(Outcome::Connected(stream, remote)) => {
                let inner = Inner::new(stream, sys::canonical(remote), &self.settings);
                Ok(TcpConnection::assemble(inner))
            }
            Ok(Outcome::AllFailed(failed)) => {
                let elapsed = limit.elapsed().unwrap_or_default();
                let error = ConnectFailures::into_error(failed, found, self.local, elapsed);
                Err(if limit.has_passed() { limit.timed(error) } else { error })
            }
            Err(error) => {
                // The local address is part of the connection. Like the peer, it may come back.
                let is_local = error.operation() == Operation::Bind;
                let error = if is_local { error.with_operation(Operation::Connect) } else { error };
                Err(error.with_elapsed(limit.elapsed()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
