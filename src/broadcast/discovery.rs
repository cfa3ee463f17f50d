//! Who is out there: the question, asked several times, and the answers until the window closes.
//!
//! At the end a datagram to itself passes the same queue as the answers: what is before it is taken still, and what the system
//! has dropped before it is told with it.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::iter::FusedIterator;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::broadcaster::Shared;
use super::deliveries::{InterfaceSend, at_least_one};
use super::links::network_interfaces;
use super::responder::name_of;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::NetworkInterface;
use crate::proto::discovery::{Heard, Schedule, Step, Verdict};
use crate::proto::text::Encoding;
use crate::udp::Datagram;

/// The answers to a question, as they come; made by [`Broadcaster::discover`](crate::Broadcaster::discover). It ends when its
/// window is over.
///
/// An item is an error, and the next one may be an answer again, if
///
/// * an interface by which the question has left is gone, or does not take it any more; each is told once;
/// * an answer is longer than [`max_datagram`](crate::broadcast::BroadcastBuilder::max_datagram)
///   ([`is_truncated`](Error::is_truncated));
/// * at the end, the system has dropped answers because they came faster than they were taken
///   ([`ResourceExhausted`](ErrorKind::ResourceExhausted)).
///
/// After two errors there are no more items: the cancel token was cancelled ([`is_cancelled`](Error::is_cancelled)), or as many answers
/// came as are [taken](crate::broadcast::BroadcastBuilder::max_replies) ([`MessageTooLong`](ErrorKind::MessageTooLong)).
///
/// # Platform-specific behavior
///
/// What the system has dropped is told on Linux.
#[must_use = "an iterator does nothing until it is asked"]
pub struct Discovery {
    shared: Arc<Shared>,
    message: Vec<u8>,
    schedule: Schedule,
    heard: Heard,
    asked: Instant,
    deliveries: Vec<InterfaceSend>,
    interfaces: Vec<NetworkInterface>,
    /// By which it has left, and whether it does still.
    reached: BTreeMap<u32, (Box<str>, bool)>,
    pending: VecDeque<Error>,
    counters: DiscoveryCounters,
    lost_before: u32,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The window is over, and what has come is taken; the attempts to send the mark that are left.
    Closing(u32),
    Over,
}

/// What a discovery has counted; see [`Discovery::counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DiscoveryCounters {
    /// How often the question was asked.
    pub asked: u64,
    /// Answers that were handed out.
    pub replies: u64,
    /// Answers that said the same again.
    pub duplicates: u64,
    /// Answers of senders that had said [as much as one may](crate::broadcast::BroadcastBuilder::max_replies_per_sender).
    pub dropped: u64,
    /// Datagrams of this broadcaster's own that it heard.
    pub own: u64,
    /// Datagrams that the system has dropped, as it told last. On Linux.
    pub lost: u64,
}

/// An answer to a discovery.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DiscoveryReply {
    datagram: Datagram,
    interface: Box<str>,
    round_trip: Duration,
}

/// How often the mark is sent, should the buffer have no room for it, and how long each is waited for.
const MARKS: u32 = 5;
const MARK_WAIT: Duration = Duration::from_millis(10);

