//! Reading: what is there, exactly so much, to the end, as text.

use std::time::{Duration, Instant};

use super::connection::{Inner, TcpConnection};
use crate::error::{Error, ErrorKind, Operation, PartialTransfer, Result};
use crate::sys::{self, Mode};
use crate::wait::{self, WaitError, WaitLimit};

impl Inner {
    /// Reads available bytes: at least one, or none at the end of the stream.
    #[inline]
    pub(super) fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        self.read_within(buffer, &self.read_limit())
    }

    /// Reads at most `max` bytes into a new buffer.
    fn recv<'a>(&'a self, max: usize, limit: WaitLimit<'a>) -> Result<Vec<u8>> {
        owned(max, |buffer| self.read_within(buffer, &self.cancellable(limit)))
    }

    /// Reads available bytes, or none at the end, without blocking. `None` if nothing is available.
    fn try_read(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        if let Some(length) = self.unread.take(buffer) {
            return Ok(Some(length));
        }
        let limit = self.cancellable(WaitLimit::unlimited());
        if limit.is_cancelled() {
            return Err(self.wait_error(Operation::Receive, WaitError::Cancelled, &limit));
        }
        self.before_read();
        match sys::read(&self.stream, buffer, Mode::Nonblocking, false) {
            Ok(0) => self.on_eof(buffer.len()).map(Some),
            Ok(length) => {
                self.set_mid_message(true);
                Ok(Some(length))
            }
            Err(error) if sys::is_would_block_or_intr(&error) => Ok(None),
            Err(error) => self.read_failed(Operation::Receive, WaitError::Failed(error), &limit).map(Some),
        }
    }

    /// Reads within the limit of a call. The fast path is permission to block, one system call, one
    /// result.
    #[inline]
    fn read_within(&self, buffer: &mut [u8], limit: &WaitLimit<'_>) -> Result<usize> {
        if self.unread.is_any() {
            if let Some(length) = self.unread.take(buffer) {
                return Ok(length);
            }
        }
        if limit.is_past_deadline() {
            // Also if data is available: a peer that never stops does not outlast a deadline.
            return Err(self.wait_error(Operation::Receive, WaitError::TimedOut, limit));
        }
        self.before_read();
        let mut is_aged = false;
        if let Some(_permit) = self.receive_timeout.permit(&*self.stream, limit) {
            match sys::read(&self.stream, buffer, Mode::Blocking, false) {
                Ok(length) if length > 0 => {
                    self.set_mid_message(true);
                    return Ok(length);
                }
                Ok(_) => return self.on_eof(buffer.len()),
                Err(error) if sys::is_would_block_or_intr(&error) => is_aged = true,
                // An abort is checked first: input that arrives after it makes the OS reset the
                // connection.
                Err(error) => return self.read_failed(Operation::Receive, WaitError::Failed(error), limit),
            }
        }
        let limit = if is_aged { limit.aged() } else { *limit };
        self.read_cold(buffer, &limit, false)
    }

    /// Reads a further part of a call, within the limit of the call.
    fn read_part(&self, buffer: &mut [u8], limit: &WaitLimit<'_>) -> Result<usize> {
        let limit = limit.refreshed();
        if limit.had_passed() && !self.unread.is_any() {
            return Err(self.wait_error(Operation::Receive, WaitError::TimedOut, &limit));
        }
        self.read_within(buffer, &limit)
    }

    #[cold]
    fn read_cold(&self, buffer: &mut [u8], limit: &WaitLimit<'_>, peek: bool) -> Result<usize> {
        let operation = if peek { Operation::Peek } else { Operation::Receive };
        match wait::read_within(&self.stream, &self.receive_timeout, limit, buffer, peek) {
            Ok(0) => self.on_eof(buffer.len()),
            Ok(length) => {
                self.set_mid_message(true);
                Ok(length)
            }
            Err(error) => self.read_failed(operation, error, limit),
        }
    }

    /// The result of a read that failed: a stream that the shutdown has ended is at its end, also where
    /// the OS says so by an error.
    #[cold]
    fn read_failed(&self, operation: Operation, error: WaitError, limit: &WaitLimit<'_>) -> Result<usize> {
        match error {
            WaitError::Failed(_) if self.is_closed_idle() && !self.is_aborted() => Ok(0),
            error => Err(self.wait_error(operation, error, limit)),
        }
    }

    /// The result of a read of no bytes: the peer has ended its stream, or the connection was
    /// aborted, or the buffer is empty.
    #[cold]
    pub(super) fn on_eof(&self, capacity: usize) -> Result<usize> {
        if self.is_aborted() {
            return Err(self.with_addrs(Error::new(Operation::Receive, ErrorKind::Cancelled)));
        }
        if capacity > 0 && self.is_reset() && !self.is_eof() {
            return Err(self.with_addrs(Error::new(Operation::Receive, ErrorKind::ConnectionReset)));
        }
        if capacity > 0 && !self.is_closed_idle() {
            self.set_eof();
        }
        Ok(0)
    }

    /// The error of a call that a limit or the OS ended.
    #[cold]
    pub(super) fn wait_error(&self, operation: Operation, error: WaitError, limit: &WaitLimit<'_>) -> Error {
        let error = match error {
            WaitError::Failed(error) if !self.is_aborted() => return self.failure(operation, error),
            WaitError::TimedOut => limit.timed_out(operation),
            WaitError::Cancelled | WaitError::Failed(_) => limit.cancelled(operation),
            WaitError::ErrorQueueReady => Error::new(operation, ErrorKind::Other),
        };
        self.with_addrs(error)
    }

    /// Fills the buffer, or keeps received bytes for the next read.
    pub(super) fn read_exact(&self, buffer: &mut [u8]) -> Result<()> {
        let limit = self.read_limit();
        let mut done = 0;
        while done < buffer.len() {
            let part = &mut buffer[done..];
            let read = if done == 0 { self.read_within(part, &limit) } else { self.read_part(part, &limit) };
            let error = match read {
                Ok(0) => None,
                Ok(length) => {
                    done += length;
                    continue;
                }
                Err(error) => Some(error),
            };
            self.unread.put(&buffer[..done]);
            return Err(self.incomplete(error, done, buffer.len(), &limit));
        }
        Ok(())
    }

    #[cold]
    fn incomplete(&self, error: Option<Error>, done: usize, wanted: usize, limit: &WaitLimit<'_>) -> Error {
        let kind = error.as_ref().map_or(ErrorKind::UnexpectedEof, Error::kind);
        let partial = PartialTransfer::new(kind, done, wanted, error);
        limit.timed(self.with_addrs(Error::detailed(Operation::Receive, kind, partial)))
    }
}

