use std::fmt;
use std::iter::FusedIterator;
use std::time::Instant;

use super::client::TcpClient;
use super::connection::TcpConnection;
use super::observe::Observer;
use crate::addr::{Address, ToAddress};
use crate::error::Result;
use crate::proto::reconnect::{Rounds, Step};
use crate::sys;
use crate::wait::{self, WaitLimit};

/// An iterator over connections to one server, from
/// [`TcpClient::reconnect`](crate::TcpClient::reconnect).
///
/// An item is a connection, or the error of a failed round of attempts. After an error, the next
/// call blocks for a growing delay and tries again. It uses no thread: time passes in
/// [`next`](Iterator::next).
///
/// * The iterator ends after as many consecutive failed rounds as the client's
///   [`Retry`](crate::Retry) has attempts, after an error that is not
///   [temporary](crate::Error::is_temporary), such as a name that does not exist, or when the
///   client's [`CancelToken`](crate::CancelToken) is cancelled.
/// * A connection counts as over when the next one is requested. If it lasted less than the maximum
///   delay, it is followed by a delay as after a failed round, so that a server that accepts and
///   closes at once is not flooded; it does not count as failed. The minimum delay is 10 ms.
#[must_use = "an iterator does nothing until it is asked"]
pub struct Reconnect {
    client: TcpClient,
    address: Address,
    rounds: Rounds,
}

impl TcpClient {
    /// Returns an iterator over connections to one server.
    ///
    /// Each call of `next` blocks until a connection is established. Rounds that fail are separated
    /// by the delays of the client's [`retry`](crate::tcp::TcpClientBuilder::retry), by default
    /// [`Retry::default`](crate::Retry::default), and the iterator ends after its number of attempts. Each round has its
    /// own [`connect_timeout`](crate::tcp::TcpClientBuilder::connect_timeout).
    ///
    /// # Errors
    ///
    /// This returns an error if the address is invalid. Other errors are items of the iterator.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{Retry, TcpClient, TcpServer};
    /// use std::time::Duration;
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let address = server.local_addr();
    /// let serving = std::thread::spawn(move || {
    ///     for word in ["one", "two"] {
    ///         server.accept()?.send(word)?; // and closes
    ///     }
    ///     Ok::<(), socketry::Error>(())
    /// });
    ///
    /// let retry = Retry::new().attempts(3).initial_delay(Duration::from_millis(10));
    /// let client = TcpClient::builder().retry(retry).build();
    /// let (mut words, mut failures) = (Vec::new(), 0);
    /// for connection in client.reconnect(address)? {
    ///     match connection {
    ///         Ok(connection) => words.push(connection.recv_text(100)?),
    ///         Err(error) => failures += u32::from(error.is_refused()),
    ///     }
    /// }
    /// assert_eq!(words, ["one", "two"]);
    /// assert_eq!(failures, 3, "then the port is closed");
    /// # serving.join().unwrap()?;
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn reconnect(&self, address: impl ToAddress) -> Result<Reconnect> {
        Ok(Reconnect::new(self, address.to_address()?))
    }
}

impl Reconnect {
    pub(super) fn new(client: &TcpClient, address: Address) -> Reconnect {
        let rounds = Rounds::new(client.retry.unwrap_or_default());
        Reconnect { client: client.clone(), address, rounds }
    }
}

impl Iterator for Reconnect {
    type Item = Result<TcpConnection>;

    fn next(&mut self) -> Option<Result<TcpConnection>> {
        loop {
            match self.rounds.poll(Instant::now(), sys::random()) {
                Step::Over => return None,
                Step::Wait(until) => {
                    let limit = WaitLimit::until(until).cancelled_by(self.client.token.as_ref(), None);
                    if wait::sleep(&limit).is_err() {
                        self.rounds.handle_stopped();
                    }
                }
                Step::Connect => {
                    let result = self.client.connect_within(&self.address, None, &mut Observer::none());
                    match &result {
                        Ok(_) => self.rounds.handle_connected(Instant::now()),
                        Err(error) if error.is_cancelled() => {
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

impl FusedIterator for Reconnect {}

impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect").field("address", &self.address).finish_non_exhaustive()
    }
}
