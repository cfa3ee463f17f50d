use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::endpoint::UdpEndpoint;
use crate::addr::{Address, BindAddress, ToAddress, ToBindAddress};
use crate::config::{InterfaceSelector, LARGEST_DATAGRAM, Truncation, UdpConfig};
use crate::dns::{self, Resolver};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::retry::Retry;
use crate::proto::text::Encoding;
use crate::sys::{self, CancelToken, Family, Limit};

/// Options for a [`UdpEndpoint`], which [`bind`](Self::bind) or [`connect`](Self::connect) then makes.
///
/// # Examples
///
/// ```
/// use socketry::{Encoding, UdpEndpoint};
/// use std::time::Duration;
///
/// let endpoint = UdpEndpoint::builder()
///     .encoding(Encoding::Gb18030)
///     .read_timeout(Duration::from_secs(2))
///     .receive_buffer_size(1 << 20)
///     .bind("127.0.0.1:0")?;
/// assert_eq!(endpoint.read_timeout(), Some(Duration::from_secs(2)));
/// assert_eq!(endpoint.encoding().name(), "gb18030");
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `bind` or `connect`"]
pub struct UdpBuilder {
    pub(super) config: UdpConfig,
    pub(super) encoding: Encoding,
    pub(super) retry: Retry,
    pub(super) token: Option<CancelToken>,
    pub(super) resolver: Option<Resolver>,
}

impl UdpBuilder {
    /// Sets the encoding of what is sent and received as text. Defaults to [`Encoding::Utf8`].
    pub fn encoding(mut self, encoding: Encoding) -> UdpBuilder {
        self.encoding = encoding;
        self
    }

    /// Sets how long each call that receives may wait. Defaults to no limit.
    pub fn read_timeout(mut self, timeout: impl Into<Option<Duration>>) -> UdpBuilder {
        self.config.read_timeout = timeout.into();
        self
    }

    /// Sets how long each call that sends may wait for room in the system's buffer. Defaults to no limit; a UDP
    /// socket has room again as soon as the network card has taken a datagram.
    pub fn write_timeout(mut self, timeout: impl Into<Option<Duration>>) -> UdpBuilder {
        self.config.write_timeout = timeout.into();
        self
    }

    /// Gives the endpoint a [`CancelToken`], which ends its waits. Defaults to none.
    pub fn cancel_token(mut self, token: &CancelToken) -> UdpBuilder {
        self.token = Some(token.clone());
        self
    }

    /// Sets who looks up the names that the endpoint is given. Defaults to [`Resolver::shared`].
    pub fn resolver(mut self, resolver: &Resolver) -> UdpBuilder {
        self.resolver = Some(resolver.clone());
        self
    }

