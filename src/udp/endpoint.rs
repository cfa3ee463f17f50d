use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::batch::Segmenting;
use super::builder::UdpBuilder;
use crate::addr::{ToAddress, ToBindAddress};
use crate::dns::Resolver;
use crate::error::{Error, Operation, Result};
use crate::options::UdpOptions;
use crate::proto::text::Encoding;
use crate::sys::{self, CancelToken, Family, Moment, PacketInfo, ReceiveTimeout, Timing};

/// A UDP socket that sends and receives datagrams, as text or as bytes.
///
/// It is made by [`bind`](Self::bind), by [`connect`](Self::connect), or with options by a [`builder`](Self::builder).
/// All methods take `&self`: threads share an endpoint by reference or in an `Arc`.
///
/// * **Nothing is cut silently.** A datagram longer than the room for it is an error that carries its beginning, its
///   sender and its true size; see [`Truncation`](crate::udp::Truncation).
/// * **Text has an encoding.** What is sent as `&str` is encoded, what is received is decoded by
///   [`Datagram::text`](crate::Datagram::text), both strictly.
/// * **Every wait can be bounded**: by a [timeout](Self::set_read_timeout), by a [deadline](Self::set_deadline), by a
///   [`CancelToken`]. Each is exact to a millisecond, and a call that finds its datagram costs one system call.
/// * **An answer leaves from the address that was asked**: see [`reply`](Self::reply).
///
/// An endpoint that is bound to a wildcard address accepts whatever anybody sends to the port. One that is connected
/// hears its peer only, and is told when nobody listens there.
///
/// # Examples
///
/// ```
/// use socketry::{Encoding, UdpEndpoint};
///
/// let gb2312 = UdpEndpoint::builder().encoding(Encoding::Gb2312);
/// let server = gb2312.clone().bind("127.0.0.1:0")?;
/// let client = gb2312.connect(server.local_addr())?;
///
/// client.send("在吗？")?;
/// let datagram = server.recv()?;
/// assert_eq!(datagram.text()?, "在吗？");
/// server.reply(&datagram, "收到")?;
/// assert_eq!(client.recv()?.text()?, "收到");
/// # Ok::<(), socketry::Error>(())
/// ```
pub struct UdpEndpoint {
    pub(super) socket: UdpSocket,
    pub(super) local: SocketAddr,
    pub(super) family: Family,
    /// What is known of where a datagram comes in without asking: the one local address, unless it is bound to all.
    pub(super) known: PacketInfo,
    pub(super) peer: Option<SocketAddr>,
    pub(super) packet_info: bool,
    /// Whether the system may hand over several datagrams as one.
    pub(super) joins: bool,
    /// Whether single datagrams are received, and nothing is to be known of them but their senders.
    pub(super) is_plain: bool,
    pub(super) segmenting: Segmenting,
    /// One of [`ErrorQueue`].
    pub(super) error_queue: AtomicU8,
    pub(super) receive_timeout: ReceiveTimeout,
    /// How many datagrams the system has dropped, as it told last.
    pub(super) lost: AtomicU32,
    pub(super) timing: Timing,
    pub(super) options: UdpOptions,
    pub(super) token: Option<CancelToken>,
    pub(super) resolver: Option<Resolver>,
}

/// Whether the system queues ICMP errors for datagrams sent earlier, and whether some may be waiting that no failed call
/// told of.
pub(super) struct ErrorQueue;

impl ErrorQueue {
    pub(super) const OFF: u8 = 0;
    pub(super) const ON: u8 = 1;
    pub(super) const PENDING: u8 = 2;
}

