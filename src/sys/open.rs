//! Making a UDP socket, with its options.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::platform::{self, PINS, SUPPORTS_BLOCKING};
use super::{Family, Way, select};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::{InterfaceSelector, UdpOptions};

/// Opens a socket, sets its options and binds it.
pub(crate) fn open(address: SocketAddr, config: &UdpOptions) -> Result<UdpSocket> {
    let family = Family::of(&address);
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))
        .map_err(|error| failure(Operation::Open, error))?;
    if family == Family::V6 {
        // Said either way: the default differs between systems, and between machines of one system.
        set("dual_stack", socket.set_only_v6(!config.dual_stack))?;
    }
    set("multicast_all", platform::hear_joined_groups_only(&SockRef::from(&socket), family))?;
    if config.reuse_address {
        set("reuse_address", socket.set_reuse_address(true))?;
    }
    if config.reuse_port {
        set("reuse_port", platform::set_reuse_port(&socket))?;
    }
    if let Some(device) = &config.device {
        let result = platform::bind_device(&socket, family, device);
        result.map_err(|error| failure(Operation::Configure("device"), error).at(device))?;
    }
    let socket = UdpSocket::from(socket);
    configure_socket(&socket, family, config)?;
    SockRef::from(&socket)
        .bind(&address.into())
        .map_err(|error| failure(Operation::Bind, error).with_local(Some(address)))?;
    if !SUPPORTS_BLOCKING {
        socket.set_nonblocking(true).map_err(|error| failure(Operation::Open, error))?;
    }
    Ok(socket)
}

/// Adopts an open socket, and sets the options.
pub(crate) fn adopt(socket: UdpSocket, config: &UdpOptions) -> Result<UdpSocket> {
    let address = socket.local_addr().map_err(|error| failure(Operation::Open, error))?;
    socket.set_nonblocking(!SUPPORTS_BLOCKING).map_err(|error| failure(Operation::Open, error))?;
    SockRef::from(&socket).set_read_timeout(None).map_err(|error| failure(Operation::Open, error))?;
    SockRef::from(&socket).set_write_timeout(None).map_err(|error| failure(Operation::Open, error))?;
    platform::enable_gro(&socket, false);
    configure_socket(&socket, Family::of(&address), config)?;
    Ok(socket)
}

/// Makes the socket such as `std` would have it: blocking, with these timeouts.
pub(crate) fn release(socket: UdpSocket, read: Option<Duration>, write: Option<Duration>) -> UdpSocket {
    platform::enable_gro(&socket, false);
    // If one of these fails, a timeout is lost, and the socket is returned nevertheless.
    let _ = socket.set_nonblocking(false);
    let _ = socket.set_read_timeout(read.filter(|timeout| !timeout.is_zero()));
    let _ = socket.set_write_timeout(write.filter(|timeout| !timeout.is_zero()));
    socket
}

/// The error of a system call. [`Error::system`] does not know the codes that `std` has no word for, such as that of a lack of
/// descriptors.
pub(crate) fn failure(operation: Operation, error: io::Error) -> Error {
    let kind = platform::error_kind(&error);
    Error::system(operation, error).with_kind(kind)
}

/// The error of a thread that could not be started. pthread_create(3): `EAGAIN` is a limit on threads.
pub(crate) fn thread_failure(operation: Operation, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::WouldBlock => ErrorKind::ResourceExhausted,
        _ => platform::error_kind(&error),
    };
    Error::system(operation, error).with_kind(kind)
}

/// The error of an option that was refused.
pub(super) fn set(option: &'static str, result: io::Result<()>) -> Result<()> {
    result.map_err(|error| failure(Operation::Configure(option), error))
}

/// The options that sockets of every kind have.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IpOptions {
    pub(super) ttl: Option<u8>,
    pub(super) tos: Option<u8>,
    pub(super) receive_buffer_size: Option<usize>,
    pub(super) send_buffer_size: Option<usize>,
}

pub(super) fn configure_ip(socket: &SockRef<'_>, family: Family, options: IpOptions) -> Result<()> {
    if let Some(ttl) = options.ttl {
        let result = match family {
            Family::V4 => socket.set_ttl_v4(ttl.into()),
            Family::V6 => socket.set_unicast_hops_v6(ttl.into()),
        };
        set("ttl", result)?;
    }
    if let Some(tos) = options.tos {
        let result = match family {
            Family::V4 => socket.set_tos_v4(tos.into()),
            Family::V6 => platform::set_traffic_class(socket, tos),
        };
        set("tos", result)?;
    }
    if let Some(bytes) = options.receive_buffer_size {
        set("receive_buffer_size", socket.set_recv_buffer_size(bytes))?;
    }
    if let Some(bytes) = options.send_buffer_size {
        set("send_buffer_size", socket.set_send_buffer_size(bytes))?;
    }
    Ok(())
}

/// The options that may be set on a socket of any origin.
fn configure_socket(socket: &UdpSocket, family: Family, config: &UdpOptions) -> Result<()> {
    let socket = SockRef::from(socket);
    if config.broadcast {
        set("broadcast", socket.set_broadcast(true))?;
    }
    configure_ip(
        &socket,
        family,
        IpOptions {
            ttl: config.ttl,
            tos: config.tos,
            receive_buffer_size: config.receive_buffer_size,
            send_buffer_size: config.send_buffer_size,
        },
    )?;
    if let Some(ttl) = config.multicast_ttl {
        set(
            "multicast_ttl",
            match family {
                Family::V4 => socket.set_multicast_ttl_v4(ttl.into()),
                Family::V6 => socket.set_multicast_hops_v6(ttl.into()),
            },
        )?;
    }
    if let Some(on) = config.multicast_loopback {
        set(
            "multicast_loopback",
            match family {
                Family::V4 => socket.set_multicast_loop_v4(on),
                Family::V6 => socket.set_multicast_loop_v6(on),
            },
        )?;
    }
    if let Some(chosen) = &config.multicast_interface {
        let result = set_multicast_interface(&socket, family, chosen);
        result.map_err(|error| failure(Operation::Configure("multicast_interface"), error).at(chosen))?;
    }
    Ok(())
}

/// Selects the interface of the next datagram, if the datagram itself cannot.
pub(crate) fn pin(socket: &UdpSocket, to: &SocketAddr, way: Way) -> io::Result<()> {
    if PINS {
        return Ok(());
    }
    match (to.ip(), way.source) {
        (IpAddr::V4(to), IpAddr::V4(source)) if to.is_multicast() => {
            SockRef::from(socket).set_multicast_if_v4(&source)
        }
        (IpAddr::V6(to), _) if to.is_multicast() => SockRef::from(socket).set_multicast_if_v6(way.interface),
        (IpAddr::V4(Ipv4Addr::BROADCAST), _) => Err(io::ErrorKind::Unsupported.into()),
        // The route to the addresses of a link leads by it.
        _ => Ok(()),
    }
}

fn set_multicast_interface(
    socket: &SockRef<'_>,
    family: Family,
    chosen: &InterfaceSelector,
) -> io::Result<()> {
    let link = select(chosen)?.swap_remove(0);
    match family {
        Family::V6 => socket.set_multicast_if_v6(link.index),
        Family::V4 => match link.ipv4() {
            Some(address) => socket.set_multicast_if_v4(&address),
            None => Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "the interface has no IPv4 address")),
        },
    }
}
