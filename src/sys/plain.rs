//! The short ways to receive, where a system has none that are shorter than the long one.

use std::io;
use std::net::UdpSocket;

use super::platform::receive;
use super::{Mode, Received, Sender};

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
