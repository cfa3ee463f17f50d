use std::time::Duration;

use super::{InterfaceSelector, options};
use crate::error::ErrorKind;
use crate::proto::retry::Retry;
use crate::proto::text::Encoding;

/// The largest datagram that IP can carry, its headers included: no datagram is truncated by a
/// buffer of this size.
pub(crate) const LARGEST_DATAGRAM: usize = 65_535;

/// What happens to a datagram that is longer than the limit or the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Truncation {
    /// Receiving returns an error, whose [`Truncated`](crate::error::Truncated) has the beginning,
    /// the sender and the size.
    #[default]
    Error,
    /// The beginning is delivered; [`RecvMeta::truncated`](crate::udp::RecvMeta::truncated) returns
    /// the size.
    Deliver,
}

options! {
    ($)
    /// Options of a UDP endpoint.
    ///
    /// [`UdpBuilder`](crate::udp::UdpBuilder) has the same setters; its
    /// [`options`](crate::udp::UdpBuilder::options) takes a whole value, to share it among several
    /// endpoints. An option that is not set keeps the default of the OS, unless its setter says
    /// otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::udp::UdpOptions;
    /// use socketry::{Encoding, UdpEndpoint};
    /// use std::time::Duration;
    ///
    /// let options = UdpOptions::new().encoding(Encoding::Gb2312).read_timeout(Duration::from_secs(5));
    /// let endpoint = UdpEndpoint::builder().options(options).bind("127.0.0.1:0")?;
    /// assert_eq!(endpoint.encoding(), Encoding::Gb2312);
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[derive(Clone, Debug, PartialEq)]
    UdpOptions, udp_option_setters;

    /// Sets the encoding of text that is sent and received. Defaults to
    /// [`Encoding::Utf8`](crate::Encoding::Utf8).
    encoding: Encoding = Encoding::Utf8, (encoding: crate::proto::text::Encoding) => encoding;

    /// Sets the timeout of each call that receives. Defaults to no timeout.
    ///
    /// [`UdpEndpoint::set_read_timeout`](crate::UdpEndpoint::set_read_timeout) changes it later.
    #[doc(alias = "SO_RCVTIMEO", alias = "settimeout")]
    read_timeout: Option<Duration> = None, (timeout: impl Into<Option<Duration>>) => timeout.into();

    /// Sets the timeout of each call that sends, for a send buffer that is full. Defaults to no
    /// timeout; the buffer of a UDP socket drains as fast as the network card sends.
    ///
    /// [`UdpEndpoint::set_write_timeout`](crate::UdpEndpoint::set_write_timeout) changes it later.
    #[doc(alias = "SO_SNDTIMEO", alias = "settimeout")]
    write_timeout: Option<Duration> = None, (timeout: impl Into<Option<Duration>>) => timeout.into();

    /// Sets how [`request`](crate::UdpEndpoint::request) resends and when it gives up. Defaults to
    /// [`Retry::default`](crate::Retry::default).
    retry: Retry = Retry::new(), (retry: crate::proto::retry::Retry) => retry;

    /// Sets the kinds of errors that end a [`request`](crate::UdpEndpoint::request) immediately.
    /// Defaults to [`ConnectionRefused`](crate::ErrorKind::ConnectionRefused): the port of the peer is
    /// closed.
    ///
    /// A request is resent after other temporary errors of the OS: a firewall rule, a missing route,
    /// an unreachable host, a path MTU that has become smaller, a missing address, device, port or
    /// buffer. With an empty list it is also resent while the port is closed, such as that of a
    /// server that is starting. See [`Error::is_temporary`](crate::Error::is_temporary).
    request_fails_on: &'static [ErrorKind] = &[ErrorKind::ConnectionRefused],
        (kinds: &'static [crate::error::ErrorKind]) => kinds;

    /// Sets the maximum size in bytes of a datagram that [`recv`](crate::UdpEndpoint::recv)
    /// accepts, 1 to 65,535. Defaults to 65,535, which no datagram exceeds.
    ///
    /// [`truncation`](Self::truncation) decides what happens to a longer one.
    /// [`recv_into`](crate::UdpEndpoint::recv_into) is limited by its buffer instead.
    max_datagram: usize = LARGEST_DATAGRAM, (bytes: usize) => bytes.clamp(1, LARGEST_DATAGRAM);

    /// Sets what happens to a datagram that is longer than the limit. Defaults to
    /// [`Truncation::Error`](crate::udp::Truncation::Error).
    #[doc(alias = "MSG_TRUNC", alias = "WSAEMSGSIZE")]
    truncation: Truncation = Truncation::Error, (truncation: crate::options::Truncation) => truncation;

    /// Allows sending to broadcast addresses. Defaults to false, as on every OS.
    #[doc(alias = "SO_BROADCAST")]
    broadcast: bool = false, (on: bool) => on;

    /// Sets whether a wildcard address binds IPv4 and IPv6. Defaults to false: `":7788"` is IPv4
    /// and `"[::]:7788"` is IPv6 only, on every OS.
    ///
    /// If true, `":7788"`, `7788` and `"[::]:7788"` mean the same. IPv4 addresses stay IPv4
    /// addresses in everything that is received and sent. `dual_stack(true).bind(0)` makes an
    /// endpoint that can send to both families.
    #[doc(alias = "IPV6_V6ONLY")]
    dual_stack: bool = false, (on: bool) => on;

    /// Allows binding a port that another socket with this option has. Defaults to false.
    ///
    /// Use it for several receivers of one multicast group. A datagram to a unicast address is
    /// delivered to one socket only, on Linux to the one that was bound last: with this option
    /// another process can take the endpoint's datagrams.
    #[doc(alias = "SO_REUSEADDR", alias = "EADDRINUSE", alias = "allow_reuse_address")]
    reuse_address: bool = false, (on: bool) => on;

    /// Shares the port with other sockets of the same user, among which the OS distributes
    /// datagrams by their sender. Defaults to false.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux distributes. On macOS and the BSDs one socket receives all datagrams. On Windows an
    /// error of kind [`Unsupported`](crate::ErrorKind::Unsupported).
    #[doc(alias = "SO_REUSEPORT")]
    reuse_port: bool = false, (on: bool) => on;

    /// Sets the time to live in hops (for IPv6, the hop limit) of unicast datagrams. Defaults to
    /// that of the OS, usually 64.
    #[doc(alias = "IP_TTL", alias = "IPV6_UNICAST_HOPS")]
    ttl: Option<u8> = None, (hops: u8) => Some(hops);

    /// Sets the type-of-service byte (for IPv6, the traffic class) of what is sent. Defaults to 0.
    ///
    /// # Platform-specific behavior
    ///
    /// Not supported for IPv6 on Windows.
    #[doc(alias = "IP_TOS", alias = "IPV6_TCLASS")]
    tos: Option<u8> = None, (byte: u8) => Some(byte);

    /// Requests a receive buffer of this many bytes in the kernel, for datagrams that arrive faster
    /// than they are read. Defaults to that of the OS.
    /// [`UdpEndpoint::receive_buffer_size`](crate::UdpEndpoint::receive_buffer_size) returns the
    /// granted size, which can be smaller.
    #[doc(alias = "SO_RCVBUF")]
    receive_buffer_size: Option<usize> = None, (bytes: usize) => Some(bytes);

    /// Requests a send buffer of this many bytes in the kernel. Defaults to that of the OS.
    /// [`UdpEndpoint::send_buffer_size`](crate::UdpEndpoint::send_buffer_size) returns the granted
    /// size.
    #[doc(alias = "SO_SNDBUF")]
    send_buffer_size: Option<usize> = None, (bytes: usize) => Some(bytes);

    /// Sends and receives on one network device only, such as `"eth0"`. Defaults to any device.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux since 5.7 and macOS, without privileges. Elsewhere an error of kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    #[doc(alias = "SO_BINDTODEVICE", alias = "IP_BOUND_IF")]
    device: Option<Box<str>> = None, (name: &str) => Some(name.into());

    /// Sets the time to live in hops of multicast datagrams. Defaults to 1, the local network.
    #[doc(alias = "IP_MULTICAST_TTL", alias = "IPV6_MULTICAST_HOPS")]
    multicast_ttl: Option<u8> = None, (hops: u8) => Some(hops);

    /// Sets whether group members on this machine receive the multicast datagrams that are sent
    /// here. Defaults to true.
    #[doc(alias = "IP_MULTICAST_LOOP", alias = "IPV6_MULTICAST_LOOP")]
    multicast_loopback: Option<bool> = None, (on: bool) => Some(on);

    /// Sets the interface that sends multicast datagrams. Defaults to the choice of the OS, the
    /// interface of the default route; without one, sending fails.
    #[doc(alias = "IP_MULTICAST_IF", alias = "IPV6_MULTICAST_IF")]
    multicast_interface: Option<InterfaceSelector> = None,
        (interface: impl Into<crate::options::InterfaceSelector>) => Some(interface.into());

    /// Sets whether the OS reports for each datagram its destination address and the receiving
    /// interface. Defaults to true for a wildcard address, so that
    /// [`reply`](crate::UdpEndpoint::reply) can send from the address that was asked, and to false
    /// for any other, where the address is known.
    ///
    /// It costs about 0.2 µs for each received datagram.
    ///
    /// # Platform-specific behavior
    ///
    /// Unix. It has no effect on Windows.
    #[doc(alias = "IP_PKTINFO", alias = "IP_RECVDSTADDR", alias = "IPV6_RECVPKTINFO")]
    packet_info: Option<bool> = None, (on: bool) => Some(on);

    /// Sets whether receiving calls of an unconnected endpoint return the error of a datagram sent
    /// earlier that could not be delivered (port or host unreachable). Defaults to false.
    ///
    /// [`Error::peer_addr`](crate::Error::peer_addr) is the destination of that datagram. The
    /// endpoint stays usable. A connected endpoint always returns these errors.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux (`IP_RECVERR`, ip(7)). Other systems do not report these errors to an unconnected
    /// socket.
    #[doc(alias = "IP_RECVERR", alias = "ECONNREFUSED", alias = "MSG_ERRQUEUE")]
    report_unreachable: bool = false, (on: bool) => on;

    /// Sets whether the kernel reports the time when it received each datagram, as
    /// [`RecvMeta::timestamp`](crate::udp::RecvMeta::timestamp). Defaults to false.
    ///
    /// It takes no further system call.
    ///
    /// # Platform-specific behavior
    ///
    /// Unix: in nanoseconds on Linux, else in microseconds. On Windows an error of kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    #[doc(alias = "SO_TIMESTAMPNS", alias = "SO_TIMESTAMP")]
    receive_timestamp: bool = false, (on: bool) => on;

    /// Sets whether the OS reports the time to live (for IPv6, the hop limit) of each datagram, as
    /// [`RecvMeta::ttl`](crate::udp::RecvMeta::ttl). Defaults to false.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux and FreeBSD. Elsewhere an error of kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    #[doc(alias = "IP_RECVTTL", alias = "IPV6_RECVHOPLIMIT")]
    receive_ttl: bool = false, (on: bool) => on;

    /// Sets whether the OS reports the type-of-service byte (for IPv6, the traffic class) of each
    /// datagram, as [`RecvMeta::tos`](crate::udp::RecvMeta::tos) and
    /// [`RecvMeta::ecn`](crate::udp::RecvMeta::ecn). Defaults to false.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux and FreeBSD. Elsewhere an error of kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    #[doc(alias = "IP_RECVTOS", alias = "IPV6_RECVTCLASS", alias = "ECN")]
    receive_tos: bool = false, (on: bool) => on;

    /// Busy-polls for up to this time before a receive blocks. `None` and zero block at once.
    /// Defaults to `None`.
    ///
    /// A blocked thread is woken about 50 µs after its datagram has arrived, if it runs on another
    /// processor; a polling one receives it within a few microseconds, at the cost of a whole
    /// processor. Between two polls the thread yields. Use it for two ends that reply to each other
    /// at once, on a machine with a processor for each.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    /// use std::time::Duration;
    ///
    /// let endpoint = UdpEndpoint::builder().busy_poll(Duration::from_micros(100)).bind("127.0.0.1:0")?;
    /// assert!(endpoint.recv_timeout(Duration::from_millis(5)).unwrap_err().is_timeout());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "SO_BUSY_POLL")]
    busy_poll: Option<Duration> = None, (time: impl Into<Option<Duration>>) => time.into().filter(|time| !time.is_zero());
}
