use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::builder::BroadcastBuilder;
use super::deliveries::{InterfaceSend, at_least_one};
use super::discovery::Discovery;
use super::links::{Target, network_interfaces};
use crate::error::{Error, Operation, Result};
use crate::options::NetworkInterface;
use crate::proto::message::Message;
use crate::udp::UdpEndpoint;

/// Sends a message to everybody on the links of this machine, and hears who answers.
///
/// The address `255.255.255.255` leaves by one interface only, and by none if there is no default route. So the message leaves
/// by *every* interface that is up and leads to others, to the broadcast address of each of its networks, from its own
/// address there. No privileges and no routes are needed. The interfaces are listed anew each time.
///
/// * [`send`](Self::send) sends, and tells what became of it on each interface.
/// * [`discover`](Self::discover) asks, asks again, and collects the answers for a while.
/// * The other side is a [`Responder`](crate::broadcast::Responder), or any program that listens at the port.
///
/// Clones are the same socket. One discovery at a time gets the answers; another one at the same time would take some away.
///
/// # Platform-specific behavior
///
/// Linux and macOS send by any interface. On the BSDs and Windows the route to the broadcast address of a network leads by
/// its interface; `255.255.255.255` is refused there ([`Unsupported`](crate::ErrorKind::Unsupported)).
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
/// // On this machine alone; without `interface` it is every link.
/// let broadcaster = Broadcaster::builder().port(port).interface(Ipv4Addr::LOCALHOST).build()?;
/// for reply in broadcaster.discover("hi", Duration::from_secs(2))? {
///     let reply = reply?;
///     println!("{} on {}: {}", reply.source(), reply.interface_name(), reply.text()?);
/// #   break;
/// }
/// # answering.join().unwrap()?;
/// # Ok::<(), socketry::Error>(())
/// ```
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
    /// A broadcaster with options.
    pub fn builder() -> BroadcastBuilder {
        BroadcastBuilder::default()
    }

    /// Sends a message once by each interface.
    ///
    /// # Errors
    ///
    /// This returns an error if a character does not exist in the encoding, or if no interface took the message: then the
    /// [`detail`](Error::detail) is a [`NoInterfaceSent`](crate::broadcast::NoInterfaceSent). If some did, the others' refusals are in the result.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Broadcaster;
    /// use std::net::Ipv4Addr;
    ///
    /// let broadcaster = Broadcaster::builder().port(7788).interface(Ipv4Addr::LOCALHOST).build()?;
    /// for delivery in broadcaster.send("hi")? {
    ///     println!("{}: {:?}", delivery.interface, delivery.result);
    /// }
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn send(&self, message: impl Message) -> Result<Vec<InterfaceSend>> {
        let bytes = self.shared.encoded(&message)?;
        let deliveries = self.shared.send(&bytes, &network_interfaces()?);
        at_least_one(deliveries, self.shared.options.target)
    }

    /// Asks everybody, and collects the answers until `window` is over: an iterator that waits for each.
    ///
    /// The question is asked [several times](BroadcastBuilder::repeats). Of answers that say the same from the same sender the
    /// first counts; what this broadcaster sent itself is no answer. An answer to an earlier discovery of the same broadcaster
    /// may come late and is taken for one.
    ///
    /// # Errors
    ///
    /// This returns an error if [`send`](Self::send) would. What the iterator tells as an error does not end it, except that
    /// the cancel token was cancelled or as many answers came as are [taken](BroadcastBuilder::max_replies): see [`Discovery`].
    pub fn discover(&self, message: impl Message, timeout: Duration) -> Result<Discovery> {
        let bytes = self.shared.encoded(&message)?.into_owned();
        Discovery::begin(Arc::clone(&self.shared), bytes, timeout, Instant::now())
    }

    /// The port that messages leave from, at the wildcard address.
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
        let exits = options.choice.exits(interfaces, options.target, options.port);
        let deliveries = exits.into_iter().map(|exit| {
            let place = format!("interface {}", exit.interface);
            let result = match &exit.route {
                Ok(route) => endpoint.send_by(bytes, &route.to, route.way),
                Err(kind) => Err(Error::new(Operation::Send, *kind)),
            };
            InterfaceSend {
                interface: exit.interface,
                index: exit.index,
                source: exit.route.as_ref().ok().map(|route| route.way.source),
                destination: exit.route.as_ref().ok().map(|route| route.to),
                result: result.map_err(|error| error.at(place)),
            }
        });
        deliveries.collect()
    }

    /// Whether a datagram is one of this broadcaster's own.
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
