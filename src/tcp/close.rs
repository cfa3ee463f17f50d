//! Ending a connection: gracefully, so that sent data arrives, or by a reset.
//!
//! A socket that is closed with unread input, or that receives input after it was closed, sends a
//! reset, and the peer's OS then discards data that the peer has not read. A graceful close shuts
//! down the write half, reads until the peer ends its stream, too, and only then closes the socket
//! (RFC 9112, section 9.6).

use std::net::Shutdown;
use std::time::Duration;

use super::connection::{Inner, TcpConnection};
use super::membership::Membership;
use crate::error::{Error, ErrorKind, Operation, PartialTransfer, Result, TimeLimit};
use crate::wait::{self, WaitError, WaitLimit};

/// How long a graceful close waits for the end of the peer's stream, and how much it reads.
pub(super) const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
pub(super) const LINGER_MAX_BYTES: usize = 64 * 1024;

impl Drop for Inner {
    /// The last handle of a connection is dropped: that of a server lingers, unless the peer has ended
    /// its stream before.
    fn drop(&mut self) {
        let is_over = self.is_eof() || self.is_aborted() || self.is_settled();
        // The shutdown of the write half fails if the connection has ended.
        if is_over || self.membership.is_none() || self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        if let (Some(stream), Some(membership)) = (self.stream.take(), &mut self.membership) {
            membership.linger(stream);
        }
    }
}

/// Shuts down the write half and reads until the end of the stream, within limits of time and of
/// bytes.
fn linger(inner: &Inner) -> Result<()> {
    let limit = WaitLimit::timeout(LINGER_TIMEOUT).before(inner.timeouts.deadline(), TimeLimit::Deadline);
    let limit = limit.cancelled_by(inner.token.as_ref(), inner.membership.as_ref().map(Membership::aborted));
    let closing = |error: Error| error.with_operation(Operation::Close);
    half_close(inner)?;
    let mut drained = inner.unread.len();
    let mut scratch = [0; 4096];
    // It does not wait under the timeout of the kernel, which would be set for this alone.
    while drained <= LINGER_MAX_BYTES {
        let read = match wait::polling_read(&inner.stream, &limit, &mut scratch) {
            // A peer that never stops does not extend the call.
            Ok(length) if length > 0 && limit.has_passed() => Err(WaitError::TimedOut),
            read => read,
        };
        match read {
            Ok(0) => return inner.on_eof(scratch.len()).map(drop).map_err(closing),
            Ok(length) => drained += length,
            Err(error) => return Err(inner.wait_error(Operation::Close, error, &limit)),
        }
    }
    let partial = PartialTransfer::new(ErrorKind::MessageTooLong, drained, LINGER_MAX_BYTES, None);
    Err(inner.with_addrs(Error::detailed(Operation::Close, ErrorKind::MessageTooLong, partial)))
}

/// Sends the end of the stream. Linux returns `ENOTCONN` if both sides have ended their streams, and
/// also after a reset, so the connection remembers which it was.
pub(super) fn half_close(inner: &Inner) -> Result<()> {
    if inner.is_aborted() {
        return Err(inner.with_addrs(Error::new(Operation::Close, ErrorKind::Cancelled)));
    }
    let is_repeated = inner.is_eof_sent();
    // Noted before the call: a thread that finds both sides ended knows why.
    inner.set_eof_sent();
    let error = match inner.stream.shutdown(Shutdown::Write) {
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    // A reset that no call has returned yet.
    if let Ok(Some(error)) = inner.stream.take_error() {
        inner.set_lost();
        return Err(inner.failure(Operation::Close, error));
    }
    let has_ended = error.kind() == std::io::ErrorKind::NotConnected && is_repeated;
    match inner.is_lost() {
        false if has_ended => Ok(()),
        false => {
            inner.set_lost();
            Err(inner.failure(Operation::Close, error))
        }
        true => Err(inner.failure(Operation::Close, error).with_kind(ErrorKind::ConnectionReset)),
    }
}

impl TcpConnection {
    /// Shuts down the write half: the peer reads the end of the stream after the data. Reading is
    /// still possible. This method never blocks, and repeating it has no effect.
    ///
    /// # Errors
    ///
    /// This returns an error if the connection was reset by the peer
    /// ([`ConnectionReset`](ErrorKind::ConnectionReset)) or aborted
    /// ([`Cancelled`](ErrorKind::Cancelled)).
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{TcpClient, TcpServer};
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let client = TcpClient::new().connect(server.local_addr())?;
    /// let peer = server.accept()?;
    /// client.send("that is all")?;
    /// client.half_close()?;
    /// assert_eq!(peer.recv_to_end(1024)?, b"that is all");
    /// peer.send("thanks")?;
    /// assert_eq!(client.recv(1024)?, b"thanks");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "shutdown")]
    #[doc(alias = "SHUT_WR")]
    pub fn half_close(&self) -> Result<()> {
        half_close(&self.inner)
    }

    /// Closes the connection gracefully: shuts down the write half, waits for the end of the peer's
    /// stream, and closes.
    ///
    /// Blocks for at most 2 s, or until the [deadline](Self::set_deadline). Received data is
    /// discarded, at most 64 KiB. Closing with unread input would reset the connection, and the
    /// peer could lose data that was sent before. A connection that is dropped is closed at once,
    /// except that a connection of a [`TcpServer`](crate::TcpServer) is closed gracefully, too, in
    /// the background.
    ///
    /// Other handles can be read from until the end of the stream. The socket is closed with the
    /// last handle.
    ///
    /// # Errors
    ///
    /// This returns an error if the peer did not end its stream in time
    /// ([`TimedOut`](ErrorKind::TimedOut)), sent too much
    /// ([`MessageTooLong`](ErrorKind::MessageTooLong)), or reset the connection. It does not if both
    /// sides have ended their streams. The connection is closed in any case, and after an error it is
    /// unknown whether all data arrived.
    pub fn close(self) -> Result<()> {
        let result = match self.inner.is_eof() {
            true => half_close(&self.inner),
            false => linger(&self.inner),
        };
        // Also after an error, dropping does not try again.
        self.inner.settle();
        result
    }

    /// Aborts the connection: unsent data is discarded, and the peer receives a reset, also if other
    /// handles exist. A peer that has received a part of the data cannot mistake it for the whole.
    ///
    /// This method never blocks. Blocked calls on other handles return an error of kind
    /// [`Cancelled`](ErrorKind::Cancelled) immediately, and so do later calls.
    ///
    /// # Platform-specific behavior
    ///
    /// * **Linux**: the reset is sent immediately.
    /// * **Other systems**: the reset is sent when the last handle is dropped. If other handles exist,
    ///   the peer can receive the end of the stream (EOF) before that.
    /// * **Windows**: blocked calls end within 100 ms.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{ErrorKind, TcpClient, TcpServer};
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let client = TcpClient::new().connect(server.local_addr())?;
    /// let connection = server.accept()?;
    /// connection.send("half an ans")?;
    /// connection.abort();
    /// # if cfg!(target_os = "linux") {
    /// let error = client.recv_to_end(1024).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    /// # }
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "SO_LINGER")]
    #[doc(alias = "RST")]
    pub fn abort(self) {
        let is_shared = std::sync::Arc::strong_count(&self.inner) > 1;
        self.inner.reset(is_shared);
    }
}
