use std::fmt;
use std::iter::FusedIterator;
use std::time::Instant;

use super::client::TcpClient;
use super::connection::TcpConnection;
use super::observe::Observer;
use crate::addr::Address;
use crate::error::Result;
use crate::proto::reconnect::{Rounds, Step};
use crate::sys::{self, Limit, Moment};

/// Connections to one server, each after the one before has ended; made by
/// [`TcpClient::reconnect`](crate::TcpClient::reconnect).
///
/// An item is a connection, or what a round of attempts has failed with; after that the next call waits, longer and longer, and
/// tries again. It has no thread: time passes in [`next`](Iterator::next).
///
/// * **It ends** after as many failed rounds in a row as the client's [`Retry`](crate::Retry) has attempts; with an error that
///   is not [temporary](crate::Error::is_temporary), such as a name that does not exist; or when the client's
///   [`Stopper`](crate::Stopper) is thrown, without an error.
/// * **It never spins.** A connection counts as over when the next one is asked for. One that lasted less than the longest wait
///   is followed by a wait as a failed round is, so that a server that accepts and closes at once is left in peace; it does
///   not count as failed. No wait is shorter than 10 ms.
#[must_use = "an iterator does nothing until it is asked"]
pub struct Reconnecting {
    client: TcpClient,
    address: Address,
    rounds: Rounds,
}

impl Reconnecting {
    pub(super) fn new(client: &TcpClient, address: Address) -> Reconnecting {
        let rounds = Rounds::new(client.retry.unwrap_or_default());
        Reconnecting { client: client.clone(), address, rounds }
    }
}

impl Iterator for Reconnecting {
    type Item = Result<TcpConnection>;

    fn next(&mut self) -> Option<Result<TcpConnection>> {
        loop {
            match self.rounds.poll(Instant::now(), sys::random()) {
                Step::Over => return None,
                Step::Wait(until) => {
                    let stopper = self.client.stopper.as_ref();
                    let limit = Limit { deadline: Some(Moment::from(until)), stopper, ..Limit::default() };
                    if !sys::sleep(limit) {
                        self.rounds.handle_stopped();
                    }
                }
                Step::Connect => {
                    let result = self.client.connect_within(&self.address, None, &mut Observer::none());
                    match &result {
                        Ok(_) => self.rounds.handle_connected(Instant::now()),
                        Err(error) if error.is_stopped() => {
                            self.rounds.handle_stopped();
                            continue;
                        }
                        Err(error) => {
                            self.rounds.handle_failed(error.is_temporary(), Instant::now(), sys::random());
                        }
                    }
                    return Some(result);
                }
            }
        }
    }
}

impl FusedIterator for Reconnecting {}

impl fmt::Debug for Reconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnecting").field("address", &self.address).finish_non_exhaustive()
    }
}
