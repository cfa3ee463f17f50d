//! Discovery: the query, sent several times, and the replies within the timeout.
//!
//! After the timeout, the discovery sends a datagram to its own socket. Replies before it in the
//! receive buffer are still returned, and the number of dropped datagrams that the kernel reports
//! with it is final.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::iter::FusedIterator;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::broadcaster::Shared;
use super::interface_table::name_in;
use super::links::network_interfaces;
use super::sends::{InterfaceSend, at_least_one};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::NetworkInterface;
use crate::proto::discovery::{ReplyFilter, Schedule, Step, Verdict};
use crate::udp::Datagram;

/// An iterator over the replies to a query, as they arrive.
///
/// [`Broadcaster::discover`](crate::Broadcaster::discover) creates it. [`next`](Iterator::next)
/// blocks until a reply arrives, resends the query when that is due, and returns `None` after the
/// timeout, when the replies in the receive buffer have been returned: at most as many datagrams as
/// it can hold, within 60 ms if it is empty. Dropping the iterator ends the discovery.
///
/// # Errors
///
/// An item is an error, and further replies may follow it, if
///
/// * an interface on which the query was sent no longer exists
///   ([`AddressNotAvailable`](crate::ErrorKind::AddressNotAvailable)), or sending on it fails,
///   which is reported once for each;
/// * a reply is larger than [`max_datagram`](crate::broadcast::BroadcastBuilder::max_datagram)
///   ([`Truncated`](crate::ErrorKind::Truncated));
/// * the kernel has dropped replies because they arrived faster than they were received
///   ([`ResourceExhausted`](crate::ErrorKind::ResourceExhausted)); this is the last item.
///
/// The discovery ends after an error if
///
/// * the token is cancelled ([`Cancelled`](crate::ErrorKind::Cancelled));
/// * more replies arrive than [`max_replies`](crate::broadcast::BroadcastBuilder::max_replies)
///   ([`MessageTooLong`](crate::ErrorKind::MessageTooLong));
/// * receiving fails otherwise.
///
/// # Platform-specific behavior
///
/// **Linux**: dropped replies are reported. On other systems they are not.
#[must_use = "iterators are lazy and do nothing unless consumed"]
pub struct Discovery {
    shared: Arc<Shared>,
    message: Vec<u8>,
    schedule: Schedule,
    filter: ReplyFilter,
    asked: Instant,
    sends: Vec<InterfaceSend>,
    interfaces: Vec<NetworkInterface>,
    /// The interfaces on which the query was sent, and whether it still is.
    reached: BTreeMap<u32, (Box<str>, bool)>,
    pending: VecDeque<Error>,
    counters: DiscoveryCounters,
    lost_before: u64,
    phase: Phase,
    /// How many datagrams the receive buffer can still hold of those that arrived before the
    /// timeout.
    drainable: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The timeout has expired, and the receive buffer is drained. The number is that of attempts
    /// left to send the barrier.
    Closing(u32),
    Over,
}

/// The counters of a discovery, returned by [`Discovery::counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DiscoveryCounters {
    /// The number of times that the query was sent.
    pub queries: u64,
    /// The number of replies returned.
    pub replies: u64,
    /// The number of replies that were ignored, because the sender had sent the same bytes before.
    pub duplicates: u64,
    /// The number of replies that were ignored, because the host had reached [its
    /// maximum](crate::broadcast::BroadcastBuilder::max_replies_per_host).
    pub dropped: u64,
    /// The number of datagrams received that this broadcaster had sent itself.
    pub own: u64,
    /// The number of datagrams that the kernel has dropped. Linux only, 0 on other systems.
    #[doc(alias = "SO_RXQ_OVFL")]
    pub lost: u64,
}

/// A reply to a discovery.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DiscoveryReply {
    datagram: Datagram,
    interface: Box<str>,
    round_trip: Duration,
}

/// How many times the barrier is sent, as the receive buffer may be full, and the timeout of
/// each.
const BARRIER_SENDS: u32 = 5;
const BARRIER_WAIT: Duration = Duration::from_millis(10);

#[derive(Debug, thiserror::Error)]
#[error("the kernel dropped {0} datagrams, because they arrived faster than they were received")]
struct Lost(u64);

#[derive(Debug, thiserror::Error)]
#[error("reply limit reached ({0})")]
struct Full(usize);

