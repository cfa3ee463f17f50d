//! Linux and Android: `MSG_TRUNC` returns the whole length of a datagram, `MSG_DONTWAIT` makes one
//! call non-blocking.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    self as nix_socket, ControlMessageOwned, MsgFlags, SockaddrStorage, setsockopt, sockopt,
};
use rustix::net::{AddressFamily, RecvFlags};
use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};

pub(crate) use super::mmsg::{MAX_MESSAGES, SEGMENTS, enable_gro, segment_fault, send_messages};
use super::pipe_signal::Quiet;
pub(crate) use super::unix::Signal;
#[cfg(feature = "dns")]
pub(crate) use super::unix::host_name;
use super::unix::{Control, from_in_addr, sockaddr};
pub(crate) use super::unix::{
    error_kind, join_multicast_v4, leave_multicast_v4, read, send, send_from, send_to, system_lookup, write,
    write_vectored,
};
pub(super) use super::unix::{is_in_progress, reuse_waiting_address, with_packet_info_v4 as with_source_v4};
use super::{ControlOption, Family, How, Mode, QueuedError, Received, Sender, canonical};

pub(super) const PINS: bool = true;
pub(crate) const SUPPORTS_BLOCKING: bool = true;
pub(crate) const REPORTS_TO_UNCONNECTED: bool = false;
pub(crate) const BLOCKS_WITH_TIMEOUT: bool = true;
/// All that is set on the listener but what is not: `O_NONBLOCK` and `FD_CLOEXEC` (accept(2)).
pub(crate) const ACCEPT_INHERITS_OPTIONS: bool = true;

/// By `SOCK_NONBLOCK`.
pub(super) fn nonblocking_stream_socket(domain: Domain) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM.nonblocking(), Some(Protocol::TCP))
}

/// A process with few descriptors has no use for a larger table.
const MIN_RESERVED: u32 = 256;
const MAX_RESERVED: usize = 65_536;

/// Makes the table of descriptors of the process large enough for `count` of them, or for the limit of the process.
///
/// The kernel doubles the table when it is full. If the process has several threads, it waits for all processors each time (`synchronize_rcu`),
/// 10 to 20 ms on a busy machine, and no thread accepts meanwhile. A descriptor with a high number has it grow once. It takes 8 bytes for
/// each descriptor, and never shrinks.
pub(crate) fn reserve_descriptors(listener: &TcpListener, count: usize) {
    let mut number = u32::try_from(count.min(MAX_RESERVED)).unwrap_or(0);
    // Over the limit of the process (`RLIMIT_NOFILE`) it is an error.
    while number >= MIN_RESERVED && rustix::io::fcntl_dupfd_cloexec(listener, number as _).is_err() {
        number /= 2;
    }
}

/// A second connect(2) returns the outcome of the first, in one call: 0 if it has succeeded, `EALREADY` while it is in progress, or
/// its error, once. `SO_ERROR` is 0 for the first two.
pub(super) fn is_complete(socket: &Socket, address: &SocketAddr) -> io::Result<bool> {
    match socket.connect(&(*address).into()) {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error() {
            Some(libc::EISCONN) => Ok(true),
            Some(libc::EALREADY | libc::EINPROGRESS | libc::EINTR) => Ok(false),
            _ => Err(error),
        },
    }
}

fn recv_flags(mode: Mode) -> RecvFlags {
    match mode {
        Mode::Blocking => RecvFlags::TRUNC,
        Mode::Nonblocking => RecvFlags::TRUNC.union(RecvFlags::DONTWAIT),
    }
}

#[inline(always)]
pub(crate) fn receive_plain(
    socket: &UdpSocket,
    buffer: &mut [u8],
    mode: Mode,
) -> io::Result<(usize, Sender)> {
    match rustix::net::recvfrom(socket, buffer, recv_flags(mode)) {
        Ok((_, length, Some(from))) if from.address_family() == AddressFamily::INET => {
            Ok((length, SocketAddrV4::try_from(from).map_or(Sender::Other(None), Sender::V4)))
        }
        Ok((_, length, from)) => Ok((length, Sender::Other(from.and_then(|from| from.try_into().ok())))),
        Err(error) => Err(error.into()),
    }
}

#[inline(always)]
pub(crate) fn receive_connected(socket: &UdpSocket, buffer: &mut [u8], mode: Mode) -> io::Result<usize> {
    let (_, length) = rustix::net::recv(socket, buffer, recv_flags(mode))?;
    Ok(length)
}

