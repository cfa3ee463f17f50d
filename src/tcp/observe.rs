use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::failures::FailedAttempt;
use crate::dns::Resolved;
use crate::error::{Error, rounded};

/// What happens while a client connects; told to the observer of
/// [`TcpClient::connect_with`](crate::TcpClient::connect_with). It reads as a line of a log.
///
/// The order in one round is: what a name stands for; the addresses; each attempt as it begins, and when it fails; and at last the one that is
/// connected. Attempts that are under way then are given up, and not told of.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ConnectEvent<'a> {
    /// The name was looked up; an IP address is not.
    #[non_exhaustive]
    Resolved {
        /// Its addresses, who says so, and for how long.
        found: &'a Resolved,
        /// How long the look-up took.
        elapsed: Duration,
    },
    /// The addresses are known.
    #[non_exhaustive]
    Addresses {
        /// All of them, in the order in which they will be tried.
        addresses: &'a [SocketAddr],
    },
    /// An attempt began.
    #[non_exhaustive]
    Attempting {
        /// Whom to.
        address: SocketAddr,
    },
    /// An attempt failed, or its time was over.
    #[non_exhaustive]
    Failed {
        /// The address, and what came of it.
        attempt: &'a FailedAttempt,
    },
    /// An attempt is connected, and the connection is what will be returned.
    #[non_exhaustive]
    Connected {
        /// Whom to.
        address: SocketAddr,
        /// How long it took from the beginning of this attempt.
        elapsed: Duration,
    },
    /// All attempts have failed, and there will be others: see [`TcpClientBuilder::retry`](crate::tcp::TcpClientBuilder::retry).
    #[non_exhaustive]
    Waiting {
        /// How long from now.
        wait: Duration,
        /// What would be returned if there were no others.
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

    /// The event is made if somebody wants it.
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
