//! What a system lacks: many datagrams in one call, short ways to receive where it has none that are shorter than the long one, and no way to
//! send a file, or to have new connections wait, where it has none that is safe.

use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::ops::Range;

use socket2::{Domain, Protocol, Socket, Type};

use super::platform::{receive, send, send_from, send_to};
use super::{Family, Mode, Received, Sender, Way};
use crate::proto::grouping::{Limits, Message, SegmentFault};

pub(crate) fn receive_plain(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<(usize, Sender)> {
    let mut received = Received::default();
    receive(socket, buffer, Mode::Blocking, false, false, &mut received)?;
    Ok((received.length, received.from.into()))
}

pub(crate) fn receive_connected(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<usize> {
    let mut received = Received::default();
    receive(socket, buffer, Mode::Blocking, false, false, &mut received)?;
    Ok(received.length)
}

pub(crate) fn send_file(_: &TcpStream, _: &File, _: &mut Option<u64>, _: u64) -> io::Result<Option<usize>> {
    Ok(None)
}

pub(crate) fn disconnect(_: &TcpStream) -> io::Result<bool> {
    Ok(false)
}

pub(crate) fn enable_loss_count(_: &UdpSocket) -> io::Result<bool> {
    Ok(false)
}

pub(crate) fn limit_unsent(_: &TcpStream) -> bool {
    false
}

pub(crate) fn drop_new_syns(_: &TcpListener) -> bool {
    false
}

/// Nothing is cut.
pub(crate) const SEGMENTS: Limits = Limits { segments: 1, size: 0 };
pub(crate) const MOST_MESSAGES: usize = 1;

/// One message, which is one datagram and so has one part.
pub(crate) fn send_messages<P>(
    (socket, _): (&UdpSocket, Family),
    bytes: &[u8],
    (messages, parts): (&[Message<P>], &[Range<usize>]),
    (address, source): (impl Fn(&P) -> Option<SocketAddr>, Option<IpAddr>),
    _: Option<usize>,
    mode: Mode,
) -> io::Result<usize> {
    let (Some(message), Some(part)) = (messages.first(), parts.first()) else { return Ok(0) };
    let bytes = &bytes[part.clone()];
    match (address(&message.peer), source) {
        (Some(to), Some(source)) => send_from(socket, bytes, &to, Way { source, interface: 0 }, mode)?,
        (Some(to), None) => send_to(socket, bytes, &to, mode)?,
        (None, _) => send(socket, bytes, mode)?,
    }
    Ok(1)
}

pub(crate) fn segment_fault(_: &io::Error) -> Option<SegmentFault> {
    None
}

pub(crate) fn join_datagrams(_: &UdpSocket, _: bool) -> bool {
    false
}

pub(super) fn nonblocking_stream_socket(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// connect(2), EINPROGRESS: `SO_ERROR` is the outcome of a connect. It is 0 also while the connect is in progress, and then there is
/// no address of a peer.
pub(crate) fn reserve_descriptors(_: &TcpListener, _: usize) {}

pub(super) fn is_complete(socket: &Socket, _: &SocketAddr) -> io::Result<bool> {
    match socket.take_error()? {
        Some(error) => Err(error),
        None => Ok(socket.peer_addr().is_ok()),
    }
}
