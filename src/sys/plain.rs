//! What a system lacks: short ways to receive where it has none that are shorter than the long one, and no way to
//! send a file, or to have new connections wait, where it has none that is safe.

use std::fs::File;
use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};

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

pub(super) fn send_file(_: &TcpStream, _: &File, _: &mut Option<u64>, _: u64) -> io::Result<Option<usize>> {
    Ok(None)
}

pub(crate) fn enable_loss_count(_: &UdpSocket) -> io::Result<bool> {
    Ok(false)
}

pub(crate) fn hold_newcomers(_: &TcpListener) -> bool {
    false
}
