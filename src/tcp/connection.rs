use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use socket2::SockRef;

use super::membership::Membership;
use super::owned_stream::OwnedStream;
use super::unread::Unread;
use crate::error::{Error, ErrorKind, Operation};
use crate::options::TcpOptions;
use crate::proto::text::Encoding;
use crate::sys;
use crate::wait::{self, CancelToken, Configured, Nonblocking, ReceiveTimeout, Timeouts, WaitLimit};

/// A TCP connection: a stream of bytes to and from one peer.
///
/// A [`TcpClient`](crate::TcpClient) or a [`TcpServer`](crate::TcpServer) returns it; a `TcpStream`
/// of `std` can be converted. All methods take `&self` and may be called from several threads. The
/// connection and references to it implement [`Read`](std::io::Read) and [`Write`](std::io::Write).
/// A clone is another handle of the same connection, with the same limits. The socket is closed
/// when the last handle is dropped.
///
/// * **Limits.** A [timeout](Self::set_read_timeout) applies to each call, a
///   [deadline](Self::set_deadline) to all calls until it is cleared, and a [`CancelToken`] cancels
///   blocking calls. The error is of kind [`TimedOut`](crate::ErrorKind::TimedOut) or
///   [`Cancelled`](crate::ErrorKind::Cancelled) on every OS.
/// * **No data is lost on a timeout.** [`recv_exact`](Self::recv_exact) keeps received bytes for
///   the next read, and [`send`](Self::send) reports how many bytes were sent.
/// * **TCP has no message boundaries.** The bytes of one `send` can arrive in several pieces, or
///   together with those of the next. Use [`lines`](Self::lines) or [`framed`](Self::framed) for
///   messages; see the module [`frame`](crate::frame).
/// * **Text.** [`send`](Self::send) encodes a `&str`; [`recv_text`](Self::recv_text) never splits a
///   character.
///
/// A read of available bytes is one system call, with or without a limit.
///
/// # Examples
///
/// ```
/// use socketry::{TcpClient, TcpServer};
///
/// let server = TcpServer::bind("127.0.0.1:0")?;
/// let client = TcpClient::new().connect(server.local_addr())?;
/// let connection = server.accept()?;
///
/// client.send("hahah")?;
/// assert_eq!(connection.recv(1024)?, b"hahah");
/// connection.send("收到")?;
/// assert_eq!(client.recv_text(1024)?, "收到");
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone)]
pub struct TcpConnection {
    pub(super) inner: Arc<Inner>,
}

/// The fields are dropped from the first to the last: when the membership is released, the descriptor
/// is free.
pub(super) struct Inner {
    pub(super) stream: OwnedStream,
    pub(super) receive_timeout: ReceiveTimeout,
    /// Calls that need the socket to be non-blocking.
    pub(super) nonblocking: Nonblocking,
    pub(super) timeouts: Timeouts,
    pub(super) unread: Unread,
    pub(super) peer: SocketAddr,
    pub(super) encoding: Encoding,
    pub(super) token: Option<CancelToken>,
    state: AtomicU8,
    /// Whether bytes were received since the last message or the last send.
    mid_message: AtomicBool,
    /// The local address of an aborted connection, which the OS no longer knows. It is boxed because
    /// few connections need it.
    aborted_at: OnceLock<Box<SocketAddr>>,
    /// `None` for a connection that no server counts.
    pub(super) membership: Option<Membership>,
}

/// Bits of what has happened to a connection. `PEER_EOF`: the end of the peer's stream was read.
const PEER_EOF: u8 = 1;
const ABORTED: u8 = 2;
/// The end of the own stream was sent.
const EOF_SENT: u8 = 4;
/// The OS has reported that the peer reset the connection, or is dead, before the peer ended its
/// stream.
const RESET: u8 = 8;
/// The same, also after the end of the peer's stream: sent data may be lost.
const LOST: u8 = 16;
/// Dropping the last handle closes the socket and nothing else.
const SETTLED: u8 = 32;
/// The shutdown of the server has ended the read half, because the connection waited for a request.
const CLOSED_IDLE: u8 = 64;

/// What a connection is made with, besides its stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) options: TcpOptions,
    pub(super) token: Option<CancelToken>,
}

