//! What the threads of a server share: who is inside, what phase it is in, who waits for what.

use std::fmt;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::events::ServerEvent;
use super::farewell::Farewells;
use super::hooks::{Hooks, Termination};
use super::registry::{Inside, Registry};
use super::report::{ServerCounters, ShutdownReport};
use super::workers::Seat;
use crate::options::ServerOptions;
use crate::proto::admission::{Admission, Peer};
use crate::tcp::connection::{Inner, Settings};
use crate::wait::sync::{Condvar, Mutex, MutexGuard};
use crate::wait::{self, CancelToken, OnCancel, Poller, ReceiveTimeout, Turn, TurnGuard, WaitLimit};

/// One server. Its listener is taken out when it is closed; until then it belongs to whoever
/// accepts.
pub(in crate::tcp) struct Shared {
    pub(super) address: SocketAddr,
    pub(super) settings: Settings,
    pub(super) options: ServerOptions,
    /// The kernel's timeout that connections have from their listener.
    pub(super) inherited: ReceiveTimeout,
    pub(super) listener: Turn<Option<Arc<TcpListener>>>,
    /// The listener again, for an event loop that borrows its handle. `None` once it is closed.
    pub(super) lendable: Mutex<Option<Arc<TcpListener>>>,
    /// Whether nobody else accepts from the listener, now or after this server's end.
    pub(super) is_alone: bool,
    /// Whether those who want to connect are held off: see [`Shared::hold_newcomers`].
    pub(super) holds: AtomicBool,
    pub(super) state: Mutex<State>,
    /// The phase has changed, or somebody has left for whose room or end somebody waits.
    pub(super) changed: Condvar,
    /// Wakes whoever accepts when the shutdown begins.
    pub(super) wake: CancelToken,
    /// Wakes whoever waits on a connection when the shutdown's time is over.
    pub(super) cut: CancelToken,
    /// How long a shutdown that a cancel token has begun may take.
    pub(super) grace: Duration,
    /// Woken when there may be room again, where the one who accepts waits for more than that.
    pub(super) bell: OnceLock<Arc<Poller>>,
    pub(super) farewells: Farewells,
    pub(super) totals: Totals,
    pub(super) observer: Option<Observer>,
    pub(super) hooks: Hooks,
}

pub(super) type Observer = Arc<dyn Fn(&ServerEvent<'_>) + Send + Sync>;

/// What has happened so far.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) accepted: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) panicked: AtomicU64,
    pub(super) crashed: AtomicU64,
    pub(super) accept_errors: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) disconnected: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Connections are accepted.
    Open,
    /// Those that were waiting when the shutdown began are accepted, at most as many as the queue
    /// holds.
    Draining,
    /// Nothing is accepted; those inside go on.
    Closed,
    /// The time is over, and those inside were cut.
    Cut,
}

pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) admission: Admission,
    pub(super) connections: Registry,
    /// How many more are accepted while draining.
    pub(super) queued: usize,
    /// Whether somebody waits for room, and is to be told that somebody has left.
    pub(super) awaits_room: bool,
    pub(super) is_led: bool,
    /// The threads that wait to lead, in the order in which they came.
    pub(super) idle: Vec<Arc<Seat>>,
    /// Threads that were started and do not run yet.
    pub(super) starting: usize,
    pub(super) threads: usize,
    pub(super) served: u64,
    pub(super) drained: u64,
    pub(super) aborted: u64,
    /// When the time of the shutdown is over.
    pub(super) deadline: Option<Instant>,
    /// Whether and when those inside are asked to end.
    pub(super) termination: Termination,
}

/// The right to be inside, which a connection has until its last handle is dropped.
pub(in crate::tcp) struct Ticket {
    shared: Arc<Shared>,
    peer: Peer,
    slot: u32,
}

impl Ticket {
    /// What ends the waits of its connection where cutting the stream does not.
    #[inline]
    pub(in crate::tcp) fn cut_switch(&self) -> Option<&CancelToken> {
        (!crate::sys::SHUTDOWN_WAKES_READERS).then_some(&self.shared.cut)
    }

    pub(in crate::tcp) fn cut(&self) -> &CancelToken {
        &self.shared.cut
    }

