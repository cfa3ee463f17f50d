//! What all Unix systems do alike.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::libc;
use nix::sys::socket::{self as nix_socket, ControlMessage, MsgFlags, SockaddrLike, SockaddrStorage};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use socket2::{InterfaceIndexOrAddress, SockRef};

use super::platform::with_source_v4;
use super::{Link, Mode, Way, canonical};
use crate::error::ErrorKind;

/// A disconnected peer is `EPIPE` and not `SIGPIPE`, also in a program that is not Rust's. Apple's systems have an
/// option of the socket for that, which is set where one is made.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: SendFlags = SendFlags::empty();

#[inline]
pub(crate) fn read(stream: &TcpStream, buffer: &mut [u8], mode: Mode, peek: bool) -> io::Result<usize> {
    let mut flags = match mode {
        Mode::Blocking => RecvFlags::empty(),
        Mode::Nonblocking => RecvFlags::DONTWAIT,
    };
    if peek {
        flags |= RecvFlags::PEEK;
    }
    let (_, length) = rustix::net::recv(stream, buffer, flags)?;
    Ok(length)
}

#[inline]
pub(crate) fn write(stream: &TcpStream, bytes: &[u8], mode: Mode) -> io::Result<usize> {
    Ok(rustix::net::send(stream, bytes, send_flags(mode) | NO_SIGNAL)?)
}

pub(crate) fn write_vectored(stream: &TcpStream, parts: &[IoSlice<'_>], mode: Mode) -> io::Result<usize> {
    // More than IOV_MAX is an error; the next call writes the rest.
    let parts = &parts[..parts.len().min(1_024)];
    let flags = send_flags(mode) | NO_SIGNAL;
    Ok(rustix::net::sendmsg(stream, parts, &mut SendAncillaryBuffer::default(), flags)?)
}

/// socket(7): on Unix it allows a port in TIME_WAIT, and not one with a listener.
pub(super) fn reuse_waiting_address(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// Whether a connect is in progress: of a new socket, or of one whose first connect(2) was interrupted
/// by a signal, which continues, and makes a second one fail so (connect(3p)).
pub(super) fn is_in_progress(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EALREADY | libc::EISCONN))
        || error.kind() == io::ErrorKind::WouldBlock
}

/// Room for the control messages of one datagram, aligned as their headers must be.
#[repr(C, align(16))]
pub(super) struct Control(pub(super) [u8; 256]);

impl Control {
    pub(super) fn new() -> Control {
        Control([0; 256])
    }
}

fn send_flags(mode: Mode) -> SendFlags {
    match mode {
        Mode::Blocking => SendFlags::empty(),
        Mode::Nonblocking => SendFlags::DONTWAIT,
    }
}

#[inline]
pub(crate) fn send(socket: &UdpSocket, bytes: &[u8], mode: Mode) -> io::Result<()> {
    rustix::net::send(socket, bytes, send_flags(mode))?;
    Ok(())
}

#[inline]
pub(crate) fn send_to(socket: &UdpSocket, bytes: &[u8], to: &SocketAddr, mode: Mode) -> io::Result<()> {
    rustix::net::sendto(socket, bytes, send_flags(mode), to)?;
    Ok(())
}

/// The source must be of the same family as the socket, in its mapped form if need be.
pub(crate) fn send_from(
    socket: &UdpSocket,
    bytes: &[u8],
    to: &SocketAddr,
    way: Way,
    mode: Mode,
) -> io::Result<()> {
    let flags = if mode == Mode::Nonblocking { MsgFlags::MSG_DONTWAIT } else { MsgFlags::empty() };
    let parts = [IoSlice::new(bytes)];
    let to = SockaddrStorage::from(*to);
    let send = |control: ControlMessage<'_>| {
        nix_socket::sendmsg(socket.as_raw_fd(), &parts, &[control], flags, Some(&to))
    };
    let sent = match way.source {
        IpAddr::V4(source) => with_source_v4(way.interface, source, send),
        IpAddr::V6(source) => send(ControlMessage::Ipv6PacketInfo(&libc::in6_pktinfo {
            ipi6_addr: libc::in6_addr { s6_addr: source.octets() },
            ipi6_ifindex: way.interface as _,
        })),
    };
    sent?;
    Ok(())
}

