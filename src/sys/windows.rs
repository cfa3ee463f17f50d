//! Windows: sockets are non-blocking and every wait is a poll, because `SO_RCVTIMEO` leaves a socket in an undefined
//! state there and no call can be made non-blocking alone. A datagram is received into a buffer that holds any, because
//! Windows gives neither beginning nor sender of one that does not fit.

use std::cell::RefCell;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::windows::io::{AsSocket, BorrowedSocket};
use std::time::Duration;

use socket2::{InterfaceIndexOrAddress, SockRef};

pub(crate) use super::plain::{
    MAX_MESSAGES, SEGMENTS, SHUTDOWN_WAKES_DATAGRAMS, disconnect, drop_new_syns, enable_gro, limit_unsent,
    receive_connected, receive_plain, reserve_descriptors, segment_fault, send_file, send_messages,
    wake_receivers,
};
pub(super) use super::plain::{is_complete, nonblocking_stream_socket};
use super::{ControlOption, Family, How, Link, Mode, QueuedError, Received, Way, canonical};
use crate::error::ErrorKind;
use crate::options::LARGEST_DATAGRAM;

pub(super) const PINS: bool = false;
pub(crate) const SUPPORTS_BLOCKING: bool = false;
pub(crate) const REPORTS_TO_UNCONNECTED: bool = true;
pub(crate) const BLOCKS_WITH_TIMEOUT: bool = false;
/// An accepted socket does not have all options of its listener; everything is said again.
pub(crate) const ACCEPT_INHERITS_OPTIONS: bool = false;

// Winsock error codes, as Microsoft documents them under "Windows Sockets Error Codes".
const WSAEINTR: i32 = 10004;
const WSAEFAULT: i32 = 10014;
const WSAEMFILE: i32 = 10024;
const WSAEINPROGRESS: i32 = 10036;
const WSAENOTSOCK: i32 = 10038;
const WSAEMSGSIZE: i32 = 10040;
const WSAENETRESET: i32 = 10052;
const WSAECONNRESET: i32 = 10054;
const WSAENOBUFS: i32 = 10055;
const WSAHOST_NOT_FOUND: i32 = 11001;
const WSANO_DATA: i32 = 11004;

thread_local! {
    static ANY: RefCell<Vec<u8>> = RefCell::new(vec![0; LARGEST_DATAGRAM]);
}

pub(crate) fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    how: How,
    received: &mut Received,
) -> io::Result<()> {
    ANY.with_borrow_mut(|any| {
        let (length, from) = if how.peek { socket.peek_from(any) } else { socket.recv_from(any) }?;
        let kept = length.min(buffer.len());
        buffer[..kept].copy_from_slice(&any[..kept]);
        received.meta = received.meta.with_sizes(length, kept);
        received.meta.source = canonical(from);
        Ok(())
    })
}

pub(crate) fn send(socket: &UdpSocket, bytes: &[u8], _: Mode) -> io::Result<()> {
    socket.send(bytes).map(drop)
}

pub(crate) fn send_to(socket: &UdpSocket, bytes: &[u8], to: &SocketAddr, _: Mode) -> io::Result<()> {
    socket.send_to(bytes, to).map(drop)
}

/// There is no packet info, so the OS chooses the source address.
pub(crate) fn send_from(
    socket: &UdpSocket,
    bytes: &[u8],
    to: &SocketAddr,
    _way: Way,
    mode: Mode,
) -> io::Result<()> {
    send_to(socket, bytes, to, mode)
}

/// `WSARecvMsg` has no safe wrapper that also reports truncation.
pub(crate) fn enable_packet_info(_: &UdpSocket, _: Family) -> io::Result<bool> {
    Ok(false)
}

/// `WSARecvMsg` has no safe wrapper that also reports truncation.
pub(crate) fn enable_control(_: &UdpSocket, _: Family, _: ControlOption) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The OS does not report it.
pub(crate) fn dropped_datagrams(_: &UdpSocket, _: Family) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn enable_error_queue(_: &UdpSocket, _: Family) -> io::Result<bool> {
    Ok(false)
}

pub(crate) fn next_queued_error(_: &UdpSocket) -> io::Result<Option<QueuedError>> {
    Ok(None)
}

/// An ICMP message for an earlier datagram of an unconnected socket ends a receive call that has nothing to do with it.
pub(crate) fn is_async_error(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(WSAECONNRESET | WSAENETRESET))
}

