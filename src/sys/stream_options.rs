//! Making TCP sockets, with their options.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::Family;
use super::open::{IpOptions, configure_ip, failure, set};
use super::platform::{self, ACCEPT_INHERITS_OPTIONS, SUPPORTS_BLOCKING};
use crate::error::{Operation, Result};
use crate::options::{Keepalive, ServerOptions, TcpOptions};

fn open(family: Family, device: Option<&str>) -> Result<Socket> {
    let socket = Socket::new(domain(family), Type::STREAM, Some(Protocol::TCP));
    on_device(socket, family, device)
}

/// A socket that does not block.
pub(super) fn open_nonblocking(family: Family, device: Option<&str>) -> Result<Socket> {
    on_device(platform::nonblocking_stream_socket(domain(family)), family, device)
}

fn domain(family: Family) -> Domain {
    match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    }
}

fn on_device(socket: io::Result<Socket>, family: Family, device: Option<&str>) -> Result<Socket> {
    let socket = socket.map_err(|error| failure(Operation::Open, error))?;
    if let Some(device) = device {
        let result = platform::bind_device(&socket, family, device);
        result.map_err(|error| failure(Operation::Configure("device"), error).at(device))?;
    }
    Ok(socket)
}

/// A listener that never blocks, with the options that its connections inherit.
pub(crate) fn listen(
    address: SocketAddr,
    config: &TcpOptions,
    server: &ServerOptions,
) -> Result<TcpListener> {
    let family = Family::of(&address);
    let socket = open(family, config.device.as_deref())?;
    if family == Family::V6 {
        // Said either way: the default differs between systems, and between machines of one system.
        set("dual_stack", socket.set_only_v6(!server.dual_stack))?;
    }
    if server.reuse_address {
        set("reuse_address", platform::reuse_waiting_address(&socket))?;
    }
    if server.reuse_port {
        set("reuse_port", platform::set_reuse_port(&socket))?;
    }
    configure_new(&SockRef::from(&socket), family, config)?;
    socket
        .bind(&address.into())
        .map_err(|error| failure(Operation::Bind, error).with_local(Some(address)))?;
    let backlog = i32::try_from(server.backlog).unwrap_or(i32::MAX);
    socket.listen(backlog).map_err(|error| failure(Operation::Listen, error).with_local(Some(address)))?;
    unblock(socket.into())
}

/// Adopts an open listener, with the options that its connections inherit.
pub(crate) fn adopt_listener(listener: TcpListener, config: &TcpOptions) -> Result<TcpListener> {
    let address = listener.local_addr().map_err(|error| failure(Operation::Open, error))?;
    configure(&SockRef::from(&listener), Family::of(&address), config)?;
    unblock(listener)
}

fn unblock(listener: TcpListener) -> Result<TcpListener> {
    listener.set_nonblocking(true).map_err(|error| failure(Operation::Open, error))?;
    Ok(listener)
}

/// Makes the listener refuse connections while its handle stays open. Only Linux supports that; others do nothing.
pub(crate) fn stop_listening(listener: &TcpListener) {
    let _ = SockRef::from(listener).shutdown(std::net::Shutdown::Both);
}

/// Closes a stream by a reset.
pub(crate) fn reset(stream: TcpStream) {
    let _ = SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO));
}

/// Makes the listener such as `std` would have it: blocking, without the timeout that its connections inherit.
pub(crate) fn release_listener(listener: TcpListener) -> Result<TcpListener> {
    let result = SockRef::from(&listener).set_read_timeout(None);
    result.and_then(|()| listener.set_nonblocking(false)).map_err(|error| failure(Operation::Open, error))?;
    Ok(listener)
}

/// Adopts an open stream, and sets the options.
pub(crate) fn adopt_stream(stream: TcpStream, config: &TcpOptions) -> Result<TcpStream> {
    let address = stream.local_addr().map_err(|error| failure(Operation::Open, error))?;
    stream.set_nonblocking(!SUPPORTS_BLOCKING).map_err(|error| failure(Operation::Open, error))?;
    stream.set_read_timeout(None).map_err(|error| failure(Operation::Open, error))?;
    stream.set_write_timeout(None).map_err(|error| failure(Operation::Open, error))?;
    configure(&SockRef::from(&stream), Family::of(&address), config)?;
    Ok(stream)
}