    /// Sets for how long a receive looks again and again before it waits. `None` and zero wait at once. Defaults to `None`.
    ///
    /// A thread that waits is woken some 50 µs after its datagram has come, if it has to be woken on another processor; one that
    /// looks has it in a few. For that it takes a whole processor while it looks, and gives it away between two looks to whoever
    /// else can use it. It is for the two ends of a dialogue that answer each other at once, on a machine that has a processor for
    /// each; the answer that takes longer than this is waited for as ever.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    /// use std::time::Duration;
    ///
    /// let endpoint = UdpEndpoint::builder().busy_poll(Duration::from_micros(100)).bind("127.0.0.1:0")?;
    /// assert!(endpoint.recv_timeout(Duration::from_millis(5)).unwrap_err().is_timeout());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn busy_poll(mut self, time: impl Into<Option<Duration>>) -> UdpBuilder {
        self.config.spin = time.into().filter(|time| !time.is_zero());
        self
    }

    /// Sets how [`request`](UdpEndpoint::request) sends again and gives up. Defaults to [`Retry::default`].
    pub fn retry(mut self, retry: Retry) -> UdpBuilder {
        self.retry = retry;
        self
    }

    /// Sets the largest datagram, in bytes, that [`recv`](UdpEndpoint::recv) takes; 1 to 65,535. Defaults to 65,535,
    /// which no datagram exceeds.
    ///
    /// What is longer is treated as [`truncation`](Self::truncation) says. [`recv_into`](UdpEndpoint::recv_into) has
    /// its limit in the buffer it is given.
    pub fn max_datagram(mut self, bytes: usize) -> UdpBuilder {
        self.config.max_datagram = bytes.clamp(1, LARGEST_DATAGRAM);
        self
    }

    /// Sets what becomes of a datagram that is longer than the room for it. Defaults to [`Truncation::Error`].
    pub fn truncation(mut self, truncation: Truncation) -> UdpBuilder {
        self.config.truncation = truncation;
        self
    }

    /// Allows sending to broadcast addresses. Defaults to false, as on every system.
    pub fn broadcast(mut self, on: bool) -> UdpBuilder {
        self.config.broadcast = on;
        self
    }

    /// Makes a wildcard address mean IPv6 and IPv4 together. Defaults to false: `":7788"` is IPv4 and `"[::]:7788"` is
    /// IPv6 alone, whatever the system's own default.
    ///
    /// `":7788"`, `7788` and `"[::]:7788"` then mean the same. IPv4 addresses stay IPv4 addresses in everything that is
    /// received and sent. It is also the way to an endpoint that can send to either family: `dual_stack(true).bind(0)`.
    pub fn dual_stack(mut self, on: bool) -> UdpBuilder {
        self.config.dual_stack = on;
        self
    }

    /// Allows binding a port that another socket with the same permission has. Defaults to false.
    ///
    /// It is for several receivers of one multicast group. Of a datagram to one address only one socket gets a copy,
    /// on Linux the one bound last: with this option another process can take the endpoint's datagrams away.
    pub fn reuse_address(mut self, on: bool) -> UdpBuilder {
        self.config.reuse_address = on;
        self
    }

    /// Shares a port among sockets of the same user, with the datagrams spread over them by their sender. Defaults to
    /// false.
    ///
    /// # Platform-specific behavior
    ///
    /// Spread on Linux; on macOS and the BSDs all go to one; on Windows an error of kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    pub fn reuse_port(mut self, on: bool) -> UdpBuilder {
        self.config.reuse_port = on;
        self
    }

    /// Sets the time to live, in hops (IPv6: the hop limit) of what is sent to one host. Defaults to the system's, 64
    /// mostly.
    pub fn ttl(mut self, hops: u8) -> UdpBuilder {
        self.config.ttl = Some(hops);
        self
    }

    /// Sets the type-of-service byte (IPv6: the traffic class) of what is sent. Defaults to 0.
    ///
    /// # Platform-specific behavior
    ///
    /// Not supported for IPv6 on Windows.
    pub fn tos(mut self, byte: u8) -> UdpBuilder {
        self.config.tos = Some(byte);
        self
    }

    /// Asks for a receive buffer of so many bytes in the system, for datagrams that come faster than they are read.
    /// Defaults to the system's. What is granted may be less, and is told by
    /// [`UdpEndpoint::receive_buffer_size`].
    pub fn receive_buffer_size(mut self, bytes: usize) -> UdpBuilder {
        self.config.receive_buffer_size = Some(bytes);
        self
    }

    /// Asks for a send buffer of so many bytes in the system. Defaults to the system's. What is granted is told by
    /// [`UdpEndpoint::send_buffer_size`].
    pub fn send_buffer_size(mut self, bytes: usize) -> UdpBuilder {
        self.config.send_buffer_size = Some(bytes);
        self
    }

    /// Sends and receives by one network device only, such as `"eth0"`. Defaults to any.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux since 5.7 and macOS let every user do so. An error of kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported) elsewhere.
    pub fn device(mut self, name: &str) -> UdpBuilder {
        self.config.device = Some(name.into());
        self
    }

    /// Sets how many hops a multicast datagram travels. Defaults to 1, the local network.
    pub fn multicast_ttl(mut self, hops: u8) -> UdpBuilder {
        self.config.multicast_ttl = Some(hops);
        self
    }

    /// Sets whether members on this machine get the multicast datagrams sent here. Defaults to true.
    pub fn multicast_loopback(mut self, on: bool) -> UdpBuilder {
        self.config.multicast_loopback = Some(on);
        self
    }

    /// Sets the one interface by which multicast datagrams leave. Defaults to the system's choice, which is the one of
    /// the default route, or none.
    pub fn multicast_interface(mut self, interface: impl Into<InterfaceSelector>) -> UdpBuilder {
        self.config.multicast_interface = Some(interface.into());
        self
    }

    /// Sets whether the system tells of each datagram the address it was sent to and the interface it came by.
    /// Defaults to true for a wildcard address, so that [`reply`](UdpEndpoint::reply) can leave from the address that
    /// was asked, and to false for any other, where the address is known.
    ///
    /// It costs about 0.2 µs for each datagram received.
    ///
    /// # Platform-specific behavior
    ///
    /// Unix. Without effect on Windows.
    pub fn packet_info(mut self, on: bool) -> UdpBuilder {
        self.config.packet_info = Some(on);
        self
    }

    /// Lets calls that receive on an endpoint without a peer fail when a datagram sent earlier could not be delivered:
    /// nobody listens there, or no route leads there. Defaults to false.
    ///
    /// The error tells in [`remote`](crate::Error::peer_addr) for whom the datagram was. It concerns that one only; the
    /// endpoint goes on. A connected endpoint gets these errors always.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux (`IP_RECVERR`, ip(7)). Other systems do not tell an unconnected socket.
    pub fn report_unreachable(mut self, on: bool) -> UdpBuilder {
        self.config.report_unreachable = on;
        self
    }

    /// Makes an endpoint that receives by [`recv_batch`](UdpEndpoint::recv_batch) alone, so that the system may hand over many
    /// datagrams of one sender as one. Defaults to false.
    ///
    /// A batch tells them apart; a call for a single datagram would take them for one. So all other calls that receive
    /// ([`recv`](UdpEndpoint::recv), [`recv_into`](UdpEndpoint::recv_into), [`peek`](UdpEndpoint::peek),
    /// [`request`](UdpEndpoint::request) and their kin) are refused with an error of kind
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) and take nothing. Whoever receives from the descriptor itself must know
    /// of `UDP_GRO`.
    ///
    /// Sending is the same with it and without.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux since 5.0 joins datagrams. Elsewhere such an endpoint does the same, one call for each datagram.
    pub fn batches_only(mut self, on: bool) -> UdpBuilder {
        self.config.batches_only = on;
        self
    }

    /// Has the system count what it drops, where it can.
    pub(crate) fn count_lost(mut self) -> UdpBuilder {
        self.config.count_lost = true;
        self
    }

    /// Makes the endpoint at a local address. All options stand in this builder, so the address comes last.
    ///
    /// # Errors
    ///
    /// This returns an error if the text is not an address, the name cannot be looked up, the address does not belong
    /// to this machine, another socket has it, the process may not take it, or the system refuses an option: the
    /// error's [`operation`](crate::Error::operation) says which.
    pub fn bind(self, address: impl ToBindAddress) -> Result<UdpEndpoint> {
        let address = address.to_bind_address()?;
        let local = self.local(&address)?;
        let socket = sys::open(local, &self.config).map_err(|error| bound_at(error, &address))?;
        UdpEndpoint::assemble(socket, None, self)
    }

    /// Makes an endpoint at a port of the system's choice that sends to one peer and hears only it.
    ///
    /// # Errors
    ///
    /// This returns an error if the text is not an address, the name cannot be looked up, no route leads there, or the
    /// system refuses an option.
    pub fn connect(self, peer: impl ToAddress) -> Result<UdpEndpoint> {
        let peer = peer.to_address()?;
        let resolved = sys::canonical(self.lookup(&peer, None)?);
        let any = match Family::of(&resolved) {
            Family::V4 => SocketAddr::from(([0, 0, 0, 0], 0)),
            Family::V6 => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = sys::open(any, &self.config)?;
        self.connect_socket(socket, resolved).map_err(|error| error.at(peer))
    }

    /// Makes an endpoint at a local address that sends to one peer and hears only it.
    ///
    /// # Errors
    ///
    /// This returns an error if [`bind`](Self::bind) or [`connect`](Self::connect) would.
    pub fn bind_and_connect(self, address: impl ToBindAddress, peer: impl ToAddress) -> Result<UdpEndpoint> {
        let (address, peer) = (address.to_bind_address()?, peer.to_address()?);
        let local = self.local(&address)?;
        let resolved = self.lookup(&peer, Some(Family::of(&local)))?;
        let socket = sys::open(local, &self.config).map_err(|error| bound_at(error, &address))?;
        self.connect_socket(socket, sys::mapped(resolved, Family::of(&local))).map_err(|error| error.at(peer))
    }

    /// Makes an endpoint of a socket that is open already, with those of the options that can still be set.
    ///
    /// The socket becomes blocking as far as anybody can see; timeouts set on it before are taken away. If it is
    /// connected, so is the endpoint.
    ///
    /// # Errors
    ///
    /// This returns an error if the system refuses an option.
    pub fn adopt(self, socket: UdpSocket) -> Result<UdpEndpoint> {
        let socket = sys::adopt(socket, &self.config)?;
        let peer = socket.peer_addr().ok().map(sys::canonical);
        UdpEndpoint::assemble(socket, peer, self)
    }

    fn connect_socket(self, socket: UdpSocket, peer: SocketAddr) -> Result<UdpEndpoint> {
        socket
            .connect(peer)
            .map_err(|error| sys::failure(Operation::Connect, error).with_remote(Some(peer)))?;
        UdpEndpoint::assemble(socket, Some(sys::canonical(peer)), self)
    }

    fn lookup(&self, address: &Address, family: Option<Family>) -> Result<SocketAddr> {
        let limit = Limit { token: self.token.as_ref(), ..Limit::default() };
        dns::lookup(self.resolver.as_ref(), address, family, limit)
    }

    /// The local address to bind, in the family that `dual_stack` asks for.
    fn local(&self, address: &BindAddress) -> Result<SocketAddr> {
        if !self.config.dual_stack {
            return self.lookup(address.as_address(), None);
        }
        if !address.is_unspecified() {
            let error = Error::new(Operation::Configure("dual_stack"), ErrorKind::InvalidInput);
            return Err(error.at(format_args!("{address}, which is not a wildcard address")));
        }
        Ok((Ipv6Addr::UNSPECIFIED, address.port()).into())
    }
}

/// The address as it was given belongs to the error only if the error is about the address.
fn bound_at(error: Error, address: &BindAddress) -> Error {
    if error.operation() == Operation::Bind { error.at(address) } else { error }
}
