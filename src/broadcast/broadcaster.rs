use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::builder::BroadcastBuilder;
use super::discovery::Discovery;
use super::links::{Target, network_interfaces};
use super::sends::{InterfaceSend, at_least_one};
use crate::error::{Error, Operation, Result};
use crate::options::NetworkInterface;
use crate::proto::message::Message;
use crate::udp::UdpEndpoint;

/// A sender of messages to every host on the local networks, which can collect replies.
///
/// The OS sends a datagram to `255.255.255.255` on one interface only, that of the default route,
/// and fails without a route. A broadcaster sends on *every* interface that is up and supports
/// broadcast, except for loopback, to the broadcast address of each of its networks, from its own
/// address there. That needs no privileges and no routes. The interfaces are listed again for each
/// message.
///
/// * [`send`](Self::send) sends a message, and returns the outcome on each interface.
/// * [`discover`](Self::discover) sends a query, resends it, and returns an iterator over the
///   replies.
/// * A [`Responder`](crate::broadcast::Responder) receives the messages, or any program that is
///   bound to the port.
///
/// Clones share one socket, which is closed when the last clone is dropped. Run one discovery at a
/// time: with several at the same time, each reply is delivered to one of them.
///
/// # Platform-specific behavior
///
/// * **Linux, macOS**: the broadcaster selects the interface of each datagram.
/// * **FreeBSD, Windows**: the route to the broadcast address of a network selects it.
///   `255.255.255.255` is not supported ([`Unsupported`](crate::ErrorKind::Unsupported)).
///
/// # Examples
///
/// ```
/// use socketry::Broadcaster;
/// use std::net::Ipv4Addr;
/// use std::time::Duration;
///
/// # let responder = Broadcaster::builder().port(0).interface(Ipv4Addr::LOCALHOST).responder()?;
/// # let port = responder.local_addr().port();
/// # let answering = std::thread::spawn(move || {
/// #     let query = responder.recv_timeout(Duration::from_secs(5))?;
/// #     responder.reply(&query, format!("you said {}", query.text()?))
/// # });
/// // On this machine only. Without `interface`, on every local network.
/// let local = Broadcaster::builder().interface(Ipv4Addr::LOCALHOST);
/// let broadcaster = local.port(port).build()?;
/// for reply in broadcaster.discover("hi", Duration::from_secs(2))? {
///     let reply = reply?;
///     let interface = reply.interface_name();
///     println!("{} on {interface}: {}", reply.source(), reply.text_lossy());
/// #   break;
/// }
/// # answering.join().unwrap()?;
/// # Ok::<(), socketry::Error>(())
/// ```
#[doc(alias = "SO_BROADCAST", alias = "INADDR_BROADCAST", alias = "<broadcast>")]
#[derive(Clone)]
pub struct Broadcaster {
    pub(super) shared: Arc<Shared>,
}

crate::sys::borrowed_handle!(Broadcaster, shared.endpoint);

pub(super) struct Shared {
    pub(super) endpoint: UdpEndpoint,
    pub(super) options: BroadcastBuilder,
}

impl Broadcaster {
    /// Returns a builder with default options.
    #[doc(alias = "setsockopt")]
    pub fn builder() -> BroadcastBuilder {
        BroadcastBuilder::default()
    }

