//! Addresses, limits and options of a connection.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::connection::TcpConnection;
use super::membership::Membership;
use crate::error::{Operation, Result};
use crate::options::Keepalive;
use crate::proto::text::Encoding;
use crate::sys;

impl TcpConnection {
    /// Returns the local address. This is a system call; the addresses of endpoints and servers are
    /// known since `bind`, which is why they need no `Result`.
    ///
    /// # Errors
    ///
    /// This returns an error if the OS call fails, as on macOS after the peer has reset the
    /// connection.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> Result<SocketAddr> {
        let local = self.inner.local_addr();
        local.map_err(|error| self.inner.failure(Operation::Configure("local_addr"), error))
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
        self.inner.timeouts.read_timeout()
    }

    /// Sets the timeout of each call that reads. `None` is no timeout; with zero, calls do not
    /// block.
    ///
    /// The timeout applies to the whole call, such as a [`recv_exact`](Self::recv_exact) or the
    /// receive of a line, on all handles. A change applies from the next call. Each `read` through
    /// [`Read`](std::io::Read) is a call. For a sequence of calls, use
    /// [`set_deadline`](Self::set_deadline).
    #[doc(alias = "settimeout")]
    #[doc(alias = "SO_RCVTIMEO")]
    pub fn set_read_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.inner.timeouts.set_read_timeout(timeout.into());
    }

    /// Returns the timeout of each call that writes. `None`, the default, is no timeout.
    pub fn write_timeout(&self) -> Option<Duration> {
        self.inner.timeouts.write_timeout()
    }

    /// Sets the timeout of each call that writes, for a peer that does not read. `None` is no
    /// timeout.
    ///
    /// The timeout applies to the whole call, such as a [`send_file`](Self::send_file), on all
    /// handles. A change applies from the next call.
    #[doc(alias = "settimeout")]
    #[doc(alias = "SO_SNDTIMEO")]
    pub fn set_write_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.inner.timeouts.set_write_timeout(timeout.into());
    }

    /// Returns the timeout of the wait for a message. `None`, the default, is the read timeout.
    pub fn idle_timeout(&self) -> Option<Duration> {
        self.inner.timeouts.idle_timeout()
    }

    /// Sets the timeout of the wait for the first byte of a message. See
    /// [`idle_timeout`](crate::tcp::TcpOptions::idle_timeout).
    pub fn set_idle_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.inner.timeouts.set_idle_timeout(timeout.into());
    }

    /// Returns the timeout of a transfer without enough progress. `None` is no timeout. Defaults to
    /// no timeout for a client and to 30 s for a server.
    pub fn stall_timeout(&self) -> Option<Duration> {
        self.inner.timeouts.stall_timeout()
    }

    /// Sets the timeout of a transfer without enough progress. See
    /// [`stall_timeout`](crate::tcp::TcpOptions::stall_timeout).
    pub fn set_stall_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.inner.timeouts.set_stall_timeout(timeout.into());
    }

    /// Returns the deadline of all calls. `None` is the default.
    pub fn deadline(&self) -> Option<Instant> {
        self.inner.timeouts.deadline()
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
        self.inner.timeouts.set_deadline(deadline.into());
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
        let result = sys::set_keepalive(&SockRef::from(&*self.inner.stream), keepalive.into().as_ref());
        result.map_err(|error| self.inner.with_addrs(error))
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
        let result = sys::expect_peer_within(&SockRef::from(&*self.inner.stream), patience.into());
        result.map_err(|error| self.inner.with_addrs(error))
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
        let result = sys::set_user_timeout(&SockRef::from(&*self.inner.stream), timeout.into());
        self.get("user_timeout", result)
    }

    /// Returns how long closing blocks to send remaining data (`SO_LINGER`).
    ///
    /// # Errors
    ///
    /// This returns an error if the OS call fails.
    pub fn linger(&self) -> Result<Option<Duration>> {
        self.get("linger", SockRef::from(&*self.inner.stream).linger())
    }

    /// Sets how long closing blocks to send remaining data (`SO_LINGER`). See
    /// [`linger`](crate::tcp::TcpOptions::linger).
    ///
    /// # Errors
    ///
    /// This returns an error if the OS call fails.
    #[doc(alias = "SO_LINGER")]
    pub fn set_linger(&self, linger: impl Into<Option<Duration>>) -> Result<()> {
        self.get("linger", SockRef::from(&*self.inner.stream).set_linger(linger.into()))
    }

    fn get<T>(&self, option: &'static str, result: io::Result<T>) -> Result<T> {
        result.map_err(|error| self.inner.failure(Operation::Configure(option), error))
    }

    /// Returns `true` if the server of this connection is shutting down, so that the reply to the
    /// current request should say that it is the last one (`Connection: close` in HTTP).
    ///
    /// Always `false` for a connection that no server accepted. With worker processes, the shutdown of
    /// the worker counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{TcpClient, TcpServer};
    /// use std::time::Duration;
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let client = TcpClient::new().connect(server.local_addr())?;
    /// let connection = server.accept()?;
    /// assert!(!connection.is_shutting_down());
    /// server.handle().begin_shutdown(Duration::from_secs(1));
    /// assert!(connection.is_shutting_down() && !client.is_shutting_down());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn is_shutting_down(&self) -> bool {
        self.inner.membership.as_ref().is_some_and(Membership::is_shutting_down)
    }
}
