use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use super::batch::Segmenting;
use super::builder::UdpBuilder;
use crate::addr::{ToAddress, ToBindAddress};
use crate::dns::Resolver;
use crate::error::{Error, Operation, Result};
use crate::options::UdpOptions;
use crate::sys::{self, CancelToken, Family, PacketInfo, ReceiveTimeout, Timing};

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
