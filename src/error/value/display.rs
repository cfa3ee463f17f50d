//! The text of an error: `operation place: cause after elapsed`.

use std::fmt;
use std::time::Duration;

use super::{Cause, Error, Inner};
use crate::error::{ErrorKind, Operation, TimeLimit};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, "{}", inner.operation)?;
        match inner.operation {
            Operation::Receive
            | Operation::Peek
            | Operation::Decode
            | Operation::Accept
            | Operation::Close => {
                if let Some(local) = inner.local {
                    write!(f, " at {local}")?;
                }
                if let Some(remote) = inner.remote {
                    write!(f, " from {remote}")?;
                }
            }
            // The detail begins with the text.
            Operation::ParseAddress => {}
            operation => {
                let joint = match operation {
                    Operation::Send | Operation::SendFile | Operation::Request | Operation::Connect => "to ",
                    Operation::Configure(_) => "to ",
                    _ => "",
                };
                // The address of a name, or of a host that was left out.
                let is_local = matches!(operation, Operation::Bind | Operation::Listen);
                let address = if is_local { inner.local } else { inner.remote };
                match (&inner.place, address) {
                    // A detail that lists all addresses lists this one.
                    (Some(place), Some(address))
                        if !inner.tells_elapsed && **place != *address.to_string() =>
                    {
                        write!(f, " {joint}{place} ({address})")?;
                    }
                    (Some(place), _) => write!(f, " {joint}{place}")?,
                    (None, Some(address)) => write!(f, " {joint}{address}")?,
                    (None, None) => {}
                }
            }
        }
        write!(f, ": {}", Reason(inner))?;
        match inner.elapsed {
            Some(elapsed) if !inner.tells_elapsed => write!(f, " after {:?}", rounded(elapsed)),
            _ => Ok(()),
        }
    }
}

/// The part of the text that says why.
pub(super) struct Reason<'a>(pub(super) &'a Inner);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Cause::Detail(detail) => detail.fmt(f),
            _ if self.0.kind == ErrorKind::TimedOut && self.0.limit == Some(TimeLimit::Deadline) => {
                f.write_str(if self.0.tells_elapsed { "deadline already passed" } else { "deadline passed" })
            }
            Cause::System(cause) if self.0.kind == ErrorKind::Other => match cause.raw_os_error() {
                Some(code) => write!(f, "system error {code}"),
                None => self.0.kind.fmt(f),
            },
            _ => self.0.kind.fmt(f),
        }
    }
}

/// Three digits are what a reader wants of a duration: `200.1ms`, not `200.104729ms`.
pub(crate) fn rounded(elapsed: Duration) -> Duration {
    let nanos = elapsed.as_nanos();
    let digits = nanos.checked_ilog10().unwrap_or(0);
    let unit = 10_u128.pow(digits.saturating_sub(3));
    u64::try_from(nanos / unit * unit).map_or(elapsed, Duration::from_nanos)
}
