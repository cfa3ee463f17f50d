//! Operations that an OS does not have, or for which there is no safe function.

use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::ops::Range;

use socket2::{Domain, Protocol, Socket, Type};

use super::platform::receive;
use super::{Family, How, Mode, Received, Sender, send_one};
use crate::proto::udp::grouping::{GsoMessage, Limits, SegmentFault};

pub(crate) fn receive_plain(
    socket: &UdpSocket,
    buffer: &mut [u8],
    mode: Mode,
) -> io::Result<(usize, Sender)> {
    let mut received = Received::default();
    receive(socket, buffer, How::plain(mode), &mut received)?;
    Ok((received.meta.length(), Some(received.meta.source).into()))
}

pub(crate) fn receive_connected(socket: &UdpSocket, buffer: &mut [u8], mode: Mode) -> io::Result<usize> {
    let mut received = Received::default();
    receive(socket, buffer, How::plain(mode), &mut received)?;
    Ok(received.meta.length())
}

/// The threads wait for a cancel token instead.
pub(crate) const SHUTDOWN_WAKES_DATAGRAMS: bool = false;

pub(crate) fn wake_receivers(_: &UdpSocket) {}

pub(crate) fn send_file(_: &TcpStream, _: &File, _: &mut Option<u64>, _: u64) -> io::Result<Option<usize>> {
    Ok(None)
}

pub(crate) fn disconnect(_: &TcpStream) -> io::Result<bool> {
    Ok(false)
}

pub(crate) fn limit_unsent(_: &TcpStream) -> bool {
    false
}

pub(crate) fn drop_new_syns(_: &TcpListener) -> bool {
    false
}

/// There is no segmentation.
pub(crate) const SEGMENTS: Limits = Limits { segments: 1, size: 0 };
pub(crate) const MAX_MESSAGES: usize = 1;

/// One message, which is one datagram and so has one part.
pub(crate) fn send_messages<P>(
    (socket, _): (&UdpSocket, Family),
    bytes: &[u8],
    (messages, parts): (&[GsoMessage<P>], &[Range<usize>]),
    (address, source): (impl Fn(&P) -> Option<SocketAddr>, Option<IpAddr>),
    _: Option<usize>,
    mode: Mode,
) -> io::Result<usize> {
    let (Some(message), Some(part)) = (messages.first(), parts.first()) else { return Ok(0) };
    send_one(socket, &bytes[part.clone()], (address(&message.peer), source), mode)?;
    Ok(1)
}

pub(crate) fn segment_fault(_: &io::Error) -> Option<SegmentFault> {
    None
}

pub(crate) fn enable_gro(_: &UdpSocket, _: bool) -> bool {
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
