use std::time::Duration;

use super::{Keepalive, options};
use crate::proto::text::Encoding;

options! {
    ($)
    /// Options of a TCP connection, on either end.
    ///
    /// [`TcpClientBuilder`](crate::tcp::TcpClientBuilder) and
    /// [`TcpServerBuilder`](crate::tcp::TcpServerBuilder) have the same setters; `options` of each
    /// takes a whole value, to share it among several. An option that is not set keeps the default
    /// of the OS, unless its setter says otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::tcp::TcpOptions;
    /// use socketry::{Encoding, TcpClient, TcpServer};
    /// use std::time::Duration;
    ///
    /// let options = TcpOptions::new().encoding(Encoding::Gb2312).read_timeout(Duration::from_secs(5));
    /// let server = TcpServer::builder().options(options.clone()).bind("127.0.0.1:0")?;
    /// let client = TcpClient::builder().options(options).connect(server.local_addr())?;
    /// assert_eq!(client.read_timeout(), Some(Duration::from_secs(5)));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    TcpOptions, tcp_option_setters;

    /// Sets the encoding of text that is sent and received. Defaults to
    /// [`Encoding::Utf8`](crate::Encoding::Utf8).
    encoding: Encoding = Encoding::Utf8, (encoding: crate::proto::text::Encoding) => encoding;

    /// Sets the timeout of each call that reads. Defaults to no timeout.
    ///
    /// The timeout applies to the whole call: also to `recv_exact`, `recv_to_end`, `recv_text`, and
    /// the receive of a line or frame. Each `read` through `std::io::Read` is a call.
    ///
    /// [`TcpConnection::set_read_timeout`](crate::TcpConnection::set_read_timeout) changes it for
    /// one connection.
    #[doc(alias = "SO_RCVTIMEO", alias = "settimeout")]
    read_timeout: Option<Duration> = None, (timeout: impl Into<Option<Duration>>) => timeout.into();

    /// Sets the timeout of each call that writes, for a peer that does not read. Defaults to no
    /// timeout.
    ///
    /// The timeout applies to the whole call, such as the send of a frame or of a file, however
    /// large it is. [`stall_timeout`](Self::stall_timeout) limits a transfer by its progress.
    ///
    /// [`TcpConnection::set_write_timeout`](crate::TcpConnection::set_write_timeout) changes it for
    /// one connection.
    #[doc(alias = "SO_SNDTIMEO", alias = "settimeout")]
    write_timeout: Option<Duration> = None, (timeout: impl Into<Option<Duration>>) => timeout.into();

    /// Sets the timeout of the wait for the first byte of a message, in framed use
    /// ([`lines`](crate::TcpConnection::lines), [`Framed`](crate::frame::Framed)) and in
    /// [`serve_requests`](crate::TcpServer::serve_requests). Defaults to `None`: the read timeout
    /// includes this wait.
    ///
    /// If it is set, the [`read_timeout`](Self::read_timeout) begins at that byte. So a server can
    /// allow 60 s between two lines, and 5 s for a line once it has begun.
    ///
    /// [`TcpConnection::set_idle_timeout`](crate::TcpConnection::set_idle_timeout) changes it for
    /// one connection.
    #[doc(alias = "keep-alive timeout")]
    idle_timeout: Option<Duration> = None, (timeout: impl Into<Option<Duration>>) => timeout.into();

    /// Sets how long writes may wait for a peer that reads too slowly. `None` is no limit. Defaults
    /// to no limit for a client and to 30 s for a server, whose threads would otherwise block
    /// indefinitely.
    ///
    /// The waiting time of all writes of a connection counts against this timeout, and each 1,024
    /// bytes that the OS accepts give 1 s of it back. A steady reader of a large file is therefore
    /// served, however long that takes, and one that reads a segment each 29 s is not. The error is
    /// of kind [`TimedOut`](crate::ErrorKind::TimedOut).
    ///
    /// The OS accepts bytes as its send buffer empties, in steps of up to a third of the buffer. A
    /// very large [`send_buffer_size`](Self::send_buffer_size) makes progress look slower.
    ///
    /// [`TcpConnection::set_stall_timeout`](crate::TcpConnection::set_stall_timeout) changes it for
    /// one connection.
    #[doc(alias = "send_timeout", alias = "MinRate")]
    stall_timeout: Option<Option<Duration>> = None,
        (timeout: impl Into<Option<Duration>>) => Some(timeout.into());

    /// Sets whether small writes are sent at once, without Nagle's algorithm (`TCP_NODELAY`).
    /// Defaults to true.
    ///
    /// If false, the OS delays a small write while an earlier one is unacknowledged, which can take
    /// 40 ms with a peer that delays its acknowledgments. That saves packets for a program that
    /// writes very small pieces and does not wait for replies.
    #[doc(alias = "TCP_NODELAY")]
    nodelay: bool = true, (on: bool) => on;

    /// Enables keepalive probes on an idle connection. Defaults to `None`, no probes.
    ///
    /// Probes are not sent while sent data is unacknowledged.
    /// [`dead_peer_timeout`](Self::dead_peer_timeout) covers both cases.
    #[doc(alias = "SO_KEEPALIVE", alias = "TCP_KEEPIDLE", alias = "TCP_KEEPINTVL", alias = "TCP_KEEPCNT")]
    keepalive: Option<Keepalive> = None,
        (keepalive: impl Into<Option<crate::options::Keepalive>>) => keepalive.into();

    /// Sets the time after which an unreachable peer (unplugged cable, lost power) is an error of
    /// kind [`DeadPeer`](crate::ErrorKind::DeadPeer), in the call that blocks or in the next one.
    /// Whole seconds, at least 2. Defaults to `None`: an idle connection to an unreachable peer
    /// then stays open indefinitely.
    ///
    /// This sets keepalive, so that half of the time passes in silence and the other half with
    /// probes, and the user timeout for data that is not acknowledged. A peer that is reachable and
    /// sends nothing is no error.
    ///
    /// # Platform-specific behavior
    ///
    /// Only Linux has the user timeout. Elsewhere an unreachable peer is detected by keepalive
    /// alone, which does not work while sent data is unacknowledged.
    #[doc(alias = "keepalive")]
    dead_peer_timeout: Option<Duration> = None, (timeout: impl Into<Option<Duration>>) => timeout.into();

    /// Sets how long sent data may stay unacknowledged before the connection fails
    /// (`TCP_USER_TIMEOUT`, RFC 5482). Defaults to the limit of the OS, about 15 minutes on Linux.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux only. Elsewhere an error of kind [`Unsupported`](crate::ErrorKind::Unsupported).
    #[doc(alias = "TCP_USER_TIMEOUT")]
    user_timeout: Option<Duration> = None, (timeout: impl Into<Option<Duration>>) => timeout.into();

    /// Sets what the OS does with unsent data when the connection is closed (`SO_LINGER`): closing
    /// blocks until the data is sent, at most for this time. Zero discards the data and resets the
    /// connection. Defaults to `None`: the OS sends the data in the background.
    #[doc(alias = "SO_LINGER")]
    linger: Option<Duration> = None, (time: impl Into<Option<Duration>>) => time.into();

    /// Sets the time to live in hops (for IPv6, the hop limit). Defaults to that of the OS,
    /// usually 64.
    #[doc(alias = "IP_TTL", alias = "IPV6_UNICAST_HOPS")]
    ttl: Option<u8> = None, (hops: u8) => Some(hops);

    /// Sets the type-of-service byte (for IPv6, the traffic class). Defaults to 0.
    ///
    /// # Platform-specific behavior
    ///
    /// Not supported for IPv6 on Windows.
    #[doc(alias = "IP_TOS", alias = "IPV6_TCLASS")]
    tos: Option<u8> = None, (byte: u8) => Some(byte);

    /// Requests a receive buffer of this many bytes in the kernel. Defaults to that of the OS,
    /// which grows with the speed of the connection. A requested size does not grow.
    #[doc(alias = "SO_RCVBUF")]
    receive_buffer_size: Option<usize> = None, (bytes: usize) => Some(bytes);

    /// Requests a send buffer of this many bytes in the kernel. Defaults to that of the OS, which
    /// grows with the speed of the connection. A requested size does not grow.
    #[doc(alias = "SO_SNDBUF")]
    send_buffer_size: Option<usize> = None, (bytes: usize) => Some(bytes);

    /// Selects the congestion control algorithm, such as `"cubic"` or `"reno"`. Defaults to that of
    /// the OS.
    ///
    /// On a local network it matters if the default paces what it sends (`bbr`): bulk transfers
    /// over loopback are 1.3 to 2.6 times as fast with `cubic`.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux and FreeBSD. Elsewhere an error of kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    #[doc(alias = "TCP_CONGESTION")]
    congestion_control: Option<Box<str>> = None, (name: &str) => Some(name.into());

    /// Sends and receives on one network device only, such as `"eth0"`. Defaults to any device.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux since 5.7 and macOS, without privileges. Elsewhere an error of kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    #[doc(alias = "SO_BINDTODEVICE", alias = "IP_BOUND_IF")]
    device: Option<Box<str>> = None, (name: &str) => Some(name.into());
}
