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
/// It comes from a [`TcpClient`](crate::TcpClient), from a [`TcpServer`](crate::TcpServer), or from a `TcpStream` of `std`.
/// All methods take `&self`, and both the connection and a reference to it are [`Read`](std::io::Read) and
/// [`Write`](std::io::Write). A clone is another handle of the same connection, with the same limits.
///
/// * **Every wait can be bounded**: by a [timeout](Self::set_read_timeout) for each call, by a
///   [deadline](Self::set_deadline) over many calls, which a peer that drips cannot outlast, by a [`CancelToken`]. What ends
///   so is always [`ErrorKind::TimedOut`](crate::ErrorKind::TimedOut) or `Cancelled`, on every system.
/// * **Nothing is lost when time is over**: a [`recv_exact`](Self::recv_exact) that got a part keeps it for the next
///   call, and a [`send`](Self::send) that could not finish says how much went out.
/// * **It has no message boundaries.** What was sent by one call may come in pieces, or together with what follows. For
///   lines and other messages see [`lines`](Self::lines), [`framed`](Self::framed) and the module
///   [`frame`](crate::frame).
/// * **Text has an encoding.** [`send`](Self::send) encodes a `&str`; [`recv_text`](Self::recv_text) never cuts a
///   character.
///
/// A read that finds its bytes is one system call, with a limit or without.
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

/// The fields are dropped from the first to the last: whoever is told that there is room for another connection finds
/// this one's descriptor free.
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

    /// Ends the connection from outside: whoever waits on it is woken, and told that it was stopped.
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

    /// A connection to an address, without options: see [`TcpClient::connect`](crate::TcpClient::connect).
    ///
    /// # Errors
    ///
    /// This returns an error if [`TcpClient::connect`](crate::TcpClient::connect) would.
    pub fn connect(address: impl ToAddress) -> Result<TcpConnection> {
        TcpClient::new().connect(address)
    }

    /// The local address. The system is asked for it each time; what [was bound](crate::UdpEndpoint::local_addr) is known.
    ///
    /// # Errors
    ///
    /// This returns an error if the system cannot tell.
    pub fn local_addr(&self) -> Result<SocketAddr> {
        let local = self.inner.stream.local_addr();
        local
            .map(sys::canonical)
            .map_err(|error| self.inner.failure(Operation::Configure("local_addr"), error))
    }

    /// The address of the peer.
    pub fn peer_addr(&self) -> SocketAddr {
        self.inner.peer
    }

    /// The encoding of what is sent and received as text.
    pub fn encoding(&self) -> Encoding {
        self.inner.encoding
    }

    /// How long each call that reads may wait; `None`, the default, is for ever. Zero does not wait at all.
    pub fn read_timeout(&self) -> Option<Duration> {
        self.inner.timing.read_timeout()
    }

    /// Sets how long each call that reads may wait, from its beginning.
    ///
    /// It holds for calls that begin later, of all handles. Each call begins anew, so a peer that sends a byte now and
    /// then can go on for ever: see [`set_deadline`](Self::set_deadline).
    pub fn set_read_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.inner.timing.set_read_timeout(timeout.into());
    }

    /// How long each call that writes may wait for room in the system's buffer; `None`, the default of a client, is for
    /// ever.
    pub fn write_timeout(&self) -> Option<Duration> {
        self.inner.timing.write_timeout()
    }

    /// Sets how long each call that writes may wait for room in the system's buffer, which there is none of while the
    /// peer does not read.
    pub fn set_write_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.inner.timing.set_write_timeout(timeout.into());
    }

    /// The instant after which no call waits; `None` is the default.
    pub fn deadline(&self) -> Option<Instant> {
        self.inner.timing.deadline().and_then(Moment::as_instant)
    }

    /// Sets the instant after which no call waits: one limit over a whole exchange, however many calls it takes.
    ///
    /// Where there is a timeout as well, the earlier of the two counts.
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

    /// Whether small writes leave at once, without waiting for the answer to earlier ones (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// This returns an error if the system cannot tell.
    pub fn nodelay(&self) -> Result<bool> {
        self.get("nodelay", self.inner.stream.nodelay())
    }

    /// Sets whether small writes leave at once (`TCP_NODELAY`). On by default: see
    /// [`nodelay`](crate::tcp::TcpClientBuilder::nodelay).
    ///
    /// # Errors
    ///
    /// This returns an error if the system refuses.
    pub fn set_nodelay(&self, on: bool) -> Result<()> {
        self.get("nodelay", self.inner.stream.set_nodelay(on))
    }

    /// Has the system ask whether an idle peer is still there; `None` ends that.
    ///
    /// # Errors
    ///
    /// This returns an error if the system refuses.
    pub fn set_keepalive(&self, keepalive: impl Into<Option<Keepalive>>) -> Result<()> {
        let result = sys::set_keepalive(&SockRef::from(&self.inner.stream), keepalive.into().as_ref());
        result.map_err(|error| self.inner.place(error))
    }

    /// Makes a peer that has vanished an error within this time: see
    /// [`dead_peer_timeout`](crate::tcp::TcpClientBuilder::dead_peer_timeout). `None` ends that, and with it keepalive and the user timeout,
    /// which it consists of, whoever set them.
    ///
    /// # Errors
    ///
    /// This returns an error if the system refuses.
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

    /// Sets how long what was sent may go unacknowledged before the connection is an error (`TCP_USER_TIMEOUT`); `None`
    /// is the system's own, some 15 minutes on Linux.
    ///
    /// # Errors
    ///
    /// This returns an error if the system refuses.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux. An error of kind [`Unsupported`](crate::ErrorKind::Unsupported) elsewhere.
    pub fn set_user_timeout(&self, timeout: impl Into<Option<Duration>>) -> Result<()> {
        let result = sys::set_user_timeout(&SockRef::from(&self.inner.stream), timeout.into());
        self.get("user_timeout", result)
    }

    /// How long the system goes on sending what is left when the connection is closed.
    ///
    /// # Errors
    ///
    /// This returns an error if the system cannot tell.
    pub fn linger(&self) -> Result<Option<Duration>> {
        self.get("linger", SockRef::from(&self.inner.stream).linger())
    }

    /// Sets what the system does with unsent bytes when the connection is closed (`SO_LINGER`): see
    /// [`linger`](crate::tcp::TcpClientBuilder::linger).
    ///
    /// # Errors
    ///
    /// This returns an error if the system refuses.
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
