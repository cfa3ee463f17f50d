use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Operation};

/// The outcome of each address of a failed connect: the [`detail`](Error::detail) of its error.
///
/// Its `Display` is part of a line:
/// `all 2 addresses failed within 3s: [2001:db8::7]:5432 timed out, 192.0.2.7:5432 connection refused`. It
/// lists the first 8; [`attempts`](Self::attempts) returns all.
#[derive(Clone, Debug)]
pub struct ConnectFailures {
    attempts: Vec<FailedAttempt>,
    addresses: usize,
    elapsed: Duration,
}

/// A failed attempt to connect to one address.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FailedAttempt {
    /// The address.
    pub address: SocketAddr,
    /// The kind of the error.
    pub kind: ErrorKind,
    /// The duration of the attempt.
    pub elapsed: Duration,
    source: Option<Arc<io::Error>>,
}

impl FailedAttempt {
    pub(super) fn new(address: SocketAddr, error: Error, elapsed: Duration) -> FailedAttempt {
        FailedAttempt { address, kind: error.kind(), elapsed, source: error.system_cause() }
    }

    /// Returns the error of the OS, if the OS reported one.
    pub fn source(&self) -> Option<&io::Error> {
        self.source.as_deref()
    }
}

impl ConnectFailures {
    /// Returns the failed attempts in the order of preference. Attempts that were unanswered at the
    /// timeout have timed out.
    pub fn attempts(&self) -> &[FailedAttempt] {
        &self.attempts
    }

    /// Returns the number of addresses of the name. If it exceeds the number of
    /// [`attempts`](Self::attempts), the timeout expired before the others were tried, or there are
    /// more than the 64 that are tried.
    pub fn addresses(&self) -> usize {
        self.addresses
    }

    /// The error of a connect; one address needs no list.
    pub(super) fn into_error(
        mut attempts: Vec<FailedAttempt>,
        addresses: usize,
        local: Option<SocketAddr>,
        elapsed: Duration,
    ) -> Error {
        let first = attempts.first().map(|first| (first.kind, first.address));
        let (kind, remote) = first.map_or((ErrorKind::TimedOut, None), |(kind, remote)| (kind, Some(remote)));
        let error = if addresses <= 1 {
            match attempts.pop().and_then(|only| only.source) {
                Some(source) => Error::shared_system(Operation::Connect, source).with_kind(kind),
                None => Error::new(Operation::Connect, kind),
            }
        } else {
            let failures = ConnectFailures { attempts, addresses, elapsed };
            Error::detailed(Operation::Connect, kind, failures).tells_elapsed()
        };
        error.with_local(local).with_remote(remote).with_elapsed(Some(elapsed))
    }
}

/// The maximum number of addresses in an error text.
const MAX_LISTED: usize = 8;

impl fmt::Display for ConnectFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tried, all) = (self.attempts.len(), self.addresses);
        let elapsed = crate::error::rounded(self.elapsed);
        match tried == all {
            true => write!(f, "all {all} addresses failed within {elapsed:?}")?,
            false => write!(f, "{tried} of {all} addresses failed within {elapsed:?}")?,
        }
        for (index, attempt) in self.attempts.iter().take(MAX_LISTED).enumerate() {
            let joint = if index == 0 { ": " } else { ", " };
            write!(f, "{joint}{} {}", attempt.address, attempt.kind)?;
        }
        match tried.saturating_sub(MAX_LISTED) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}

impl std::error::Error for ConnectFailures {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.attempts.first()?.source()?;
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    fn failed(address: &str, kind: io::ErrorKind) -> FailedAttempt {
        let error = Error::system(Operation::Connect, kind.into());
        FailedAttempt::new(address.parse().unwrap(), error, Duration::from_millis(5))
    }

    #[test]
    fn connect_error_lists_attempts_with_first_kind() {
        let attempts = vec![
            failed("[2001:db8::7]:5432", io::ErrorKind::TimedOut),
            failed("192.0.2.7:5432", io::ErrorKind::ConnectionRefused),
        ];
        let error = ConnectFailures::into_error(attempts, 2, None, Duration::from_secs(3));
        let error = error.at("db.example:5432");
        assert_eq!(
            error.to_string(),
            "connect to db.example:5432: all 2 addresses failed within 3s: \
             [2001:db8::7]:5432 timed out, 192.0.2.7:5432 connection refused"
        );
        assert_eq!((error.kind(), error.elapsed()), (ErrorKind::TimedOut, Some(Duration::from_secs(3))));
        let failures = error.detail::<ConnectFailures>().unwrap();
        assert_eq!((failures.attempts().len(), failures.addresses()), (2, 2));
        assert!(error.source().unwrap().downcast_ref::<io::Error>().is_some());
    }

    #[test]
    fn connect_error_counts_untried_addresses() {
        let attempts = vec![failed("192.0.2.7:80", io::ErrorKind::TimedOut)];
        let error = ConnectFailures::into_error(attempts, 3, None, Duration::from_secs(1));
        let text = error.to_string();
        assert!(text.contains("1 of 3 addresses failed within 1s: 192.0.2.7:80 timed out"), "{text}");
        let error = ConnectFailures::into_error(Vec::new(), 1, None, Duration::ZERO);
        assert!(error.is_timeout() && error.peer_addr().is_none());
    }
}