impl Inner {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, settings: &Settings) -> Inner {
        Inner {
            stream: OwnedStream::new(stream),
            receive_timeout: ReceiveTimeout::default(),
            nonblocking: Nonblocking::default(),
            timeouts: Timeouts::new(Configured {
                read: settings.options.read_timeout,
                write: settings.options.write_timeout,
                idle: settings.options.idle_timeout,
                stall: settings.options.stall_timeout.flatten(),
            }),
            unread: Unread::default(),
            peer,
            encoding: settings.options.encoding,
            token: settings.token.clone(),
            state: AtomicU8::new(0),
            mid_message: AtomicBool::new(false),
            aborted_at: OnceLock::new(),
            membership: None,
        }
    }

    /// Adds the tokens of the connection to the limit of a call.
    #[inline]
    pub(super) fn cancellable<'a>(&'a self, limit: WaitLimit<'a>) -> WaitLimit<'a> {
        limit.cancelled_by(self.token.as_ref(), self.membership.as_ref().and_then(Membership::abort_signal))
    }

    /// The limit of a call that reads.
    #[inline]
    pub(super) fn read_limit(&self) -> WaitLimit<'_> {
        self.cancellable(self.timeouts.read_limit())
    }

    /// The limit of a call that writes.
    #[inline]
    pub(super) fn write_limit(&self) -> WaitLimit<'_> {
        self.cancellable(self.timeouts.write_limit())
    }

    fn note(&self, what: u8) {
        self.state.fetch_or(what, Ordering::SeqCst);
    }

    fn has(&self, what: u8) -> bool {
        self.state.load(Ordering::SeqCst) & what != 0
    }

    /// The end of the peer's stream was read.
    pub(super) fn set_eof(&self) {
        self.note(PEER_EOF);
    }

    pub(super) fn is_eof(&self) -> bool {
        self.has(PEER_EOF)
    }

    /// The end of the own stream was sent.
    pub(super) fn set_eof_sent(&self) {
        self.note(EOF_SENT);
    }

    pub(super) fn is_eof_sent(&self) -> bool {
        self.has(EOF_SENT)
    }

    /// Sent data may be lost.
    pub(super) fn set_lost(&self) {
        self.note(LOST);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.has(LOST)
    }

    /// Returns `true` if the OS has reported the end of the connection before that of the peer's
    /// stream. Linux reports it once, and returns an end of stream from the next read.
    pub(super) fn is_reset(&self) -> bool {
        self.has(RESET)
    }

    /// The connection needs no graceful close when its last handle is dropped.
    pub(super) fn settle(&self) {
        self.note(SETTLED);
    }

    pub(super) fn is_settled(&self) -> bool {
        self.has(SETTLED)
    }

    /// Closes the connection by force: blocked calls end, and return that they were cancelled.
    pub(super) fn force_close(&self) {
        self.note(ABORTED);
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.has(ABORTED)
    }

    /// Resets the connection: the peer receives a reset, and blocked calls end as those of
    /// [`force_close`](Self::force_close) do. `is_shared` means that there are other handles or calls.
    ///
    /// Where the OS cannot disconnect a socket, the reset is sent when the last handle is dropped.
    /// If other handles exist, the peer can receive an end of stream before.
    pub(super) fn reset(&self, is_shared: bool) {
        if let Ok(local) = self.stream.local_addr() {
            let _ = self.aborted_at.set(Box::new(sys::canonical(local)));
        }
        self.note(ABORTED);
        // Linux 6.4 and 6.5 without fixes refuse to disconnect a socket on which a thread waits.
        if !sys::disconnect(&self.stream).unwrap_or(false) {
            // This has no effect on a connection that has ended.
            let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
            if is_shared {
                self.force_close();
            }
        }
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        let local = self.stream.local_addr();
        // In this order: the address is stored before the OS forgets it.
        match self.aborted_at.get() {
            Some(local) => Ok(**local),
            None => local.map(sys::canonical),
        }
    }

    /// Called before a read of a connection of a server.
    #[inline]
    pub(super) fn before_read(&self) {
        let Some(membership) = &self.membership else { return };
        if self.mid_message.load(Ordering::Relaxed) && wait::is_between_messages() {
            self.set_mid_message(false);
        }
        if membership.closes_idle() {
            self.close_if_idle();
        }
    }

    /// Sets whether a part of a message was received, so that a shutdown lets the connection finish it.
    #[inline]
    pub(super) fn set_mid_message(&self, on: bool) {
        if self.membership.is_some() {
            self.mid_message.store(on, Ordering::Relaxed);
        }
    }

    /// Ends the read half if the connection waits for a message. Received data can still be read.
    #[cold]
    pub(super) fn close_if_idle(&self) {
        // Data that the peer has not taken yet would be lost if the peer sent more.
        let is_idle = !self.mid_message.load(Ordering::Relaxed) && wait::has_sent_all(&self.stream);
        if is_idle && self.state.fetch_or(CLOSED_IDLE, Ordering::SeqCst) & CLOSED_IDLE == 0 {
            let _ = self.stream.shutdown(std::net::Shutdown::Read);
        }
    }

    /// Whether the end of the stream is that of the shutdown, and not of the peer.
    pub(super) fn is_closed_idle(&self) -> bool {
        self.state.load(Ordering::SeqCst) & CLOSED_IDLE != 0
    }

    /// An error of an operation of this connection, with both addresses.
    #[cold]
    pub(super) fn failure(&self, operation: Operation, error: io::Error) -> Error {
        // `ETIMEDOUT` of an established connection is not a limit of the call: keepalive or the user
        // timeout has given the peer up. If routers have reported it as unreachable, Linux returns
        // their error instead (tcp_write_err).
        let kind = match sys::error_kind(&error) {
            ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                ErrorKind::DeadPeer
            }
            kind => kind,
        };
        match (kind, error.kind()) {
            // `EPIPE` is the result of the own end, or of a reset after the end of the peer's stream.
            (ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe) if self.is_eof_sent() => {}
            (ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe) => self.note(LOST),
            (ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::DeadPeer, _) => {
                self.note(LOST | RESET);
            }
            _ => {}
        }
        self.with_addrs(Error::system(operation, error).with_kind(kind))
    }

    pub(super) fn with_addrs(&self, error: Error) -> Error {
        error.with_local(self.local_addr().ok()).with_remote(Some(self.peer))
    }
}

impl TcpConnection {
    pub(super) fn assemble(inner: Inner) -> TcpConnection {
        TcpConnection { inner: Arc::new(inner) }
    }
}

impl fmt::Debug for TcpConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpConnection")
            .field("local", &self.inner.local_addr().ok())
            .field("peer", &self.inner.peer)
            .field("encoding", &self.inner.encoding)
            .finish_non_exhaustive()
    }
}
