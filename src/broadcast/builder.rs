use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::broadcaster::Broadcaster;
use super::links::{Choice, Target};
use super::responder::Responder;
use crate::dns::Resolver;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::InterfaceSelector;
use crate::proto::text::Encoding;
use crate::sys::CancelToken;
use crate::udp::{UdpBuilder, UdpEndpoint};

/// Options for a [`Broadcaster`], which [`build`](Self::build) makes, and for a [`Responder`], which [`responder`](Self::responder)
/// makes.
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
#[must_use = "a builder does nothing until `build` or `listen`"]
pub struct BroadcastBuilder {
    pub(super) port: u16,
    pub(super) local_port: u16,
    pub(super) target: Target,
    pub(super) choice: Choice,
    pub(super) repeats: u32,
    pub(super) spacing: Duration,
    pub(super) most: usize,
    pub(super) most_of_one: usize,
    pub(super) udp: UdpBuilder,
}

/// The port of the notes.
const PORT: u16 = 7788;

/// The receive buffer that is asked for: many may answer at once.
const RECEIVE_BUFFER: usize = 1 << 20;

impl Default for BroadcastBuilder {
    fn default() -> BroadcastBuilder {
        BroadcastBuilder {
            port: PORT,
            local_port: 0,
            target: Target::Networks,
            choice: Choice::default(),
            repeats: 3,
            spacing: Duration::from_millis(250),
            most: 1_024,
            most_of_one: 8,
            udp: UdpEndpoint::builder().broadcast(true).packet_info(true).receive_buffer_size(RECEIVE_BUFFER),
        }
    }
}

impl BroadcastBuilder {
    /// Makes a broadcaster. It opens its socket, so it can fail, as `bind` of other builders can; a builder of what opens none
    /// has a `build` that cannot.
    ///
    /// # Errors
    ///
    /// This returns an error if the address of [`to`](Self::to) is neither a broadcast nor a multicast address nor one of a
    /// network, if the port is 0 or the local port is taken, or if the system refuses an option.
    pub fn build(self) -> Result<Broadcaster> {
        self.check()?;
        if self.port == 0 {
            return Err(Error::new(Operation::Configure("port"), ErrorKind::InvalidInput)
                .at("0, at which nobody listens"));
        }
        let endpoint = self.udp.clone().count_lost().bind(self.everywhere(self.local_port))?;
        Ok(Broadcaster::new(endpoint, self))
    }

    /// Makes a responder, which hears at [`port`](Self::port) what is sent to everybody, on the chosen interfaces.
    ///
    /// # Errors
    ///
    /// This returns an error if the port is taken, if none of the interfaces takes a membership of the group, if a chosen
    /// interface is not there, or if the system refuses an option.
    pub fn responder(self) -> Result<Responder> {
        self.check()?;
        let endpoint = self.udp.clone().bind(self.everywhere(self.port))?;
        Responder::new(endpoint, self)
    }

    /// Sets the port at which the others listen, and a [`Responder`] does. Defaults to 7788. For a responder 0 is any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets the port that messages leave from, and that answers come to. Defaults to 0, any free one.
    pub fn local_port(mut self, port: u16) -> Self {
        self.local_port = port;
        self
    }

    /// Chooses an interface, by name, index or address; more can be chosen by more calls. Defaults to every one that is up and
    /// leads to others. One that is chosen and cannot be used is an error of its own, and not of those that can.
    pub fn interface(mut self, interface: impl Into<InterfaceSelector>) -> Self {
        self.choice.chosen.push(interface.into());
        self
    }

    /// Leaves an interface out, by name, index or address.
    pub fn exclude(mut self, interface: impl Into<InterfaceSelector>) -> Self {
        self.choice.excluded.push(interface.into());
        self
    }

    /// Sets whether this machine itself is asked, by its loopback interface, besides those that are chosen. Defaults to false.
    pub fn loopback(mut self, on: bool) -> Self {
        self.choice.loopback = on;
        self
    }

    /// Sends to one address by every interface, instead of to the broadcast address of each network:
    /// `255.255.255.255`, the broadcast address of one network, or a multicast group. A responder becomes a member of the
    /// group on its interfaces.
    pub fn to(mut self, address: impl Into<IpAddr>) -> Self {
        self.target = Target::Address(address.into());
        self
    }

    /// Sends to the first address of a name, as [`to`](Self::to) does: that of a group, or of one network's broadcast.
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
    /// let broadcaster = Broadcaster::builder().to_host("lamps.example", &resolver)?.port(7788).build()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_host(self, name: &str, resolver: &Resolver) -> Result<Self> {
        let found = resolver.lookup(name)?;
        Ok(match found.addresses() {
            [first, ..] => self.to(*first),
            // What was found has one at least.
            [] => self,
        })
    }

    /// Speaks IPv6, which has no broadcast: to `ff02::1`, the group of all nodes of a link (RFC 4291, 2.7.1).
    pub fn ipv6_all_nodes(self) -> Self {
        self.to(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1))
    }

    /// Sets the encoding of what is sent and received as text. Defaults to [`Encoding::Utf8`].
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.udp = self.udp.encoding(encoding);
        self
    }

    /// Sets how often [`discover`](Broadcaster::discover) asks, 0 counts as 1: a datagram may be lost. Defaults to 3.
    /// [`send`](Broadcaster::send) sends once.
    pub fn repeats(mut self, times: u32) -> Self {
        self.repeats = times.max(1);
        self
    }

    /// Sets the time between two questions. Defaults to 250 ms.
    pub fn interval(mut self, time: Duration) -> Self {
        self.spacing = time;
        self
    }

    /// Sets how many answers a discovery takes; one more is its end. Defaults to 1,024.
    pub fn max_replies(mut self, replies: usize) -> Self {
        self.most = replies.max(1);
        self
    }

    /// Sets how many different answers a discovery takes from one sender; more are dropped and counted. Defaults to 8.
    pub fn max_replies_per_sender(mut self, replies: usize) -> Self {
        self.most_of_one = replies.max(1);
        self
    }

    /// Sets the largest answer or question, in bytes. Defaults to 65,535, which none exceeds.
    pub fn max_datagram(mut self, bytes: usize) -> Self {
        self.udp = self.udp.max_datagram(bytes);
        self
    }

    /// Gives a [`CancelToken`], which ends waits. Defaults to none.
    pub fn cancel_token(mut self, token: &CancelToken) -> Self {
        self.udp = self.udp.cancel_token(token);
        self
    }

    /// Lets several programs of this machine listen at the port of a responder: each gets every broadcast. Defaults to false.
    pub fn reuse_address(mut self, on: bool) -> Self {
        self.udp = self.udp.reuse_address(on);
        self
    }

    /// Sets how many hops a message travels. Defaults to the system's, and 1 for a multicast group: the link.
    pub fn ttl(mut self, hops: u8) -> Self {
        self.udp = self.udp.ttl(hops).multicast_ttl(hops);
        self
    }

    /// Asks for a receive buffer of so many bytes in the system. Defaults to 1 MiB; the system may give less, on Linux
    /// `net.core.rmem_max`. What did not fit is counted: see [`Discovery`](crate::broadcast::Discovery).
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

    /// A socket that is bound to the address of one interface is deaf to broadcasts on Linux.
    fn everywhere(&self, port: u16) -> SocketAddr {
        match self.target {
            Target::Address(IpAddr::V6(_)) => (Ipv6Addr::UNSPECIFIED, port).into(),
            _ => (Ipv4Addr::UNSPECIFIED, port).into(),
        }
    }
}