/// Makes an accepted stream such as this library's: what it does not inherit from its listener is set.
pub(crate) fn adopt_accepted(stream: &TcpStream, config: &TcpOptions) -> Result<()> {
    if !ACCEPT_INHERITS_OPTIONS {
        // On some systems it also inherits that the listener does not block.
        stream.set_nonblocking(!SUPPORTS_BLOCKING).map_err(|error| failure(Operation::Accept, error))?;
        let family = stream.local_addr().map(|local| Family::of(&local)).unwrap_or(Family::V4);
        configure(&SockRef::from(stream), family, config)?;
    }
    Ok(())
}

/// Makes the stream such as `std` would have it: blocking, with these timeouts.
pub(crate) fn release_stream(
    stream: TcpStream,
    read: Option<Duration>,
    write: Option<Duration>,
) -> TcpStream {
    // If one of these fails, a timeout is lost, and the socket is returned nevertheless.
    let _ = stream.set_nonblocking(false);
    let _ = stream.set_read_timeout(read.filter(|timeout| !timeout.is_zero()));
    let _ = stream.set_write_timeout(write.filter(|timeout| !timeout.is_zero()));
    stream
}

/// The options of a new socket, for a connection or a listener: those that differ from the default of the OS.
pub(super) fn configure_new(socket: &SockRef<'_>, family: Family, config: &TcpOptions) -> Result<()> {
    if config.nodelay {
        set("nodelay", socket.set_tcp_nodelay(true))?;
    }
    configure_others(socket, family, config)
}

/// The options of a connection or a listener of any origin.
fn configure(socket: &SockRef<'_>, family: Family, config: &TcpOptions) -> Result<()> {
    set("nodelay", socket.set_tcp_nodelay(config.nodelay))?;
    configure_others(socket, family, config)
}

/// All but `TCP_NODELAY`.
fn configure_others(socket: &SockRef<'_>, family: Family, config: &TcpOptions) -> Result<()> {
    if let Some(patience) = config.dead_peer_timeout {
        expect_peer_within(socket, Some(patience))?;
    }
    if let Some(keepalive) = &config.keepalive {
        set_keepalive(socket, Some(keepalive))?;
    }
    if let Some(timeout) = config.user_timeout {
        set("user_timeout", platform::set_user_timeout(socket, Some(timeout)))?;
    }
    if config.linger.is_some() {
        set("linger", socket.set_linger(config.linger))?;
    }
    configure_ip(
        socket,
        family,
        IpOptions {
            ttl: config.ttl,
            tos: config.tos,
            receive_buffer_size: config.receive_buffer_size,
            send_buffer_size: config.send_buffer_size,
        },
    )?;
    if let Some(name) = &config.congestion_control {
        let result = platform::set_congestion_control(socket, name);
        result.map_err(|error| failure(Operation::Configure("congestion_control"), error).at(name))?;
    }
    Ok(())
}

pub(crate) fn set_keepalive(socket: &SockRef<'_>, keepalive: Option<&Keepalive>) -> Result<()> {
    let Some(keepalive) = keepalive else { return set("keepalive", socket.set_keepalive(false)) };
    let (idle, interval, probes) = keepalive.parts();
    let times = TcpKeepalive::new().with_time(idle).with_interval(interval);
    let result = match socket.set_tcp_keepalive(&times.clone().with_retries(probes)) {
        // An older Windows has a fixed number of them.
        Err(_) if !SUPPORTS_BLOCKING => socket.set_tcp_keepalive(&times),
        result => result,
    };
    set("keepalive", result)
}

/// Makes a peer that has vanished an error in this time: by keepalive when nothing was sent to it, by the user timeout
/// when something was. `None` leaves it to the system again.
pub(crate) fn expect_peer_within(socket: &SockRef<'_>, patience: Option<Duration>) -> Result<()> {
    set_keepalive(socket, patience.map(Keepalive::noticing_within).as_ref())?;
    match platform::set_user_timeout(socket, patience) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        result => set("user_timeout", result),
    }
}