impl TcpConnection {
    /// Receives at most `max` available bytes. The vector is empty at the end of the stream.
    ///
    /// Blocks until a byte is available, or until the read timeout expires. By default there is
    /// none, and this call blocks indefinitely. [`recv_into`](Self::recv_into) uses a buffer of the
    /// caller instead of allocating one.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the timeout expires ([`TimedOut`](ErrorKind::TimedOut)) or the cancel token is cancelled
    ///   ([`Cancelled`](ErrorKind::Cancelled));
    /// * the peer resets the connection ([`ConnectionReset`](ErrorKind::ConnectionReset)), or was
    ///   found dead ([`DeadPeer`](ErrorKind::DeadPeer)).
    #[doc(alias = "read")]
    pub fn recv(&self, max: usize) -> Result<Vec<u8>> {
        self.inner.recv(max, self.inner.timeouts.read_limit())
    }

    /// Receives at most `max` available bytes, and blocks until there is one, at most for
    /// `timeout`, which replaces the read timeout for this call.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would.
    pub fn recv_timeout(&self, max: usize, timeout: Duration) -> Result<Vec<u8>> {
        self.inner.recv(max, self.inner.timeouts.timeout_limit(timeout))
    }

    /// Receives at most `max` available bytes, and blocks until there is one, at most until
    /// `deadline`, which replaces the read timeout for this call.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would.
    pub fn recv_deadline(&self, max: usize, deadline: Instant) -> Result<Vec<u8>> {
        self.inner.recv(max, self.inner.timeouts.deadline_limit(deadline))
    }

