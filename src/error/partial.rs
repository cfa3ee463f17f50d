use std::io;

use super::{Error, ErrorKind};

/// How far a transfer came that did not come to its end.
///
/// What it was of is known from the error's [`operation`](Error::operation). Of what was to be received nothing is lost:
/// the next read gets it. Of what was to be sent the first [`transferred`](Self::transferred) bytes are on their way.
#[derive(Debug, thiserror::Error)]
#[error("{kind} with {transferred} {}", Rest(*.expected))]
#[non_exhaustive]
pub struct PartialTransfer {
    /// How many bytes were transferred.
    pub transferred: usize,
    /// How many were expected; `usize::MAX` for a file whose length nobody asked for.
    pub expected: usize,
    kind: ErrorKind,
    source: Option<io::Error>,
}

impl PartialTransfer {
    /// The cause is taken out of the error that ended the transfer.
    pub(crate) fn new(
        kind: ErrorKind,
        transferred: usize,
        expected: usize,
        error: Option<Error>,
    ) -> PartialTransfer {
        PartialTransfer { transferred, expected, kind, source: error.and_then(Error::into_system_cause) }
    }
}

struct Rest(usize);

impl std::fmt::Display for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            usize::MAX => f.write_str("bytes done"),
            expected => write!(f, "of {expected} bytes"),
        }
    }
}
