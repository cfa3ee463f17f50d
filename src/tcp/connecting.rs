//! How a client connects: look up, race, and again while it may help, all before one deadline.

use std::net::SocketAddr;
use std::time::Duration;

use super::client::TcpClient;
use super::connection::{Inner, TcpConnection};
use super::failures::ConnectFailures;
use super::observe::{ConnectEvent, Observer};
use super::race::{self, Runners};
use crate::addr::Address;
use crate::dns::{self, Found};
use crate::error::{Error, ErrorKind, Result};
use crate::proto::race::interleave;
use crate::proto::retry::Retry;
use crate::sys::{self, Family, Limit, Moment};

impl TcpClient {
    /// Rounds until one connects, the retries are used up or the time is over.
    pub(super) fn connect_within(
        &self,
        address: &Address,
        retry: Option<Retry>,
        observer: &mut Observer<'_>,
    ) -> Result<TcpConnection> {
        let started = Moment::now();
        let deadline = self.connect_timeout.and_then(|timeout| started.after(nanos(timeout)));
        let mut attempt = 0;
        loop {
            let error = match self.connect_once(address, started, deadline, observer) {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            let wait = retry.and_then(|retry| {
                // The waits stand between the attempts, so the last has none.
                retry.wait(attempt + 1, 0)?;
                retry.wait(attempt, sys::random())
            });
            attempt += 1;
            match wait {
                Some(wait) if error.is_temporary() => self.wait(wait, deadline, error, observer)?,
                _ => return Err(error),
            }
        }
    }

    /// Waits between two attempts; when there is no time for another, the last one's error is the
    /// result.
    fn wait(
        &self,
        wait: Duration,
        deadline: Option<Moment>,
        error: Error,
        observer: &mut Observer<'_>,
    ) -> Result<()> {
        let until = Moment::now().after(nanos(wait));
        if deadline.is_some_and(|deadline| until.is_none_or(|until| until >= deadline)) {
            return Err(error);
        }
        observer.tell(|| ConnectEvent::Waiting { wait, error: &error });
        match sys::sleep(Limit { deadline: until, token: self.token.as_ref(), ..Limit::default() }) {
            true => Ok(()),
            false => Err(error.with_kind(ErrorKind::Cancelled)),
        }
    }

    fn connect_once(
        &self,
        address: &Address,
        started: Moment,
        deadline: Option<Moment>,
        observer: &mut Observer<'_>,
    ) -> Result<TcpConnection> {
        let limit = Limit { deadline, token: self.token.as_ref(), ..Limit::default() };
        let began = Moment::now();
        let addresses: Vec<SocketAddr> = match dns::lookup_all(self.resolver.as_ref(), address, limit)? {
            Found::Literal(literal) => vec![sys::canonical(literal)],
            Found::Resolved(found) => {
                let elapsed = began.elapsed();
                observer.tell(|| ConnectEvent::Resolved { found: &found, elapsed });
                found.with_port(address.port()).collect()
            }
        };
        let connection = self.connect_to_any(&addresses, started, deadline, observer);
        connection.map_err(|error| error.at(address))
    }

    /// One round, with these addresses in the order in which a look-up gives them.
    pub(super) fn connect_to_any(
        &self,
        addresses: &[SocketAddr],
        started: Moment,
        deadline: Option<Moment>,
        observer: &mut Observer<'_>,
    ) -> Result<TcpConnection> {
        let mut addresses = interleave(addresses);
        if let Some(local) = self.local {
            // Those that cannot be tried are preferred by nobody.
            addresses.sort_by_key(|remote| Family::of(remote) != Family::of(&local));
        }
        observer.tell(|| ConnectEvent::Addresses { addresses: &addresses });
        let runners = Runners {
            addresses: &addresses,
            local: self.local,
            config: &self.settings.options,
            // A port can be left from once at a time.
            delay: self.attempt_delay.filter(|_| self.local.is_none_or(|local| local.port() == 0)),
            deadline,
            token: self.token.as_ref(),
        };
        match race::connect(runners, observer) {
            Ok(Ok((stream, remote))) => {
                let inner = Inner::new(stream, sys::canonical(remote), &self.settings);
                Ok(TcpConnection::assemble(inner))
            }
            Ok(Err(failed)) => {
                Err(ConnectFailures::into_error(failed, addresses.len(), self.local, started.elapsed()))
            }
            Err(error) => Err(error.with_elapsed(Some(started.elapsed()))),
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