#[inline]
pub(crate) fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    how: How,
    received: &mut Received,
) -> io::Result<()> {
    if how.control {
        return receive_with_control(socket, buffer, how, received);
    }
    let mut flags = recv_flags(how.mode);
    if how.peek {
        flags |= RecvFlags::PEEK;
    }
    let (len, length, from) = rustix::net::recvfrom(socket, buffer, flags)?;
    (received.segment, received.may_be_shut_down) = (0, false);
    let source = from.and_then(|from| SocketAddr::try_from(from).ok());
    received.meta.source = canonical(source.ok_or(io::ErrorKind::NotConnected)?);
    received.meta = received.meta.with_sizes(length, len);
    Ok(())
}

#[inline]
fn receive_with_control(
    socket: &UdpSocket,
    buffer: &mut [u8],
    how: How,
    received: &mut Received,
) -> io::Result<()> {
    let mut flags = MsgFlags::MSG_TRUNC;
    flags.set(MsgFlags::MSG_DONTWAIT, how.mode == Mode::Nonblocking);
    flags.set(MsgFlags::MSG_PEEK, how.peek);
    let room = buffer.len();
    let mut control = Control::new();
    let mut parts = [IoSliceMut::new(buffer)];
    let message =
        nix_socket::recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control.0), flags)?;
    received.segment = 0;
    let known = &mut received.meta.ancillary;
    let mut has_control = false;
    for part in message.cmsgs()? {
        has_control = true;
        match part {
            ControlMessageOwned::Ipv4PacketInfo(packet) => {
                known.set_destination(from_in_addr(packet.ipi_addr).into());
                known.set_local(from_in_addr(packet.ipi_spec_dst).into());
                known.set_interface(u32::try_from(packet.ipi_ifindex).unwrap_or(0));
            }
            ControlMessageOwned::Ipv6PacketInfo(packet) => {
                let to = Ipv6Addr::from(packet.ipi6_addr.s6_addr).to_canonical();
                known.set_destination(to);
                if !to.is_multicast() {
                    known.set_local(to);
                }
                known.set_interface(packet.ipi6_ifindex);
            }
            ControlMessageOwned::UdpGroSegments(segment) => {
                received.segment = usize::try_from(segment).unwrap_or_default();
            }
            ControlMessageOwned::Ipv4Ttl(hops) | ControlMessageOwned::Ipv6HopLimit(hops) => {
                known.set_ttl(u8::try_from(hops).unwrap_or(0));
            }
            ControlMessageOwned::Ipv4Tos(tos) => known.set_tos(tos),
            ControlMessageOwned::Ipv6TClass(class) => known.set_tos(u8::try_from(class).unwrap_or(0)),
            ControlMessageOwned::ScmTimestampns(time) => known.set_timestamp(time.tv_sec(), time.tv_nsec()),
            _ => {}
        }
    }
    // `nix` does not report that there is no address, and returns that of an earlier call.
    received.may_be_shut_down = message.bytes == 0 && !has_control;
    let source = message.address.and_then(|from| sockaddr(&from));
    received.meta.source = source.ok_or(io::ErrorKind::NotConnected)?;
    received.meta = received.meta.with_sizes(message.bytes, message.bytes.min(room));
    Ok(())
}

fn optional(is_optional: bool, result: nix::Result<()>) -> io::Result<()> {
    if is_optional { Ok(()) } else { result.map_err(io::Error::from) }
}

/// ip(7) `IP_RECVTTL`, `IP_RECVTOS`; ipv6(7) `IPV6_RECVHOPLIMIT`; socket(7) `SO_TIMESTAMPNS`.
pub(crate) fn enable_control(socket: &UdpSocket, family: Family, what: ControlOption) -> io::Result<()> {
    let is_v6 = family == Family::V6;
    match what {
        ControlOption::Timestamp => setsockopt(socket, sockopt::ReceiveTimestampns, &true)?,
        ControlOption::Ttl => {
            if is_v6 {
                setsockopt(socket, sockopt::Ipv6RecvHopLimit, &true)?;
            }
            // On a dual-stack socket, for IPv4. A socket for IPv6 only may refuse it.
            optional(is_v6, setsockopt(socket, sockopt::Ipv4RecvTtl, &true))?;
        }
        ControlOption::Tos => {
            if is_v6 {
                setsockopt(socket, sockopt::Ipv6RecvTClass, &true)?;
            }
            optional(is_v6, setsockopt(socket, sockopt::IpRecvTos, &true))?;
        }
    }
    Ok(())
}

pub(crate) fn enable_packet_info(socket: &UdpSocket, family: Family) -> io::Result<bool> {
    let enabled = match family {
        Family::V4 => setsockopt(socket, sockopt::Ipv4PacketInfo, &true),
        Family::V6 => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true),
    };
    is_known(enabled.map_err(io::Error::from))
}

