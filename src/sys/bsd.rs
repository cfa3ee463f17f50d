//! macOS and the BSDs: a second buffer behind the caller's takes what does not fit, so that its length is known.

use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{
    self as nix_socket, ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, setsockopt, sockopt,
};
use rustix::net::SendFlags;
use socket2::SockRef;

pub(super) use super::unix::Signal;
use super::unix::{Control, from_in_addr, sockaddr, to_in_addr};
pub(crate) use super::unix::{error_kind, join_multicast_v4, leave_multicast_v4, lookup_error_kind};
use super::{Family, Mode, QueuedError, Received, Sender, canonical_v6};
use crate::config::LARGEST_DATAGRAM;

pub(super) const BLOCKS: bool = true;
pub(crate) const REPORTS_TO_UNCONNECTED: bool = false;
/// The rounding of `SO_RCVTIMEO` on these systems was not measured: a wait with a deadline is a poll.
pub(super) const BLOCKS_WITH_TIMEOUT: bool = false;

thread_local! {
    /// What is written here is never read, only its length matters.
    static OVERFLOW: RefCell<Vec<u8>> = RefCell::new(vec![0; LARGEST_DATAGRAM]);
}

pub(crate) fn receive_plain(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, Sender)> {
    let mut received = Received::default();
    receive(socket, buffer, Mode::Block, false, false, &mut received)?;
    Ok((received.length, received.from.into()))
}

pub(crate) fn receive_connected(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<usize> {
    let mut received = Received::default();
    receive(socket, buffer, Mode::Block, false, false, &mut received)?;
    Ok(received.length)
}

pub(crate) fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    mode: Mode,
    peek: bool,
    _info: bool,
    received: &mut Received,
) -> io::Result<()> {
    let mut flags = MsgFlags::empty();
    flags.set(MsgFlags::MSG_DONTWAIT, mode == Mode::Try);
    flags.set(MsgFlags::MSG_PEEK, peek);
    let mut control = Control::new();
    OVERFLOW.with_borrow_mut(|overflow| {
        let mut parts = [IoSliceMut::new(buffer), IoSliceMut::new(overflow)];
        let message = nix_socket::recvmsg::<SockaddrStorage>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut control.0),
            flags,
        )?;
        let info = &mut received.info;
        for part in message.cmsgs()? {
            match part {
                #[cfg(any(target_vendor = "apple", target_os = "netbsd"))]
                ControlMessageOwned::Ipv4PacketInfo(packet) => {
                    info.to = Some(from_in_addr(packet.ipi_addr).into());
                    info.interface = u32::try_from(packet.ipi_ifindex).ok();
                }
                ControlMessageOwned::Ipv4RecvDstAddr(address) => info.to = Some(from_in_addr(address).into()),
                ControlMessageOwned::Ipv4RecvIf(link) => info.interface = Some(link.sdl_index.into()),
                ControlMessageOwned::Ipv6PacketInfo(packet) => {
                    info.to = Some(canonical_v6(packet.ipi6_addr.s6_addr.into()));
                    info.interface = Some(packet.ipi6_ifindex);
                }
                _ => {}
            }
        }
        info.local = info.to.filter(|to| !to.is_multicast() && *to != IpAddr::V4(Ipv4Addr::BROADCAST));
        received.length = message.bytes;
        received.from = message.address.and_then(|from| sockaddr(&from));
        Ok(())
    })
}

fn send_flags(mode: Mode) -> SendFlags {
    match mode {
        Mode::Block => SendFlags::empty(),
        Mode::Try => SendFlags::DONTWAIT,
    }
}

pub(crate) fn send(socket: &UdpSocket, bytes: &[u8], mode: Mode) -> io::Result<()> {
    rustix::net::send(socket, bytes, send_flags(mode))?;
    Ok(())
}

pub(crate) fn send_to(socket: &UdpSocket, bytes: &[u8], to: &SocketAddr, mode: Mode) -> io::Result<()> {
    rustix::net::sendto(socket, bytes, send_flags(mode), to)?;
    Ok(())
}

/// `source` must be of the same family as the socket, in its mapped form if need be.
pub(crate) fn send_from(
    socket: &UdpSocket,
    bytes: &[u8],
    to: &SocketAddr,
    source: IpAddr,
    mode: Mode,
) -> io::Result<()> {
    let flags = if mode == Mode::Try { MsgFlags::MSG_DONTWAIT } else { MsgFlags::empty() };
    let parts = [IoSlice::new(bytes)];
    let to = SockaddrStorage::from(*to);
    let send = |control: ControlMessage<'_>| {
        nix_socket::sendmsg(socket.as_raw_fd(), &parts, &[control], flags, Some(&to))
    };
    let sent = match source {
        #[cfg(any(target_vendor = "apple", target_os = "netbsd"))]
        IpAddr::V4(source) => send(ControlMessage::Ipv4PacketInfo(&libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: to_in_addr(source),
            ipi_addr: to_in_addr(Ipv4Addr::UNSPECIFIED),
        })),
        #[cfg(not(any(target_vendor = "apple", target_os = "netbsd")))]
        IpAddr::V4(source) => send(ControlMessage::Ipv4SendSrcAddr(&to_in_addr(source))),
        IpAddr::V6(source) => send(ControlMessage::Ipv6PacketInfo(&libc::in6_pktinfo {
            ipi6_addr: libc::in6_addr { s6_addr: source.octets() },
            ipi6_ifindex: 0,
        })),
    };
    sent?;
    Ok(())
}

pub(crate) fn enable_packet_info(socket: &UdpSocket, family: Family) -> io::Result<bool> {
    match family {
        #[cfg(any(target_vendor = "apple", target_os = "netbsd"))]
        Family::V4 => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
        #[cfg(not(any(target_vendor = "apple", target_os = "netbsd")))]
        Family::V4 => {
            setsockopt(socket, sockopt::Ipv4RecvDstAddr, &true)?;
            setsockopt(socket, sockopt::Ipv4RecvIf, &true)?;
        }
        Family::V6 => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    Ok(true)
}

/// These systems report ICMP errors to connected sockets only.
pub(crate) fn enable_error_queue(_: &UdpSocket, _: Family) -> io::Result<bool> {
    Ok(false)
}

pub(crate) fn next_queued_error(_: &UdpSocket) -> io::Result<Option<QueuedError>> {
    Ok(None)
}

pub(crate) fn is_async_error(_: &io::Error) -> bool {
    false
}

pub(super) fn set_reuse_port(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(target_vendor = "apple")]
pub(super) fn bind_device(socket: &socket2::Socket, family: Family, device: &str) -> io::Result<()> {
    let index = std::num::NonZeroU32::new(super::index_of(device)?);
    match family {
        Family::V4 => socket.bind_device_by_index_v4(index),
        Family::V6 => socket.bind_device_by_index_v6(index),
    }
}

#[cfg(not(target_vendor = "apple"))]
pub(super) fn bind_device(_: &socket2::Socket, _: Family, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// It is the rule on this system.
pub(super) fn hear_joined_groups_only(_: &SockRef<'_>, _: Family) -> io::Result<()> {
    Ok(())
}

pub(super) fn set_traffic_class(socket: &SockRef<'_>, class: u8) -> io::Result<()> {
    socket.set_tclass_v6(class.into())
}
