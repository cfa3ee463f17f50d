//! Writing: as much as fits, all of it, text.

use std::io::{self, IoSlice};

use super::connection::{Inner, TcpConnection};
use crate::error::{Error, ErrorKind, Operation, PartialTransfer, Result};
use crate::proto::message::Message;
use crate::sys::{self, CancelToken, Limit, Mode, Span};

impl Inner {
    /// How the first attempt is made: there is room almost always, and then nobody needs to know
    /// the time.
    #[inline]
    fn first_mode(&self) -> Mode {
        let limit = self.limit(Span::default());
        let is_limited = limit.token.is_some() || limit.also.is_some() || self.timing.limits_writing();
        if is_limited { Mode::Try } else { Mode::Block }
    }

    /// What a first attempt has written; nothing if it has to be waited for.
    #[inline]
    fn first(&self, attempt: impl FnOnce(Mode) -> io::Result<usize>) -> Result<usize> {
        if self.token.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(self.place(Error::new(Operation::Send, ErrorKind::Cancelled)));
        }
        match attempt(self.first_mode()) {
            Ok(length) => Ok(length),
            Err(error) if sys::is_again(&error) => Ok(0),
            Err(error) => Err(self.refused(error)),
        }
    }

    #[inline]
    pub(super) fn write(&self, bytes: &[u8]) -> Result<usize> {
        match self.first(|mode| sys::write(&self.stream, bytes, mode))? {
            0 if !bytes.is_empty() => self.write_limited(&[IoSlice::new(bytes)]),
            length => Ok(length),
        }
    }

    pub(super) fn write_vectored(&self, parts: &[IoSlice<'_>]) -> Result<usize> {
        match self.first(|mode| sys::write_vectored(&self.stream, parts, mode))? {
            0 if parts.iter().any(|part| !part.is_empty()) => self.write_limited(parts),
            length => Ok(length),
        }
    }

    #[cold]
    fn write_limited(&self, parts: &[IoSlice<'_>]) -> Result<usize> {
        let span = self.timing.writing();
        self.write_within(parts, span, self.limit(span))
    }

    fn write_within(&self, parts: &[IoSlice<'_>], span: Span, limit: Limit<'_>) -> Result<usize> {
        sys::write_within(&self.stream, limit, parts)
            .map_err(|ended| self.unfinished(Operation::Send, ended, span))
    }

    #[cold]
    fn refused(&self, error: io::Error) -> Error {
        match self.is_cut() {
            true => self.place(Error::new(Operation::Send, ErrorKind::Cancelled)),
            false => self.failure(Operation::Send, error),
        }
    }

    /// Writes all of it, in one time.
    #[inline]
    pub(super) fn write_all(&self, bytes: &[u8]) -> Result<()> {
        match self.first(|mode| sys::write(&self.stream, bytes, mode)) {
            Ok(length) if length == bytes.len() => Ok(()),
            Ok(length) => self.write_rest(bytes, length),
            Err(error) => Err(self.cut_short(error, 0, bytes.len())),
        }
    }

    #[cold]
    fn write_rest(&self, bytes: &[u8], mut done: usize) -> Result<()> {
        let span = self.timing.writing();
        while done < bytes.len() {
            match self.write_within(&[IoSlice::new(&bytes[done..])], span, self.limit(span)) {
                Ok(length) => done += length,
                Err(error) => return Err(self.cut_short(error, done, bytes.len())),
            }
        }
        Ok(())
    }

    #[cold]
    fn cut_short(&self, error: Error, done: usize, wanted: usize) -> Error {
        let (kind, elapsed) = (error.kind(), error.elapsed());
        let partial = PartialTransfer::new(kind, done, wanted, Some(error));
        self.place(Error::detailed(Operation::Send, kind, partial)).with_elapsed(elapsed)
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
            .map_err(|error| self.inner.place(Error::from(error).with_operation(Operation::Send)))?;
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
