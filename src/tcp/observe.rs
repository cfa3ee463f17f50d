use std::net::SocketAddr;
use std::time::Duration;

use super::failures::FailedAttempt;
use crate::error::Error;
use crate::resolve::Resolved;

/// What happens while a client connects; told to the observer of
/// [`TcpClient::connect_observed`](crate::TcpClient::connect_observed).
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
    Began {
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
    /// All attempts have failed, and there will be others: see [`TcpClientBuilder::retry`](crate::TcpClientBuilder::retry).
    #[non_exhaustive]
    Waiting {
        /// How long from now.
        wait: Duration,
        /// What would be returned if there were no others.
        error: &'a Error,
    },
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
