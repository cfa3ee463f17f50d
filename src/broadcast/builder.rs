use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::broadcaster::Broadcaster;
use super::links::{InterfaceFilter, Target};
use super::responder::Responder;
use crate::dns::Resolver;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::InterfaceSelector;
use crate::proto::text::Encoding;
use crate::udp::{UdpBuilder, UdpEndpoint};
use crate::wait::CancelToken;

/// A builder for a [`Broadcaster`] or a [`Responder`], with their options.
///
/// # Examples
///
/// ```
/// use socketry::{Broadcaster, Encoding};
///
/// let broadcaster = Broadcaster::builder()
///     .port(7788)
///     .exclude("docker0")
///     .encoding(Encoding::Gb2312)
///     .repeats(3)
///     .build()?;
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` or `responder`"]
pub struct BroadcastBuilder {
    pub(super) port: u16,
    pub(super) local_port: u16,
    pub(super) target: Target,
    pub(super) filter: InterfaceFilter,
    pub(super) repeats: u32,
    pub(super) spacing: Duration,
    pub(super) most: usize,
    pub(super) max_per_host: usize,
    pub(super) udp: UdpBuilder,
}

/// The default port.
const PORT: u16 = 7788;

/// The size of the receive buffer: many hosts may reply at the same time.
const RECEIVE_BUFFER: usize = 1 << 20;

impl Default for BroadcastBuilder {
    fn default() -> BroadcastBuilder {
        BroadcastBuilder {
            port: PORT,
            local_port: 0,
            target: Target::Networks,
            filter: InterfaceFilter::default(),
            repeats: 3,
            spacing: Duration::from_millis(250),
            most: 1_024,
            max_per_host: 32,
            udp: UdpEndpoint::builder().broadcast(true).packet_info(true).receive_buffer_size(RECEIVE_BUFFER),
        }
    }
}

impl BroadcastBuilder {
    /// Creates a broadcaster.
    ///
    /// It opens a socket, and therefore can fail. This method never blocks.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the port is 0, or the address of [`to`](Self::to) is unspecified or a loopback address
    ///   ([`InvalidInput`](crate::ErrorKind::InvalidInput));
    /// * another socket has the local port ([`AddressInUse`](crate::ErrorKind::AddressInUse)), or
    ///   the process has no permission for it
    ///   ([`PermissionDenied`](crate::ErrorKind::PermissionDenied));
    /// * the OS rejects an option, which [`operation`](Error::operation) names.
    pub fn build(self) -> Result<Broadcaster> {
        self.check()?;
        if self.port == 0 {
            return Err(Error::new(Operation::Configure("port"), ErrorKind::InvalidInput)
                .at("port 0, which exists for binding only"));
        }
        let endpoint = self.udp.clone().bind(self.everywhere(self.local_port))?;
        Ok(Broadcaster::new(endpoint, self))
    }

    /// Creates a responder, which receives messages at [`port`](Self::port) on the chosen
    /// interfaces.
    ///
    /// This method never blocks.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * another socket has the port ([`AddressInUse`](crate::ErrorKind::AddressInUse)), or the
    ///   process has no permission for it
    ///   ([`PermissionDenied`](crate::ErrorKind::PermissionDenied));
    /// * a chosen interface does not exist, or none of them is up
    ///   ([`AddressNotAvailable`](crate::ErrorKind::AddressNotAvailable));
    /// * the address of [`to`](Self::to) is unspecified or a loopback address
    ///   ([`InvalidInput`](crate::ErrorKind::InvalidInput));
    /// * no interface joins the multicast group of [`to`](Self::to);
    /// * the OS rejects an option, which [`operation`](Error::operation) names.
    pub fn responder(self) -> Result<Responder> {
        self.check()?;
        let endpoint = self.udp.clone().bind(self.everywhere(self.port))?;
        Responder::new(endpoint, self)
    }

    /// Sets the port that messages are sent to, and that a [`Responder`] is bound to.
    ///
    /// The default is 7788. With 0, the OS chooses the port of a responder; a broadcaster needs
    /// another value.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the port that a broadcaster sends from, and receives replies at.
    ///
    /// The default is 0: the OS chooses it. A responder ignores it.
    pub fn local_port(mut self, port: u16) -> Self {
        self.local_port = port;
        self
    }

    /// Adds an interface to use, by name, index or address.
    ///
    /// Further calls add further ones. The default is every interface that is up and supports what
    /// is sent, except for loopback. If a broadcaster cannot use a chosen interface, that is an
    /// error of this interface only, in the result of [`send`](Broadcaster::send).
    #[doc(alias = "IP_MULTICAST_IF")]
    pub fn interface(mut self, interface: impl Into<InterfaceSelector>) -> Self {
        self.filter.chosen.push(interface.into());
        self
    }

    /// Excludes an interface, by name, index or address.
    ///
    /// Further calls exclude further ones. The default is none.
    pub fn exclude(mut self, interface: impl Into<InterfaceSelector>) -> Self {
        self.filter.excluded.push(interface.into());
        self
    }

    /// Sets whether the loopback interface is used, in addition to the chosen interfaces.
    ///
    /// The default is false. If true, programs on this machine receive the messages.
    pub fn loopback(mut self, on: bool) -> Self {
        self.filter.loopback = on;
        self
    }

    /// Sets one address that messages are sent to on each interface, instead of the broadcast
    /// address of each of its networks.
    ///
    /// The address is `255.255.255.255`, the broadcast address of one network, or a multicast
    /// group. A responder joins the group on its interfaces. The default is the broadcast address
    /// of each network.
    #[doc(alias = "INADDR_BROADCAST", alias = "IP_ADD_MEMBERSHIP")]
    pub fn to(mut self, address: impl Into<IpAddr>) -> Self {
        self.target = Target::Address(address.into());
        self
    }

    /// Resolves a name, and sets its first address as [`to`](Self::to) does.
    ///
    /// Blocks during the lookup, within the limits of the resolver, by default at most 10 s.
    ///
    /// # Errors
    ///
    /// This returns an error if [`Resolver::lookup`] would.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{Broadcaster, Resolver};
    ///
    /// let names = std::env::temp_dir().join(format!("groups-{}", std::process::id()));
    /// std::fs::write(&names, "239.255.77.88 lamps.example\n")?;
    /// let resolver = Resolver::builder().hosts(&names).build();
    /// # std::fs::remove_file(&names)?;
    /// let builder = Broadcaster::builder().to_host("lamps.example", &resolver)?;
    /// let broadcaster = builder.port(7788).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_host(self, name: &str, resolver: &Resolver) -> Result<Self> {
        let found = resolver.lookup(name)?;
        Ok(match found.addresses() {
            [first, ..] => self.to(*first),
            // A successful lookup has at least one address.
            [] => self,
        })
    }

    /// Sets the address `ff02::1`, the multicast group of all IPv6 nodes on a link (RFC 4291,
    /// section 2.7.1).
    ///
    /// IPv6 has no broadcast. The socket is then an IPv6 socket.
    #[doc(alias = "IPV6_JOIN_GROUP")]
    pub fn ipv6_all_nodes(self) -> Self {
        self.to(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1))
    }

    /// Sets the encoding of text that is sent and received.
    ///
    /// The default is [`Encoding::Utf8`].
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.udp = self.udp.encoding(encoding);
        self
    }

    /// Sets how many times [`discover`](Broadcaster::discover) sends its query, as datagrams can be
    /// lost.
    ///
    /// The default is 3, and 0 means 1. [`send`](Broadcaster::send) sends once.
    pub fn repeats(mut self, times: u32) -> Self {
        self.repeats = times.max(1);
        self
    }

    /// Sets the time between two queries of a discovery.
    ///
    /// The default is 250 ms.
    pub fn interval(mut self, time: Duration) -> Self {
        self.spacing = time;
        self
    }

    /// Sets the maximum number of replies to a discovery.
    ///
    /// The default is 1,024, and 0 means 1. A further reply ends the discovery with an error of
    /// kind [`MessageTooLong`](crate::ErrorKind::MessageTooLong).
    pub fn max_replies(mut self, replies: usize) -> Self {
        self.most = replies.max(1);
        self
    }

    /// Sets the maximum number of different replies of one host, from all its ports together.
    ///
    /// The default is 32, which is enough for a UPnP device with many services, and 0 means 1. Further
    /// ones are [dropped and counted](crate::broadcast::DiscoveryCounters::dropped). A host is an IP
    /// address.
    pub fn max_replies_per_host(mut self, replies: usize) -> Self {
        self.max_per_host = replies.max(1);
        self
    }

    /// Sets the maximum size of a query or reply, in bytes, from 1 to 65,535.
    ///
    /// The default is 65,535, which no datagram exceeds. A larger datagram is an error of kind
    /// [`Truncated`](crate::ErrorKind::Truncated).
    pub fn max_datagram(mut self, bytes: usize) -> Self {
        self.udp = self.udp.max_datagram(bytes);
        self
    }

    /// Sets the timeout of each call that sends: to all interfaces, or a reply.
    ///
    /// The default is none. Pass `None` for no timeout. A call blocks only while the send buffer of
    /// the OS is full.
    #[doc(alias = "SO_SNDTIMEO")]
    pub fn write_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.udp = self.udp.write_timeout(timeout);
        self
    }

    /// Sets a token that cancels blocking calls.
    ///
    /// The default is none. Once the token is cancelled, calls return an error of kind
    /// [`Cancelled`](crate::ErrorKind::Cancelled). [`Responder::serve`] then returns `Ok`.
    pub fn cancel_token(mut self, token: &CancelToken) -> Self {
        self.udp = self.udp.cancel_token(token);
        self
    }

    /// Allows several programs on this machine to bind the port of a responder.
    ///
    /// The default is false. If true, each of these programs receives every broadcast.
    #[doc(alias = "SO_REUSEADDR", alias = "EADDRINUSE")]
    pub fn reuse_address(mut self, on: bool) -> Self {
        self.udp = self.udp.reuse_address(on);
        self
    }

    /// Sets the time to live of messages in hops (for IPv6, the hop limit).
    ///
    /// The default is that of the OS, usually 64, and 1 for a multicast group, the local network.
    #[doc(alias = "IP_TTL", alias = "IP_MULTICAST_TTL", alias = "IPV6_MULTICAST_HOPS")]
    pub fn ttl(mut self, hops: u8) -> Self {
        self.udp = self.udp.ttl(hops).multicast_ttl(hops);
        self
    }

    /// Requests a receive buffer of this many bytes in the kernel.
    ///
    /// The default is 1 MiB. The OS may grant less, on Linux `net.core.rmem_max`. Datagrams that do
    /// not fit are dropped; [`DiscoveryCounters::lost`](crate::broadcast::DiscoveryCounters::lost)
    /// is their number.
    #[doc(alias = "SO_RCVBUF")]
    pub fn receive_buffer_size(mut self, bytes: usize) -> Self {
        self.udp = self.udp.receive_buffer_size(bytes);
        self
    }

    fn check(&self) -> Result<()> {
        match self.target {
            Target::Address(address) if address.is_unspecified() || address.is_loopback() => {
                let error = Error::new(Operation::Configure("to"), ErrorKind::InvalidInput);
                Err(error.at(format_args!("{address}, which is not an address of several")))
            }
            _ => Ok(()),
        }
    }

    /// Returns the wildcard address: on Linux a socket bound to one address receives no broadcasts.
    fn everywhere(&self, port: u16) -> SocketAddr {
        match self.target {
            Target::Address(IpAddr::V6(_)) => (Ipv6Addr::UNSPECIFIED, port).into(),
            _ => (Ipv4Addr::UNSPECIFIED, port).into(),
        }
    }
}
