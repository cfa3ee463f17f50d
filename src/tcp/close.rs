//! Ending a connection so that what was sent still arrives.
//!
//! A socket that is closed with unread input, or that gets input after it was closed, answers with
//! a reset, and the reset makes the peer's system throw away what it has not read yet: the answer.
//! So the polite end is to say that nothing follows, to read what the peer still sends until it
//! ends, too, and only then to close. RFC 9112, 9.6, has the story.

use std::net::Shutdown;
use std::time::Duration;

use super::connection::{Inner, TcpConnection};
use super::server::Ticket;
use crate::error::{Error, ErrorKind, Operation, PartialTransfer, Result, TimeLimit};
use crate::wait::{self, WaitError, WaitLimit};

/// How long a polite end waits for the peer's, and how much it reads.
pub(super) const LONGEST_DRAIN: Duration = Duration::from_secs(2);
pub(super) const MOST_DRAINED: usize = 64 * 1024;

/// What is done when the last handle of a connection goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closing {
    /// The socket is closed.
    Plain,
    /// The polite end, unless the peer has ended its side before; the server's, and apart from the
    /// thread that drops it.
    Polite,
}

pub(super) fn on_drop(inner: &Inner) {
    let is_over = inner.has_ended() || inner.is_cut();
    let (Closing::Polite, false, Some(ticket)) = (inner.closing, is_over, &inner.ticket) else { return };
    // Where nobody is there any more, there is nobody to be polite to.
    if half_close(inner).is_ok() {
        if let Ok(stream) = inner.stream.try_clone() {
            ticket.say_farewell(stream);
        }
    }
}

/// Shuts down the write half and reads until the end of the stream, within limits of time and of
/// bytes.
fn linger(inner: &Inner) -> Result<()> {
    let limit = WaitLimit::timeout(LONGEST_DRAIN).before(inner.timeouts.deadline(), TimeLimit::Deadline);
    let limit = limit.cancelled_by(inner.token.as_ref(), inner.ticket.as_ref().map(Ticket::cut));
    half_close(inner)?;
    let mut drained = inner.unread.len();
    let mut scratch = [0; 4096];
    // It does not wait under the timeout of the kernel, which would be set for this alone.
    while drained <= MOST_DRAINED {
        let read = match wait::polling_read(&inner.stream, &limit, &mut scratch) {
            // A peer that never stops does not extend the call.
            Ok(length) if length > 0 && limit.has_passed() => Err(WaitError::TimedOut),
            read => read,
        };
        match read {
            Ok(0) => {
                inner.note_end();
                return Ok(());
            }
            Ok(length) => drained += length,
            Err(WaitError::Failed(error)) => return Err(inner.failure(Operation::Close, error)),
            Err(error) => return Err(inner.wait_error(Operation::Close, error, &limit)),
        }
    }
    let partial = PartialTransfer::new(ErrorKind::MessageTooLong, drained, MOST_DRAINED, None);
    Err(inner.place(Error::detailed(Operation::Close, ErrorKind::MessageTooLong, partial)))
}

fn half_close(inner: &Inner) -> Result<()> {
    match inner.stream.shutdown(Shutdown::Write) {
        Ok(()) => Ok(()),
        Err(error) => Err(inner.failure(Operation::Close, error)),
    }
}

impl TcpConnection {
    /// Shuts down the write half: the peer reads the end of the stream after the data. Reading is
    /// still possible.
    ///
    /// # Errors
    ///
    /// This returns an error if the connection is closed.
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
    /// ([`MessageTooLong`](ErrorKind::MessageTooLong)), or reset the connection. The connection is
    /// closed in any case, and it is unknown whether all data arrived.
    pub fn close(self) -> Result<()> {
        if self.inner.has_ended() {
            return half_close(&self.inner);
        }
        let result = linger(&self.inner);
        // Whatever came of it, dropping does not try again.
        self.inner.note_end();
        result
    }

    /// Aborts the connection: unsent data is discarded, and the peer receives a reset when the last
    /// handle is dropped. Blocking calls on other handles end at once.
    ///
    /// # Platform-specific behavior
    ///
    /// On Windows, blocking calls end within 100 ms.
    #[doc(alias = "SO_LINGER")]
    #[doc(alias = "RST")]
    pub fn abort(self) {
        // Without effect on a connection that is no more.
        let _ = socket2::SockRef::from(&self.inner.stream).set_linger(Some(Duration::ZERO));
        self.inner.note_end();
        if std::sync::Arc::strong_count(&self.inner) > 1 {
            self.inner.cut();
        }
    }
}