#[derive(Debug, thiserror::Error)]
#[error("interface no longer exists")]
struct Gone;

impl Discovery {
    pub(super) fn begin(
        shared: Arc<Shared>,
        message: Vec<u8>,
        timeout: Duration,
        now: Instant,
    ) -> Result<Discovery> {
        let options = &shared.options;
        // A deadline beyond the range of the clock is replaced by one in a year.
        let year = Duration::from_secs(365 * 24 * 3_600);
        let end = now.checked_add(timeout).unwrap_or(now + year);
        let mut discovery = Discovery {
            schedule: Schedule::new(options.repeats, options.spacing, end, now),
            filter: ReplyFilter::new(options.most, options.max_per_host),
            asked: now,
            sends: Vec::new(),
            interfaces: Vec::new(),
            reached: BTreeMap::new(),
            pending: VecDeque::new(),
            counters: DiscoveryCounters::default(),
            lost_before: shared.endpoint.dropped_datagrams().unwrap_or(0),
            phase: Phase::Open,
            drainable: 0,
            message,
            shared,
        };
        if discovery.schedule.poll(now) == Step::Ask {
            discovery.ask(now)?;
            let sends = std::mem::take(&mut discovery.sends);
            discovery.sends = at_least_one(sends, discovery.shared.options.target)?;
        }
        Ok(discovery)
    }

    /// Returns the outcome on each interface of the last time the query was sent.
    pub fn sends(&self) -> &[InterfaceSend] {
        &self.sends
    }

    /// Returns the counters of this discovery so far.
    pub fn counters(&self) -> DiscoveryCounters {
        DiscoveryCounters { lost: self.lost(), ..self.counters }
    }

    fn ask(&mut self, now: Instant) -> Result<()> {
        self.interfaces = network_interfaces()?;
        self.sends = self.shared.send(&self.message, &self.interfaces);
        self.asked = now;
        self.counters.queries += 1;
        let is_first = self.counters.queries == 1;
        for send in &mut self.sends {
            let known = self.reached.get_mut(&send.interface_index);
            match (&send.result, known) {
                (Ok(()), _) => {
                    self.reached.insert(send.interface_index, (send.interface_name.clone(), true));
                }
                (Err(error), Some((name, is_reached))) if *is_reached => {
                    *is_reached = false;
                    self.pending.push_back(error.clone().with_target(format_args!("interface {name}")));
                }
                // Interfaces that have never sent the query are in the first `sends`.
                (Err(_), _) => {}
            }
        }
        for (index, (name, is_reached)) in &mut self.reached {
            let is_there = self.sends.iter().any(|send| send.interface_index == *index);
            if *is_reached && !is_there && !is_first {
                *is_reached = false;
                let error = Error::detailed(Operation::Send, ErrorKind::AddressNotAvailable, Gone);
                self.pending.push_back(error.at(format_args!("interface {name}")));
            }
        }
        Ok(())
    }