    /// Sends a message once on each interface.
    ///
    /// The result has an entry for each network of each interface. Some may have failed. Success
    /// means that the OS has accepted the datagram, not that a host has received it.
    ///
    /// Unless interfaces are chosen, those that cannot send the message are skipped: those that are
    /// down, have no address of its family, or support no broadcast or multicast. A chosen interface
    /// that cannot send it is an entry with an error.
    ///
    /// This method blocks while the send buffer of the OS is full, by default without a timeout. The
    /// [write timeout](BroadcastBuilder::write_timeout) limits the whole call, and the cancel
    /// token cancels it.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * a character does not exist in the encoding
    ///   ([`UnencodableText`](crate::ErrorKind::UnencodableText)), or the interfaces cannot be
    ///   listed; nothing is sent;
    /// * sending fails on every interface, or there is no usable one
    ///   ([`NetworkUnreachable`](crate::ErrorKind::NetworkUnreachable)). The
    ///   [`detail`](Error::detail) is a [`NoInterfaceSent`](crate::broadcast::NoInterfaceSent), and
    ///   the kind is that of the first error.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Broadcaster;
    /// use std::net::Ipv4Addr;
    ///
    /// let broadcaster = Broadcaster::builder().port(7788).interface(Ipv4Addr::LOCALHOST).build()?;
    /// for send in broadcaster.send("hi")? {
    ///     println!("{}: {:?}", send.interface_name, send.result);
    /// }
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "sendto", alias = "SO_BROADCAST")]
    pub fn send(&self, message: impl Message) -> Result<Vec<InterfaceSend>> {
        let bytes = self.shared.encoded(&message)?;
        let sends = self.shared.send(&bytes, &network_interfaces()?);
        at_least_one(sends, self.shared.options.target)
    }

    /// Sends a query, and returns an iterator over the replies that arrive within `timeout`.
    ///
    /// This method blocks as [`send`](Self::send) does, for the first query. The iterator blocks
    /// until a reply arrives, and ends after the timeout, which starts with this call. While it
    /// runs, it resends the query, [3 times](BroadcastBuilder::repeats) in all by default. A zero
    /// timeout sends no query.
    ///
    /// Each reply is returned once: a datagram with the same bytes from the same sender is a
    /// duplicate. Datagrams of this broadcaster itself are ignored. A late reply to an earlier
    /// discovery of the same broadcaster is returned as a reply.
    ///
    /// # Errors
    ///
    /// This returns an error if [`send`](Self::send) would. Items of the iterator can be errors,
    /// too; see [`Discovery`].
    pub fn discover(&self, message: impl Message, timeout: Duration) -> Result<Discovery> {
        let bytes = self.shared.encoded(&message)?.into_owned();
        Discovery::begin(Arc::clone(&self.shared), bytes, timeout, Instant::now())
    }

    /// Returns the local address: the wildcard address, and the port that messages are sent from.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.endpoint.local_addr()
    }

    pub(super) fn new(endpoint: UdpEndpoint, options: BroadcastBuilder) -> Broadcaster {
        Broadcaster { shared: Arc::new(Shared { endpoint, options }) }
    }
}

impl Shared {
    fn encoded<'m>(&self, message: &'m impl Message) -> Result<std::borrow::Cow<'m, [u8]>> {
        let encoded = message.on_the_wire(self.endpoint.encoding());
        encoded.map_err(|error| Error::from(error).with_operation(Operation::Send))
    }

    pub(super) fn send(&self, bytes: &[u8], interfaces: &[NetworkInterface]) -> Vec<InterfaceSend> {
        let Shared { endpoint, options } = self;
        let egresses = options.filter.egresses(interfaces, options.target, options.port);
        // One limit for all interfaces.
        let limit = endpoint.write_limit();
        let limit = limit.is_limited().then_some(&limit);
        let sends = egresses.into_iter().map(|egress| {
            let place = format!("interface {}", egress.interface);
            let result = match &egress.route {
                Ok(route) => endpoint.send_via(bytes, &route.to, route.way, limit),
                Err(kind) => Err(Error::new(Operation::Send, *kind)),
            };
            InterfaceSend {
                interface_name: egress.interface,
                interface_index: egress.index,
                source: egress.route.as_ref().ok().map(|route| route.way.source),
                destination: egress.route.as_ref().ok().map(|route| route.to),
                result: result.map_err(|error| error.at(place)),
            }
        });
        sends.collect()
    }

    /// Returns true if a datagram was sent by this broadcaster.
    pub(super) fn is_own(&self, from: SocketAddr, interfaces: &[NetworkInterface]) -> bool {
        let is_own_port = self.endpoint.local_addr().port() == from.port();
        let is_here =
            |interface: &NetworkInterface| interface.addresses.iter().any(|own| own.ip == from.ip());
        is_own_port && (from.ip().is_loopback() || interfaces.iter().any(is_here))
    }
}

impl fmt::Debug for Broadcaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcaster").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Networks => f.write_str("everybody"),
            Target::Address(address) => address.fmt(f),
        }
    }
}
