//! The error type: operation, target, addresses, elapsed time, kind and cause.

mod display;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::temporary::is_temporary;
use super::{ErrorKind, Operation, TimeLimit, Truncated};
use display::Reason;
pub(crate) use display::rounded;

/// A result whose error is an [`Error`] by default.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
///
/// An error has the operation, its target, both addresses, the elapsed time, the kind, and the
/// cause, as far as each applies. `Display` prints one line, in lower case and without a full stop:
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
/// Decide on the [`kind`](Self::kind), or on a predicate such as [`is_timeout`](Self::is_timeout):
/// they are the same on every OS. [`source`](StdError::source) is the error of the OS, if there is
/// one; its text is not part of the line above. [`detail`](Self::detail) returns the typed facts of
/// an error that this crate detects itself, such as the offset of an invalid byte.
///
/// `Debug` prints the same line and then the sources, so `fn main() -> Result<(), socketry::Error>`
/// prints a readable message. The type has the size of a pointer. A clone shares the cause and the
/// detail with the original and does not allocate. An `Error` converts into an [`io::Error`] and
/// keeps its kind.
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
#[doc(alias = "OSError", alias = "socket.error")]
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
    limit: Option<TimeLimit>,
    /// Whether the text leaves out the elapsed time, which the detail has or which is no time.
    tells_elapsed: bool,
    cause: Cause,
}

