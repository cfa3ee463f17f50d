use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::builder::BroadcastBuilder;
use super::group_membership::GroupMembership;
use super::interface_table::{InterfaceTable, unlisted_name};
use super::links::{InterfaceFilter, Target};
use super::sends::NoInterfaceSent;
use crate::error::{Error, ErrorKind, Operation, Result, TimeLimit};
use crate::proto::message::Message;
use crate::udp::recv_path::RecvOp;
use crate::udp::{Datagram, RecvMeta, UdpEndpoint};
use crate::wait::WaitLimit;

/// A receiver of broadcast messages, which replies to them from the right address.
///
/// [`BroadcastBuilder::responder`] creates it. The socket is bound to the wildcard address, since
/// on Linux a socket that is bound to the address of one interface receives no broadcasts. Messages
/// that arrive on other interfaces than the chosen ones are discarded; one whose interface is
/// unknown is accepted.
///
/// With a [multicast group](BroadcastBuilder::to), the responder joins it on interfaces that are new or
/// come back, and leaves it on those that no longer exist. That happens in calls that receive, within
/// about a second. The list of interfaces is read only after a change.
///
/// All methods take `&self` and may be called from several threads. Each message is delivered to
/// exactly one caller.
///
/// # Platform-specific behavior
///
/// * **Linux**: the kernel reports changes of interfaces (rtnetlink(7)). Elsewhere the list is read four
///   times a second while datagrams arrive.
/// * **Windows**: the OS does not report the interface of a datagram. It is taken to be the one in
///   whose network the sender is.
///
/// # Examples
///
/// A device that replies with its name until the token is cancelled:
///
/// ```no_run
/// use socketry::{Broadcaster, CancelToken};
///
/// let token = CancelToken::new()?;
/// let builder = Broadcaster::builder().port(7788).interface("eth0");
/// let device = builder.cancel_token(&token).responder()?;
/// let name = || "lamp in the hall".to_owned();
/// device.serve(
///     |query| (query.datagram().bytes() == b"who is there?").then(name),
///     |error| eprintln!("{error}"),
/// )?;
/// # Ok::<(), socketry::Error>(())
/// ```
pub struct Responder {
    endpoint: UdpEndpoint,
    filter: InterfaceFilter,
    /// Whether a multicast group is joined, on new interfaces, too.
    follows: bool,
    interfaces: Mutex<Interfaces>,
}

/// The counters of a [`Responder`], from [`Responder::counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ResponderCounters {
    /// Messages that were returned.
    pub queries: u64,
    /// Messages that were discarded, because they arrived on an interface that is not chosen.
    pub discarded: u64,
    /// The number of times that the list of interfaces was read again, after a change if the OS
    /// reports changes.
    pub interface_changes: u64,
    /// Interfaces on which the multicast group is joined.
    pub joined: u64,
    /// Joins that failed. Each is tried again after the next change.
    pub failed_joins: u64,
    /// Datagrams that the kernel has dropped. Linux only, 0 on other systems.
    pub lost: u64,
}

/// The interfaces, and the memberships on them.
#[derive(Debug)]
struct Interfaces {
    table: InterfaceTable,
    /// The generation of the list that the memberships follow.
    generation: u64,
    group: Option<GroupMembership>,
    counters: ResponderCounters,
}

/// How long a responder of a multicast group waits before it looks for new interfaces.
const JOIN_INTERVAL: Duration = Duration::from_secs(1);

/// After its limit has passed, a call inspects at most this many available datagrams, so that a
/// message is found after unwanted ones.
const MAX_INSPECTED_LATE: usize = 64;

crate::sys::borrowed_handle!(Responder, endpoint);

/// A message that a [`Responder`] has received.
///
/// A [`UdpEndpoint`] receives a [`Datagram`] instead, and a TCP server a
/// [`Request`](crate::tcp::Request).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Query {
    datagram: Datagram,
    interface: Box<str>,
}

impl Responder {
    /// Blocks until a message arrives, and returns it.
    ///
    /// There is no timeout: this call blocks indefinitely. The [cancel
    /// token](BroadcastBuilder::cancel_token) ends it.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the token is cancelled ([`Cancelled`](crate::ErrorKind::Cancelled));
    /// * a message is larger than [`max_datagram`](BroadcastBuilder::max_datagram)
    ///   ([`Truncated`](crate::ErrorKind::Truncated)), whose rest is lost;
    /// * the OS fails to receive, or to list the interfaces.
    ///
    /// The responder remains usable.
    #[doc(alias = "recvfrom", alias = "recvmsg")]
    pub fn recv(&self) -> Result<Query> {
        self.recv_chosen(&self.endpoint.read_limit())
    }