#[derive(Debug, thiserror::Error)]
#[error("{0} datagrams were lost, because they came faster than they were taken")]
struct Lost(u32);

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
        // What the clock cannot tell is for ever, and a year is, too.
        let year = Duration::from_secs(365 * 24 * 3_600);
        let end = now.checked_add(timeout).unwrap_or(now + year);
        let mut discovery = Discovery {
            schedule: Schedule::new(options.repeats, options.spacing, end, now),
            heard: Heard::new(options.most, options.most_of_one),
            asked: now,
            deliveries: Vec::new(),
            interfaces: Vec::new(),
            reached: BTreeMap::new(),
            pending: VecDeque::new(),
            counters: DiscoveryCounters::default(),
            lost_before: shared.endpoint.lost(),
            phase: Phase::Open,
            message,
            shared,
        };
        if discovery.schedule.poll(now) == Step::Ask {
            discovery.ask(now)?;
            let deliveries = std::mem::take(&mut discovery.deliveries);
            discovery.deliveries = at_least_one(deliveries, discovery.shared.options.target)?;
        }
        Ok(discovery)
    }

    /// What became of the question on each interface, the last time that it was asked.
    pub fn deliveries(&self) -> &[InterfaceSend] {
        &self.deliveries
    }

    /// What was counted so far.
    pub fn counters(&self) -> DiscoveryCounters {
        self.counters
    }

    fn ask(&mut self, now: Instant) -> Result<()> {
        self.interfaces = network_interfaces()?;
        self.deliveries = self.shared.send(&self.message, &self.interfaces);
        self.asked = now;
        self.counters.asked += 1;
        let is_first = self.counters.asked == 1;
        for delivery in &mut self.deliveries {
            let known = self.reached.get_mut(&delivery.index);
            match (&delivery.result, known) {
                (Ok(()), _) => {
                    self.reached.insert(delivery.index, (delivery.interface.clone(), true));
                }
                (Err(error), Some((name, is_reached))) if *is_reached => {
                    *is_reached = false;
                    self.pending.push_back(error.clone().with_target(format_args!("interface {name}")));
                }
                // Those that never took it are told at the beginning, with all deliveries.
                (Err(_), _) => {}
            }
        }
        for (index, (name, is_reached)) in &mut self.reached {
            let is_there = self.deliveries.iter().any(|delivery| delivery.index == *index);
            if *is_reached && !is_there && !is_first {
                *is_reached = false;
                let error = Error::detailed(Operation::Send, ErrorKind::AddressNotAvailable, Gone);
                self.pending.push_back(error.at(format_args!("interface {name}")));
            }
        }
        Ok(())
    }

    /// A datagram to this socket itself, behind all that has come.
    fn mark(&mut self, left: u32) {
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
        let lost = self.note_lost();
        if lost > 0 {
            self.pending.push_back(Error::detailed(
                Operation::Receive,
                ErrorKind::ResourceExhausted,
                Lost(lost),
            ));
        }
    }

    fn note_lost(&mut self) -> u32 {
        let lost = self.shared.endpoint.lost().wrapping_sub(self.lost_before);
        self.counters.lost = lost.into();
        lost
    }

    /// The end, which may come with a last error.
    fn end(&mut self, error: Error) -> Option<Result<DiscoveryReply>> {
        self.finish();
        Some(Err(error))
    }

    fn receive(&mut self, until: Instant) -> Option<Result<DiscoveryReply>> {
        match self.shared.endpoint.recv_deadline(until) {
            Ok(datagram) => self.judge(datagram),
            Err(error) if error.is_timeout() => {
                match self.phase {
                    Phase::Closing(0) => self.finish(),
                    Phase::Closing(left) => self.mark(left - 1),
                    Phase::Open | Phase::Over => {}
                }
                None
            }
            Err(error) if error.is_truncated() => Some(Err(error)),
            Err(error) => self.end(error),
        }
    }

    fn judge(&mut self, datagram: Datagram) -> Option<Result<DiscoveryReply>> {
        self.note_lost();
        if self.shared.is_own(datagram.source(), &self.interfaces) {
            match self.phase {
                Phase::Closing(_) if datagram.is_empty() => self.finish(),
                _ => self.counters.own += 1,
            }
            return None;
        }
        match self.heard.judge(datagram.source(), datagram.bytes()) {
            Verdict::New => {}
            Verdict::Again => {
                self.counters.duplicates += 1;
                return None;
            }
            Verdict::TooMuchOfOne => {
                self.counters.dropped += 1;
                return None;
            }
            Verdict::Full => {
                let detail = Full(self.shared.options.most);
                return self.end(Error::detailed(Operation::Receive, ErrorKind::MessageTooLong, detail));
            }
        }
        self.counters.replies += 1;
        let interface = name_of(&datagram, &self.interfaces);
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
                Phase::Closing(_) => self.receive(Instant::now() + MARK_WAIT),
                Phase::Open => {
                    let now = Instant::now();
                    match self.schedule.poll(now) {
                        Step::Ask => self.ask(now).err().map(Err),
                        Step::Wait(until) => self.receive(until),
                        Step::Over => {
                            self.mark(MARKS);
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
    /// The text, in the broadcaster's encoding.
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not text of that encoding.
    pub fn text(&self) -> Result<Cow<'_, str>> {
        self.datagram.text()
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &[u8] {
        self.datagram.bytes()
    }

    /// Who answered.
    pub fn source(&self) -> SocketAddr {
        self.datagram.source()
    }

    /// The name of the interface by which the answer came.
    ///
    /// # Platform-specific behavior
    ///
    /// On Windows, that of the interface in whose network the sender is. Empty if that is none.
    pub fn interface_name(&self) -> &str {
        &self.interface
    }

    /// How long after the question was asked last the answer was taken. It is an answer to that one or to one before, which no
    /// datagram tells.
    pub fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// The text in an encoding.
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not text of that encoding.
    pub fn text_in(&self, encoding: Encoding) -> Result<Cow<'_, str>> {
        self.datagram.text_in(encoding)
    }

    /// The whole datagram.
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
