use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::builder::BroadcastBuilder;
use super::deliveries::NoInterfaceSent;
use super::links::{Choice, Target, network_interfaces};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::NetworkInterface;
use crate::proto::message::Message;
use crate::proto::text::Encoding;
use crate::sys;
use crate::udp::{Datagram, UdpEndpoint};

/// Hears what is sent to everybody, on the interfaces that it was told, and answers from the right address of each.
///
/// It is made by [`BroadcastBuilder::responder`]. On Linux a socket that is bound to the address of one interface is deaf to
/// broadcasts; so this one is bound to all, and what comes by another interface is passed over.
///
/// # Platform-specific behavior
///
/// On Windows the system does not tell by which interface a datagram came; it is taken to be the one in whose network the sender
/// is.
///
/// # Examples
///
/// A lamp that says its name, on Ctrl-C no more:
///
/// ```no_run
/// use socketry::{Broadcaster, CancelToken};
///
/// let token = CancelToken::new()?;
/// let lamp = Broadcaster::builder().port(7788).interface("eth0").cancel_token(&token).responder()?;
/// let name = || "lamp in the hall".to_owned();
/// lamp.serve(|query| (query.bytes() == b"who is there?").then(name), |error| eprintln!("{error}"))?;
/// # Ok::<(), socketry::Error>(())
/// ```
pub struct Responder {
    endpoint: UdpEndpoint,
    choice: Choice,
}

crate::sys::borrowed_handle!(Responder, endpoint);

/// A message to everybody, as a [`Responder`] has heard it.
///
/// What is asked of one peer with [`UdpEndpoint::request`] is a [`Datagram`] to it, and what a TCP server gets by
/// [`serve_requests`](crate::TcpServer::serve_requests) a [`Request`](crate::tcp::Request).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Query {
    datagram: Datagram,
    interface: Box<str>,
}

impl Responder {
    /// Waits for the next message.
    ///
    /// # Errors
    ///
    /// This returns an error if the cancel token was cancelled ([`is_cancelled`](Error::is_cancelled)), if a message is longer than
    /// [`max_datagram`](BroadcastBuilder::max_datagram) ([`is_truncated`](Error::is_truncated)), or if the system fails.
    pub fn recv(&self) -> Result<Query> {
        self.chosen(|| self.endpoint.recv())
    }

    /// Answers whoever sent a message, from the address of the interface by which it came.
    ///
    /// # Errors
    ///
    /// This returns an error if [`UdpEndpoint::reply`] would.
    pub fn reply(&self, query: &Query, message: impl Message) -> Result<()> {
        self.endpoint.reply(&query.datagram, message)
    }

    /// Answers what the handler has an answer for, until the cancel token is cancelled. What goes wrong with one message or answer is
    /// told to `failed`, and it goes on: whoever asks asks again.
    ///
    /// # Errors
    ///
    /// This returns an error if the system fails to receive.
    pub fn serve<M: Message>(
        &self,
        mut handler: impl FnMut(&Query) -> Option<M>,
        mut on_error: impl FnMut(&Error),
    ) -> Result<()> {
        loop {
            let served = match self.recv() {
                Ok(query) => handler(&query).map_or(Ok(()), |message| self.reply(&query, message)),
                Err(error) if error.is_truncated() || error.is_cancelled() => Err(error),
                Err(error) => return Err(error),
            };
            match served {
                Ok(()) => {}
                Err(error) if error.is_cancelled() => return Ok(()),
                Err(error) => on_error(&error),
            }
        }
    }

