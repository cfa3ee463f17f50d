//! Receiving: owned, into a buffer, peeking, without blocking.

use std::time::{Duration, Instant};

use super::datagram::Datagram;
use super::endpoint::UdpEndpoint;
use super::recv_path::RecvOp;
use crate::error::Result;
use crate::proto::udp::recv_meta::RecvMeta;
use crate::wait::WaitLimit;

impl UdpEndpoint {
    /// Blocks until a datagram arrives, and returns it.
    ///
    /// By default there is no read timeout, and this call blocks indefinitely. The [read
    /// timeout](Self::set_read_timeout), the [deadline](Self::set_deadline) and the [cancel
    /// token](crate::udp::UdpBuilder::cancel_token) limit it. An empty datagram is a datagram and
    /// not an end of the stream.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the read timeout expires or the deadline passes
    ///   ([`TimedOut`](crate::ErrorKind::TimedOut)), or the token is cancelled
    ///   ([`Cancelled`](crate::ErrorKind::Cancelled));
    /// * the datagram is larger than [`max_datagram`](crate::udp::UdpBuilder::max_datagram)
    ///   ([`Truncated`](crate::ErrorKind::Truncated)); [`truncated`](crate::Error::truncated) has its
    ///   beginning, its sender and its size, and the rest is lost;
    /// * the endpoint is connected, and an earlier datagram arrived at a closed port of the peer
    ///   ([`ConnectionRefused`](crate::ErrorKind::ConnectionRefused));
    /// * [`report_unreachable`](crate::udp::UdpBuilder::report_unreachable) is set, and an earlier
    ///   datagram could not be delivered
    ///   ([`ConnectionRefused`](crate::ErrorKind::ConnectionRefused),
    ///   [`HostUnreachable`](crate::ErrorKind::HostUnreachable),
    ///   [`NetworkUnreachable`](crate::ErrorKind::NetworkUnreachable)).
    ///
    /// The endpoint remains usable. A timeout or cancellation loses no datagram.
    #[doc(alias = "recvfrom", alias = "recvmsg", alias = "recv_from")]
    pub fn recv(&self) -> Result<Datagram> {
        self.recv_owned(RecvOp::Recv, || self.read_limit())
    }

    /// Receives a datagram, and blocks for at most `timeout`.
    ///
    /// The timeout replaces the read timeout for this call. The deadline of the endpoint applies, too.
    /// With [`Duration::ZERO`] it does not block.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would.
    #[doc(alias = "settimeout")]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Datagram> {
        self.recv_owned(RecvOp::Recv, || self.timeout_limit(timeout))
    }

    /// Receives a datagram, and blocks at most until `deadline`.
    ///
    /// The deadline replaces the read timeout for this call. The earlier of it and the deadline of the
    /// endpoint applies.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Datagram> {
        self.recv_owned(RecvOp::Recv, || self.deadline_limit(deadline))
    }

    /// Receives a datagram if one is available, and returns `None` otherwise.
    ///
    /// This method never blocks.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would, except that there is no timeout.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    ///
    /// let endpoint = UdpEndpoint::bind("127.0.0.1:0")?;
    /// assert!(endpoint.try_recv()?.is_none());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "MSG_DONTWAIT", alias = "WouldBlock", alias = "EAGAIN", alias = "EWOULDBLOCK")]
    #[doc(alias = "setblocking", alias = "set_nonblocking", alias = "O_NONBLOCK")]
    pub fn try_recv(&self) -> Result<Option<Datagram>> {
        self.recv_available()
    }

    /// Blocks until a datagram arrives, and writes it to a buffer, without allocating.
    ///
    /// The first [`len`](RecvMeta::len) bytes of the buffer are the datagram. The call blocks as
    /// [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would. The limit is the length of the buffer
    /// instead of [`max_datagram`](crate::udp::UdpBuilder::max_datagram). If a datagram is larger,
    /// the buffer is filled with its beginning, and the error has a copy.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    ///
    /// let receiver = UdpEndpoint::bind("127.0.0.1:0")?;
    /// let sender = UdpEndpoint::connect(receiver.local_addr())?;
    ///
    /// let mut buffer = [0; 10];
    /// sender.send([7; 100])?;
    /// let error = receiver.recv_into(&mut buffer).unwrap_err();
    /// let truncated = error.truncated().unwrap();
    /// assert_eq!((truncated.length, truncated.limit, truncated.source), (100, 10, sender.local_addr()));
    /// assert_eq!(truncated.prefix, [7; 10]);
    ///
    /// sender.send("next")?;
    /// let meta = receiver.recv_into(&mut buffer)?;
    /// assert_eq!(&buffer[..meta.len()], b"next");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "recvfrom", alias = "recvmsg", alias = "recvfrom_into", alias = "recv_from")]
    #[inline]
    pub fn recv_into(&self, buffer: &mut [u8]) -> Result<RecvMeta> {
        self.recv_meta(RecvOp::Recv, buffer, || self.read_limit())
    }

    /// Blocks until a datagram arrives, and returns it without removing it from the receive buffer
    /// of the OS.
    ///
    /// The next call returns the same datagram. The call blocks as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would. A datagram that is too large stays in
    /// the receive buffer, too.
    #[doc(alias = "MSG_PEEK", alias = "peek_from")]
    pub fn peek(&self) -> Result<Datagram> {
        self.recv_owned(RecvOp::Peek, || self.read_limit())
    }

    /// Blocks until a datagram arrives, and writes it to a buffer without removing it from the
    /// receive buffer of the OS.
    ///
    /// The call blocks as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv_into`](Self::recv_into) would. A datagram that is too large
    /// stays in the receive buffer, too.
    #[doc(alias = "MSG_PEEK", alias = "peek_from")]
    pub fn peek_into(&self, buffer: &mut [u8]) -> Result<RecvMeta> {
        self.recv_meta(RecvOp::Peek, buffer, || self.read_limit())
    }

    /// The limit of a call that reads.
    #[inline]
    pub(crate) fn read_limit(&self) -> WaitLimit<'_> {
        self.timeouts.datagram_limit().cancelled_by(self.token.as_ref(), None)
    }

    pub(crate) fn timeout_limit(&self, timeout: Duration) -> WaitLimit<'_> {
        self.timeouts.timeout_limit(timeout).cancelled_by(self.token.as_ref(), None)
    }

    pub(crate) fn deadline_limit(&self, deadline: Instant) -> WaitLimit<'_> {
        self.timeouts.deadline_limit(deadline).cancelled_by(self.token.as_ref(), None)
    }

    pub(crate) fn no_wait(&self) -> WaitLimit<'_> {
        WaitLimit::no_wait().cancelled_by(self.token.as_ref(), None)
    }
}