#[derive(Clone)]
enum Cause {
    None,
    /// The error of the OS: the source.
    System(Arc<io::Error>),
    /// An error that this crate detected, with its facts: printed as part of the line.
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
            limit: None,
            tells_elapsed: false,
            cause,
        }))
    }

    /// The fields, to add to them. They are copied first if the error has clones.
    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    /// An error of the OS; the kind follows from it.
    #[cold]
    pub(crate) fn system(operation: Operation, cause: io::Error) -> Error {
        Error::shared_system(operation, Arc::new(cause))
    }

    /// [`system`](Self::system) with a cause that another error has as well.
    #[cold]
    pub(crate) fn shared_system(operation: Operation, cause: Arc<io::Error>) -> Error {
        Error::caused(operation, ErrorKind::of(&cause), Cause::System(cause))
    }

    /// An error that this crate detected, with a typed cause that is printed as part of the line.
    #[cold]
    pub(crate) fn detailed(
        operation: Operation,
        kind: ErrorKind,
        detail: impl StdError + Send + Sync + 'static,
    ) -> Error {
        Error::caused(operation, kind, Cause::Detail(Arc::new(detail)))
    }

    /// Replaces the cause with a typed one.
    #[must_use]
    pub(crate) fn with_detail(mut self, detail: impl StdError + Send + Sync + 'static) -> Error {
        self.inner().cause = Cause::Detail(Arc::new(detail));
        self
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

    /// Adds the target as the caller gave it, unless there is one.
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

    #[must_use]
    pub(crate) fn with_limit(mut self, limit: impl Into<Option<TimeLimit>>) -> Error {
        self.inner().limit = limit.into();
        self
    }

    /// Leaves the elapsed time out of the text.
    #[must_use]
    pub(crate) fn tells_elapsed(mut self) -> Error {
        self.inner().tells_elapsed = true;
        self
    }

    /// The error of the OS alone.
    pub(crate) fn system_cause(&self) -> Option<Arc<io::Error>> {
        match &self.0.cause {
            Cause::System(error) => Some(Arc::clone(error)),
            _ => None,
        }
    }

    /// Returns the operation that failed.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// Returns the kind of the error, which is the same on every OS.
    #[doc(alias = "errno")]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the host, address, or value of the operation as the caller gave it.
    pub fn target(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// Returns the local address of the socket, if it is known.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.local
    }

    /// Returns the remote address, if there is one: the requested peer, or the sender of the
    /// received data.
    #[doc(alias = "getpeername")]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.0.remote
    }

    /// Returns the time from the start of the call to its failure, if the call measures it. A call
    /// with a limit of time does.
    pub fn elapsed(&self) -> Option<Duration> {
        self.0.elapsed
    }

    /// Returns the limit that ended the call, if the error is of kind
    /// [`TimedOut`](ErrorKind::TimedOut) and a limit of this crate ended it.
    #[doc(alias = "timeout")]
    pub fn limit(&self) -> Option<TimeLimit> {
        self.0.limit
    }

    /// Returns `true` if a timeout expired or a deadline passed ([`ErrorKind::TimedOut`]).
    #[doc(alias = "TimeoutError")]
    #[doc(alias = "socket.timeout")]
    #[doc(alias = "ETIMEDOUT")]
    #[doc(alias = "WouldBlock")]
    #[doc(alias = "EAGAIN")]
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::TimedOut
    }

    /// Returns `true` if a [`CancelToken`](crate::CancelToken) or the shutdown of a server ended
    /// the call ([`ErrorKind::Cancelled`]).
    #[doc(alias = "is_canceled")]
    pub fn is_cancelled(&self) -> bool {
        self.kind() == ErrorKind::Cancelled
    }

    /// Returns `true` if a datagram was larger than the limit ([`ErrorKind::Truncated`]).
    #[doc(alias = "MSG_TRUNC")]
    pub fn is_truncated(&self) -> bool {
        self.kind() == ErrorKind::Truncated
    }

    /// Returns `true` if the remote host reported that no socket listens at the address
    /// ([`ErrorKind::ConnectionRefused`]).
    #[doc(alias = "ECONNREFUSED", alias = "ConnectionRefusedError")]
    pub fn is_refused(&self) -> bool {
        self.kind() == ErrorKind::ConnectionRefused
    }

    /// Returns `true` if another socket is bound to the address ([`ErrorKind::AddressInUse`]).
    #[doc(alias = "EADDRINUSE", alias = "10048")]
    pub fn is_address_in_use(&self) -> bool {
        self.kind() == ErrorKind::AddressInUse
    }

    /// Returns `true` if the same call may succeed later without a change by the caller.
    ///
    /// | Kind | Temporary for |
    /// |---|---|
    /// | `TimedOut`, `ResourceExhausted` | every operation |
    /// | `NameResolution` | a lookup, a connect |
    /// | `ConnectionRefused` | a connect, UDP |
    /// | `ConnectionReset`, `ConnectionAborted` | a connect, an accept |
    /// | `NetworkUnreachable`, `HostUnreachable` | a lookup, a connect, an accept, UDP |
    /// | `AddressNotAvailable`, `AddressInUse` | a connect, if the OS reports that local ports are in use |
    ///
    /// All other errors are final: they will occur again (an invalid address, an unencodable text, a
    /// name that does not exist), or they are the end of an established connection
    /// (`ConnectionReset`, [`DeadPeer`](ErrorKind::DeadPeer)), or
    /// [`Cancelled`](ErrorKind::Cancelled). Retries and reconnects decide by this table.
    pub fn is_temporary(&self) -> bool {
        let is_os = self.source().is_some_and(|source| source.is::<io::Error>());
        is_temporary(self.kind(), self.operation(), is_os)
    }

    /// Returns `true` if the error concerns only one frame of a stream, such as a line that is too
    /// long or is not valid text. The next call then continues with the following frame.
    ///
    /// It is `false` if the stream ended, if the connection was reset, or if a timeout expired. See
    /// also [`Framed`](crate::frame::Framed).
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

    /// Returns the cause as text, without the operation, the target, and the time.
    ///
    /// This is for a reader that knows those, such as the peer that sent the invalid line.
    #[doc(alias = "strerror")]
    pub fn reason(&self) -> impl fmt::Display + '_ {
        Reason(&self.0)
    }

    /// Returns the typed facts of an error that this crate detected itself, if they are of type
    /// `T`.
    ///
    /// The types are [`Truncated`], [`PartialTransfer`](crate::error::PartialTransfer),
    /// [`UnsentDatagram`](crate::error::UnsentDatagram), [`AddressError`](crate::AddressError),
    /// [`ConnectFailures`](crate::tcp::ConnectFailures), [`PartialCopy`](crate::tcp::PartialCopy),
    /// [`ResolveError`](crate::dns::ResolveError),
    /// [`NoInterfaceSent`](crate::broadcast::NoInterfaceSent),
    /// [`DecodeError`](crate::text::DecodeError), [`EncodeError`](crate::text::EncodeError),
    /// [`UnknownEncoding`](crate::text::UnknownEncoding), [`FrameError`](crate::frame::FrameError),
    /// and [`UnsafeDelimiter`](crate::frame::UnsafeDelimiter). An error of the OS has no detail; it
    /// is the [`source`](StdError::source).
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
    #[doc(alias = "downcast_ref")]
    pub fn detail<T: StdError + 'static>(&self) -> Option<&T> {
        match &self.0.cause {
            Cause::Detail(detail) => detail.downcast_ref(),
            _ => None,
        }
    }

    /// Returns the facts of a datagram that was larger than the limit: its beginning, its source,
    /// and its size.
    pub fn truncated(&self) -> Option<&Truncated> {
        self.detail()
    }

    /// Returns the error code of the OS (`errno`, or that of Winsock), if the error is one of the
    /// OS.
    #[doc(alias = "errno", alias = "WSAGetLastError")]
    pub fn raw_os_error(&self) -> Option<i32> {
        match &self.0.cause {
            Cause::System(error) => error.raw_os_error(),
            _ => None,
        }
    }
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

/// Converts the error and keeps its kind. [`io::Error::get_ref`] and a downcast return the whole
/// [`Error`].
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::new(error.kind().io_kind(), error)
    }
}

/// Lets a conversion that cannot fail be used where the error type is [`Error`].
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Error {
        match never {}
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
