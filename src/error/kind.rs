use std::fmt;
use std::io;

/// What went wrong, in one word that is the same on every operating system.
///
/// The kind is what a program decides on; [`Error`](crate::Error) carries the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The time allowed was over. Every operating system's own code for it (`EAGAIN`, `ETIMEDOUT`, `WSAETIMEDOUT`)
    /// ends here.
    TimedOut,
    /// A [`CancelToken`](crate::CancelToken) ended the wait.
    Cancelled,
    /// A datagram was longer than the room for it; see [`Error::truncated`](crate::Error::truncated).
    Truncated,
    /// A frame of a stream is longer than its framing allows; see [`FrameError`](crate::frame::FrameError).
    FrameTooLong,
    /// The stream ended where more had to come: within a frame (see [`FrameError`](crate::frame::FrameError)), or before
    /// as many bytes as were asked for (see [`PartialTransfer`](crate::error::PartialTransfer)).
    UnexpectedEof,
    /// The data to send is longer than the protocol or the system can carry in one message.
    MessageTooLong,
    /// Nobody listens at the remote address and its system said so.
    ConnectionRefused,
    /// The remote end broke the connection off, or has closed it while something was still sent to it (a broken pipe).
    ConnectionReset,
    /// The connection was given up before it was complete.
    ConnectionAborted,
    /// The operation needs a connected socket.
    NotConnected,
    /// Another socket holds the address.
    AddressInUse,
    /// The address does not belong to this machine, or does not suit the socket.
    AddressNotAvailable,
    /// No route leads to the network.
    NetworkUnreachable,
    /// A route leads there, and the host did not answer.
    HostUnreachable,
    /// The system's rules, or a firewall of this machine, forbid it.
    PermissionDenied,
    /// A text that should be an address is not one; see [`AddressError`](crate::AddressError).
    InvalidAddress,
    /// A value makes no sense for the operation.
    InvalidInput,
    /// The name does not exist, or has no address of the family asked for.
    NameNotFound,
    /// The name could not be looked up now; a later try may succeed.
    NameResolution,
    /// Bytes are not text of the encoding asked for; see [`DecodeError`](crate::text::DecodeError).
    InvalidText,
    /// A character does not exist in the encoding asked for; see [`EncodeError`](crate::text::EncodeError).
    UnencodableText,
    /// A name that should be an encoding's is not one; see [`UnknownEncoding`](crate::text::UnknownEncoding).
    UnknownEncoding,
    /// This operating system cannot do it.
    Unsupported,
    /// Descriptors, buffers or memory of the process or the system are used up.
    ResourceExhausted,
    /// Something for which there is no word here; the cause has the system's own.
    Other,
}

impl ErrorKind {
    /// The kind of a system error.
    pub(crate) fn of(error: &io::Error) -> ErrorKind {
        use io::ErrorKind as Io;
        match error.kind() {
            Io::TimedOut | Io::WouldBlock => ErrorKind::TimedOut,
            Io::ConnectionRefused => ErrorKind::ConnectionRefused,
            Io::ConnectionReset | Io::BrokenPipe => ErrorKind::ConnectionReset,
            Io::ConnectionAborted => ErrorKind::ConnectionAborted,
            Io::NotConnected => ErrorKind::NotConnected,
            Io::AddrInUse => ErrorKind::AddressInUse,
            Io::AddrNotAvailable => ErrorKind::AddressNotAvailable,
            Io::NetworkUnreachable | Io::NetworkDown => ErrorKind::NetworkUnreachable,
            Io::HostUnreachable => ErrorKind::HostUnreachable,
            Io::PermissionDenied => ErrorKind::PermissionDenied,
            Io::InvalidInput => ErrorKind::InvalidInput,
            Io::Unsupported => ErrorKind::Unsupported,
            Io::UnexpectedEof => ErrorKind::UnexpectedEof,
            Io::OutOfMemory => ErrorKind::ResourceExhausted,
            _ => ErrorKind::Other,
        }
    }

    /// The kind that `std` has for it, which a conversion into [`io::Error`] keeps.
    pub(crate) fn io_kind(self) -> io::ErrorKind {
        use io::ErrorKind as Io;
        match self {
            ErrorKind::TimedOut => Io::TimedOut,
            ErrorKind::ConnectionRefused => Io::ConnectionRefused,
            ErrorKind::ConnectionReset => Io::ConnectionReset,
            ErrorKind::ConnectionAborted => Io::ConnectionAborted,
            ErrorKind::NotConnected => Io::NotConnected,
            ErrorKind::AddressInUse => Io::AddrInUse,
            ErrorKind::AddressNotAvailable => Io::AddrNotAvailable,
            ErrorKind::NetworkUnreachable => Io::NetworkUnreachable,
            ErrorKind::HostUnreachable => Io::HostUnreachable,
            ErrorKind::PermissionDenied => Io::PermissionDenied,
            ErrorKind::InvalidAddress | ErrorKind::InvalidInput | ErrorKind::MessageTooLong => {
                Io::InvalidInput
            }
            ErrorKind::UnknownEncoding => Io::InvalidInput,
            ErrorKind::NameNotFound => Io::NotFound,
            ErrorKind::Truncated | ErrorKind::InvalidText | ErrorKind::UnencodableText => Io::InvalidData,
            ErrorKind::FrameTooLong => Io::InvalidData,
            ErrorKind::UnexpectedEof => Io::UnexpectedEof,
            ErrorKind::Unsupported => Io::Unsupported,
            // `Interrupted` would be wrong for `Cancelled`: `std` takes it as "call again".
            ErrorKind::Cancelled
            | ErrorKind::NameResolution
            | ErrorKind::ResourceExhausted
            | ErrorKind::Other => Io::Other,
        }
    }

    fn words(self) -> &'static str {
        match self {
            ErrorKind::TimedOut => "timed out",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Truncated => "datagram truncated",
            ErrorKind::FrameTooLong => "frame too long",
            ErrorKind::UnexpectedEof => "unexpected end of the stream",
            ErrorKind::MessageTooLong => "message too long",
            ErrorKind::ConnectionRefused => "connection refused",
            ErrorKind::ConnectionReset => "connection reset",
            ErrorKind::ConnectionAborted => "connection aborted",
            ErrorKind::NotConnected => "not connected",
            ErrorKind::AddressInUse => "address in use",
            ErrorKind::AddressNotAvailable => "address not available on this machine",
            ErrorKind::NetworkUnreachable => "network unreachable",
            ErrorKind::HostUnreachable => "host unreachable",
            ErrorKind::PermissionDenied => "permission denied",
            ErrorKind::InvalidAddress => "invalid address",
            ErrorKind::InvalidInput => "invalid input",
            ErrorKind::NameNotFound => "no such host",
            ErrorKind::NameResolution => "temporary failure in name resolution",
            ErrorKind::InvalidText => "invalid text",
            ErrorKind::UnencodableText => "unencodable text",
            ErrorKind::UnknownEncoding => "unknown encoding",
            ErrorKind::Unsupported => "not supported on this system",
            ErrorKind::ResourceExhausted => "resource exhausted (too many open files or out of memory)",
            ErrorKind::Other => "system error",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}