    /// Receives at most `max` available bytes without blocking. Returns `None` if there are none
    /// yet, and an empty vector at the end of the stream.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would, except for the timeout.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{TcpClient, TcpServer};
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let client = TcpClient::new().connect(server.local_addr())?;
    /// let connection = server.accept()?;
    /// assert_eq!(connection.try_recv(1024)?, None);
    /// client.send("hahah")?;
    /// assert_eq!(connection.recv(1024)?, b"hahah");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "EAGAIN")]
    #[doc(alias = "EWOULDBLOCK")]
    #[doc(alias = "WouldBlock")]
    #[doc(alias = "MSG_DONTWAIT")]
    #[doc(alias = "setblocking")]
    pub fn try_recv(&self, max: usize) -> Result<Option<Vec<u8>>> {
        let mut nothing = false;
        let received = owned(max, |buffer| {
            Ok(self.inner.try_read(buffer)?.unwrap_or_else(|| {
                nothing = true;
                0
            }))
        })?;
        Ok((!nothing).then_some(received))
    }

    /// Receives available bytes into a buffer, and returns their number. Returns 0 at the end of
    /// the stream, or if the buffer is empty.
    ///
    /// Blocks as [`recv`](Self::recv) does. This is [`Read::read`](std::io::Read::read) with the
    /// error of this crate.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{TcpClient, TcpServer};
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let client = TcpClient::new().connect(server.local_addr())?;
    /// let connection = server.accept()?;
    /// client.send("hahah")?;
    /// drop(client);
    ///
    /// let mut buffer = [0; 1024];
    /// let length = connection.recv_into(&mut buffer)?;
    /// assert_eq!(&buffer[..length], b"hahah");
    /// assert_eq!(connection.recv_into(&mut buffer)?, 0);
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[inline]
    #[doc(alias = "read")]
    pub fn recv_into(&self, buffer: &mut [u8]) -> Result<usize> {
        self.inner.read(buffer)
    }

    /// Receives exactly as many bytes as the buffer holds.
    ///
    /// Blocks until the buffer is full. The read timeout applies to the whole call. On an error,
    /// received bytes are kept and returned by the next read, so the call can be repeated;
    /// [`PartialTransfer`] has their number.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would, or if the stream ends early
    /// ([`UnexpectedEof`](ErrorKind::UnexpectedEof)).
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::error::PartialTransfer;
    /// use socketry::{TcpClient, TcpServer};
    /// use std::time::Duration;
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let client = TcpClient::builder().read_timeout(Duration::from_millis(30)).connect(server.local_addr())?;
    /// let peer = server.accept()?;
    ///
    /// peer.send(b"abc")?;
    /// let mut buffer = [0; 5];
    /// let error = client.recv_exact(&mut buffer).unwrap_err();
    /// assert!(error.is_timeout());
    /// assert_eq!(error.detail::<PartialTransfer>().map(|partial| (partial.transferred, partial.expected)), Some((3, 5)));
    ///
    /// peer.send(b"de")?;
    /// client.recv_exact(&mut buffer)?;
    /// assert_eq!(&buffer, b"abcde");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "MSG_WAITALL")]
    #[doc(alias = "read_exact")]
    pub fn recv_exact(&self, buffer: &mut [u8]) -> Result<()> {
        self.inner.read_exact(buffer)
    }

    /// Receives all bytes until the end of the stream, at most `max`.
    ///
    /// Blocks until the peer shuts down its write half. The read timeout applies to the whole call.
    /// On an error, received bytes are kept and returned by the next
    /// read.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would, or if more than `max` bytes arrive
    /// ([`MessageTooLong`](ErrorKind::MessageTooLong)).
    #[doc(alias = "read_to_end")]
    pub fn recv_to_end(&self, max: usize) -> Result<Vec<u8>> {
        let limit = self.inner.read_limit();
        let mut bytes = Vec::new();
        loop {
            let room = bytes.len();
            // One byte more than allowed, to see that it is too much.
            let more = (max - room.min(max)).saturating_add(1).min(64 * 1024);
            bytes.resize(room + more, 0);
            let part = &mut bytes[room..];
            let read = match room {
                0 => self.inner.read_within(part, &limit),
                _ => self.inner.read_part(part, &limit),
            };
            let error = match read {
                Ok(length) => {
                    bytes.truncate(room + length);
                    match length {
                        0 => return Ok(bytes),
                        _ if bytes.len() <= max => continue,
                        _ => {
                            let kind = ErrorKind::MessageTooLong;
                            let partial = PartialTransfer::new(kind, max, max, None);
                            self.inner.with_addrs(Error::detailed(Operation::Receive, kind, partial))
                        }
                    }
                }
                Err(error) => {
                    bytes.truncate(room);
                    error
                }
            };
            self.inner.unread.put(&bytes);
            return Err(error);
        }
    }

