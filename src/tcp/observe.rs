use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::failures::FailedAttempt;
use crate::dns::Resolved;
use crate::error::{Error, rounded};

/// An event during a connect, passed to the observer of
/// [`TcpClient::connect_with`](crate::TcpClient::connect_with). Its `Display` is one line for a
/// log.
///
/// The order in one round is: the answer of the lookup; the addresses; the beginning of each
/// attempt, and its failure; and the established connection. Attempts that are still in progress
/// then are cancelled without an event.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ConnectEvent<'a> {
    /// The host name was resolved. An IP address is not.
    #[non_exhaustive]
    Resolved {
        /// The addresses, their source and TTL.
        found: &'a Resolved,
        /// The duration of the lookup.
        elapsed: Duration,
    },
    /// The addresses are known.
    #[non_exhaustive]
    Addresses {
        /// All addresses, in the order in which they are tried.
        addresses: &'a [SocketAddr],
    },
    /// An attempt begins.
    #[non_exhaustive]
    Attempting {
        /// The address.
        address: SocketAddr,
    },
    /// An attempt failed or timed out.
    #[non_exhaustive]
    Failed {
        /// The address and the error.
        attempt: &'a FailedAttempt,
    },
    /// An attempt has established the connection, which will be returned.
    #[non_exhaustive]
    Connected {
        /// The address.
        address: SocketAddr,
        /// The time since the beginning of this attempt.
        elapsed: Duration,
    },
    /// All attempts failed, and another round follows
    /// ([`TcpClientBuilder::retry`](crate::tcp::TcpClientBuilder::retry)).
    #[non_exhaustive]
    Waiting {
        /// The delay until the next round.
        wait: Duration,
        /// The error of this round.
        error: &'a Error,
    },
}

impl fmt::Display for ConnectEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectEvent::Resolved { found, elapsed } => {
                write!(f, "looked up by {} in {:?}", found.source(), rounded(*elapsed))
            }
            ConnectEvent::Addresses { addresses } => {
                f.write_str("addresses: ")?;
                for (index, address) in addresses.iter().enumerate() {
                    write!(f, "{}{address}", if index == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            ConnectEvent::Attempting { address } => write!(f, "trying {address}"),
            ConnectEvent::Failed { attempt } => {
                write!(f, "{}: {} after {:?}", attempt.address, attempt.kind, rounded(attempt.elapsed))
            }
            ConnectEvent::Connected { address, elapsed } => {
                write!(f, "connected to {address} after {:?}", rounded(*elapsed))
            }
            ConnectEvent::Waiting { wait, error } => {
                write!(f, "trying again in {:?}: {error}", rounded(*wait))
            }
        }
    }
}

/// The observer, if there is one.
pub(super) struct Observer<'a>(Option<&'a mut dyn FnMut(&ConnectEvent<'_>)>);

impl<'a> Observer<'a> {
    pub(super) fn none() -> Observer<'a> {
        Observer(None)
    }

    pub(super) fn new(observer: &'a mut dyn FnMut(&ConnectEvent<'_>)) -> Observer<'a> {
        Observer(Some(observer))
    }

    /// Whether there is an observer.
    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// The event is created only if there is an observer.
    pub(super) fn tell<'e>(&mut self, event: impl FnOnce() -> ConnectEvent<'e>) {
        if let Some(observer) = &mut self.0 {
            observer(&event());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorKind, Operation};

    #[test]
    fn connect_events_display_as_lines() {
        let addresses = ["[2001:db8::7]:80", "192.0.2.7:80"].map(|address| address.parse().unwrap());
        let (address, elapsed) = (addresses[0], Duration::from_millis(250));
        let error = || Error::new(Operation::Connect, ErrorKind::TimedOut).at("host:80");
        let attempt = FailedAttempt::new(address, error(), elapsed);
        for (event, line) in [
            (ConnectEvent::Addresses { addresses: &addresses }, "addresses: [2001:db8::7]:80, 192.0.2.7:80"),
            (ConnectEvent::Attempting { address }, "trying [2001:db8::7]:80"),
            (ConnectEvent::Failed { attempt: &attempt }, "[2001:db8::7]:80: timed out after 250ms"),
            (ConnectEvent::Connected { address, elapsed }, "connected to [2001:db8::7]:80 after 250ms"),
            (
                ConnectEvent::Waiting { wait: elapsed, error: &error() },
                "trying again in 250ms: connect to host:80: timed out",
            ),
        ] {
            assert_eq!(event.to_string(), line);
        }
    }
}
