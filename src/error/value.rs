//! The error type: operation, place, addresses, elapsed time, kind and cause.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{ErrorKind, Operation, Truncated};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this library: the operation, the place as it was given, both addresses, the time it took, the kind and
/// the cause, as far as each applies.
///
/// It reads as one line, in lower case and without a full stop:
///
/// ```text
/// bind 127.0.0.1:7788: address in use
/// receive at 127.0.0.1:7788: timed out after 200ms
/// receive at 0.0.0.0:7788 from 192.0.2.7:5000: datagram of 100 bytes does not fit the limit of 10
/// send to 192.0.2.7:7788: '镕' (U+9555) at byte 6 does not exist in gb2312
/// parse address: "host:99999": the port is larger than 65535, at byte 5
/// resolve no-such-name.invalid: no such host
/// ```
///
/// What to decide on is the [`kind`](Self::kind), or a predicate such as [`is_timeout`](Self::is_timeout): they are the
/// same on every system. [`source`](StdError::source) is the system's own error where there is one; its words are not
/// repeated in the line above. The facts of a refusal that this library made itself (which byte, which character, which
/// part of an address) are had by [`detail`](Self::detail).
///
/// `Debug` prints the same line and then the causes, so that `fn main() -> Result<(), socketry::Error>` ends readably.
/// The type is as large as a pointer. A clone shares the cause and the detail with the original and does not allocate.
///
/// # Examples
///
/// ```
/// use socketry::{ErrorKind, UdpEndpoint};
/// use std::time::Duration;
///
/// let endpoint = UdpEndpoint::builder().read_timeout(Duration::from_millis(20)).bind("127.0.0.1:0")?;
/// let error = endpoint.recv().unwrap_err();
/// assert!(error.is_timeout());
/// assert_eq!(error.kind(), ErrorKind::TimedOut);
/// assert_eq!(error.local_addr(), Some(endpoint.local_addr()));
/// assert!(error.elapsed() >= Some(Duration::from_millis(20)));
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    operation: Operation,
    kind: ErrorKind,
    place: Option<Box<str>>,
    local: Option<SocketAddr>,
    remote: Option<SocketAddr>,
    elapsed: Option<Duration>,
    /// Whether the detail says how long it took.
    tells_elapsed: bool,
    cause: Cause,
}

#[derive(Clone)]
enum Cause {
    None,
    /// The system's error: the source.
    System(Arc<io::Error>),
    /// A refusal of our own with its facts: printed as part of the line.
    Detail(Arc<dyn StdError + Send + Sync>),
}

impl Error {
    /// An error with nothing but its operation and kind.
    #[cold]
    pub(crate) fn new(operation: Operation, kind: ErrorKind) -> Error {
        Error::caused(operation, kind, Cause::None)
    }

    fn caused(operation: Operation, kind: ErrorKind, cause: Cause) -> Error {
        Error(Arc::new(Inner {
            operation,
            kind,
            place: None,
            local: None,
            remote: None,
            elapsed: None,
            tells_elapsed: false,
            cause,
        }))
    }

    /// The fields, to add to them. They are copied first if the error has clones.
    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    /// An error of the system; the kind follows from it.
    #[cold]
    pub(crate) fn system(operation: Operation, cause: io::Error) -> Error {
        Error::shared_system(operation, Arc::new(cause))
    }

    /// [`system`](Self::system) with a cause that another error has as well.
    #[cold]
    pub(crate) fn shared_system(operation: Operation, cause: Arc<io::Error>) -> Error {
        Error::caused(operation, ErrorKind::of(&cause), Cause::System(cause))
    }

    /// A refusal of our own, with a typed cause that is printed as part of the line.
    #[cold]
    pub(crate) fn detailed(
        operation: Operation,
        kind: ErrorKind,
        detail: impl StdError + Send + Sync + 'static,
    ) -> Error {
        Error::caused(operation, kind, Cause::Detail(Arc::new(detail)))
    }

    #[must_use]
    pub(crate) fn with_operation(mut self, operation: Operation) -> Error {
        self.inner().operation = operation;
        self
    }

    #[must_use]
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Error {
        self.inner().kind = kind;
        self
    }

    /// Adds the place as the user gave it, unless an earlier one is there.
    #[must_use]
    pub(crate) fn at(mut self, place: impl fmt::Display) -> Error {
        if self.0.place.is_none() {
            self.inner().place = Some(place.to_string().into());
        }
        self
    }

    /// Replaces the target.
    #[must_use]
    pub(crate) fn with_target(mut self, target: impl fmt::Display) -> Error {
        self.inner().place = Some(target.to_string().into());
        self
    }

    #[must_use]
    pub(crate) fn with_local(mut self, local: Option<SocketAddr>) -> Error {
        let inner = self.inner();
        inner.local = inner.local.or(local);
        self
    }

    #[must_use]
    pub(crate) fn with_remote(mut self, remote: Option<SocketAddr>) -> Error {
        let inner = self.inner();
        inner.remote = inner.remote.or(remote);
        self
    }

    #[must_use]
    pub(crate) fn with_elapsed(mut self, elapsed: Option<Duration>) -> Error {
        let inner = self.inner();
        inner.elapsed = elapsed.or(inner.elapsed);
        self
    }

    /// For a detail that says how long it took.
    #[must_use]
    pub(crate) fn tells_elapsed(mut self) -> Error {
        self.inner().tells_elapsed = true;
        self
    }

    /// The system's error alone.
    pub(crate) fn system_cause(&self) -> Option<Arc<io::Error>> {
        match &self.0.cause {
            Cause::System(error) => Some(Arc::clone(error)),
            _ => None,
        }
    }

