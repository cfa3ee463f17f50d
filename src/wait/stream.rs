//! Reads, writes and accepts of TCP within a limit.

use std::fs::File;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rustix::event::PollFlags;

use super::limit::{WaitError, WaitLimit};
use super::rcvtimeo::ReceiveTimeout;
use super::ready::{First, polling, receiving, sending, wait_in_slices};
use crate::sys::{self, Mode};

/// Reads available bytes. Blocks until there are some.
pub(crate) fn read_within(
    stream: &TcpStream,
    timeout: &ReceiveTimeout,
    limit: &WaitLimit<'_>,
    buffer: &mut [u8],
    peek: bool,
) -> Result<usize, WaitError> {
    let mut length = 0;
    wait_in_slices(limit, |limit| {
        receiving(stream, timeout, limit, |mode| {
            length = sys::read(stream, buffer, mode, peek)?;
            Ok(())
        })
    })?;
    Ok(length)
}

/// Reads available bytes, and blocks for about `time`, or not at all where the OS has no such call. Then
/// it returns `WouldBlock`.
pub(crate) fn read_briefly(
    stream: &TcpStream,
    timeout: &ReceiveTimeout,
    time: Duration,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let read = timeout.briefly(stream, time, || sys::read(stream, buffer, Mode::Blocking, false));
    read.unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
}

/// The same without the timeout of the kernel.
pub(crate) fn polling_read(
    stream: &TcpStream,
    limit: &WaitLimit<'_>,
    buffer: &mut [u8],
) -> Result<usize, WaitError> {
    let mut length = 0;
    wait_in_slices(limit, |limit| {
        polling(stream, PollFlags::IN, limit, First::Attempt, |_| {
            length = sys::read(stream, buffer, Mode::Nonblocking, false)?;
            Ok(())
        })
    })?;
    Ok(length)
}

/// Writes as many bytes as the send buffer has space for. Blocks until it has some.
pub(crate) fn write_within(
    stream: &TcpStream,
    limit: &WaitLimit<'_>,
    parts: &[IoSlice<'_>],
) -> Result<usize, WaitError> {
    let mut length = 0;
    wait_in_slices(limit, |limit| {
        sending(stream, limit, |mode| {
            length = match parts {
                [one] => sys::write(stream, one, mode),
                parts => sys::write_vectored(stream, parts, mode),
            }?;
            Ok(())
        })
    })?;
    Ok(length)
}

/// Blocks until there is a connection to accept.
pub(super) fn polling_accept(
    listener: &TcpListener,
    limit: &WaitLimit<'_>,
) -> Result<(TcpStream, SocketAddr), WaitError> {
    let mut accepted = None;
    polling(listener, PollFlags::IN, limit, First::Attempt, |_| {
        accepted = Some(sys::accept_now(listener)?);
        Ok(())
    })?;
    accepted.ok_or_else(|| WaitError::Failed(io::ErrorKind::WouldBlock.into()))
}

/// Sends a part of a file: at most `count` bytes from `offset`, or from the file position. Returns
/// `None` if the OS has no call for it, or does not support this file.
///
/// The stream must be non-blocking if the limit is to hold.
pub(crate) fn send_file_within(
    stream: &TcpStream,
    limit: &WaitLimit<'_>,
    file: &File,
    offset: &mut Option<u64>,
    count: u64,
) -> Result<Option<usize>, WaitError> {
    let mut sent = None;
    wait_in_slices(limit, |limit| {
        sending(stream, limit, |_| {
            sent = sys::send_file(stream, file, offset, count)?;
            Ok(())
        })
    })?;
    Ok(sent)
}
