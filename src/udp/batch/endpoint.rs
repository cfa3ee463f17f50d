use std::fmt;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::recv_batch::RecvBatch;
use super::send_batch::SendBatch;
use crate::error::Result;
use crate::options::InterfaceSelector;
use crate::proto::message::Message;
use crate::proto::text::Encoding;
use crate::proto::udp::recv_meta::RecvMeta;
use crate::sys;
use crate::udp::{Membership, UdpEndpoint};

/// A UDP endpoint that receives in batches, so that the OS can join datagrams of one sender (generic
/// receive offload, GRO).
///
/// It receives 10 to 50 times as fast as single calls if the sender sends batches. It is made of a
/// [`UdpEndpoint`], with all options of that, and sends as that does. All methods take `&self` and may
/// be called from several threads, each with a [`RecvBatch`] of its own.
///
/// A [`UdpEndpoint`] sends batches, too. It does not receive them, since a call for one datagram would
/// return joined ones as one.
///
/// # Platform-specific behavior
///
/// * **Linux**: the kernel joins datagrams since 5.0, where the sender or the network card has sent
///   or received them together. A program that receives from the descriptor directly must handle
///   `UDP_GRO`.
/// * **Others**: each datagram takes one system call.
///
/// # Examples
///
/// ```
/// use socketry::UdpEndpoint;
/// use socketry::udp::{RecvBatch, UdpBatchEndpoint};
///
/// let receiver = UdpBatchEndpoint::new(UdpEndpoint::bind("127.0.0.1:0")?);
/// let sender = UdpEndpoint::connect(receiver.local_addr())?;
/// let mut outgoing = sender.batch();
/// for number in 0..100_u32 {
///     outgoing.push(number.to_be_bytes())?;
/// }
/// sender.send_batch(&mut outgoing)?;
///
/// let (mut batch, mut next) = (RecvBatch::new(), 0);
/// while next < 100_u32 {
///     receiver.recv_batch(&mut batch)?;
///     for datagram in &batch {
///         assert_eq!(datagram.bytes(), next.to_be_bytes());
///         next += 1;
///     }
/// }
/// # Ok::<(), socketry::Error>(())
/// ```
#[doc(alias = "UDP_GRO", alias = "GRO")]
pub struct UdpBatchEndpoint {
    pub(super) endpoint: UdpEndpoint,
    /// Whether the OS joins datagrams.
    pub(super) gro: bool,
}

impl UdpBatchEndpoint {
    /// Makes a batch endpoint of an endpoint, with its options.
    ///
    /// This method never blocks. If the OS does not join datagrams, they are received one by one.
    #[must_use]
    pub fn new(endpoint: UdpEndpoint) -> UdpBatchEndpoint {
        let gro = sys::enable_gro(&endpoint.socket, true);
        UdpBatchEndpoint { endpoint, gro }
    }

    /// Blocks until a datagram arrives, receives it and those that are available after it, and
    /// returns their number.
    ///
    /// The number is at least 1. The datagrams are in `batch` until the next call. By default there
    /// is no read timeout, and this call blocks indefinitely. The read timeout, the deadline and
    /// the cancel token limit the wait for the first datagram. The call does not wait until the
    /// batch is full.
    ///
    /// # Limits
    ///
    /// A call stops receiving after 64 datagrams or 32 KiB. The last ones received may exceed that.
    ///
    /// # Errors
    ///
    /// This returns an error if [`UdpEndpoint::recv`] would. If the error occurs after some datagrams
    /// have been received, this call returns these, and the next call with the same batch returns the
    /// error. Datagrams after one that is too large are returned by the call after that.
    #[doc(alias = "recvmmsg")]
    pub fn recv_batch(&self, batch: &mut RecvBatch) -> Result<usize> {
        self.receive(batch, || self.endpoint.read_limit())
    }

    /// Receives available datagrams into a batch, and blocks for at most `timeout` for the first
    /// one.
    ///
    /// The timeout replaces the read timeout for this call. The deadline of the endpoint applies, too.
    /// With [`Duration::ZERO`] it does not block.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv_batch`](Self::recv_batch) would.
    pub fn recv_batch_timeout(&self, batch: &mut RecvBatch, timeout: Duration) -> Result<usize> {
        self.receive(batch, || self.endpoint.timeout_limit(timeout))
    }

    /// Receives available datagrams into a batch, and blocks at most until `deadline` for the first
    /// one.
    ///
    /// The deadline replaces the read timeout for this call. The earlier of it and the deadline of the
    /// endpoint applies.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv_batch`](Self::recv_batch) would.
    pub fn recv_batch_deadline(&self, batch: &mut RecvBatch, deadline: Instant) -> Result<usize> {
        self.receive(batch, || self.endpoint.deadline_limit(deadline))
    }