    /// Sends the barrier, a datagram to this socket, which is queued after all received
    /// datagrams.
    fn send_barrier(&mut self, left: u32) {
        let own = self.shared.endpoint.local_addr();
        let here = match own {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, own.port())),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::LOCALHOST, own.port())),
        };
        match self.shared.endpoint.send_to([], here) {
            Ok(()) => self.phase = Phase::Closing(left),
            Err(_) => self.finish(),
        }
    }

    fn finish(&mut self) {
        self.phase = Phase::Over;
        let lost = self.lost();
        if lost > 0 {
            self.pending.push_back(Error::detailed(
                Operation::Receive,
                ErrorKind::ResourceExhausted,
                Lost(lost),
            ));
        }
    }

    /// The number of datagrams that the kernel has dropped since the discovery began.
    fn lost(&self) -> u64 {
        self.shared.endpoint.dropped_datagrams().unwrap_or(0).saturating_sub(self.lost_before)
    }

    /// Ends the discovery with an error.
    fn end(&mut self, error: Error) -> Option<Result<DiscoveryReply>> {
        self.finish();
        Some(Err(error))
    }

    /// The timeout has expired: the receive buffer is drained.
    fn close(&mut self) {
        // The kernel accounts more than 256 bytes for each datagram. Without the size, its default
        // maximum is assumed.
        let size = self.shared.endpoint.receive_buffer_size().unwrap_or(4 << 20);
        self.drainable = size / 256;
        self.send_barrier(BARRIER_SENDS);
    }

    fn receive(&mut self, until: Instant) -> Option<Result<DiscoveryReply>> {
        if let Phase::Closing(_) = self.phase {
            // In a flood, the barrier may be dropped, and the receive buffer is never empty.
            let Some(left) = self.drainable.checked_sub(1) else {
                self.finish();
                return None;
            };
            self.drainable = left;
        }
        match self.shared.endpoint.recv_deadline(until) {
            Ok(datagram) => self.judge(datagram),
            Err(error) if error.is_timeout() => {
                match self.phase {
                    Phase::Closing(0) => self.finish(),
                    Phase::Closing(left) => self.send_barrier(left - 1),
                    Phase::Open | Phase::Over => {}
                }
                None
            }
            Err(error) if error.is_truncated() => Some(Err(error)),
            Err(error) => self.end(error),
        }
    }

    fn judge(&mut self, datagram: Datagram) -> Option<Result<DiscoveryReply>> {
        if self.shared.is_own(datagram.source(), &self.interfaces) {
            match self.phase {
                Phase::Closing(_) if datagram.is_empty() => self.finish(),
                _ => self.counters.own += 1,
            }
            return None;
        }
        match self.filter.judge(datagram.source(), datagram.bytes()) {
            Verdict::New => {}
            Verdict::Duplicate => {
                self.counters.duplicates += 1;
                return None;
            }
            Verdict::HostLimit => {
                self.counters.dropped += 1;
                return None;
            }
            Verdict::Full => {
                let detail = Full(self.shared.options.most);
                return self.end(Error::detailed(Operation::Receive, ErrorKind::MessageTooLong, detail));
            }
        }
        self.counters.replies += 1;
        let interface = name_in(&self.interfaces, datagram.meta());
        let round_trip = self.asked.elapsed();
        Some(Ok(DiscoveryReply { datagram, interface, round_trip }))
    }
}

impl Iterator for Discovery {
    type Item = Result<DiscoveryReply>;

    fn next(&mut self) -> Option<Result<DiscoveryReply>> {
        loop {
            if let Some(error) = self.pending.pop_front() {
                return Some(Err(error));
            }
            let found = match self.phase {
                Phase::Over => return None,
                Phase::Closing(_) => self.receive(Instant::now() + BARRIER_WAIT),
                Phase::Open => {
                    let now = Instant::now();
                    match self.schedule.poll(now) {
                        Step::Ask => self.ask(now).err().map(Err),
                        Step::Wait(until) => self.receive(until),
                        Step::Over => {
                            self.close();
                            None
                        }
                    }
                }
            };
            if found.is_some() {
                return found;
            }
        }
    }
}

impl FusedIterator for Discovery {}

impl DiscoveryReply {
    /// Decodes the reply in the encoding of the broadcaster.
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not valid in the encoding
    /// ([`InvalidText`](crate::ErrorKind::InvalidText)).
    pub fn text(&self) -> Result<Cow<'_, str>> {
        self.datagram.text()
    }

    /// Decodes the reply in the encoding of the broadcaster, and replaces invalid bytes with `�`.
    ///
    /// Any host can reply, with any bytes. A loop that uses `text()?` ends at a reply that is not text.
    pub fn text_lossy(&self) -> Cow<'_, str> {
        self.datagram.text_lossy()
    }

    /// Returns the address of the sender.
    pub fn source(&self) -> SocketAddr {
        self.datagram.source()
    }

    /// Returns the name of the interface on which the reply arrived, or an empty text if it is
    /// unknown.
    ///
    /// # Platform-specific behavior
    ///
    /// **Windows**: the interface in whose network the sender is.
    pub fn interface_name(&self) -> &str {
        &self.interface
    }

    /// Returns the time from the last query before this reply to the receipt of the reply.
    ///
    /// The reply may be to an earlier query: datagrams do not say which.
    pub fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// Returns the datagram, with its metadata.
    pub fn datagram(&self) -> &Datagram {
        &self.datagram
    }
}

impl fmt::Debug for DiscoveryReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiscoveryReply")
            .field("datagram", &self.datagram)
            .field("interface", &self.interface)
            .field("round_trip", &self.round_trip)
            .finish()
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("phase", &self.phase)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}
