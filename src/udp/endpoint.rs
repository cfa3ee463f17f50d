use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};

use super::batch::GsoLimits;
use super::builder::UdpBuilder;
use crate::addr::{ToAddress, ToBindAddress};
use crate::dns::Resolver;
use crate::error::{Error, Operation, Result};
use crate::options::UdpOptions;
use crate::proto::udp::recv_meta::Ancillary;
use crate::sys::{self, ControlOption, Family};
use crate::wait::{CancelToken, Configured, ReceiveTimeout, Timeouts};

/// A UDP socket that sends and receives datagrams as text or bytes.
///
/// [`bind`](Self::bind) and [`connect`](Self::connect) create an endpoint with default options, a
/// [`builder`](Self::builder) with others. All methods take `&self` and may be called from several
/// threads, which share the endpoint by reference or in an `Arc`. Each datagram is delivered to
/// exactly one caller. The socket is closed when the endpoint is dropped.
///
/// * **Timeouts.** By default, calls that receive block indefinitely. A [read
///   timeout](Self::set_read_timeout), a [deadline](Self::set_deadline) or a [`CancelToken`] ends
///   them. Timeouts are accurate to about a millisecond.
/// * **Truncation.** A datagram larger than the buffer is an error with its size, its sender and
///   its first bytes, unless [`Truncation`](crate::udp::Truncation) is set otherwise.
/// * **Text.** A `&str` is encoded when it is sent, and [`Datagram::text`](crate::Datagram::text)
///   decodes. A character or byte that cannot be converted is an error.
/// * **Replies.** [`reply`](Self::reply) sends from the address that the request was sent to.
///
/// An endpoint that is bound to a wildcard address receives datagrams from any sender. A connected
/// endpoint receives datagrams of its peer only, and its calls that receive return an error of kind
/// [`ConnectionRefused`](crate::ErrorKind::ConnectionRefused) if the port of the peer is closed.
///
/// A receive call whose datagram is available takes one system call.
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
#[doc(alias = "SOCK_DGRAM", alias = "UdpSocket", alias = "DatagramSocket")]
pub struct UdpEndpoint {
    pub(super) socket: UdpSocket,
    pub(super) local: SocketAddr,
    pub(super) family: Family,
    /// The metadata that is known of every datagram without a control message: the local address,
    /// unless it is a wildcard.
    pub(super) static_info: Ancillary,
    pub(super) peer: Option<SocketAddr>,
    /// Whether control messages are enabled.
    pub(super) has_control: bool,
    pub(super) gso_limits: GsoLimits,
    /// One of [`ErrorQueue`].
    pub(super) error_queue: AtomicU8,
    /// The error number of an ICMP error that a send of a connected endpoint has taken from the OS,
    /// for the next call that receives; 0 if there is none.
    pub(super) kept_error: AtomicI32,
    pub(super) receive_timeout: ReceiveTimeout,
    /// Whether the last call with a limit of time has found its datagram available.
    pub(super) is_loaded: AtomicBool,
    pub(super) timeouts: Timeouts,
    pub(super) options: UdpOptions,
    pub(super) token: Option<CancelToken>,
    pub(super) resolver: Option<Resolver>,
}

/// Whether the OS queues ICMP errors for datagrams sent earlier, and whether some may be queued, or
/// kept by the endpoint, that no failed call has reported.
pub(super) struct ErrorQueue;

impl ErrorQueue {
    pub(super) const OFF: u8 = 0;
    pub(super) const ON: u8 = 1;
    pub(super) const PENDING: u8 = 2;
}

impl UdpEndpoint {
    /// Binds an endpoint to a local address, with default options.
    ///
    /// `UdpEndpoint::bind(0)` binds a port that the OS chooses, for an endpoint that sends first.
    /// [`UdpBuilder::bind`] sets options.
    ///
    /// This method does not block, unless the address has a host name. A lookup takes at most 10 s
    /// by default; see [`UdpBuilder::resolver`].
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * another socket has the address ([`AddressInUse`](crate::ErrorKind::AddressInUse));
    /// * the address is not one of this machine
    ///   ([`AddressNotAvailable`](crate::ErrorKind::AddressNotAvailable));
    /// * the process has no permission, as for ports below 1,024 on Unix
    ///   ([`PermissionDenied`](crate::ErrorKind::PermissionDenied));
    /// * the text is not a valid address ([`InvalidAddress`](crate::ErrorKind::InvalidAddress)), or
    ///   its host name cannot be resolved ([`NameNotFound`](crate::ErrorKind::NameNotFound),
    ///   [`NameResolution`](crate::ErrorKind::NameResolution)).
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
    #[doc(alias = "EADDRINUSE", alias = "EADDRNOTAVAIL", alias = "create_datagram_endpoint")]
    pub fn bind(address: impl ToBindAddress) -> Result<UdpEndpoint> {
        UdpEndpoint::builder().bind(address)
    }

