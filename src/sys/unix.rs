//! What all Unix systems do alike.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::libc;
use nix::sys::socket::{SockaddrLike, SockaddrStorage};
use socket2::{InterfaceIndexOrAddress, SockRef};

use super::{Link, canonical};
use crate::error::ErrorKind;

/// Room for the control messages of one datagram, aligned as their headers must be.
#[repr(C, align(16))]
pub(super) struct Control(pub(super) [u8; 256]);

impl Control {
    pub(super) fn new() -> Control {
        Control([0; 256])
    }
}

/// Becomes readable, for good, when it is raised.
#[derive(Debug)]
pub(super) struct Signal {
    reader: UnixStream,
    writer: UnixStream,
}

impl Signal {
    pub(super) fn new() -> io::Result<Signal> {
        let (reader, writer) = UnixStream::pair()?;
        Ok(Signal { reader, writer })
    }

    pub(super) fn raise(&self) {
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
        Some(libc::EDESTADDRREQ) => ErrorKind::NotConnected,
        _ => ErrorKind::of(error),
    }
}

/// `std` gives no code for a failed look-up, so the text is looked at that glibc, musl, macOS and the BSDs have for the
/// passing kind: "Temporary failure in name resolution", "Try again".
pub(crate) fn lookup_error_kind(error: &io::Error) -> ErrorKind {
    let text = error.to_string();
    let passes = text.contains("emporary failure") || text.contains("ry again");
    if passes { ErrorKind::NameUnavailable } else { ErrorKind::NameNotFound }
}

/// By index, since an interface may have several IPv4 addresses or none.
pub(crate) fn join_multicast_v4(socket: &SockRef<'_>, group: &Ipv4Addr, link: &Link) -> io::Result<()> {
    socket.join_multicast_v4_n(group, &InterfaceIndexOrAddress::Index(link.index))
}

pub(crate) fn leave_multicast_v4(socket: &SockRef<'_>, group: &Ipv4Addr, link: &Link) -> io::Result<()> {
    socket.leave_multicast_v4_n(group, &InterfaceIndexOrAddress::Index(link.index))
}
