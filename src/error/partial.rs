use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use super::{Error, ErrorKind};

/// The number of bytes that were transferred before a read or write failed.
///
/// It is the [`detail`](Error::detail) of the error; the error's [`operation`](Error::operation)
/// says whether bytes were received or sent. Bytes that were received are kept, and the next read
/// returns them. Of the bytes to send, the OS has taken the first
/// [`transferred`](Self::transferred).
#[doc(alias = "IncompleteReadError", alias = "WriteZero")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PartialTransfer {
    /// The number of bytes that were transferred.
    pub transferred: usize,
    /// The number of bytes that were expected, or `usize::MAX` for a file of which the whole rest
    /// was to be sent.
    pub expected: usize,
    kind: ErrorKind,
    source: Option<Arc<io::Error>>,
}

impl PartialTransfer {
    /// Takes the cause from the error that ended the transfer.
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
