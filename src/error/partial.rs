use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::{Error, ErrorKind};

/// How far a transfer came that did not come to its end.
///
/// What it was of is known from the error's [`operation`](Error::operation). Of what was to be received nothing is lost:
/// the next read gets it. Of what was to be sent the first [`transferred`](Self::transferred) bytes are on their way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartialTransfer {
    /// How many bytes were transferred.
    pub transferred: usize,
    /// How many were expected; `usize::MAX` for a file whose length nobody asked for.
    pub expected: usize,
    kind: ErrorKind,
    source: Option<Arc<io::Error>>,
}

impl PartialTransfer {
    /// The cause is that of the error that ended the transfer.
    pub(crate) fn new(
        kind: ErrorKind,
        transferred: usize,
        expected: usize,
        error: Option<Error>,
    ) -> PartialTransfer {
        PartialTransfer { transferred, expected, kind, source: error.and_then(|error| error.system_cause()) }
    }
}

impl fmt::Display for PartialTransfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} ", self.kind, self.transferred)?;
        match self.expected {
            usize::MAX => f.write_str("bytes done"),
            expected => write!(f, "of {expected} bytes"),
        }
    }
}

impl StdError for PartialTransfer {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|error| error as _)
    }
}