    /// Leaves a connection that has said that nothing follows to the server.
    pub(in crate::tcp) fn say_farewell(&self, stream: TcpStream) {
        if !self.shared.cut.is_cancelled() {
            self.shared.farewells.add(&self.shared, stream);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        let was_cut = state.connections.release(self.slot);
        state.admission.release(self.peer);
        if !was_cut {
            match state.phase {
                Phase::Open => state.served += 1,
                _ => state.drained += 1,
            }
        }
        let awaits_room = std::mem::take(&mut state.awaits_room);
        let is_awaited = awaits_room || state.phase != Phase::Open;
        drop(state);
        // It is a system call even when nobody waits, and while the server is open almost never
        // does somebody.
        if is_awaited {
            self.shared.changed.notify_all();
        }
        if let (true, Some(bell)) = (awaits_room, self.shared.bell.get()) {
            bell.wake();
        }
    }
}

/// How long handlers have to notice that their connections were aborted, after the timeout of a
/// shutdown.
const ABORT_NOTICE: Duration = Duration::from_millis(200);

/// How long the third segment of a handshake is waited for: it is on its way in the same building,
/// or its thread has lost the processor meanwhile.
const HANDSHAKE: Duration = Duration::from_millis(10);

impl Shared {
    pub(super) fn new_state(config: &ServerOptions) -> State {
        State {
            phase: Phase::Open,
            admission: Admission::new(config.max_connections, config.max_connections_per_peer),
            connections: Registry::default(),
            queued: config.backlog as usize + 1,
            awaits_room: false,
            is_led: false,
            idle: Vec::new(),
            starting: 0,
            threads: 0,
            served: 0,
            drained: 0,
            aborted: 0,
            deadline: None,
            termination: Termination::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // No step below can panic between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ticket of somebody who was just admitted.
    pub(super) fn ticket(self: &Arc<Self>, state: &mut State, peer: Peer) -> Ticket {
        Ticket { shared: Arc::clone(self), peer, slot: state.connections.reserve() }
    }

    /// Makes a connection known to whoever ends the server.
    pub(super) fn register(&self, connection: &Arc<Inner>) {
        if let Some(ticket) = &connection.ticket {
            let inside: Arc<dyn Inside> = connection.clone();
            self.register_as(ticket, &inside);
        }
    }

    /// Makes known who has that ticket now.
    pub(super) fn register_as(&self, ticket: &Ticket, inside: &Arc<dyn Inside>) {
        let mut state = self.state();
        let is_in_time = state.connections.set(ticket.slot, inside);
        let termination = state.termination;
        drop(state);
        match is_in_time {
            true => termination.apply(&**inside),
            false => inside.cut(),
        }
    }

    /// Begins the shutdown, if nobody has; the earliest time given counts.
    pub(super) fn begin_shutdown(&self, grace: Duration) {
        let mut state = self.state();
        let now = Instant::now();
        state.deadline = earliest(state.deadline, now.checked_add(grace));
        state.termination.begin(now, grace);
        if state.phase == Phase::Open {
            state.phase = Phase::Draining;
        }
        drop(state);
        self.wake.cancel();
        self.changed.notify_all();
        self.state().call_all();
        // The switch is thrown once, and the time may have become less.
        if let Some(bell) = self.bell.get() {
            bell.wake();
        }
    }

    /// Has the system hold off those who want to connect, where it can and the listener is this
    /// server's alone. Otherwise one who comes between the last accept and the end of the listener
    /// would be connected and then reset; so it tries again by itself after a second, and meets a
    /// closed port, or the next server.
    ///
    /// Who is in the middle of connecting is waited for, for a moment.
    pub(super) fn hold_newcomers(&self, listener: &TcpListener) {
        if self.is_alone && !self.holds.swap(true, Ordering::Relaxed) && crate::sys::hold_newcomers(listener)
        {
            let _ = wait::sleep(&WaitLimit::timeout(HANDSHAKE));
        }
    }

    pub(super) fn phase(&self) -> Phase {
        self.state().phase
    }

    /// The listener, for this thread alone. Only for callers that wait for no other thread's accept.
    pub(super) fn listener(&self) -> TurnGuard<'_, Option<Arc<TcpListener>>> {
        let unlimited = WaitLimit::unlimited();
        self.listener.take(&unlimited).unwrap_or_else(|| unreachable!("the wait has no limit"))
    }

    pub(super) fn lendable(&self) -> MutexGuard<'_, Option<Arc<TcpListener>>> {
        self.lendable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing is accepted any more.
    pub(super) fn has_ended(&self) -> bool {
        self.phase() >= Phase::Closed
    }

    /// Somebody who waits for the end may look again.
    pub(super) fn note_change(&self) {
        // The lock sees to it that nobody is between looking and waiting.
        drop(self.state());
        self.changed.notify_all();
    }

    /// Nothing is accepted from now on.
    pub(super) fn close(&self, listener: Option<Arc<TcpListener>>) {
        self.release(listener);
        let mut state = self.state();
        state.phase = state.phase.max(Phase::Closed);
        drop(state);
        self.wake.cancel();
        self.changed.notify_all();
        self.state().call_all();
    }

    /// Ends what is left of a shutdown whose time is over.
    pub(super) fn cut_off(&self) {
        let mut state = self.state();
        if state.phase == Phase::Cut {
            return;
        }
        state.phase = Phase::Cut;
        let (count, connections) = state.connections.cut();
        state.aborted += count;
        drop(state);
        self.cut.cancel();
        self.farewells.cut();
        connections.iter().for_each(|connection| connection.cut());
        self.changed.notify_all();
        self.state().call_all();
        // Whoever accepts has been woken and gives it back; where nobody does, it is closed here.
        if let Some(mut listener) = self.listener.try_take() {
            self.release(listener.take());
        }
    }

    /// Closes the listener. If a [`TcpServer`](super::serve::TcpServer) has lent its handle, it
    /// stops listening now, where the OS supports that, and is closed when that server is dropped.
    fn release(&self, listener: Option<Arc<TcpListener>>) {
        drop(self.lendable().take());
        if let Some(listener) = listener.filter(|listener| self.is_alone && Arc::strong_count(listener) > 1) {
            crate::sys::stop_listening(&listener);
        }
    }

    /// Waits until the server has ended. At the timeout of its shutdown the connections are aborted,
    /// and handlers have [`ABORT_NOTICE`] to notice. Returns `None` if the limit passes before.
    pub(super) fn wait_for_end(&self, limit: &WaitLimit<'_>) -> Option<ShutdownReport> {
        let mut state = self.state();
        let mut last = None;
        loop {
            let is_empty = state.admission.inside() == 0 && state.threads == 0;
            if state.phase >= Phase::Closed && is_empty && self.farewells.count() == 0 {
                break;
            }
            let now = Instant::now();
            let is_over = state.deadline.is_some_and(|deadline| now >= deadline);
            if !is_over {
                if let Some(inside) = state.take_due(now) {
                    drop(state);
                    inside.iter().for_each(|inside| inside.terminate());
                    state = self.state();
                    continue;
                }
            }
            let until = match (last, earliest(state.deadline, state.termination.at())) {
                (Some(last), _) if now >= last => break,
                (Some(last), _) => Some(last),
                (None, Some(_)) if is_over => {
                    drop(state);
                    self.cut_off();
                    last = Some(now + ABORT_NOTICE);
                    state = self.state();
                    continue;
                }
                (None, next) => next,
            };
            if limit.has_passed() {
                return None;
            }
            state = match earliest(until, limit.deadline()) {
                Some(until) => {
                    let wait = self.changed.wait_timeout(state, until.saturating_duration_since(now));
                    wait.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        drop(state);
        self.hooks.notify_end(|| self.counters());
        Some(self.report())
    }

    /// Waits until the server has ended, without a limit.
    pub(super) fn serve_to_end(&self) -> ShutdownReport {
        let ended = self.wait_for_end(&WaitLimit::unlimited());
        ended.unwrap_or_else(|| unreachable!("the wait has no limit"))
    }

    pub(super) fn report(&self) -> ShutdownReport {
        let counters = self.counters();
        ShutdownReport {
            served: counters.served,
            drained: counters.drained,
            aborted: counters.aborted,
            refused: counters.refused,
            failed: counters.failed,
            panicked: counters.panicked,
            crashed: counters.crashed,
        }
    }

    pub(super) fn counters(&self) -> ServerCounters {
        self.hooks.total(self.own_counters())
    }

    fn own_counters(&self) -> ServerCounters {
        let state = self.state();
        let read = |total: &AtomicU64| total.load(Ordering::Relaxed);
        ServerCounters {
            accepted: read(&self.totals.accepted),
            active: state.admission.inside() as u64,
            served: state.served,
            drained: state.drained,
            aborted: state.aborted,
            refused: read(&self.totals.refused),
            failed: read(&self.totals.failed),
            panicked: read(&self.totals.panicked),
            crashed: read(&self.totals.crashed),
            accept_errors: read(&self.totals.accept_errors),
            requests: read(&self.totals.requests),
            expired: read(&self.totals.expired),
            disconnected: read(&self.totals.disconnected),
            threads: state.threads as u64,
            idle_threads: state.idle.len() as u64,
        }
    }

    pub(super) fn observe(&self, event: &ServerEvent<'_>) {
        if let Some(observer) = &self.observer {
            // An observer that panics has been heard of by the panic's own message, and is no
            // reason to stop serving.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| observer(event)));
        }
    }
}

pub(super) fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    [one, other].into_iter().flatten().min()
}

impl OnCancel for Shared {
    fn cancelled(&self) {
        self.begin_shutdown(self.grace);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}