/// proc(5), `/proc/net/udp`: the number of datagrams that the kernel dropped, by the inode of the
/// socket.
pub(crate) fn dropped_datagrams(socket: &UdpSocket, family: Family) -> io::Result<u64> {
    // Columns.
    const INODE: usize = 9;
    const DROPS: usize = 12;
    let file = match family {
        Family::V4 => "/proc/thread-self/net/udp",
        Family::V6 => "/proc/thread-self/net/udp6",
    };
    let inode = rustix::fs::fstat(socket)?.st_ino.to_string();
    let unsupported = || io::Error::from(io::ErrorKind::Unsupported);
    let table = std::fs::read_to_string(file).map_err(|_| unsupported())?;
    let columns = table.lines().map(|line| line.split_ascii_whitespace());
    let mut own = columns.filter(|columns| columns.clone().nth(INODE) == Some(&*inode));
    let drops = own.next().and_then(|mut columns| columns.nth(DROPS)?.parse().ok());
    drops.ok_or_else(unsupported)
}

pub(crate) fn enable_error_queue(socket: &UdpSocket, family: Family) -> io::Result<bool> {
    let enabled = match family {
        Family::V4 => setsockopt(socket, sockopt::Ipv4RecvErr, &true),
        Family::V6 => {
            // For the IPv4 peers of a dual-stack socket. A socket for IPv6 only may refuse it.
            let _ = setsockopt(socket, sockopt::Ipv4RecvErr, &true);
            setsockopt(socket, sockopt::Ipv6RecvErr, &true)
        }
    };
    is_known(enabled.map_err(io::Error::from))
}

/// ip(7), `IP_RECVERR`: the message's name is the address that the failed datagram was for.
pub(crate) fn next_queued_error(socket: &UdpSocket) -> io::Result<Option<QueuedError>> {
    let mut control = Control::new();
    let mut nothing = [0; 0];
    let mut parts = [IoSliceMut::new(&mut nothing)];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let received =
        nix_socket::recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control.0), flags);
    let message = match received {
        Ok(message) => message,
        Err(Errno::EAGAIN) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut code = None;
    for part in message.cmsgs()? {
        match part {
            ControlMessageOwned::Ipv4RecvErr(error, _) => code = Some(error.ee_errno),
            ControlMessageOwned::Ipv6RecvErr(error, _) => code = Some(error.ee_errno),
            _ => {}
        }
    }
    let code = code.and_then(|code| i32::try_from(code).ok()).unwrap_or(libc::EIO);
    let to = message.address.and_then(|to| sockaddr(&to));
    Ok(Some(QueuedError { to, error: io::Error::from_raw_os_error(code) }))
}

/// icmp(7) and udp(7): what an ICMP message for an earlier datagram is turned into.
pub(crate) fn is_async_error(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNREFUSED
                | libc::EHOSTUNREACH
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::ENOPROTOOPT
                | libc::EPROTO
                | libc::ENONET
                | libc::EOPNOTSUPP
                | libc::EACCES
                | libc::EMSGSIZE
        )
    )
}

pub(super) fn set_reuse_port(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

pub(super) fn bind_device(socket: &socket2::Socket, _: Family, device: &str) -> io::Result<()> {
    socket.bind_device(Some(device.as_bytes()))
}

/// ip(7), `IP_MULTICAST_ALL`: by default a wildcard socket gets the datagrams of every group that any socket of the
/// machine has joined. The option for IPv6 is of 4.20, and what is not Linux itself may have neither; there the default holds.
#[cfg(target_os = "linux")]
pub(super) fn hear_joined_groups_only(socket: &SockRef<'_>, family: Family) -> io::Result<()> {
    let result = match family {
        Family::V4 => socket.set_multicast_all_v4(false),
        Family::V6 => {
            // For the IPv4 side of a dual-stack socket; one for IPv6 alone has no use for it and may refuse.
            let _ = socket.set_multicast_all_v4(false);
            socket.set_multicast_all_v6(false)
        }
    };
    is_known(result).map(drop)
}

/// Whether an option was set. Other kernels with the interface of Linux do not have all options, and
/// refuse them with any of these errors: ENOPROTOOPT, EOPNOTSUPP (gVisor, libkrun), EINVAL (WSL 1).
fn is_known(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Err(error)
            if matches!(error.raw_os_error(), Some(libc::ENOPROTOOPT | libc::EOPNOTSUPP | libc::EINVAL)) =>
        {
            Ok(false)
        }
        result => result.map(|()| true),
    }
}

/// ip(7), `IP_BIND_ADDRESS_NO_PORT`: the port is chosen by `connect`, so that connections to
/// different peers can have the same one. Without the option, `bind` chooses it.
#[cfg(target_os = "linux")]
pub(super) fn choose_port_in_connect(socket: &socket2::Socket) {
    let _ = setsockopt(socket, sockopt::IpBindAddressNoPort, &true);
}