    /// What was being done.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// What went wrong, the same on every operating system.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The host, address or value as the caller gave it.
    pub fn target(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// The local address of the socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.local
    }

    /// The remote address: the peer asked for, or the sender of what arrived.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.remote
    }

    /// How long the operation had taken when it failed, where time was part of it.
    pub fn elapsed(&self) -> Option<Duration> {
        self.0.elapsed
    }

    /// Whether the time allowed was over.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::TimedOut
    }

    /// Whether a [`CancelToken`](crate::CancelToken) ended the wait.
    pub fn is_cancelled(&self) -> bool {
        self.kind() == ErrorKind::Cancelled
    }

    /// Whether a datagram was longer than the room for it.
    pub fn is_truncated(&self) -> bool {
        self.kind() == ErrorKind::Truncated
    }

    /// Whether the remote system said that nobody listens there.
    pub fn is_refused(&self) -> bool {
        self.kind() == ErrorKind::ConnectionRefused
    }

    /// Whether another socket holds the address.
    pub fn is_address_in_use(&self) -> bool {
        self.kind() == ErrorKind::AddressInUse
    }

    /// Whether the same call may succeed later with nothing changed by the caller: the peer was slow, absent or
    /// unreachable for now, or a resource was used up.
    ///
    /// False for what will fail again (a bad address, an unencodable text, a name that does not exist) and for
    /// [`Cancelled`](ErrorKind::Cancelled), which somebody wanted.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::TimedOut
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::NetworkUnreachable
                | ErrorKind::HostUnreachable
                | ErrorKind::NameResolution
                | ErrorKind::ResourceExhausted
        )
    }

    /// Whether the error concerns one frame of a stream, such as a line that is too long or is not text, and the stream goes
    /// on with the next one; see [`Framed`](crate::frame::Framed).
    ///
    /// False for a stream that has ended, has broken off, or was not ready in time.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Encoding;
    /// use socketry::frame::{FrameReader, Lines};
    ///
    /// let mut lines = FrameReader::new(&b"\xFF\nnext\n"[..], Lines::new(Encoding::Gb2312));
    /// let error = lines.recv().unwrap_err();
    /// assert!(error.is_frame_error());
    /// assert_eq!(error.reason().to_string(), "byte FF at byte 0 is not gb2312");
    /// assert_eq!(lines.recv()?.as_deref(), Some("next"));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn is_frame_error(&self) -> bool {
        match self.kind() {
            ErrorKind::FrameTooLong | ErrorKind::InvalidText | ErrorKind::UnencodableText => true,
            ErrorKind::InvalidInput => matches!(self.operation(), Operation::Send | Operation::Receive),
            _ => false,
        }
    }

    /// Why it failed, without the operation, the place and the time: for whoever knows those, such as the peer whose line it
    /// was.
    pub fn reason(&self) -> impl fmt::Display + '_ {
        Reason(&self.0)
    }

    /// The typed facts of a refusal that this library made itself: a [`Truncated`], a
    /// [`DecodeError`](crate::text::DecodeError), an [`EncodeError`](crate::text::EncodeError), an
    /// [`UnknownEncoding`](crate::text::UnknownEncoding), an [`AddressError`](crate::AddressError), a
    /// [`FrameError`](crate::frame::FrameError), an [`UnsafeDelimiter`](crate::frame::UnsafeDelimiter), a
    /// [`PartialTransfer`](crate::error::PartialTransfer), an [`UnsentDatagram`](crate::error::UnsentDatagram), a [`ResolveError`](crate::dns::ResolveError) or the [`ConnectFailures`](crate::tcp::ConnectFailures) of a name's addresses.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::text::EncodeError;
    /// use socketry::{Encoding, UdpEndpoint};
    ///
    /// let endpoint = UdpEndpoint::builder().encoding(Encoding::Gb2312).bind("127.0.0.1:0")?;
    /// let error = endpoint.send_to("朱镕基", "127.0.0.1:9").unwrap_err();
    /// let detail = error.detail::<EncodeError>().unwrap();
    /// assert_eq!((detail.character(), detail.offset()), ('镕', 3));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn detail<T: StdError + 'static>(&self) -> Option<&T> {
        match &self.0.cause {
            Cause::Detail(detail) => detail.downcast_ref(),
            _ => None,
        }
    }

    /// What is known of a datagram that did not fit: its beginning, its sender, its true size.
    pub fn truncated(&self) -> Option<&Truncated> {
        self.detail()
    }

    /// The system's error code (`errno`, or Winsock's), where the system was asked and refused.
    pub fn raw_os_error(&self) -> Option<i32> {
        match &self.0.cause {
            Cause::System(error) => error.raw_os_error(),
            _ => None,
        }
    }
}

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
                // What a name, or a host left out, stood for.
                let is_local = matches!(operation, Operation::Bind | Operation::Listen);
                let address = if is_local { inner.local } else { inner.remote };
                match (&inner.place, address) {
                    // A detail that tells of every address tells of this one.
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
struct Reason<'a>(&'a Inner);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.cause {
            Cause::Detail(detail) => detail.fmt(f),
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

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, "; caused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.cause {
            Cause::None => None,
            Cause::System(error) => Some(&**error),
            Cause::Detail(detail) => detail.source(),
        }
    }
}

/// Keeps the kind; the whole [`Error`] is inside, to be had by [`io::Error::get_ref`] and a downcast.
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(error.kind().io_kind(), error)
    }
}

/// What cannot fail needs no words. It is what lets an address that is already parsed stand where one is expected.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Error {
        match never {}
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
