//! The addresses, timeouts and buffer sizes of an endpoint.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::endpoint::UdpEndpoint;
use crate::error::{Operation, Result};
use crate::proto::text::Encoding;
use crate::sys;

impl UdpEndpoint {
    /// Returns the local address, with the port that the OS chose if port 0 was bound.
    ///
    /// The address is stored when the endpoint is created, so this method cannot fail.
    /// [`TcpConnection::local_addr`](crate::TcpConnection::local_addr) queries the OS instead.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Returns the address of the peer, or `None` if the endpoint is not connected.
    #[doc(alias = "getpeername")]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Returns the encoding of text that is sent and received.
    pub fn encoding(&self) -> Encoding {
        self.options.encoding
    }

    /// Returns the timeout of each call that receives, or `None` if these calls block indefinitely.
    #[doc(alias = "SO_RCVTIMEO", alias = "gettimeout")]
    pub fn read_timeout(&self) -> Option<Duration> {
        self.timeouts.read_timeout()
    }

    /// Sets the timeout of each call that receives.
    ///
    /// The default is `None`: calls block indefinitely. With [`Duration::ZERO`] a call never
    /// blocks. When the timeout expires, the call returns an error of kind
    /// [`TimedOut`](crate::ErrorKind::TimedOut); no datagram is lost.
    ///
    /// The timeout applies to each call from its beginning, in all threads, to calls that begin
    /// later. [`recv_timeout`](Self::recv_timeout), [`recv_deadline`](Self::recv_deadline) and
    /// [`request`](Self::request) have limits of their own instead. If a deadline is set as well,
    /// the earlier one wins.
    #[doc(alias = "settimeout", alias = "SO_RCVTIMEO")]
    pub fn set_read_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.timeouts.set_read_timeout(timeout.into());
    }

    /// Returns the timeout of each call that sends, or `None` if these calls block indefinitely.
    #[doc(alias = "SO_SNDTIMEO", alias = "gettimeout")]
    pub fn write_timeout(&self) -> Option<Duration> {
        self.timeouts.write_timeout()
    }

    /// Sets the timeout of each call that sends, for a send buffer of the OS that is full.
    ///
    /// The default is `None`: calls block until the buffer has space. When the timeout expires, the
    /// call returns an error of kind [`TimedOut`](crate::ErrorKind::TimedOut) and its datagram is
    /// not sent. The timeout applies to calls that begin later, and not to the lookup of a host
    /// name. If a deadline is set as well, the earlier one wins.
    #[doc(alias = "settimeout", alias = "SO_SNDTIMEO")]
    pub fn set_write_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.timeouts.set_write_timeout(timeout.into());
    }

    /// Returns the deadline of all calls, or `None` if none is set.
    pub fn deadline(&self) -> Option<Instant> {
        self.timeouts.deadline()
    }

    /// Sets a deadline for all calls together, such as those of one exchange of datagrams.
    ///
    /// The default is `None`. A deadline applies to all calls that begin later, until it is cleared
    /// with `None`, and includes lookups of host names. Once it has passed, calls that receive
    /// return a datagram only if one is available, and otherwise an error of kind
    /// [`TimedOut`](crate::ErrorKind::TimedOut). If a timeout is set as well, the earlier one wins.
    /// [`recv_timeout`](Self::recv_timeout) and [`recv_deadline`](Self::recv_deadline) replace it
    /// for their call.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    /// use std::time::{Duration, Instant};
    ///
    /// let endpoint = UdpEndpoint::bind("127.0.0.1:0")?;
    /// let start = Instant::now();
    /// endpoint.set_deadline(start + Duration::from_millis(50));
    /// assert!(endpoint.recv().unwrap_err().is_timeout());
    /// assert!(endpoint.recv().unwrap_err().is_timeout());
    /// assert!(start.elapsed() >= Duration::from_millis(50));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "settimeout")]
    pub fn set_deadline(&self, deadline: impl Into<Option<Instant>>) {
        self.timeouts.set_deadline(deadline.into());
    }

    /// Returns the size in bytes of the OS receive buffer, as granted.
    ///
    /// # Errors
    ///
    /// This returns an error if the OS call fails.
    ///
    /// # Platform-specific behavior
    ///
    /// **Linux**: at most `net.core.rmem_max` is granted, and the returned size is twice the
    /// capacity for data, since the kernel counts its own bookkeeping (socket(7)).
    #[doc(alias = "SO_RCVBUF")]
    pub fn receive_buffer_size(&self) -> Result<usize> {
        let size = SockRef::from(&self.socket).recv_buffer_size();
        size.map_err(|error| sys::failure(Operation::Configure("receive_buffer_size"), error))
    }

    /// Returns the size in bytes of the OS send buffer, as granted.
    ///
    /// See also [`receive_buffer_size`](Self::receive_buffer_size).
    ///
    /// # Errors
    ///
    /// This returns an error if the OS call fails.
    #[doc(alias = "SO_SNDBUF")]
    pub fn send_buffer_size(&self) -> Result<usize> {
        let size = SockRef::from(&self.socket).send_buffer_size();
        size.map_err(|error| sys::failure(Operation::Configure("send_buffer_size"), error))
    }

    /// Returns the number of datagrams that the OS has dropped since the endpoint was created, mostly
    /// because the receive buffer was full.
    ///
    /// A larger [`receive_buffer_size`](crate::udp::UdpBuilder::receive_buffer_size), or another
    /// receiving thread, avoids that. This method never blocks. It reads a table with a line for each
    /// UDP socket, so it is for reports and not for each datagram.
    ///
    /// # Errors
    ///
    /// This returns an error if the OS does not report the number
    /// ([`Unsupported`](crate::ErrorKind::Unsupported)).
    ///
    /// # Platform-specific behavior
    ///
    /// * **Linux**: the column `drops` of `/proc/net/udp` (proc(5)), which also counts datagrams with a
    ///   wrong checksum. Unsupported if `/proc` is not mounted.
    /// * **macOS, BSD, Windows**: unsupported.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{ErrorKind, UdpEndpoint};
    ///
    /// let endpoint = UdpEndpoint::bind("127.0.0.1:0")?;
    /// match endpoint.dropped_datagrams() {
    ///     Ok(count) => assert_eq!(count, 0),
    ///     Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported),
    /// }
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "SO_RXQ_OVFL", alias = "RcvbufErrors")]
    pub fn dropped_datagrams(&self) -> Result<u64> {
        let count = sys::dropped_datagrams(&self.socket, self.family);
        count.map_err(|error| self.failure(Operation::Receive, error))
    }
}