#[cfg(target_os = "android")]
pub(super) fn choose_port_in_connect(_: &socket2::Socket) {}

/// Android has the option, and no safe crate sets it there.
#[cfg(target_os = "android")]
pub(super) fn hear_joined_groups_only(_: &SockRef<'_>, _: Family) -> io::Result<()> {
    Ok(())
}

pub(super) fn set_traffic_class(socket: &SockRef<'_>, class: u8) -> io::Result<()> {
    socket.set_tclass_v6(class.into())
}

pub(crate) const SHUTDOWN_WAKES_DATAGRAMS: bool = true;

/// shutdown(2). It returns `ENOTCONN` for an unconnected socket, and takes effect nevertheless:
/// receive calls return without a sender when the queue is empty, and datagrams are still queued.
pub(crate) fn wake_receivers(socket: &UdpSocket) {
    let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Read);
}

/// connect(2) with `AF_UNSPEC`: the peer receives a reset, and blocked calls end.
pub(crate) fn disconnect(stream: &TcpStream) -> io::Result<bool> {
    rustix::net::connect_unspec(stream)?;
    Ok(true)
}

/// sendfile(2) gives up at 2,147,479,552 bytes.
const LONGEST_SEND_FILE: u64 = 0x7fff_f000;

pub(crate) fn send_file(
    stream: &TcpStream,
    file: &File,
    offset: &mut Option<u64>,
    count: u64,
) -> io::Result<Option<usize>> {
    let count = usize::try_from(count.min(LONGEST_SEND_FILE)).unwrap_or(usize::MAX);
    // There is no `MSG_NOSIGNAL` for sendfile(2).
    let quiet = Quiet::begin();
    match rustix::fs::sendfile(stream, file, offset.as_mut(), count) {
        Ok(sent) => Ok(Some(sent)),
        // Not every file can be sent so: sendfile(2) asks for one that can be mapped.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => Ok(None),
        Err(error) => {
            if error == rustix::io::Errno::PIPE {
                quiet.discard();
            }
            Err(error.into())
        }
    }
}

pub(crate) fn set_user_timeout(socket: &SockRef<'_>, timeout: Option<Duration>) -> io::Result<()> {
    socket.set_tcp_user_timeout(timeout)
}

pub(super) fn set_congestion_control(socket: &SockRef<'_>, name: &str) -> io::Result<()> {
    socket.set_tcp_congestion(name.as_bytes())
}

/// tcp(7), `TCP_NOTSENT_LOWAT`: poll(2) then reports a stream as writable when it has no unsent data.
pub(crate) fn limit_unsent(stream: &TcpStream) -> bool {
    SockRef::from(stream).set_tcp_notsent_lowat(1).is_ok()
}

/// socket(7), `SO_ATTACH_FILTER`: a program for the kernel that looks at what comes in for this socket. It drops segments with
/// SYN and without ACK, which are attempts to connect, and takes all others: handshakes that have begun are finished.
pub(crate) fn drop_new_syns(listener: &TcpListener) -> bool {
    // Classic BPF: class and mode of each instruction as in <linux/bpf_common.h>.
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    // The segment begins with the TCP header, whose 14th byte has the flags: RFC 9293, 3.1.
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    let program = [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ];
    SockRef::from(listener).attach_filter(&program).is_ok()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    /// Who is there is accepted, who comes is not connected, and after the end finds the port closed.
    #[test]
    fn drop_new_syns_keeps_queued_connections() {
        const SHORT: Duration = Duration::from_millis(100);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _first = TcpStream::connect(address).unwrap();
        if !super::drop_new_syns(&listener) {
            eprintln!("SKIPPED drop_new_syns_keeps_queued_connections: it needs root here");
            return;
        }
        let held = TcpStream::connect_timeout(&address, SHORT).unwrap_err();
        assert_eq!(held.kind(), std::io::ErrorKind::TimedOut);
        let (accepted, _) = listener.accept().unwrap();
        accepted.set_read_timeout(Some(SHORT)).unwrap();
        drop(listener);
        let late = TcpStream::connect_timeout(&address, SHORT).unwrap_err();
        assert_eq!(late.kind(), std::io::ErrorKind::ConnectionRefused);
    }

    /// The table of descriptors is as large as asked for, or as the process may have it.
    #[test]
    fn reserved_descriptors_have_room_in_the_table() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        super::reserve_descriptors(&listener, 1_000);
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("FDSize:")).unwrap();
        let size: usize = size.trim().parse().unwrap();
        assert!(size > 1_000, "{size}");
        // More than the process may have.
        super::reserve_descriptors(&listener, usize::MAX);
    }
}
