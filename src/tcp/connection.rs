use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::client::TcpClient;
use super::close::{self, Closing};
use super::server::Ticket;
use super::unread::Unread;
use crate::addr::ToAddress;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::TcpOptions;
use crate::proto::text::Encoding;
use crate::sys;
use crate::wait::{CancelToken, Configured, Nonblocking, ReceiveTimeout, Timeouts, WaitLimit};

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

/// The fields are dropped from the first to the last: whoever is told that there is room for
/// another connection finds this one's descriptor free.
pub(super) struct Inner {
    pub(super) stream: TcpStream,
    pub(super) receive_timeout: ReceiveTimeout,
    /// Calls that need the socket to be non-blocking.
    pub(super) nonblocking: Nonblocking,
    pub(super) timeouts: Timeouts,
    pub(super) unread: Unread,
    pub(super) peer: SocketAddr,
    pub(super) encoding: Encoding,
    pub(super) token: Option<CancelToken>,
    pub(super) closing: Closing,
    state: AtomicU8,
    pub(super) ticket: Option<Ticket>,
}

/// Bits of what has happened to a connection.
const PEER_ENDED: u8 = 1;
const CUT: u8 = 2;

/// What a connection is made with, besides its stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) options: TcpOptions,
    pub(super) token: Option<CancelToken>,
}

impl Inner {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, settings: &Settings) -> Inner {
        Inner {
            stream,
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
            closing: Closing::Plain,
            state: AtomicU8::new(0),
            ticket: None,
        }
    }

    /// Adds the tokens of the connection to the limit of a call.
    #[inline]
    pub(super) fn cancellable<'a>(&'a self, limit: WaitLimit<'a>) -> WaitLimit<'a> {
        limit.cancelled_by(self.token.as_ref(), self.ticket.as_ref().and_then(Ticket::cut_switch))
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

    /// The peer has said that nothing follows.
    pub(super) fn note_end(&self) {
        self.state.fetch_or(PEER_ENDED, Ordering::Relaxed);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state.load(Ordering::Relaxed) & PEER_ENDED != 0
    }

    /// Ends the connection from outside: whoever waits on it is woken, and told that it was
    /// stopped.
    pub(super) fn cut(&self) {
        self.state.fetch_or(CUT, Ordering::SeqCst);
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    pub(super) fn is_cut(&self) -> bool {
        self.state.load(Ordering::SeqCst) & CUT != 0
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
        self.place(Error::system(operation, error).with_kind(kind))
    }

    pub(super) fn place(&self, error: Error) -> Error {
        error.with_local(self.stream.local_addr().ok().map(sys::canonical)).with_remote(Some(self.peer))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        close::on_drop(self);
    }
}

impl TcpConnection {
    pub(super) fn assemble(inner: Inner) -> TcpConnection {
        TcpConnection { inner: Arc::new(inner) }
    }

    /// Connects with default options. Blocks as [`TcpClient::connect`](crate::TcpClient::connect)
    /// does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`TcpClient::connect`](crate::TcpClient::connect) would.
    pub fn connect(address: impl ToAddress) -> Result<TcpConnection> {
        TcpClient::new().connect(address)
    }
}

impl fmt::Debug for TcpConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpConnection")
            .field("local", &self.inner.stream.local_addr().ok())
            .field("peer", &self.inner.peer)
            .field("encoding", &self.inner.encoding)
            .finish_non_exhaustive()
    }
}