    /// Receives available text, decoded from at most `max` bytes (at least 4). The string is empty
    /// at the end of the stream.
    ///
    /// Blocks until a character is complete. The read timeout applies to the whole call. An incomplete
    /// character is kept for the next call, so no character is split. Text is otherwise returned as
    /// it arrives; use [`lines`](Self::lines) for lines. An encoding with state (ISO-2022-JP)
    /// starts in its initial state with each call.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * [`recv`](Self::recv) would;
    /// * the bytes are invalid in the [encoding](Self::encoding), or the stream ends within a
    ///   character ([`InvalidText`](ErrorKind::InvalidText)). The bytes are kept, and
    ///   [`recv`](Self::recv) returns them.
    pub fn recv_text(&self, max: usize) -> Result<String> {
        let limit = self.inner.read_limit();
        let mut buffer = vec![0; max.clamp(4, 64 * 1024)];
        let mut filled = 0;
        loop {
            let room = &mut buffer[filled..];
            let read = match filled {
                0 => self.inner.read_within(room, &limit),
                _ => self.inner.read_part(room, &limit),
            };
            let length = match read {
                Ok(length) => length,
                Err(error) => {
                    self.inner.unread.put(&buffer[..filled]);
                    return Err(error);
                }
            };
            filled += length;
            let bytes = &buffer[..filled];
            let (mut decoder, mut text) = (self.encoding().decoder(), String::new());
            let decoded = decoder.decode(bytes, &mut text);
            let pending = decoder.pending();
            let outcome = match decoded {
                // At the end, what is pending stays so.
                Ok(()) if length == 0 && text.is_empty() => decoder.finish(&mut text),
                outcome => outcome,
            };
            if let Err(error) = outcome {
                self.inner.unread.put(bytes);
                return Err(self.inner.with_addrs(error.into()));
            }
            if !text.is_empty() || length == 0 {
                self.inner.unread.put(&bytes[filled - pending..]);
                return Ok(text);
            }
        }
    }

    /// Copies available bytes into a buffer without consuming them, and returns their number.
    /// Returns 0 at the end of the stream.
    ///
    /// Blocks as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would.
    #[doc(alias = "MSG_PEEK")]
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize> {
        let inner = &*self.inner;
        if inner.unread.is_any() {
            if let Some(length) = inner.unread.peek(buffer) {
                return Ok(length);
            }
        }
        inner.read_cold(buffer, &inner.read_limit(), true)
    }
}

/// A new buffer with what `read` puts into it. It is as large as requested only once that much has
/// been read.
fn owned(max: usize, read: impl FnOnce(&mut [u8]) -> Result<usize>) -> Result<Vec<u8>> {
    let mut buffer = vec![0; max.min(64 * 1024)];
    let length = read(&mut buffer)?;
    buffer.truncate(length);
    buffer.shrink_to_fit();
    Ok(buffer)
}

/// Implements `Read` for a type with its connection's [`Inner`] at a place, and for references to
/// it.
macro_rules! impl_read {
    ($type:ty, $($inner:tt)+) => {
        $crate::tcp::read::impl_read!(@ $type, $($inner)+);
        $crate::tcp::read::impl_read!(@ &$type, $($inner)+);
    };
    (@ $type:ty, $($inner:tt)+) => {
        impl std::io::Read for $type {
            #[inline]
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                Ok(self.$($inner)+.read(buffer)?)
            }

            /// Equivalent to [`recv_exact`](crate::TcpConnection::recv_exact).
            fn read_exact(&mut self, buffer: &mut [u8]) -> std::io::Result<()> {
                Ok(self.$($inner)+.read_exact(buffer)?)
            }
        }
    };
}

pub(super) use impl_read;

impl_read!(TcpConnection, inner);
