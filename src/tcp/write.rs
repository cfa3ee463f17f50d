//! Writing: as much as fits, all of it, text.

use std::io::{self, IoSlice};

use super::connection::{Inner, TcpConnection};
use crate::error::{Error, ErrorKind, Operation, PartialTransfer, Result};
use crate::proto::message::Message;
use crate::sys::{self, Mode};
use crate::wait::{self, CancelToken, WaitError, WaitLimit};

impl Inner {
    /// The mode of the first attempt. The send buffer almost always has space, and then no clock is
    /// read.
    #[inline]
    fn first_mode(&self) -> Mode {
        let is_cancellable = self.cancellable(WaitLimit::unlimited()).is_cancellable();
        match is_cancellable || self.timeouts.limits_writing() {
            true => Mode::Nonblocking,
            false => Mode::Blocking,
        }
    }

    /// Makes the first attempt, and returns how much it has written; 0 if the call must wait.
    #[inline]
    fn first(&self, attempt: impl FnOnce(Mode) -> io::Result<usize>) -> Result<usize> {
        if self.token.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(self.with_addrs(Error::new(Operation::Send, ErrorKind::Cancelled)));
        }
        self.set_mid_message(false);
        self.attempt(attempt)
    }

    #[inline]
    fn attempt(&self, attempt: impl FnOnce(Mode) -> io::Result<usize>) -> Result<usize> {
        match attempt(self.first_mode()) {
            Ok(length) => {
                self.timeouts.allowance().refill(length);
                Ok(length)
            }
            Err(error) if sys::is_would_block_or_intr(&error) => Ok(0),
            Err(error) => Err(self.refused(error)),
        }
    }

    /// Writes as much as there is space for, without blocking. Returns 0 if there is none. A message of
    /// which a part was received stays begun.
    pub(super) fn try_write(&self, bytes: &[u8]) -> Result<usize> {
        if self.token.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(self.with_addrs(Error::new(Operation::Send, ErrorKind::Cancelled)));
        }
        self.attempt(|_| {
            let mut signals = 0;
            loop {
                match sys::write(&self.stream, bytes, Mode::Nonblocking) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted && signals < sys::MAX_EINTR => {
                        signals += 1;
                    }
                    result => return result,
                }
            }
        })
    }

    #[inline]
    pub(super) fn write(&self, bytes: &[u8]) -> Result<usize> {
        match self.first(|mode| sys::write(&self.stream, bytes, mode))? {
            0 if !bytes.is_empty() => self.write_cold(&[IoSlice::new(bytes)]),
            length => Ok(length),
        }
    }

    pub(super) fn write_vectored(&self, parts: &[IoSlice<'_>]) -> Result<usize> {
        match self.first(|mode| sys::write_vectored(&self.stream, parts, mode))? {
            0 if parts.iter().any(|part| !part.is_empty()) => self.write_cold(parts),
            length => Ok(length),
        }
    }

    #[cold]
    fn write_cold(&self, parts: &[IoSlice<'_>]) -> Result<usize> {
        self.write_within(Operation::Send, parts, &self.write_limit())
    }

    /// Writes as much as there is space for, within the limit of the call and the allowance of the
    /// connection.
    pub(super) fn write_within(
        &self,
        operation: Operation,
        parts: &[IoSlice<'_>],
        limit: &WaitLimit<'_>,
    ) -> Result<usize> {
        self.stalling(operation, limit, |limit| {
            let length = wait::write_within(&self.stream, limit, parts)?;
            Ok((length, length))
        })
    }

    /// Runs a wait for the peer, which uses up the allowance of the connection. It returns the
    /// number of bytes that the OS has accepted, and its result.
    pub(super) fn stalling<'a, T>(
        &'a self,
        operation: Operation,
        limit: &WaitLimit<'a>,
        wait: impl FnOnce(&WaitLimit<'a>) -> Result<(usize, T), WaitError>,
    ) -> Result<T> {
        let (limit, stalled) = self.timeouts.allowance().apply(*limit);
        let outcome = wait(&limit);
        if let Some(stalled) = stalled {
            stalled.end(outcome.as_ref().map_or(0, |(accepted, _)| *accepted));
        }
        match outcome {
            Ok((_, result)) => Ok(result),
            Err(error) => Err(self.wait_error(operation, error, &limit)),
        }
    }

    #[cold]
    fn refused(&self, error: io::Error) -> Error {
        match self.is_aborted() {
            true => self.with_addrs(Error::new(Operation::Send, ErrorKind::Cancelled)),
            false => self.failure(Operation::Send, error),
        }
    }

    /// Writes all bytes, within one limit.
    #[inline]
    pub(super) fn write_all(&self, bytes: &[u8]) -> Result<()> {
        match self.first(|mode| sys::write(&self.stream, bytes, mode)) {
            Ok(length) if length == bytes.len() => Ok(()),
            Ok(length) => self.write_rest(bytes, length),
            Err(error) => Err(self.partial_write(error, 0, bytes.len())),
        }
    }

    #[cold]
    fn write_rest(&self, bytes: &[u8], mut done: usize) -> Result<()> {
        let limit = self.write_limit();
        while done < bytes.len() {
            let written = match limit.check() {
                Ok(()) => self.write_within(Operation::Send, &[IoSlice::new(&bytes[done..])], &limit),
                // Also if there is space: a peer that always reads a little does not extend the call.
                Err(error) => Err(self.wait_error(Operation::Send, error, &limit)),
            };
            match written {
                Ok(length) => done += length,
                Err(error) => return Err(self.partial_write(error, done, bytes.len())),
            }
        }
        Ok(())
    }

    #[cold]
    fn partial_write(&self, error: Error, done: usize, wanted: usize) -> Error {
        let (kind, elapsed, limit) = (error.kind(), error.elapsed(), error.limit());
        let partial = PartialTransfer::new(kind, done, wanted, Some(error));
        let error = self.with_addrs(Error::detailed(Operation::Send, kind, partial));
        error.with_elapsed(elapsed).with_limit(limit)
    }
}

impl TcpConnection {
    /// Sends a whole message: text in the connection's [encoding](Self::encoding), or bytes (see
    /// [`Message`]).
    ///
    /// Blocks until the OS has accepted all bytes. The write timeout applies to the whole call. The
    /// peer may not have received the bytes when this returns. Messages of several threads can
    /// interleave if they exceed the OS send buffer.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the encoding does not have a character
    ///   ([`UnencodableText`](crate::ErrorKind::UnencodableText)); nothing is sent then;
    /// * the timeout expires or the cancel token is cancelled. [`PartialTransfer`] has the number
    ///   of bytes that were sent;
    /// * the peer has closed or reset the connection
    ///   ([`ConnectionReset`](crate::ErrorKind::ConnectionReset), also for `EPIPE`).
    #[inline]
    #[doc(alias = "sendall")]
    #[doc(alias = "write_all")]
    #[doc(alias = "EPIPE")]
    pub fn send(&self, message: impl Message) -> Result<()> {
        let bytes = message
            .on_the_wire(self.inner.encoding)
            .map_err(|error| self.inner.with_addrs(Error::from(error).with_operation(Operation::Send)))?;
        self.inner.write_all(&bytes)
    }
}

/// Implements `Write` for a type with its connection's [`Inner`] at a place, and for references to
/// it.
macro_rules! impl_write {
    ($type:ty, $($inner:tt)+) => {
        $crate::tcp::write::impl_write!(@ $type, $($inner)+);
        $crate::tcp::write::impl_write!(@ &$type, $($inner)+);
    };
    (@ $type:ty, $($inner:tt)+) => {
        impl std::io::Write for $type {
            #[inline]
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                Ok(self.$($inner)+.write(bytes)?)
            }

            fn write_vectored(&mut self, parts: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                Ok(self.$($inner)+.write_vectored(parts)?)
            }

            /// Equivalent to [`send`](crate::TcpConnection::send).
            fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
                Ok(self.$($inner)+.write_all(bytes)?)
            }

            /// Does nothing: there is no buffer outside the OS.
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(super) use impl_write;

impl_write!(TcpConnection, inner);
