//! What a TCP stream and its listener do, each call under a limit.

use std::fs::File;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpListener, TcpStream};

use rustix::event::PollFlags;

use super::platform;
use super::wait::{self, Ended};
use super::{Limit, ReceiveTimeout, canonical};

/// Reads what is there, after waiting for something if there is nothing.
pub(crate) fn read_within(
    stream: &TcpStream,
    timeout: &ReceiveTimeout,
    limit: Limit<'_>,
    buffer: &mut [u8],
    peek: bool,
) -> Result<usize, Ended> {
    let mut length = 0;
    wait::for_stream(limit, |limit| {
        wait::receiving(stream, timeout, limit, |mode| {
            length = platform::read(stream, buffer, mode, peek)?;
            Ok(())
        })
    })?;
    Ok(length)
}

/// Writes as much as there is room for, after waiting for some if there is none.
pub(crate) fn write_within(
    stream: &TcpStream,
    limit: Limit<'_>,
    parts: &[IoSlice<'_>],
) -> Result<usize, Ended> {
    let mut length = 0;
    wait::for_stream(limit, |limit| {
        wait::sending(stream, limit, |mode| {
            length = match parts {
                [one] => platform::write(stream, one, mode),
                parts => platform::write_vectored(stream, parts, mode),
            }?;
            Ok(())
        })
    })?;
    Ok(length)
}

/// Waits for the next connection.
pub(crate) fn accept_within(
    listener: &TcpListener,
    limit: Limit<'_>,
) -> Result<(TcpStream, SocketAddr), Ended> {
    let mut accepted = None;
    wait::polling(listener, PollFlags::IN, limit, |_| {
        accepted = Some(listener.accept()?);
        Ok(())
    })?;
    let (stream, peer) = accepted.ok_or_else(|| Ended::Failed(io::ErrorKind::WouldBlock.into()))?;
    Ok((stream, canonical(peer)))
}

/// The next connection, if one is waiting.
pub(crate) fn accept_now(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept()?;
    Ok((stream, canonical(peer)))
}

/// Sends a part of a file, at most `count` bytes from `offset` or else from where the file stands; `None` where the
/// system has no call for it or does not take this file.
///
/// The stream must not block if the limit is to hold.
pub(crate) fn send_file_within(
    stream: &TcpStream,
    limit: Limit<'_>,
    file: &File,
    offset: &mut Option<u64>,
    count: u64,
) -> Result<Option<usize>, Ended> {
    let mut sent = None;
    wait::for_stream(limit, |limit| {
        wait::sending(stream, limit, |_| {
            sent = platform::send_file(stream, file, offset, count)?;
            Ok(())
        })
    })?;
    Ok(sent)
}

/// As `read_within`, leaving the kernel's timeout alone.
pub(crate) fn polling_read(
    stream: &TcpStream,
    limit: Limit<'_>,
    buffer: &mut [u8],
    length: &mut usize,
) -> Result<(), Ended> {
    wait::for_stream(limit, |limit| {
        wait::polling(stream, PollFlags::IN, limit, |_| {
            *length = platform::read(stream, buffer, super::Mode::Try, false)?;
            Ok(())
        })
    })
}

/// Undoes `set_nonblocking(true)`.
pub(crate) fn restore_blocking(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(!platform::BLOCKS)
}
