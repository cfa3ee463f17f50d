//! macOS and the BSDs: a second buffer after the caller's receives the rest of a datagram, so that its
//! whole length is known.

use std::cell::RefCell;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

#[cfg(not(target_vendor = "apple"))]
use nix::sys::socket::ControlMessage;
use nix::sys::socket::{
    self as nix_socket, ControlMessageOwned, MsgFlags, SockaddrStorage, setsockopt, sockopt,
};
use socket2::SockRef;

pub(crate) use super::plain::{
    MAX_MESSAGES, SEGMENTS, SHUTDOWN_WAKES_DATAGRAMS, disconnect, drop_new_syns, enable_gro, limit_unsent,
    receive_connected, receive_plain, reserve_descriptors, segment_fault, send_file, send_messages,
    wake_receivers,
};
pub(super) use super::plain::{is_complete, nonblocking_stream_socket};
pub(crate) use super::unix::Signal;
#[cfg(feature = "dns")]
pub(crate) use super::unix::host_name;
#[cfg(target_vendor = "apple")]
pub(super) use super::unix::with_packet_info_v4 as with_source_v4;
use super::unix::{Control, from_in_addr, sockaddr};
pub(crate) use super::unix::{
    error_kind, join_multicast_v4, leave_multicast_v4, read, send, send_from, send_to, system_lookup, write,
    write_vectored,
};
pub(super) use super::unix::{is_in_progress, reuse_waiting_address};
use super::{ControlOption, Family, How, Mode, QueuedError, Received};
use crate::options::LARGEST_DATAGRAM;

pub(super) const PINS: bool = cfg!(target_vendor = "apple");
pub(crate) const SUPPORTS_BLOCKING: bool = true;
pub(crate) const REPORTS_TO_UNCONNECTED: bool = false;
/// The rounding of `SO_RCVTIMEO` on these systems was not measured: a wait with a deadline is a poll.
pub(crate) const BLOCKS_WITH_TIMEOUT: bool = false;
/// They inherit `O_NONBLOCK` as well, so everything is said again.
pub(crate) const ACCEPT_INHERITS_OPTIONS: bool = false;

thread_local! {
    /// Never read: only the length matters.
    static OVERFLOW: RefCell<Vec<u8>> = RefCell::new(vec![0; LARGEST_DATAGRAM]);
}

pub(crate) fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    how: How,
    received: &mut Received,
) -> io::Result<()> {
    let mut flags = MsgFlags::empty();
    flags.set(MsgFlags::MSG_DONTWAIT, how.mode == Mode::Nonblocking);
    flags.set(MsgFlags::MSG_PEEK, how.peek);
    let room = buffer.len();
    let mut control = Control::new();
    OVERFLOW.with_borrow_mut(|overflow| {
        let mut parts = [IoSliceMut::new(buffer), IoSliceMut::new(overflow)];
        let message = nix_socket::recvmsg::<SockaddrStorage>(
            socket.as_raw_fd(),
            &mut parts,
            Some(&mut control.0),
            flags,
        )?;
        let known = &mut received.meta.ancillary;
        for part in message.cmsgs()? {
            match part {
                #[cfg(target_vendor = "apple")]
                ControlMessageOwned::Ipv4PacketInfo(packet) => {
                    known.set_destination(from_in_addr(packet.ipi_addr).into());
                    known.set_interface(u32::try_from(packet.ipi_ifindex).unwrap_or(0));
                }
                ControlMessageOwned::Ipv4RecvDstAddr(address) => {
                    known.set_destination(from_in_addr(address).into());
                }
                ControlMessageOwned::Ipv4RecvIf(link) => known.set_interface(link.sdl_index.into()),
                ControlMessageOwned::Ipv6PacketInfo(packet) => {
                    known.set_destination(Ipv6Addr::from(packet.ipi6_addr.s6_addr).to_canonical());
                    known.set_interface(packet.ipi6_ifindex);
                }
                #[cfg(target_os = "freebsd")]
                ControlMessageOwned::Ipv4Ttl(hops) => known.set_ttl(hops),
                #[cfg(target_os = "freebsd")]
                ControlMessageOwned::Ipv6HopLimit(hops) => known.set_ttl(u8::try_from(hops).unwrap_or(0)),
                #[cfg(target_os = "freebsd")]
                ControlMessageOwned::Ipv4Tos(tos) => known.set_tos(tos),
                #[cfg(target_os = "freebsd")]
                ControlMessageOwned::Ipv6TClass(class) => known.set_tos(u8::try_from(class).unwrap_or(0)),
                ControlMessageOwned::ScmTimestamp(time) => {
                    known.set_timestamp(time.tv_sec().into(), i64::from(time.tv_usec()) * 1_000);
                }
                _ => {}
            }
        }
        let is_one = |to: &IpAddr| !to.is_multicast() && *to != IpAddr::V4(Ipv4Addr::BROADCAST);
        if let Some(to) = known.destination().filter(is_one) {
            known.set_local(to);
        }
        let source = message.address.and_then(|from| sockaddr(&from));
        received.meta.source = source.ok_or(io::ErrorKind::NotConnected)?;
        received.meta = received.meta.with_sizes(message.bytes, message.bytes.min(room));
        Ok(())
    })
}