/// Sends with the control message that most systems take for the address and the interface to leave by.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
pub(super) fn with_packet_info_v4<R>(
    interface: u32,
    source: Ipv4Addr,
    send: impl FnOnce(ControlMessage<'_>) -> R,
) -> R {
    send(ControlMessage::Ipv4PacketInfo(&libc::in_pktinfo {
        ipi_ifindex: interface as _,
        ipi_spec_dst: to_in_addr(source),
        ipi_addr: to_in_addr(Ipv4Addr::UNSPECIFIED),
    }))
}

/// Becomes readable, for good, when it is raised.
#[derive(Debug)]
pub(crate) struct Signal {
    reader: UnixStream,
    writer: UnixStream,
}

impl Signal {
    pub(crate) fn new() -> io::Result<Signal> {
        let (reader, writer) = UnixStream::pair()?;
        Ok(Signal { reader, writer })
    }

    pub(crate) fn raise(&self) {
        // An end of file stays readable, needs no room in a buffer and cannot fail on a connected pair.
        let _ = self.writer.shutdown(Shutdown::Both);
    }
}

impl AsFd for Signal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

pub(super) fn from_in_addr(address: libc::in_addr) -> Ipv4Addr {
    Ipv4Addr::from(address.s_addr.to_ne_bytes())
}

pub(super) fn to_in_addr(address: Ipv4Addr) -> libc::in_addr {
    libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) }
}

pub(super) fn sockaddr(address: &SockaddrStorage) -> Option<SocketAddr> {
    address.family()?;
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::from(*v4));
    let v6 = || address.as_sockaddr_in6().map(|v6| SocketAddr::from(*v6));
    v4.or_else(v6).map(canonical)
}

pub(crate) fn error_kind(error: &io::Error) -> ErrorKind {
    match error.raw_os_error() {
        Some(libc::EMSGSIZE) => ErrorKind::MessageTooLong,
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => ErrorKind::ResourceExhausted,
        Some(libc::ENOPROTOOPT | libc::EOPNOTSUPP | libc::EAFNOSUPPORT) => ErrorKind::Unsupported,
        Some(libc::EHOSTDOWN) => ErrorKind::HostUnreachable,
        Some(libc::ENODEV | libc::ENXIO) => ErrorKind::DeviceNotFound,
        Some(libc::EDESTADDRREQ) => ErrorKind::NotConnected,
        Some(libc::EBADF | libc::ENOTSOCK | libc::EFAULT) => ErrorKind::InvalidInput,
        _ => ErrorKind::of(error),
    }
}

/// By getaddrinfo(3). `std` does not give its code, and its text is that of the locale.
pub(crate) fn system_lookup(name: &str) -> Result<Vec<SocketAddr>, (ErrorKind, String)> {
    use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
    // Each address once, not once for each type of socket.
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    match getaddrinfo(Some(name), None, Some(hints)) {
        Ok(found) => Ok(found.filter_map(|info| Some(info.ok()?.sockaddr)).collect()),
        Err(error) => {
            let kind = error.kind();
            let error = io::Error::from(error);
            let kind = match kind {
                LookupErrorKind::NoName | LookupErrorKind::NoData | LookupErrorKind::Family => {
                    ErrorKind::NameNotFound
                }
                LookupErrorKind::Memory => ErrorKind::ResourceExhausted,
                LookupErrorKind::System | LookupErrorKind::IO => match ErrorKind::of(&error) {
                    ErrorKind::Other => ErrorKind::NameResolution,
                    kind => kind,
                },
                // A server failed, or something that is not known: another time it may be different.
                _ => ErrorKind::NameResolution,
            };
            Err((kind, error.to_string()))
        }
    }
}

#[cfg(feature = "dns")]
pub(crate) fn host_name() -> Option<String> {
    let name = rustix::system::uname();
    name.nodename().to_str().ok().map(str::to_owned)
}

/// By index, since an interface may have several IPv4 addresses or none.
pub(crate) fn join_multicast_v4(socket: &SockRef<'_>, group: &Ipv4Addr, link: &Link) -> io::Result<()> {
    socket.join_multicast_v4_n(group, &InterfaceIndexOrAddress::Index(link.index))
}

pub(crate) fn leave_multicast_v4(socket: &SockRef<'_>, group: &Ipv4Addr, link: &Link) -> io::Result<()> {
    socket.leave_multicast_v4_n(group, &InterfaceIndexOrAddress::Index(link.index))
}
