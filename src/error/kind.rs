use std::fmt;
use std::io;

/// The category of an [`Error`](crate::Error), the same on every OS.
///
/// Match on the kind to decide what to do. The [`Error`](crate::Error) has the operation, the
/// addresses, the elapsed time, and the cause.
///
/// | Error of the OS | Kind |
/// |---|---|
/// | `EAGAIN`, `EWOULDBLOCK`, `ETIMEDOUT` of a connect | [`TimedOut`](Self::TimedOut) |
/// | `ETIMEDOUT`, `EHOSTUNREACH` of an established connection | [`DeadPeer`](Self::DeadPeer) |
/// | `ECONNREFUSED` | [`ConnectionRefused`](Self::ConnectionRefused) |
/// | `ECONNRESET`, `EPIPE` | [`ConnectionReset`](Self::ConnectionReset) |
/// | `ECONNABORTED` | [`ConnectionAborted`](Self::ConnectionAborted) |
/// | `ENOTCONN`, `EDESTADDRREQ` | [`NotConnected`](Self::NotConnected) |
/// | `EADDRINUSE` | [`AddressInUse`](Self::AddressInUse) |
/// | `EADDRNOTAVAIL` | [`AddressNotAvailable`](Self::AddressNotAvailable) |
/// | `ENODEV`, `ENXIO` | [`DeviceNotFound`](Self::DeviceNotFound) |
/// | `ENETUNREACH`, `ENETDOWN` | [`NetworkUnreachable`](Self::NetworkUnreachable) |
/// | `EHOSTUNREACH`, `EHOSTDOWN` | [`HostUnreachable`](Self::HostUnreachable) |
/// | `EACCES`, `EPERM` | [`PermissionDenied`](Self::PermissionDenied) |
/// | `EMSGSIZE` | [`MessageTooLong`](Self::MessageTooLong) |
/// | `EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM` | [`ResourceExhausted`](Self::ResourceExhausted) |
/// | `ENOPROTOOPT`, `EOPNOTSUPP`, `EAFNOSUPPORT` | [`Unsupported`](Self::Unsupported) |
#[doc(alias = "errno", alias = "WSAGetLastError", alias = "io::ErrorKind")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A timeout expired or a deadline passed. [`Error::limit`](crate::Error::limit) says which.
    ///
    /// This includes a connect that the OS gave up (`ETIMEDOUT`, `WSAETIMEDOUT`).
    #[doc(alias = "EAGAIN")]
    #[doc(alias = "EWOULDBLOCK")]
    #[doc(alias = "WouldBlock")]
    #[doc(alias = "ETIMEDOUT")]
    #[doc(alias = "WSAETIMEDOUT")]
    #[doc(alias = "10060")]
    #[doc(alias = "socket.timeout")]
    TimedOut,
    /// The peer of a TCP connection did not acknowledge data or answer keepalive probes in time, so
    /// the OS gave the connection up (`ETIMEDOUT`, or `EHOSTUNREACH` or `ENETUNREACH` if a router
    /// reported that).
    ///
    /// This is the end of the connection, unlike [`TimedOut`](Self::TimedOut), after which a call
    /// can be repeated. As an [`io::Error`] it is of kind
    /// [`ConnectionAborted`](io::ErrorKind::ConnectionAborted), because code that repeats a read
    /// after `TimedOut` would never end. See
    /// [`dead_peer_timeout`](crate::tcp::TcpOptions::dead_peer_timeout).
    #[doc(alias = "ETIMEDOUT", alias = "WSAETIMEDOUT", alias = "keepalive", alias = "TCP_USER_TIMEOUT")]
    DeadPeer,
    /// A [`CancelToken`](crate::CancelToken) was cancelled, or the server that has the connection
    /// was shut down.
    #[doc(alias = "Canceled", alias = "ECANCELED")]
    Cancelled,
    /// A datagram was larger than the buffer; see [`Error::truncated`](crate::Error::truncated).
    #[doc(alias = "MSG_TRUNC", alias = "WSAEMSGSIZE", alias = "10040")]
    Truncated,
    /// A frame of a stream exceeds the maximum length of its framing; see
    /// [`FrameError`](crate::frame::FrameError).
    FrameTooLong,
    /// The stream ended within a frame (see [`FrameError`](crate::frame::FrameError)), or before
    /// the expected number of bytes was received (see
    /// [`PartialTransfer`](crate::error::PartialTransfer)).
    #[doc(alias = "EOFError", alias = "IncompleteReadError")]
    UnexpectedEof,
    /// A message is larger than the protocol, the OS, or the given maximum allows.
    #[doc(alias = "EMSGSIZE")]
    MessageTooLong,
    /// No socket listens at the remote address, and the remote host reported that.
    ///
    /// For TCP this is a reset in reply to the connection request. For UDP it is an ICMP "port
    /// unreachable" in reply to an earlier datagram; Windows reports it as `WSAECONNRESET`.
    #[doc(alias = "ECONNREFUSED")]
    #[doc(alias = "WSAECONNREFUSED")]
    #[doc(alias = "10061")]
    #[doc(alias = "ConnectionRefusedError")]
    ConnectionRefused,
    /// The peer reset the connection, or closed it while data was still being sent to it (`EPIPE`).
    #[doc(alias = "ECONNRESET")]
    #[doc(alias = "WSAECONNRESET")]
    #[doc(alias = "10054")]
    #[doc(alias = "EPIPE")]
    #[doc(alias = "BrokenPipe")]
    #[doc(alias = "BrokenPipeError")]
    #[doc(alias = "ConnectionResetError")]
    ConnectionReset,
    /// The connection was aborted before it was complete, or by the OS of this machine.
    #[doc(alias = "ECONNABORTED")]
    #[doc(alias = "WSAECONNABORTED")]
    #[doc(alias = "10053")]
    #[doc(alias = "ConnectionAbortedError")]
    ConnectionAborted,
    /// The operation needs a connected socket.
    #[doc(alias = "ENOTCONN", alias = "WSAENOTCONN", alias = "10057", alias = "EDESTADDRREQ")]
    NotConnected,
    /// Another socket is bound to the address.
    #[doc(alias = "EADDRINUSE", alias = "WSAEADDRINUSE", alias = "10048")]
    AddressInUse,
    /// The address is not an address of this machine, or does not fit the socket, for example in
    /// its address family.
    #[doc(alias = "EADDRNOTAVAIL", alias = "WSAEADDRNOTAVAIL", alias = "10049")]
    AddressNotAvailable,
    /// The network interface does not exist, or no longer: a USB adapter, VPN or container that is
    /// gone.
    #[doc(alias = "ENODEV", alias = "ENXIO")]
    DeviceNotFound,
    /// There is no route to the network, or the network interface is down.
    #[doc(alias = "ENETUNREACH", alias = "WSAENETUNREACH", alias = "10051", alias = "ENETDOWN")]
    NetworkUnreachable,
    /// There is a route to the host, but the host did not respond to address resolution (ARP,
    /// neighbor discovery), or a router reported the host as unreachable.
    #[doc(alias = "EHOSTUNREACH", alias = "WSAEHOSTUNREACH", alias = "10065", alias = "EHOSTDOWN")]
    HostUnreachable,
    /// The OS, or a firewall of this machine, does not permit the operation.
    #[doc(alias = "EACCES")]
    #[doc(alias = "EPERM")]
    #[doc(alias = "WSAEACCES")]
    #[doc(alias = "10013")]
    #[doc(alias = "PermissionError")]
    PermissionDenied,
    /// A text is not a valid address; see [`AddressError`](crate::AddressError).
    InvalidAddress,
    /// A value is not valid for the operation.
    #[doc(alias = "EINVAL", alias = "WSAEINVAL", alias = "10022", alias = "ValueError")]
    InvalidInput,
    /// The name does not exist, or has no record of the requested kind.
    #[doc(alias = "EAI_NONAME", alias = "NXDOMAIN", alias = "WSAHOST_NOT_FOUND", alias = "11001")]
    NameNotFound,
    /// Name resolution failed temporarily; a later attempt may succeed.
    #[doc(alias = "EAI_AGAIN", alias = "WSATRY_AGAIN", alias = "11002", alias = "gaierror")]
    NameResolution,
    /// Bytes are not valid text of the encoding; see [`DecodeError`](crate::text::DecodeError).
    #[doc(alias = "EILSEQ", alias = "UnicodeDecodeError")]
    InvalidText,
    /// A character does not exist in the encoding; see [`EncodeError`](crate::text::EncodeError).
    #[doc(alias = "UnicodeEncodeError")]
    UnencodableText,
    /// A text is not the name of an encoding; see
    /// [`UnknownEncoding`](crate::text::UnknownEncoding).
    #[doc(alias = "LookupError")]
    UnknownEncoding,
    /// The operation is not supported on this OS.
    #[doc(alias = "ENOPROTOOPT", alias = "EOPNOTSUPP", alias = "EAFNOSUPPORT", alias = "ENOSYS")]
    Unsupported,
    /// The process or the OS is out of file descriptors, buffers, or memory, or a limit of this
    /// crate is reached, such as the 64 KiB that [`Framed`](crate::frame::Framed) buffers.
    #[doc(alias = "EMFILE")]
    #[doc(alias = "ENFILE")]
    #[doc(alias = "ENOBUFS")]
    #[doc(alias = "ENOMEM")]
    #[doc(alias = "WSAEMFILE")]
    #[doc(alias = "10024")]
    #[doc(alias = "WSAENOBUFS")]
    #[doc(alias = "10055")]
    ResourceExhausted,
    /// Any other error; [`Error::raw_os_error`](crate::Error::raw_os_error) and the source of the
    /// error have the error of the OS.
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
            ErrorKind::ConnectionAborted | ErrorKind::DeadPeer => Io::ConnectionAborted,
            ErrorKind::NotConnected => Io::NotConnected,
            ErrorKind::AddressInUse => Io::AddrInUse,
            ErrorKind::AddressNotAvailable => Io::AddrNotAvailable,
            ErrorKind::DeviceNotFound => Io::NotFound,
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
            ErrorKind::DeadPeer => "peer does not respond (connection timed out)",
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
            ErrorKind::DeviceNotFound => "no such network device",
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