impl UdpEndpoint {
    /// An endpoint at a local address, without options: see [`UdpBuilder::bind`].
    ///
    /// `UdpEndpoint::bind(0)` is one that only sends, or answers to whom it sent: the system chooses the port.
    ///
    /// # Errors
    ///
    /// This returns an error if the text is not an address, the address does not belong to this machine, another
    /// socket has it, or the process may not take it (ports below 1024).
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    ///
    /// let first = UdpEndpoint::bind("127.0.0.1:0")?;
    /// let error = UdpEndpoint::bind(first.local_addr()).unwrap_err();
    /// assert!(error.is_address_in_use());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn bind(address: impl ToBindAddress) -> Result<UdpEndpoint> {
        UdpEndpoint::builder().bind(address)
    }

    /// An endpoint that sends to one peer and hears only it, without options: see [`UdpBuilder::connect`].
    ///
    /// # Errors
    ///
    /// This returns an error if the text is not an address, the name cannot be looked up, or no route leads there.
    /// UDP has no handshake: that nobody listens shows when something is sent.
    pub fn connect(peer: impl ToAddress) -> Result<UdpEndpoint> {
        UdpEndpoint::builder().connect(peer)
    }

    /// An endpoint with options.
    pub fn builder() -> UdpBuilder {
        UdpBuilder::default()
    }

    /// How many datagrams the system has dropped, as it told last.
    pub(crate) fn lost(&self) -> u32 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Takes over an open socket with all that the builder says of the endpoint.
    pub(super) fn assemble(
        socket: UdpSocket,
        peer: Option<SocketAddr>,
        builder: UdpBuilder,
    ) -> Result<UdpEndpoint> {
        let UdpBuilder { options, count_lost, token, resolver } = builder;
        let local = socket.local_addr().map_err(|error| sys::failure(Operation::Open, error))?;
        let family = Family::of(&local);
        let ip = sys::canonical(local).ip();
        let is_one = !ip.is_unspecified() && !ip.is_multicast();
        let mut endpoint = UdpEndpoint {
            socket,
            local,
            family,
            known: PacketInfo { to: is_one.then_some(ip), ..PacketInfo::default() },
            peer,
            packet_info: false,
            joins: false,
            is_plain: true,
            segmenting: Segmenting::default(),
            error_queue: AtomicU8::new(ErrorQueue::OFF),
            receive_timeout: ReceiveTimeout::default(),
            lost: AtomicU32::new(0),
            timing: Timing::new(options.read_timeout, options.write_timeout),
            options,
            token,
            resolver,
        };
        if endpoint.options.packet_info.unwrap_or(!is_one) {
            let enabled = sys::enable_packet_info(&endpoint.socket, family);
            endpoint.packet_info =
                enabled.map_err(|error| sys::failure(Operation::Configure("packet_info"), error))?;
        }
        if endpoint.options.report_unreachable {
            endpoint.enable_error_queue()?;
        }
        if endpoint.options.batches_only {
            endpoint.joins = sys::join_datagrams(&endpoint.socket, true);
        }
        if count_lost {
            let enabled = sys::enable_loss_count(&endpoint.socket);
            enabled.map_err(|error| sys::failure(Operation::Configure("count_lost"), error))?;
        }
        let UdpOptions { batches_only, busy_poll, .. } = &endpoint.options;
        endpoint.is_plain = !endpoint.packet_info && !batches_only && busy_poll.is_none();
        Ok(endpoint)
    }

    /// Asks for ICMP errors, unless the endpoint is connected, where the system reports them anyhow.
    pub(super) fn enable_error_queue(&self) -> Result<()> {
        if self.peer.is_none() && self.error_queue.load(Ordering::Relaxed) == ErrorQueue::OFF {
            let enabled = sys::enable_error_queue(&self.socket, self.family);
            let enabled =
                enabled.map_err(|error| sys::failure(Operation::Configure("report_unreachable"), error))?;
            if enabled {
                self.error_queue.store(ErrorQueue::ON, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// The local address, as it was when the endpoint was made: the port that the system chose, if it was asked to.
    ///
    /// What was bound does not change, so it is known here and for a server; a [connection](crate::TcpConnection::local_addr)
    /// asks the system.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The peer of a connected endpoint.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// The encoding of what is sent and received as text.
    pub fn encoding(&self) -> Encoding {
        self.options.encoding
    }

    /// How long a call that receives may wait; `None`, the default, is for ever. Zero does not wait at all.
    pub fn read_timeout(&self) -> Option<Duration> {
        self.timing.read_timeout()
    }

    /// Sets how long each call that receives may wait, from its beginning.
    ///
    /// It holds for calls that begin later, of all threads.
    pub fn set_read_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.timing.set_read_timeout(timeout.into());
    }

    /// How long a call that sends may wait for room in the system's buffer; `None`, the default, is for ever.
    pub fn write_timeout(&self) -> Option<Duration> {
        self.timing.write_timeout()
    }

    /// Sets how long each call that sends may wait for room in the system's buffer.
    pub fn set_write_timeout(&self, timeout: impl Into<Option<Duration>>) {
        self.timing.set_write_timeout(timeout.into());
    }

    /// The instant after which no call waits; `None` is the default.
    pub fn deadline(&self) -> Option<Instant> {
        self.timing.deadline().and_then(Moment::as_instant)
    }

    /// Sets the instant after which no call waits: one limit over a whole exchange, however many calls it takes.
    ///
    /// Where there is a timeout as well, the earlier of the two counts.
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
    pub fn set_deadline(&self, deadline: impl Into<Option<Instant>>) {
        self.timing.set_deadline(deadline.into());
    }

    /// The size of the system's receive buffer in bytes, as granted.
    ///
    /// # Errors
    ///
    /// This returns an error if the system cannot tell.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux grants no more than `net.core.rmem_max` and reports twice what can be used for data, because it counts
    /// its own bookkeeping (socket(7)).
    pub fn receive_buffer_size(&self) -> Result<usize> {
        let size = SockRef::from(&self.socket).recv_buffer_size();
        size.map_err(|error| sys::failure(Operation::Configure("receive_buffer_size"), error))
    }

    /// The size of the system's send buffer in bytes, as granted: see
    /// [`receive_buffer_size`](Self::receive_buffer_size).
    ///
    /// # Errors
    ///
    /// This returns an error if the system cannot tell.
    pub fn send_buffer_size(&self) -> Result<usize> {
        let size = SockRef::from(&self.socket).send_buffer_size();
        size.map_err(|error| sys::failure(Operation::Configure("send_buffer_size"), error))
    }

    /// An error of an operation of this endpoint, with its local address.
    #[cold]
    pub(super) fn failure(&self, operation: Operation, error: std::io::Error) -> Error {
        let kind = sys::error_kind(&error);
        sys::failure(operation, error).with_kind(kind).with_local(Some(self.local))
    }
}

impl fmt::Debug for UdpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpEndpoint")
            .field("local", &self.local)
            .field("peer", &self.peer)
            .field("encoding", &self.options.encoding)
            .field("read_timeout", &self.read_timeout())
            .finish_non_exhaustive()
    }
}
