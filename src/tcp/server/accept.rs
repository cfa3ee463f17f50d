//! Accepting the next connection: capacity, errors, and the end.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::core::ServerCore;
use super::events::ServerEvent;
use super::linger::LingeringStream;
use super::registry::ActiveConnection;
use super::table::Place;
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

/// What a wait for a connection ended with.
pub(super) enum Accepted {
    Connection(TcpConnection),
    TimedOut,
    /// The server accepts no more connections, and its backlog is empty.
    Closed,
}

/// The state of accepting without blocking.
#[derive(Debug, Default)]
pub(super) struct AcceptState {
    faults: AcceptFaults,
    paused: Option<Paused>,
}

#[derive(Clone, Copy, Debug)]
struct Paused {
    /// When to try again, if not only when a connection is closed.
    until: Option<Instant>,
}

impl AcceptState {
    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// When to try again, if not only when a connection is closed.
    pub(super) fn resume(&self) -> Option<Instant> {
        self.paused.and_then(|paused| paused.until)
    }
}

impl ServerCore {
    /// Accepts the next connection, and admits it with the options of the server. Any number of
    /// threads call this at the same time, each with its own limit.
    pub(super) fn accept(self: &Arc<Self>, limit: &WaitLimit<'_>) -> Result<Accepted> {
        let mut faults = AcceptFaults::default();
        loop {
            let Some(place) = self.wait_for_place(limit) else { return Ok(Accepted::TimedOut) };
            let Some(listener) = self.acceptor.listener() else { return Ok(Accepted::Closed) };
            let accepted = match self.lifecycle.tick() {
                Phase::Open => self.acceptor.accept(&listener, limit),
                Phase::Draining if !self.acceptor.drop_new_syns(&listener, limit) => Err(WaitError::TimedOut),
                Phase::Draining => sys::accept_now(&listener).map_err(WaitError::Failed),
                Phase::Closed | Phase::Aborted => Err(closed()),
            };
            match accepted {
                Ok((stream, peer)) => {
                    faults.succeeded();
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
                    self.after_fault(error, &mut faults, limit)?;
                }
            }
            // Connections that are refused, or fail, do not extend the call.
            if limit.has_passed() {
                return Ok(Accepted::TimedOut);
            }
        }
    }

    /// Accepts connections that are in the backlog, at most as many as leave time for other work.
    /// Returns `true` if the server accepts no more.
    pub(super) fn accept_batch(
        self: &Arc<Self>,
        listener: &TcpListener,
        state: &mut AcceptState,
        mut take: impl FnMut(TcpConnection),
    ) -> Result<bool> {
        state.paused = None;
        self.table.cancel_wake();
        for _ in 0..MAX_ACCEPTS_PER_TURN {
            let Some(place) = self.place_or_paused(state) else { return Ok(false) };
            let phase = self.lifecycle.tick();
            match phase {
                Phase::Closed | Phase::Aborted => return Ok(true),
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
                    return Ok(phase >= Phase::Draining);
                }
                Err(error) => {
                    drop(place);
                    if let Some(pause) = self.classify(error, &mut state.faults)? {
                        self.table.wake_poller_once();
                        state.paused = Some(Paused { until: Some(Instant::now() + pause) });
                        return Ok(false);
                    }
                }
            }
        }
        Ok(false)
    }

    /// A place if there is one, or if none is needed. Lingering connections make place.
    fn try_place(&self) -> Option<Place<'_>> {
        if self.phase() >= Phase::Closed {
            return Some(Place::none(&self.table));
        }
        if let Some(place) = self.table.reserve() {
            return Some(place);
        }
        if !self.options.waits_when_full() {
            return self.table.unreserved();
        }
        if self.lingering.evict_oldest() { self.table.reserve() } else { None }
    }

    /// Waits for a place within the limit, if connections over the limit stay in the backlog.
    fn wait_for_place(&self, limit: &WaitLimit<'_>) -> Option<Place<'_>> {
        loop {
            let releases = self.table.releases();
            if let Some(place) = self.try_place() {
                return Some(place);
            }
            if limit.has_passed() {
                return None;
            }
            self.table.wait_for_capacity(releases, limit, self.lingering.next_eviction());
        }
    }

    /// The same without blocking: the poller is woken when there may be a place.
    fn place_or_paused(&self, state: &mut AcceptState) -> Option<Place<'_>> {
        self.try_place().or_else(|| {
            // Checked again, now that a release wakes the poller.
            self.table.wake_poller_once();
            let place = self.try_place();
            if place.is_none() {
                state.paused = Some(Paused { until: self.lingering.next_eviction() });
            }
            place
        })
    }

    fn admit(
        self: &Arc<Self>,
        place: Place<'_>,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> Option<TcpConnection> {
        let key = Peer::from(peer.ip());
        let admitted = self.table.admit(place, key).or_else(|| {
            let has_place = self.lingering.make_place(key);
            if has_place { self.table.admit(Place::none(&self.table), key) } else { None }
        });
        let Some(entry) = admitted else {
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

    fn after_fault(
        &self,
        error: std::io::Error,
        faults: &mut AcceptFaults,
        limit: &WaitLimit<'_>,
    ) -> Result<()> {
        let releases = self.table.releases();
        if let Some(pause) = self.classify(error, faults)? {
            // A connection that is closed gives a descriptor back.
            self.table.wait_for_capacity(releases, limit, Some(Instant::now() + pause));
        }
        Ok(())
    }

    /// Counts an accept that failed. Returns how long to wait before the next one, if so.
    fn classify(&self, error: std::io::Error, faults: &mut AcceptFaults) -> Result<Option<Duration>> {
        let kind = sys::error_kind(&error);
        let after = faults.failed(AcceptFault::of(kind));
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

/// As if the backlog were empty.
fn closed() -> WaitError {
    WaitError::Failed(std::io::ErrorKind::WouldBlock.into())
}
