//! Accepting the next connection: capacity, errors, and the end.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::ServerCore;
use super::events::ServerEvent;
use super::linger::LingeringStream;
use super::registry::ActiveConnection;
use super::table::{Place, Refused};
use crate::error::{Error, Operation, Result};
use crate::proto::server::accept::{AcceptFault, AcceptFaults, AfterFault};
use crate::proto::server::admission::Peer;
use crate::proto::server::lifecycle::Phase;
use crate::sys::{self, Mode};
use crate::tcp::connection::{Inner, TcpConnection};
use crate::tcp::membership::{Membership, Owner};
use crate::wait::{WaitError, WaitLimit};

/// How many connections an event loop accepts before it does other work.
const MAX_ACCEPTS_PER_TURN: usize = 64;

/// How often at most is checked whether a lingering connection must make place.
const EVICTION_CHECK: Duration = Duration::from_millis(20);

/// What a wait for a connection ended with.
pub(super) enum Accepted {
    Connection(TcpConnection),
    TimedOut,
    /// The server accepts no more connections, and its backlog is empty.
    Closed,
}

/// Why an event loop stops accepting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BatchEnd {
    /// The backlog is empty.
    Drained,
    /// There may be more; other work comes first.
    More,
    /// There is no capacity, or the last accept has failed: until [`AcceptState::resume`].
    Paused,
    /// The server accepts no more.
    Closed,
}

/// The state of accepting without blocking.
#[derive(Debug, Default)]
pub(super) struct AcceptState {
    faults: AcceptFaults,
    paused: Option<Paused>,
}

#[derive(Clone, Copy, Debug)]
enum Paused {
    /// Until there may be capacity, which wakes the poller, or until then.
    AtCapacity(Option<Instant>),
    /// After a fault: until then.
    Backoff(Instant),
}

impl AcceptState {
    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Whether there may be capacity for the next accept, after the poller was woken.
    pub(super) fn is_at_capacity(&self) -> bool {
        matches!(self.paused, Some(Paused::AtCapacity(_)))
    }

    /// When to try again, if not only when a connection is closed.
    pub(super) fn resume(&self) -> Option<Instant> {
        match self.paused? {
            Paused::AtCapacity(until) => until,
            Paused::Backoff(until) => Some(until),
        }
    }
}

impl ServerCore {
    /// Accepts the next connection, and admits it with the options of the server. Any number of
    /// threads call this at the same time, each with its own limit.
    pub(super) fn accept(self: &Arc<Self>, limit: &WaitLimit<'_>) -> Result<Accepted> {
        self.accept_unless(|| false, limit)
    }