pub(crate) fn error_kind(error: &io::Error) -> ErrorKind {
    match error.raw_os_error() {
        Some(WSAEMSGSIZE) => ErrorKind::MessageTooLong,
        Some(WSAEMFILE | WSAENOBUFS) => ErrorKind::ResourceExhausted,
        // What Windows calls a reset of a datagram socket is an ICMP "port unreachable".
        Some(WSAECONNRESET) => ErrorKind::ConnectionRefused,
        Some(WSAENETRESET) => ErrorKind::HostUnreachable,
        Some(WSAENOTSOCK | WSAEFAULT | WSAEINTR) => ErrorKind::InvalidInput,
        _ => ErrorKind::of(error),
    }
}

pub(crate) fn system_lookup(name: &str) -> Result<Vec<SocketAddr>, (ErrorKind, String)> {
    use std::net::ToSocketAddrs;
    (name, 0).to_socket_addrs().map(Iterator::collect).map_err(|error| {
        let kind = match error.raw_os_error() {
            Some(WSAHOST_NOT_FOUND | WSANO_DATA) => ErrorKind::NameNotFound,
            _ => ErrorKind::NameResolution,
        };
        (kind, error.to_string())
    })
}

/// Nothing that depends on it is read here.
#[cfg(feature = "dns")]
pub(crate) fn host_name() -> Option<String> {
    None
}

/// By an address, where the interface has one: an index, which Windows takes in the form of an address, is not understood
/// by all that calls itself Windows.
pub(crate) fn join_multicast_v4(socket: &SockRef<'_>, group: &Ipv4Addr, link: &Link) -> io::Result<()> {
    match link.ipv4() {
        Some(address) => socket.join_multicast_v4(group, &address),
        None => socket.join_multicast_v4_n(group, &InterfaceIndexOrAddress::Index(link.index)),
    }
}

pub(crate) fn leave_multicast_v4(socket: &SockRef<'_>, group: &Ipv4Addr, link: &Link) -> io::Result<()> {
    match link.ipv4() {
        Some(address) => socket.leave_multicast_v4(group, &address),
        None => socket.leave_multicast_v4_n(group, &InterfaceIndexOrAddress::Index(link.index)),
    }
}

pub(super) fn set_reuse_port(_: &socket2::Socket) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn bind_device(_: &socket2::Socket, _: Family, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// It is the rule on this system.
pub(super) fn hear_joined_groups_only(_: &SockRef<'_>, _: Family) -> io::Result<()> {
    Ok(())
}

pub(super) fn set_traffic_class(_: &SockRef<'_>, _: u8) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Becomes readable, once and for good, when it is raised, by a datagram to itself that is not received.
#[derive(Debug)]
pub(crate) struct Signal(UdpSocket);

impl Signal {
    pub(crate) fn new() -> io::Result<Signal> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(socket.local_addr()?)?;
        Ok(Signal(socket))
    }

    pub(crate) fn raise(&self) {
        // A second try for the one failure that passes: no buffer for a moment.
        let _ = self.0.send(&[0]).or_else(|_| self.0.send(&[0]));
    }
}

impl AsSocket for Signal {
    fn as_socket(&self) -> BorrowedSocket<'_> {
        self.0.as_socket()
    }
}

#[inline]
pub(crate) fn read(mut stream: &TcpStream, buffer: &mut [u8], _: Mode, peek: bool) -> io::Result<usize> {
    if peek { stream.peek(buffer) } else { stream.read(buffer) }
}

#[inline]
pub(crate) fn write(mut stream: &TcpStream, bytes: &[u8], _: Mode) -> io::Result<usize> {
    stream.write(bytes)
}

pub(crate) fn write_vectored(mut stream: &TcpStream, parts: &[IoSlice<'_>], _: Mode) -> io::Result<usize> {
    // The limit of the OS for one call is not documented; the next call writes the rest.
    stream.write_vectored(&parts[..parts.len().min(1_024)])
}

/// The option of that name lets another process take the port over on Windows, and a port in TIME_WAIT can be taken
/// without it.
pub(super) fn reuse_waiting_address(_: &socket2::Socket) -> io::Result<()> {
    Ok(())
}

pub(super) fn is_in_progress(error: &io::Error) -> bool {
    error.raw_os_error() == Some(WSAEINPROGRESS) || error.kind() == io::ErrorKind::WouldBlock
}

pub(crate) fn set_user_timeout(_: &SockRef<'_>, _: Option<Duration>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// `bind` chooses the port.
pub(super) fn choose_port_in_connect(_: &socket2::Socket) {}

pub(super) fn set_congestion_control(_: &SockRef<'_>, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