    /// Sends a message to the sender of a query, from the address of the interface on which the
    /// query arrived.
    ///
    /// This method blocks while the send buffer of the OS is full, by default without a timeout. The
    /// [write timeout](BroadcastBuilder::write_timeout) limits it, and the cancel
    /// token cancels it.
    ///
    /// # Errors
    ///
    /// This returns an error if [`UdpEndpoint::reply`] would.
    #[doc(alias = "sendto", alias = "sendmsg")]
    pub fn reply(&self, query: &Query, message: impl Message) -> Result<()> {
        self.endpoint.reply(&query.datagram, message)
    }

    /// Receives queries and sends the replies that `handler` returns, until the token is cancelled.
    ///
    /// This method blocks indefinitely, and returns `Ok` once the [cancel
    /// token](BroadcastBuilder::cancel_token) is cancelled. If the handler returns `None`, there is
    /// no reply to that query.
    ///
    /// A query that is too large and a reply that cannot be sent are passed to `on_error`, and
    /// serving continues.
    ///
    /// # Errors
    ///
    /// This returns an error if the OS fails to receive, or to list the interfaces.
    #[doc(alias = "serve_forever")]
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

    /// Receives a message, and blocks for at most `timeout`.
    ///
    /// # Errors
    ///
    /// This returns an error if the timeout expires ([`TimedOut`](crate::ErrorKind::TimedOut)), or
    /// for any reason listed under [`recv`](Self::recv).
    #[doc(alias = "settimeout")]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Query> {
        self.recv_chosen(&self.endpoint.timeout_limit(timeout))
    }

    /// Receives a message, and blocks at most until `deadline`.
    ///
    /// # Errors
    ///
    /// This returns an error if the deadline passes ([`TimedOut`](crate::ErrorKind::TimedOut)), or
    /// for any reason listed under [`recv`](Self::recv).
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Query> {
        self.recv_chosen(&self.endpoint.deadline_limit(deadline))
    }

    /// Receives a message if one is available, and returns `None` otherwise.
    ///
    /// This method never blocks.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would.
    #[doc(alias = "MSG_DONTWAIT", alias = "WouldBlock", alias = "EAGAIN", alias = "EWOULDBLOCK")]
    pub fn try_recv(&self) -> Result<Option<Query>> {
        match self.recv_chosen(&self.endpoint.no_wait()) {
            Ok(query) => Ok(Some(query)),
            Err(error) if error.is_timeout() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the counters of the responder so far.
    ///
    /// This method never blocks.
    pub fn counters(&self) -> ResponderCounters {
        let lost = self.endpoint.dropped_datagrams().unwrap_or(0);
        let interfaces = self.interfaces();
        let joined = interfaces.group.as_ref().map_or(0, GroupMembership::joined);
        ResponderCounters { joined, lost, ..interfaces.counters }
    }

    /// Returns the local address: the wildcard address, with the port that the OS chose if port 0
    /// was bound.
    #[doc(alias = "getsockname")]
    pub fn local_addr(&self) -> SocketAddr {
        self.endpoint.local_addr()
    }

    pub(super) fn new(endpoint: UdpEndpoint, options: BroadcastBuilder) -> Result<Responder> {
        let BroadcastBuilder { filter, target, .. } = options;
        let table = InterfaceTable::new(Instant::now())?;
        let interfaces = table.all();
        let unavailable = |name: &str| {
            let error = Error::new(Operation::Bind, ErrorKind::AddressNotAvailable);
            error.at(format_args!("interface {name}"))
        };
        if let Some(name) = filter.not_found(interfaces).first() {
            return Err(unavailable(name));
        }
        let mut meant = interfaces.iter().filter(|interface| interface.is_up && filter.matches(interface));
        if meant.next().is_none() {
            let down = interfaces.iter().find(|interface| !filter.is_open() && filter.matches(interface));
            let none = NoInterfaceSent { sends: Vec::new() };
            return Err(down.map_or_else(
                || Error::detailed(Operation::Bind, ErrorKind::AddressNotAvailable, none),
                |interface| unavailable(&interface.name),
            ));
        }
        let mut group = match target {
            Target::Address(group) if group.is_multicast() => Some(GroupMembership::new(group)),
            Target::Address(_) | Target::Networks => None,
        };
        let mut failed_joins = 0;
        if let Some(group) = &mut group {
            let errors = group.follow(&endpoint, interfaces, &filter);
            failed_joins = errors.len() as u64;
            // One membership is enough. Errors of the others are ignored.
            if !group.is_joined() {
                let none = || Error::new(Operation::JoinMulticast, ErrorKind::AddressNotAvailable);
                return Err(errors.into_iter().next().unwrap_or_else(none));
            }
        }
        let (follows, generation) = (group.is_some(), table.generation());
        let counters = ResponderCounters { failed_joins, ..ResponderCounters::default() };
        let interfaces = Mutex::new(Interfaces { table, generation, group, counters });
        Ok(Responder { endpoint, filter, follows, interfaces })
    }

    /// Receives the next message that arrives on a chosen interface, within the limit.
    fn recv_chosen(&self, limit: &WaitLimit<'_>) -> Result<Query> {
        let mut inspected_late = 0;
        loop {
            let datagram = match self.follows {
                false => self.endpoint.recv_owned(RecvOp::Recv, || *limit)?,
                true => match self.recv_or_follow(limit)? {
                    Some(datagram) => datagram,
                    None => continue,
                },
            };
            if let Some(interface) = self.chosen_interface(datagram.meta())? {
                return Ok(Query { datagram, interface });
            }
            // A flood on other interfaces does not extend the call.
            if limit.has_passed() {
                inspected_late += 1;
                if inspected_late > MAX_INSPECTED_LATE {
                    return Err(self.endpoint.place(limit.timed_out(Operation::Receive)));
                }
            }
        }
    }

    fn interfaces(&self) -> MutexGuard<'_, Interfaces> {
        self.interfaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the name of the interface of a datagram, or `None` if it is not chosen.
    fn chosen_interface(&self, meta: &RecvMeta) -> Result<Option<Box<str>>> {
        let now = Instant::now();
        let mut interfaces = self.interfaces();
        self.refresh(&mut interfaces, now)?;
        let name = match interfaces.table.of(meta, now)? {
            Some(interface) => self.filter.matches(interface).then(|| interface.name.clone()),
            None => Some(unlisted_name(meta)),
        };
        match name {
            Some(_) => interfaces.counters.queries += 1,
            None => interfaces.counters.discarded += 1,
        }
        Ok(name)
    }

    /// Receives a datagram, or joins the group on new interfaces after a while.
    fn recv_or_follow(&self, limit: &WaitLimit<'_>) -> Result<Option<Datagram>> {
        let slice = limit.next(JOIN_INTERVAL, TimeLimit::Timeout);
        match self.endpoint.recv_owned(RecvOp::Recv, || slice) {
            Err(error) if error.is_timeout() => {
                // Also for a program that calls with short timeouts only.
                self.refresh(&mut self.interfaces(), Instant::now())?;
                match limit.has_passed() {
                    true => Err(self.endpoint.place(limit.timed_out(Operation::Receive))),
                    false => Ok(None),
                }
            }
            received => received.map(Some),
        }
    }

    /// Reads the list of interfaces if it has changed, and has the memberships follow.
    fn refresh(&self, interfaces: &mut Interfaces, now: Instant) -> Result<()> {
        let generation = interfaces.table.refresh(now)?;
        if interfaces.generation != generation {
            interfaces.generation = generation;
            interfaces.counters.interface_changes += 1;
            if let Some(group) = &mut interfaces.group {
                let errors = group.follow(&self.endpoint, interfaces.table.all(), &self.filter);
                interfaces.counters.failed_joins += errors.len() as u64;
            }
        }
        Ok(())
    }
}

impl Query {
    /// Decodes the query in the encoding of the responder.
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not valid in the encoding
    /// ([`InvalidText`](crate::ErrorKind::InvalidText)).
    pub fn text(&self) -> Result<std::borrow::Cow<'_, str>> {
        self.datagram.text()
    }

    /// Decodes the query in the encoding of the responder, and replaces invalid bytes with `�`.
    pub fn text_lossy(&self) -> std::borrow::Cow<'_, str> {
        self.datagram.text_lossy()
    }

    /// Returns the address of the sender.
    pub fn source(&self) -> SocketAddr {
        self.datagram.source()
    }

    /// Returns the name of the interface on which the query arrived, or an empty text if it is
    /// unknown.
    pub fn interface_name(&self) -> &str {
        &self.interface
    }

    /// Returns the datagram, with its metadata.
    pub fn datagram(&self) -> &Datagram {
        &self.datagram
    }
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
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}