    /// Creates an endpoint that sends to one peer and receives from it only, with default options.
    ///
    /// The OS chooses the local address and port. [`UdpBuilder::connect`] sets options. Nothing is
    /// sent, since UDP has no handshake: if the port of the peer is closed, a call that receives after
    /// the first [`send`](Self::send) returns an error of kind
    /// [`ConnectionRefused`](crate::ErrorKind::ConnectionRefused).
    ///
    /// This method does not block, unless the address has a host name. A lookup takes at most 10 s
    /// by default; see [`UdpBuilder::resolver`].
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * there is no route to the peer
    ///   ([`NetworkUnreachable`](crate::ErrorKind::NetworkUnreachable));
    /// * the text is not a valid address ([`InvalidAddress`](crate::ErrorKind::InvalidAddress)), or
    ///   its host name cannot be resolved ([`NameNotFound`](crate::ErrorKind::NameNotFound),
    ///   [`NameResolution`](crate::ErrorKind::NameResolution)).
    pub fn connect(peer: impl ToAddress) -> Result<UdpEndpoint> {
        UdpEndpoint::builder().connect(peer)
    }

    /// Returns a builder with default options.
    #[doc(alias = "setsockopt")]
    pub fn builder() -> UdpBuilder {
        UdpBuilder::default()
    }

    /// Creates the endpoint of an open socket, with the options of the builder.
    pub(super) fn assemble(
        socket: UdpSocket,
        peer: Option<SocketAddr>,
        builder: UdpBuilder,
    ) -> Result<UdpEndpoint> {
        let UdpBuilder { options, token, resolver } = builder;
        let local = socket.local_addr().map_err(|error| sys::failure(Operation::Open, error))?;
        let family = Family::of(&local);
        let ip = sys::canonical(local).ip();
        let is_one = !ip.is_unspecified() && !ip.is_multicast();
        let mut static_info = Ancillary::default();
        if is_one {
            static_info.set_destination(ip);
        }
        let mut endpoint = UdpEndpoint {
            socket,
            local,
            family,
            static_info,
            peer,
            has_control: false,
            gso_limits: GsoLimits::default(),
            error_queue: AtomicU8::new(ErrorQueue::OFF),
            kept_error: AtomicI32::new(0),
            receive_timeout: ReceiveTimeout::default(),
            is_loaded: AtomicBool::new(false),
            timeouts: Timeouts::new(Configured {
                read: options.read_timeout,
                write: options.write_timeout,
                ..Configured::default()
            }),
            options,
            token,
            resolver,
        };
        endpoint.has_control = endpoint.enable_control(is_one)?;
        if endpoint.options.report_unreachable {
            endpoint.enable_error_queue()?;
        }
        Ok(endpoint)
    }

    /// Has the OS report what the options select of each datagram. Returns true if it reports any of it.
    fn enable_control(&self, is_one: bool) -> Result<bool> {
        let mut enabled = false;
        if self.options.packet_info.unwrap_or(!is_one) {
            enabled = sys::enable_packet_info(&self.socket, self.family)
                .map_err(|error| sys::failure(Operation::Configure("packet_info"), error))?;
        }
        let UdpOptions { receive_timestamp, receive_ttl, receive_tos, .. } = self.options;
        for (is_selected, name, what) in [
            (receive_timestamp, "receive_timestamp", ControlOption::Timestamp),
            (receive_ttl, "receive_ttl", ControlOption::Ttl),
            (receive_tos, "receive_tos", ControlOption::Tos),
        ] {
            if is_selected {
                sys::enable_control(&self.socket, self.family, what)
                    .map_err(|error| sys::failure(Operation::Configure(name), error))?;
                enabled = true;
            }
        }
        Ok(enabled)
    }

    /// Enables the error queue, unless the endpoint is connected: the OS reports its ICMP errors in
    /// any case.
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

    /// Keeps the ICMP error of an earlier datagram for the next call that receives.
    #[cold]
    pub(super) fn keep_error(&self, error: &std::io::Error) {
        self.kept_error.store(error.raw_os_error().unwrap_or(0), Ordering::SeqCst);
        // Calls that receive leave their fast paths.
        self.error_queue.store(ErrorQueue::PENDING, Ordering::SeqCst);
    }

    /// Takes the kept error of a connected endpoint.
    pub(super) fn take_kept_error(&self) -> Option<std::io::Error> {
        if self.kept_error.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let code = self.kept_error.swap(0, Ordering::SeqCst);
        if code == 0 {
            return None;
        }
        self.error_queue.store(ErrorQueue::OFF, Ordering::SeqCst);
        // Another thread may have kept an error in between.
        if self.kept_error.load(Ordering::SeqCst) != 0 {
            self.error_queue.store(ErrorQueue::PENDING, Ordering::SeqCst);
        }
        Some(std::io::Error::from_raw_os_error(code))
    }

    /// Returns an error of an operation of this endpoint, with its local address.
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