    /// The same, as long as `is_other_work` returns false. It is called again when the accept is
    /// interrupted.
    pub(super) fn accept_unless(
        self: &Arc<Self>,
        is_other_work: impl Fn() -> bool,
        limit: &WaitLimit<'_>,
    ) -> Result<Accepted> {
        let backoff = &self.acceptor.backoff;
        loop {
            if backoff.is_active() && !self.wait_for_backoff(limit) {
                return Ok(Accepted::TimedOut);
            }
            let watch = self.acceptor.watch();
            if is_other_work() {
                return Ok(Accepted::TimedOut);
            }
            let Some(place) = self.wait_for_place(limit) else { return Ok(Accepted::TimedOut) };
            let Some(listener) = self.acceptor.listener() else { return Ok(Accepted::Closed) };
            if self.phase() == Phase::Draining && !self.acceptor.drop_new_syns(&listener, limit) {
                return Ok(Accepted::TimedOut);
            }
            let accepted = match self.lifecycle.tick() {
                Phase::Open => self.acceptor.accept(&listener, &watch, limit),
                Phase::Draining => sys::accept_now(&listener).map_err(WaitError::Failed),
                Phase::Closed | Phase::Aborted => Err(closed()),
            };
            match accepted {
                Ok((stream, peer)) => {
                    backoff.succeeded();
                    if let Some(connection) = self.admit(place, stream, peer) {
                        return Ok(Accepted::Connection(connection));
                    }
                }
                Err(WaitError::TimedOut) => return Ok(Accepted::TimedOut),
                // The shutdown has begun, or a limit has changed.
                Err(WaitError::Cancelled | WaitError::ErrorQueueReady) => {}
                Err(WaitError::Failed(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    drop(listener);
                    self.close();
                    return Ok(Accepted::Closed);
                }
                Err(WaitError::Failed(error)) => {
                    drop((listener, place));
                    let after = backoff.failed(fault_of(&error));
                    self.classify(error, after)?;
                }
            }
            // Connections that are refused, or fail, do not extend the call.
            if limit.has_passed() {
                return Ok(Accepted::TimedOut);
            }
        }
    }

    /// Accepts connections that are in the backlog, at most as many as leave time for other work.
    pub(super) fn accept_batch(
        self: &Arc<Self>,
        listener: &TcpListener,
        state: &mut AcceptState,
        take: &mut impl FnMut(TcpConnection),
    ) -> Result<BatchEnd> {
        state.paused = None;
        self.table.cancel_wake();
        for _ in 0..MAX_ACCEPTS_PER_TURN {
            let Some(place) = self.place_or_paused(state) else { return Ok(BatchEnd::Paused) };
            let phase = self.lifecycle.tick();
            match phase {
                Phase::Closed | Phase::Aborted => return Ok(BatchEnd::Closed),
                Phase::Draining => drop(self.acceptor.drop_new_syns(listener, &WaitLimit::unlimited())),
                Phase::Open => {}
            }
            match sys::accept_now(listener) {
                Ok((stream, peer)) => {
                    state.faults.succeeded();
                    if let Some(connection) = self.admit(place, stream, peer) {
                        take(connection);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    // If the shutdown has begun meanwhile, new SYNs are dropped before the end.
                    if phase == Phase::Open && self.phase() >= Phase::Draining {
                        continue;
                    }
                    let is_closed = phase >= Phase::Draining;
                    return Ok(if is_closed { BatchEnd::Closed } else { BatchEnd::Drained });
                }
                Err(error) => {
                    drop(place);
                    let after = state.faults.failed(fault_of(&error));
                    if let Some(pause) = self.classify(error, after)? {
                        state.paused = Some(Paused::Backoff(Instant::now() + pause));
                        return Ok(BatchEnd::Paused);
                    }
                }
            }
        }
        Ok(BatchEnd::More)
    }

    /// A place if there is one, or if none is needed. A lingering connection makes place for one in the
    /// backlog.
    fn try_place(&self) -> Option<Place<'_>> {
        if self.phase() >= Phase::Closed {
            return Some(Place::none(&self.table));
        }
        if !self.options.waits_when_full() {
            // It is admitted or refused when it is accepted.
            return self.table.unreserved();
        }
        self.table.reserve().or_else(|| {
            let is_needed = self.table.is_full() && self.acceptor.has_pending();
            if is_needed && self.lingering.evict_oldest() { self.table.reserve() } else { None }
        })
    }

    /// When to check again whether a lingering connection must make place.
    fn next_eviction(&self) -> Option<Instant> {
        let is_full = self.options.waits_when_full() && self.table.is_full();
        let next = if is_full { self.lingering.next_eviction() } else { None };
        next.map(|next| next.max(Instant::now() + EVICTION_CHECK))
    }

    /// Waits until this thread may accept after a fault. Returns `false` if the limit passes before.
    fn wait_for_backoff(&self, limit: &WaitLimit<'_>) -> bool {
        let backoff = &self.acceptor.backoff;
        loop {
            let events = self.table.events();
            let Some(until) = backoff.claim() else { return true };
            // A connection that is closed gives a descriptor back.
            if self.table.wait_for_close(events, limit, until) {
                backoff.expire();
            }
            if limit.has_passed() {
                return false;
            }
        }
    }

    /// Waits for a place within the limit, if connections over the limit stay in the backlog.
    fn wait_for_place(&self, limit: &WaitLimit<'_>) -> Option<Place<'_>> {
        if let Some(place) = self.try_place() {
            return Some(place);
        }
        loop {
            let events = self.table.events();
            if let Some(place) = self.try_place() {
                return Some(place);
            }
            if limit.has_passed() {
                return None;
            }
            self.table.wait_for_capacity(events, limit, self.next_eviction());
        }
    }

    /// The same without blocking: the poller is woken when there may be a place.
    fn place_or_paused(&self, state: &mut AcceptState) -> Option<Place<'_>> {
        self.try_place().or_else(|| {
            // Checked again, now that a release wakes the poller.
            self.table.wake_poller_once();
            let place = self.try_place();
            if place.is_none() {
                state.paused = Some(Paused::AtCapacity(self.next_eviction()));
            }
            place
        })
    }

    fn admit(
        self: &Arc<Self>,
        mut place: Place<'_>,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Option<TcpConnection> {
        let key = Peer::from(peer.ip());
        let admitted = self.table.admit(&mut place, key).or_else(|refused| {
            let of = (refused == Refused::PeerFull).then_some(key);
            if self.lingering.make_place(of) { self.table.admit(&mut place, key) } else { Err(refused) }
        });
        let Ok(entry) = admitted else {
            self.refuse(stream, peer);
            return None;
        };
        let owner: Arc<dyn Owner> = self.clone();
        let membership = Membership::new(owner, entry);
        if let Err(error) = sys::adopt_accepted(&stream, &self.settings.options) {
            // The peer has disconnected already.
            self.note_accept_error(&error.with_remote(Some(peer)));
            return None;
        }
        let mut inner = Inner::new(stream, peer, &self.settings);
        inner.receive_timeout = self.acceptor.rcvtimeo.inherited();
        inner.membership = Some(membership);
        let connection = TcpConnection::assemble(inner);
        let active: Arc<dyn ActiveConnection> = connection.inner.clone();
        self.set_active(&connection.inner, &active);
        Some(connection)
    }

    fn refuse(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        self.counters.refused.add(1);
        if let Some(Ok(message)) =
            self.options.refuse_with.as_ref().map(|message| message.to_bytes(self.settings.options.encoding))
        {
            // A new connection has buffer space for a message; without it, the connection is closed
            // already.
            let _ = sys::write(&stream, &message, Mode::Nonblocking);
            let _ = stream.shutdown(Shutdown::Write);
            // Closing with unread input would discard the message.
            self.lingering.add(LingeringStream::new(stream), None);
        }
        self.observe(&ServerEvent::Refused { peer });
    }

    /// Counts an accept that failed. Returns how long to wait before the next one, if so.
    fn classify(&self, error: std::io::Error, after: AfterFault) -> Result<Option<Duration>> {
        let kind = sys::error_kind(&error);
        let error = Error::system(Operation::Accept, error).with_kind(kind).with_local(Some(self.address));
        match after {
            AfterFault::GiveUp => {
                self.close();
                Err(error)
            }
            AfterFault::AcceptAgain => {
                self.note_accept_error(&error);
                Ok(None)
            }
            AfterFault::Wait(pause) => {
                self.note_accept_error(&error);
                // Their descriptors are needed for new connections.
                self.lingering.abort_all();
                self.lifecycle.untick();
                Ok(Some(pause))
            }
        }
    }

    pub(super) fn note_accept_error(&self, error: &Error) {
        self.counters.accept_errors.add(1);
        self.observe(&ServerEvent::AcceptFailed { error });
    }
}

fn fault_of(error: &std::io::Error) -> AcceptFault {
    AcceptFault::of(sys::error_kind(error))
}

/// As if the backlog were empty.
fn closed() -> WaitError {
    WaitError::Failed(std::io::ErrorKind::WouldBlock.into())
}
