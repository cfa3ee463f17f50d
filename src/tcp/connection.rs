use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::client::TcpClient;
use super::close::{self, Closing};
use super::server::Ticket;
use super::unread::Unread;
use crate::addr::ToAddress;
use crate::error::{Error, Operation, Result};
use crate::options::{Keepalive, TcpOptions};
use crate::proto::text::Encoding;
use crate::sys::{self, CancelToken, Limit, Moment, ReceiveTimeout, Span, Timing};

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
    pub(super) timing: Timing,
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
            timing: Timing::new(settings.options.read_timeout, settings.options.write_timeout.flatten()),
            unread: Unread::default(),
            peer,
            encoding: settings.options.encoding,
            token: settings.token.clone(),
            closing: Closing::Plain,
            state: AtomicU8::new(0),
            ticket: None,
        }
    }

    #[inline]
    pub(super) fn limit(&self, span: Span) -> Limit<'_> {
        let also = self.ticket.as_ref().and_then(Ticket::cut_switch);
        Limit { started: span.started, deadline: span.deadline, token: self.token.as_ref(), also }
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
        let kind = sys::error_kind(&error);
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

    /// Returns the local address. This is a system call; the addresses of endpoints and servers are
    /// known since `bind`, which is why they need no `Result`.
    ///
    /// # Errors
    ///
    /// This returns an error if the OS call fails, as on macOS after the peer has reset the
    /// connection.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> Result<SocketAddr> {
        let local = self.inner.stream.local_addr();
        local
            .map(sys::canonical)
            .map_err(|error| self.inner.failure(Operation::Configure("local_addr"), error))
    }

    /// Returns the address of the peer.
    #[doc(alias = "getpeername")]
    pub fn peer_addr(&self) -> SocketAddr {
        self.inner.peer
    }

    /// Returns the encoding of text that is sent and received.
    pub fn encoding(&self) -> Encoding {
        self.inner.encoding
    }

    /// Returns the timeout of each call that reads. `None`, the default, is no timeout.
    pub fn read_timeout(&self) -> Option<Duration> {
        self.inner.timing.read_timeout()
    }

    /// Sets the timeout of each call that reads. `None` is no timeout; with zero, calls do not
    /// block.
    ///
    /// The timeout applies to calls that begin later, on all handles. Each call has the full
    /// timeout, so a peer that sends one byte at a time can keep a sequence of calls busy
    /// indefinitely. Use [`set_deadline`](Self::set_deadline) against that.
    #[doc(alias = "settimeout")]
    #[doc(alias = "SO_RCVTIMEO")]
    pub fn set_read_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.inner.timing.set_read_timeout(timeout.into());
    }

    /// Returns the timeout of each call that writes. `None` is no timeout. Defaults to no timeout
    /// for a client and to 30 s for a server.
    pub fn write_timeout(&self) -> Option<Duration> {
        self.inner.timing.write_timeout()
    }

    /// Sets the timeout of each call that writes, for a peer that does not read. `None` is no
    /// timeout.
    #[doc(alias = "settimeout")]
    #[doc(alias = "SO_SNDTIMEO")]
    pub fn set_write_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.inner.timing.set_write_timeout(timeout.into());
    }

    /// Returns the deadline of all calls. `None` is the default.
    pub fn deadline(&self) -> Option<Instant> {
        self.inner.timing.deadline().and_then(Moment::as_instant)
    }

    /// Sets a deadline, which applies to all calls until it is cleared: one limit for a sequence of
    /// calls.
    ///
    /// If a timeout is set, too, the earlier one wins.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{TcpClient, TcpServer};
    /// use std::time::{Duration, Instant};
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let client = TcpClient::new().connect(server.local_addr())?;
    /// client.set_deadline(Instant::now() + Duration::from_millis(50));
    /// let error = client.recv_exact(&mut [0; 10]).unwrap_err();
    /// assert!(error.is_timeout());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn set_deadline(&self, deadline: impl Into<Option<Instant>>) {
        self.inner.timing.set_deadline(deadline.into());
    }

    /// Returns true if small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// This returns an error if the OS call fails.
    pub fn nodelay(&self) -> Result<bool> {
        self.get("nodelay", self.inner.stream.nodelay())
    }

    /// Sets whether small writes are sent at once (`TCP_NODELAY`). See
    /// [`nodelay`](crate::tcp::TcpOptions::nodelay).
    ///
    /// # Errors
    ///
    /// This returns an error if the OS call fails.
    #[doc(alias = "TCP_NODELAY")]
    #[doc(alias = "setsockopt")]
    pub fn set_nodelay(&self, on: bool) -> Result<()> {
        self.get("nodelay", self.inner.stream.set_nodelay(on))
    }

    /// Enables keepalive probes on an idle connection; `None` disables them. See
    /// [`keepalive`](crate::tcp::TcpOptions::keepalive).
    ///
    /// # Errors
    ///
    /// This returns an error if the OS call fails.
    #[doc(alias = "SO_KEEPALIVE")]
    pub fn set_keepalive(&self, keepalive: impl Into<Option<Keepalive>>) -> Result<()> {
        let result = sys::set_keepalive(&SockRef::from(&self.inner.stream), keepalive.into().as_ref());
        result.map_err(|error| self.inner.place(error))
    }

    /// Sets the time after which an unreachable peer is an error. See
    /// [`dead_peer_timeout`](crate::tcp::TcpOptions::dead_peer_timeout).
    ///
    /// `None` disables it, and with it keepalive and the user timeout, which it consists of.
    ///
    /// # Errors
    ///
    /// This returns an error if the OS call fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{TcpClient, TcpServer};
    /// use std::time::Duration;
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let client = TcpClient::builder().dead_peer_timeout(Duration::from_secs(20)).connect(server.local_addr())?;
    /// assert!(socket2::SockRef::from(&client).keepalive()?);
    ///
    /// client.set_dead_peer_timeout(None)?;
    /// assert!(!socket2::SockRef::from(&client).keepalive()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_dead_peer_timeout(&self, patience: impl Into<Option<Duration>>) -> Result<()> {
        let result = sys::expect_peer_within(&SockRef::from(&self.inner.stream), patience.into());
        result.map_err(|error| self.inner.place(error))
    }

    /// Sets how long sent data may stay unacknowledged (`TCP_USER_TIMEOUT`). `None` is the limit of
    /// the OS, about 15 minutes on Linux. See
    /// [`user_timeout`](crate::tcp::TcpOptions::user_timeout).
    ///
    /// # Errors
    ///
    /// This returns an error if the OS call fails.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux only. Elsewhere an error of kind [`Unsupported`](crate::ErrorKind::Unsupported).
    #[doc(alias = "TCP_USER_TIMEOUT")]
    pub fn set_user_timeout(&self, timeout: impl Into<Option<Duration>>) -> Result<()> {
        let result = sys::set_user_timeout(&SockRef::from(&self.inner.stream), timeout.into());
        self.get("user_timeout", result)
    }

    /// Returns how long closing blocks to send remaining data (`SO_LINGER`).
    ///
    /// # Errors
    ///
    /// This returns an error if the OS call fails.
    pub fn linger(&self) -> Result<Option<Duration>> {
        self.get("linger", SockRef::from(&self.inner.stream).linger())
    }

    /// Sets how long closing blocks to send remaining data (`SO_LINGER`). See
    /// [`linger`](crate::tcp::TcpOptions::linger).
    ///
    /// # Errors
    ///
    /// This returns an error if the OS call fails.
    #[doc(alias = "SO_LINGER")]
    pub fn set_linger(&self, linger: impl Into<Option<Duration>>) -> Result<()> {
        self.get("linger", SockRef::from(&self.inner.stream).set_linger(linger.into()))
    }

    fn get<T>(&self, option: &'static str, result: io::Result<T>) -> Result<T> {
        result.map_err(|error| self.inner.failure(Operation::Configure(option), error))
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
