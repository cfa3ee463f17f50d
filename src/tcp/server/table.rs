//! The connections of a server: limits, places for connections that are about to be accepted, and
//! how each connection ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::registry::{ActiveConnection, Registry};
use crate::proto::server::admission::{Admission, Admitted, Peer, Verdict};
use crate::proto::server::lifecycle::Phase;
use crate::tcp::membership::Entry;
use crate::wait::poller::Wake;
use crate::wait::sync::{Condvar, Mutex, MutexGuard};
use crate::wait::{Changes, WaitLimit};

/// The connections of one server.
#[derive(Debug)]
pub(super) struct ConnectionTable {
    state: Mutex<State>,
    /// Notified when there may be capacity.
    capacity: Condvar,
    /// Notified when a connection was closed.
    closed: Condvar,
    /// Woken, too, if an event loop waits for capacity.
    waker: OnceLock<Arc<dyn Wake>>,
    /// Whether threads wait for the end of the server.
    is_ending: AtomicBool,
    changes: Arc<Changes>,
}

#[derive(Debug)]
struct State {
    admission: Admission,
    active: Registry,
    outcomes: Outcomes,
    is_suspended: bool,
    /// The connections were aborted, and so is each that is still admitted.
    is_aborted: bool,
    /// Counts what may have made capacity, and connections that were closed.
    events: Events,
    waiting: usize,
    waiting_for_close: usize,
    wakes_poller: bool,
}

/// How often there may have been capacity, and how often a connection was closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Events {
    capacity: u64,
    closes: u64,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    PeerFull,
}

/// What became of the connections.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcomes {
    pub(super) active: u64,
    pub(super) served: u64,
    pub(super) drained: u64,
    pub(super) aborted: u64,
}

/// A place for a connection that is about to be accepted. Without one, the connection may have to be
/// refused.
#[derive(Debug)]
#[must_use]
pub(super) struct Place<'a> {
    table: &'a ConnectionTable,
    is_reserved: bool,
}

impl<'a> Place<'a> {
    /// For a server that accepts no more.
    pub(super) fn none(table: &'a ConnectionTable) -> Place<'a> {
        Place { table, is_reserved: false }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.is_reserved {
            self.table.free(false, |state| state.admission.cancel_reservation());
        }
    }
}

impl ConnectionTable {
    pub(super) fn new(max: usize, max_per_peer: Option<usize>, changes: Arc<Changes>) -> ConnectionTable {
        ConnectionTable {
            state: Mutex::new(State {
                admission: Admission::new(max, max_per_peer),
                active: Registry::default(),
                outcomes: Outcomes::default(),
                is_suspended: false,
                is_aborted: false,
                events: Events::default(),
                waiting: 0,
                waiting_for_close: 0,
                wakes_poller: false,
            }),
            capacity: Condvar::new(),
            closed: Condvar::new(),
            waker: OnceLock::new(),
            is_ending: AtomicBool::new(false),
            changes,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No critical section can panic between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves a place. `None` if there is none, or accepting is suspended.
    pub(super) fn reserve(&self) -> Option<Place<'_>> {
        let mut state = self.state();
        let is_reserved = !state.is_suspended && state.admission.reserve();
        drop(state);
        is_reserved.then_some(Place { table: self, is_reserved })
    }

    /// A place for a connection that is refused if there is no capacity. `None` if accepting is
    /// suspended.
    pub(super) fn unreserved(&self) -> Option<Place<'_>> {
        (!self.state().is_suspended).then_some(Place { table: self, is_reserved: false })
    }

    /// Whether the limit is reached, so that closing a lingering connection would make a place.
    pub(super) fn is_full(&self) -> bool {
        let state = self.state();
        !state.is_suspended && state.admission.is_full()
    }

    /// Counts for the waits below, taken before a reservation or an accept fails.
    pub(super) fn events(&self) -> Events {
        self.state().events
    }

    /// Blocks until there may be capacity since then, or until the limit or `at_most` passes.
    pub(super) fn wait_for_capacity(&self, seen: Events, limit: &WaitLimit<'_>, at_most: Option<Instant>) {
        let mut state = self.state();
        state.waiting += 1;
        while state.events.capacity == seen.capacity {
            let Some(next) = wait_until(&self.capacity, state, limit, at_most) else {
                state = self.state();
                break;
            };
            state = next;
        }
        state.waiting -= 1;
    }

    /// Blocks until a connection was closed since then, or until the limit or `at_most` passes. Returns
    /// `true` if one was closed.
    pub(super) fn wait_for_close(&self, seen: Events, limit: &WaitLimit<'_>, at_most: Instant) -> bool {
        let mut state = self.state();
        state.waiting_for_close += 1;
        while state.events.closes == seen.closes {
            let Some(next) = wait_until(&self.closed, state, limit, Some(at_most)) else {
                state = self.state();
                break;
            };
            state = next;
        }
        state.waiting_for_close -= 1;
        state.events.closes != seen.closes
    }

    /// Has the poller woken when there may be capacity.
    pub(super) fn wake_poller_once(&self) {
        self.state().wakes_poller = true;
    }

    /// Forgets that the poller was to be woken.
    pub(super) fn cancel_wake(&self) {
        self.state().wakes_poller = false;
    }

    pub(super) fn set_waker(&self, poller: Arc<dyn Wake>) {
        let _ = self.waker.set(poller);
    }

    /// Wakes all threads that wait for capacity or a close: there may be some, or none is needed any
    /// more.
    pub(super) fn wake_all(&self) {
        let mut state = self.state();
        state.events = Events { capacity: state.events.capacity + 1, closes: state.events.closes + 1 };
        drop(state);
        self.capacity.notify_all();
        self.closed.notify_all();
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }

    /// From now on, threads wait for the last connection to end.
    pub(super) fn set_ending(&self) {
        self.is_ending.store(true, Ordering::SeqCst);
    }

    /// Makes a change after which there may be capacity.
    fn free(&self, is_close: bool, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        state.events.capacity += 1;
        state.events.closes += u64::from(is_close);
        let (waiting, waiting_for_close) = (state.waiting, state.waiting_for_close);
        let wakes_poller = std::mem::take(&mut state.wakes_poller);
        drop(state);
        // Each is a system call if a thread waits.
        if waiting > 0 {
            self.capacity.notify_one();
        }
        if is_close && waiting_for_close > 0 {
            self.closed.notify_all();
        }
        if let (true, Some(waker)) = (wakes_poller, self.waker.get()) {
            waker.wake();
        }
        if self.is_ending.load(Ordering::SeqCst) {
            self.changes.notify();
        }
    }

    /// Admits a connection, or returns which limit it exceeds. The place stays then.
    pub(super) fn admit(&self, place: &mut Place<'_>, peer: Peer) -> Result<Entry, Refused> {
        let mut state = self.state();
        let verdict = match place.is_reserved {
            true => state.admission.admit_reserved(peer),
            false => state.admission.admit(peer),
        };
        let admitted = match verdict {
            Verdict::Admitted(admitted) => admitted,
            Verdict::Full => return Err(Refused::Full),
            Verdict::PeerFull => return Err(Refused::PeerFull),
        };
        place.is_reserved = false;
        let is_aborted = state.is_aborted;
        let slot = state.active.reserve(is_aborted);
        match is_aborted {
            true => state.outcomes.aborted += 1,
            false => state.outcomes.active += 1,
        }
        Ok(Entry { slot, admitted })
    }

    /// Registers what is aborted at the timeout of a shutdown. Returns `false` if that has happened.
    pub(super) fn set_active(&self, slot: u32, connection: &Arc<dyn ActiveConnection>) -> bool {
        self.state().active.set(slot, connection)
    }

    /// The connection has ended, and its socket is closed.
    pub(super) fn end(&self, entry: &Entry, phase: Phase) {
        self.free(true, |state| {
            state.finish(entry.slot, phase);
            state.admission.release(entry.admitted);
        });
    }

    /// The connection has ended. It still counts in the limits until it is
    /// [released](Self::release).
    pub(super) fn finish(&self, slot: u32, phase: Phase) {
        self.state().finish(slot, phase);
    }

    /// The socket of a connection is closed: its place is free.
    pub(super) fn release(&self, admitted: Admitted) {
        self.free(true, |state| state.admission.release(admitted));
    }

    /// A connection began to linger, so there may be capacity soon.
    pub(super) fn note_lingering(&self) {
        self.free(false, |_| {});
        // Each of those that wait has a limit of its own, and can make place.
        self.capacity.notify_all();
    }

    /// Counts a connection that was accepted to be reset.
    pub(super) fn count_reset(&self) {
        self.state().outcomes.aborted += 1;
    }

    /// All connections that are open.
    pub(super) fn active(&self) -> Vec<Arc<dyn ActiveConnection>> {
        self.state().active.active()
    }

    /// Marks all connections as aborted, and returns them.
    pub(super) fn abort_all(&self) -> Vec<Arc<dyn ActiveConnection>> {
        let mut state = self.state();
        state.is_aborted = true;
        let connections = state.active.abort_all();
        state.outcomes.aborted += std::mem::take(&mut state.outcomes.active);
        connections
    }

    pub(super) fn outcomes(&self) -> Outcomes {
        self.state().outcomes
    }

    /// Whether a connection counts, or is about to.
    pub(super) fn is_empty(&self) -> bool {
        self.state().admission.admitted() == 0
    }

    /// Sets whether connections are left in the backlog. A shutdown serves the backlog in any case.
    pub(super) fn set_suspended(&self, on: bool) {
        self.state().is_suspended = on && !self.is_ending.load(Ordering::SeqCst);
        self.wake_all();
    }

    pub(super) fn set_max(&self, max: usize) {
        self.state().admission.set_max(max);
        self.wake_all();
    }

    pub(super) fn set_max_per_peer(&self, max: Option<usize>) {
        self.state().admission.set_max_per_peer(max);
    }
}

/// Waits once. `None` if the limit or `at_most` has passed.
fn wait_until<'a>(
    condition: &Condvar,
    state: MutexGuard<'a, State>,
    limit: &WaitLimit<'_>,
    at_most: Option<Instant>,
) -> Option<MutexGuard<'a, State>> {
    let pause = at_most.map(|at_most| at_most.saturating_duration_since(Instant::now()));
    match [limit.remaining(), pause].into_iter().flatten().min() {
        None => Some(condition.wait(state).unwrap_or_else(PoisonError::into_inner)),
        Some(Duration::ZERO) => None,
        Some(remaining) => {
            Some(condition.wait_timeout(state, remaining).unwrap_or_else(PoisonError::into_inner).0)
        }
    }
}

impl State {
    fn finish(&mut self, slot: u32, phase: Phase) {
        let was_aborted = self.active.release(slot);
        if was_aborted {
            // It was counted then.
            return;
        }
        self.outcomes.active -= 1;
        match phase {
            Phase::Open => self.outcomes.served += 1,
            Phase::Draining | Phase::Closed => self.outcomes.drained += 1,
            Phase::Aborted => self.outcomes.aborted += 1,
        }
    }
}