    /// Waits for the next message, no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would, or if the time is over ([`is_timeout`](Error::is_timeout)).
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Query> {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.recv_deadline(deadline),
            None => self.recv(),
        }
    }

    /// Receives the next query, and blocks at most until `deadline`.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would, or if the deadline passes ([`is_timeout`](Error::is_timeout)).
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Query> {
        self.chosen(|| self.endpoint.recv_deadline(deadline))
    }

    /// Receives a query without blocking. Returns `None` if there is none.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would, except for the timeout.
    pub fn try_recv(&self) -> Result<Option<Query>> {
        let now = Instant::now();
        match self.chosen(|| self.endpoint.recv_deadline(now)) {
            Ok(query) => Ok(Some(query)),
            Err(error) if error.is_timeout() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where it listens: the wildcard address, and the port that the system chose if it was asked to.
    pub fn local_addr(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    pub(super) fn new(endpoint: UdpEndpoint, options: BroadcastBuilder) -> Result<Responder> {
        let BroadcastBuilder { choice, target, .. } = options;
        let interfaces = network_interfaces()?;
        let unavailable = |name: &str| {
            let error = Error::new(Operation::Bind, ErrorKind::AddressNotAvailable);
            error.at(format_args!("interface {name}"))
        };
        if let Some(name) = choice.missing(&interfaces).first() {
            return Err(unavailable(name));
        }
        let mut meant = interfaces.iter().filter(|interface| interface.is_up && choice.takes(interface));
        if meant.clone().next().is_none() {
            let down = interfaces.iter().find(|interface| !choice.is_open() && choice.takes(interface));
            let none = NoInterfaceSent { deliveries: Vec::new() };
            return Err(down.map_or_else(
                || Error::detailed(Operation::Bind, ErrorKind::AddressNotAvailable, none),
                |interface| unavailable(&interface.name),
            ));
        }
        if let Target::Address(group) = target {
            if group.is_multicast() {
                let joined = meant.try_fold(None, |last, interface| {
                    if !interface.is_multicast {
                        return Ok(last);
                    }
                    match endpoint.join_multicast(group, interface.index) {
                        Ok(_) => Err(()),
                        Err(error) => Ok(Some(error)),
                    }
                });
                // One is enough to go on; the others are tried for what they are worth.
                match joined {
                    Ok(error) => {
                        let none = || Error::new(Operation::JoinMulticast, ErrorKind::AddressNotAvailable);
                        return Err(error.unwrap_or_else(none));
                    }
                    Err(()) => meant.filter(|interface| interface.is_multicast).for_each(|interface| {
                        let _ = endpoint.join_multicast(group, interface.index);
                    }),
                }
            }
        }
        Ok(Responder { endpoint, choice })
    }

    /// The next message that came by an interface that is meant.
    fn chosen(&self, mut receive: impl FnMut() -> Result<Datagram>) -> Result<Query> {
        loop {
            let datagram = receive()?;
            // Interfaces come and go, and listing them costs little compared to a datagram.
            let interfaces = network_interfaces()?;
            let by = incoming(&datagram, &interfaces);
            if by.is_none_or(|interface| self.choice.takes(interface)) {
                let interface = name_of(&datagram, &interfaces);
                return Ok(Query { datagram, interface });
            }
        }
    }
}

impl Query {
    /// The text, in the responder's encoding.
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not text of that encoding.
    pub fn text(&self) -> Result<std::borrow::Cow<'_, str>> {
        self.datagram.text()
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &[u8] {
        self.datagram.bytes()
    }

    /// Who sent it.
    pub fn source(&self) -> SocketAddr {
        self.datagram.source()
    }

    /// The address it was sent to: that of a network, of a group, or this machine's own. Unknown on Windows.
    pub fn destination(&self) -> Option<IpAddr> {
        self.datagram.destination()
    }

    /// The name of the interface by which it came; empty if it is unknown.
    pub fn interface_name(&self) -> &str {
        &self.interface
    }

    /// The text in an encoding.
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not text of that encoding.
    pub fn text_in(&self, encoding: Encoding) -> Result<std::borrow::Cow<'_, str>> {
        self.datagram.text_in(encoding)
    }

    /// The whole datagram.
    pub fn datagram(&self) -> &Datagram {
        &self.datagram
    }
}

/// The interface by which a datagram came; where the system does not tell, the one in whose network the sender is.
fn incoming<'a>(datagram: &Datagram, interfaces: &'a [NetworkInterface]) -> Option<&'a NetworkInterface> {
    match datagram.interface_index() {
        Some(index) => interfaces.iter().find(|interface| interface.index == index),
        None => interfaces.iter().find(|interface| interface.reaches(datagram.source().ip())),
    }
}

pub(super) fn name_of(datagram: &Datagram, interfaces: &[NetworkInterface]) -> Box<str> {
    let name = incoming(datagram, interfaces).map(|interface| interface.name.clone());
    let asked =
        || datagram.interface_index().and_then(|index| sys::name_of(index).ok()).map(String::into_boxed_str);
    name.or_else(asked).unwrap_or_default()
}

impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Query").field("datagram", &self.datagram).field("interface", &self.interface).finish()
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder")
            .field("endpoint", &self.endpoint)
            .field("choice", &self.choice)
            .finish_non_exhaustive()
    }
}