/// ip(4) `IP_RECVTTL`, `IP_RECVTOS`; ip6(4) `IPV6_RECVHOPLIMIT`; getsockopt(2) `SO_TIMESTAMP`.
#[cfg(target_os = "freebsd")]
pub(crate) fn enable_control(socket: &UdpSocket, family: Family, what: ControlOption) -> io::Result<()> {
    match (what, family) {
        (ControlOption::Timestamp, _) => setsockopt(socket, sockopt::ReceiveTimestamp, &true)?,
        (ControlOption::Ttl, Family::V4) => setsockopt(socket, sockopt::Ipv4RecvTtl, &true)?,
        (ControlOption::Ttl, Family::V6) => setsockopt(socket, sockopt::Ipv6RecvHopLimit, &true)?,
        (ControlOption::Tos, Family::V4) => setsockopt(socket, sockopt::IpRecvTos, &true)?,
        (ControlOption::Tos, Family::V6) => setsockopt(socket, sockopt::Ipv6RecvTClass, &true)?,
    }
    Ok(())
}

/// No safe function reads the others.
#[cfg(not(target_os = "freebsd"))]
pub(crate) fn enable_control(socket: &UdpSocket, _: Family, what: ControlOption) -> io::Result<()> {
    match what {
        ControlOption::Timestamp => Ok(setsockopt(socket, sockopt::ReceiveTimestamp, &true)?),
        ControlOption::Ttl | ControlOption::Tos => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// The BSDs' own control message for the address to leave from.
#[cfg(not(target_vendor = "apple"))]
pub(super) fn with_source_v4<R>(_: u32, source: Ipv4Addr, send: impl FnOnce(ControlMessage<'_>) -> R) -> R {
    send(ControlMessage::Ipv4SendSrcAddr(&super::unix::to_in_addr(source)))
}

pub(crate) fn enable_packet_info(socket: &UdpSocket, family: Family) -> io::Result<bool> {
    match family {
        #[cfg(target_vendor = "apple")]
        Family::V4 => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
        #[cfg(not(target_vendor = "apple"))]
        Family::V4 => {
            setsockopt(socket, sockopt::Ipv4RecvDstAddr, &true)?;
            setsockopt(socket, sockopt::Ipv4RecvIf, &true)?;
        }
        Family::V6 => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    Ok(true)
}

/// The OS does not report it.
pub(crate) fn dropped_datagrams(_: &UdpSocket, _: Family) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

/// These systems report ICMP errors to connected sockets only.
pub(crate) fn enable_error_queue(_: &UdpSocket, _: Family) -> io::Result<bool> {
    Ok(false)
}

pub(crate) fn next_queued_error(_: &UdpSocket) -> io::Result<Option<QueuedError>> {
    Ok(None)
}

/// udp(4): only connected sockets report ICMP errors.
pub(crate) fn is_async_error(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(nix::libc::ECONNREFUSED | nix::libc::EHOSTUNREACH | nix::libc::EHOSTDOWN)
    )
}

/// `bind` chooses the port.
pub(super) fn choose_port_in_connect(_: &socket2::Socket) {}

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

pub(crate) fn set_user_timeout(_: &SockRef<'_>, _: Option<Duration>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "freebsd")]
pub(super) fn set_congestion_control(socket: &SockRef<'_>, name: &str) -> io::Result<()> {
    socket.set_tcp_congestion(name.as_bytes())
}

#[cfg(not(target_os = "freebsd"))]
pub(super) fn set_congestion_control(_: &SockRef<'_>, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