    /// Receives available datagrams into a batch, and returns `None` if there are none.
    ///
    /// This method never blocks.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv_batch`](Self::recv_batch) would, except that there is no
    /// timeout.
    #[doc(alias = "MSG_DONTWAIT", alias = "WouldBlock")]
    pub fn try_recv_batch(&self, batch: &mut RecvBatch) -> Result<Option<usize>> {
        match self.receive(batch, || self.endpoint.no_wait()) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.is_timeout() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates an empty batch of datagrams to send; see [`UdpEndpoint::batch`].
    #[must_use]
    pub fn batch(&self) -> SendBatch {
        self.endpoint.batch()
    }

    /// Sends all datagrams of a batch, as [`UdpEndpoint::send_batch`] does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`UdpEndpoint::send_batch`] would.
    #[doc(alias = "sendmmsg")]
    pub fn send_batch(&self, batch: &mut SendBatch) -> Result<usize> {
        self.endpoint.send_batch(batch)
    }

    /// Sends bytes as datagrams of one size, as [`UdpEndpoint::send_segments`] does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`UdpEndpoint::send_segments`] would.
    #[doc(alias = "UDP_SEGMENT", alias = "GSO")]
    pub fn send_segments(&self, bytes: &[u8], segment_size: usize) -> Result<usize> {
        self.endpoint.send_segments(bytes, segment_size)
    }

    /// Sends bytes to an address as datagrams of one size, as [`UdpEndpoint::send_segments_to`] does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`UdpEndpoint::send_segments_to`] would.
    pub fn send_segments_to(
        &self,
        bytes: &[u8],
        segment_size: usize,
        to: impl Into<SocketAddr>,
    ) -> Result<usize> {
        self.endpoint.send_segments_to(bytes, segment_size, to)
    }

    /// Sends a message to the peer of a connected endpoint, as [`UdpEndpoint::send`] does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`UdpEndpoint::send`] would.
    pub fn send(&self, message: impl Message) -> Result<()> {
        self.endpoint.send(message)
    }

    /// Sends a message to an address, as [`UdpEndpoint::send_to`] does.
    ///
    /// It takes no host name: resolve the name once, with a [`Resolver`](crate::Resolver).
    ///
    /// # Errors
    ///
    /// This returns an error if [`UdpEndpoint::send_to`] would.
    pub fn send_to(&self, message: impl Message, to: impl Into<SocketAddr>) -> Result<()> {
        self.endpoint.send_to(message, to.into())
    }

    /// Replies to a datagram, as [`UdpEndpoint::reply`] does.
    ///
    /// [`SendBatch::push_reply`] replies in batches.
    ///
    /// # Errors
    ///
    /// This returns an error if [`UdpEndpoint::reply`] would.
    pub fn reply(&self, request: impl AsRef<RecvMeta>, message: impl Message) -> Result<()> {
        self.endpoint.reply(request, message)
    }

    /// Returns the local address; see [`UdpEndpoint::local_addr`].
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    /// Returns the address of the peer, or `None` if the endpoint is not connected.
    #[doc(alias = "getpeername")]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.endpoint.peer_addr()
    }

    /// Returns the encoding of text that is sent and received.
    pub fn encoding(&self) -> Encoding {
        self.endpoint.encoding()
    }

    /// Returns the timeout of each call that receives, or `None` if these calls block indefinitely.
    pub fn read_timeout(&self) -> Option<Duration> {
        self.endpoint.read_timeout()
    }

    /// Sets the timeout of each call that receives; see [`UdpEndpoint::set_read_timeout`].
    #[doc(alias = "settimeout")]
    pub fn set_read_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.endpoint.set_read_timeout(timeout);
    }

    /// Returns the timeout of each call that sends, or `None` if these calls block indefinitely.
    pub fn write_timeout(&self) -> Option<Duration> {
        self.endpoint.write_timeout()
    }

    /// Sets the timeout of each call that sends; see [`UdpEndpoint::set_write_timeout`].
    pub fn set_write_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.endpoint.set_write_timeout(timeout);
    }

    /// Returns the deadline of all calls, or `None` if none is set.
    pub fn deadline(&self) -> Option<Instant> {
        self.endpoint.deadline()
    }

    /// Sets a deadline for all calls together; see [`UdpEndpoint::set_deadline`].
    pub fn set_deadline(&self, deadline: impl Into<Option<Instant>>) {
        self.endpoint.set_deadline(deadline);
    }

    /// Returns the number of datagrams that the OS has dropped; see
    /// [`UdpEndpoint::dropped_datagrams`].
    ///
    /// # Errors
    ///
    /// This returns an error if [`UdpEndpoint::dropped_datagrams`] would.
    #[doc(alias = "SO_RXQ_OVFL")]
    pub fn dropped_datagrams(&self) -> Result<u64> {
        self.endpoint.dropped_datagrams()
    }

    /// Joins a multicast group, as [`UdpEndpoint::join_multicast`] does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`UdpEndpoint::join_multicast`] would.
    #[doc(alias = "IP_ADD_MEMBERSHIP")]
    pub fn join_multicast(
        &self,
        group: IpAddr,
        interfaces: impl Into<InterfaceSelector>,
    ) -> Result<Vec<Membership>> {
        self.endpoint.join_multicast(group, interfaces)
    }

    /// Leaves a multicast group, as [`UdpEndpoint::leave_multicast`] does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`UdpEndpoint::leave_multicast`] would.
    #[doc(alias = "IP_DROP_MEMBERSHIP")]
    pub fn leave_multicast(
        &self,
        group: IpAddr,
        interfaces: impl Into<InterfaceSelector>,
    ) -> Result<Vec<Membership>> {
        self.endpoint.leave_multicast(group, interfaces)
    }
}

impl From<UdpEndpoint> for UdpBatchEndpoint {
    fn from(endpoint: UdpEndpoint) -> UdpBatchEndpoint {
        UdpBatchEndpoint::new(endpoint)
    }
}

/// Converts the endpoint to its socket, which does not join datagrams any more. Those that are joined
/// already stay joined.
impl From<UdpBatchEndpoint> for UdpSocket {
    fn from(endpoint: UdpBatchEndpoint) -> UdpSocket {
        endpoint.endpoint.into()
    }
}

sys::borrowed_handle! { UdpBatchEndpoint, endpoint }

impl fmt::Debug for UdpBatchEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpBatchEndpoint").field("endpoint", &self.endpoint).field("gro", &self.gro).finish()
    }
}
