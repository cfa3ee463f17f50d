//! The parts of a server, and what its threads do with them together.

use std::fmt;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::acceptor::Acceptor;
use super::ahead::AcceptedAhead;
use super::counters::Counters;
use super::events::ServerEvent;
use super::lifecycle::ServerLifecycle;
use super::linger::{Lingering, LingeringStream};
use super::pool::{Pool, PoolOptions};
use super::processes::Processes;
use super::registry::ActiveConnection;
use super::report::{ServerCounters, ShutdownReport};
use super::table::ConnectionTable;
use crate::error::{Operation, Result};
use crate::handler;
use crate::options::ServerOptions;
use crate::proto::server::lifecycle::{Phase, Step};
use crate::sys;
use crate::tcp::connection::{Inner, Settings};
use crate::tcp::membership::{Entry, Membership, Owner};
use crate::wait::{CancelToken, OnCancel, ReceiveTimeout, WaitLimit};

/// One server: its parts.
pub(in crate::tcp) struct ServerCore {
    pub(super) address: SocketAddr,
    pub(super) settings: Settings,
    pub(super) options: ServerOptions,
    pub(super) acceptor: Acceptor,
    pub(super) ahead: AcceptedAhead,
    pub(super) lifecycle: ServerLifecycle,
    pub(super) table: Arc<ConnectionTable>,
    pub(super) pool: Arc<Pool>,
    pub(super) lingering: Arc<Lingering>,
    pub(super) counters: Arc<Counters>,
    pub(super) observer: Option<Observer>,
    pub(super) processes: Processes,
    me: Weak<ServerCore>,
}

pub(super) type Observer = Arc<dyn Fn(&ServerEvent<'_>) + Send + Sync>;

/// How many connections are reset in a row at the end of a shutdown.
const MAX_RESETS: usize = 65_536;

impl ServerCore {
    pub(super) fn new(
        address: SocketAddr,
        (listener, owns_listener): (TcpListener, bool),
        rcvtimeo: ReceiveTimeout,
        settings: Settings,
        options: ServerOptions,
        observer: Option<Observer>,
    ) -> Result<Arc<ServerCore>> {
        let lifecycle = ServerLifecycle::new(options.backlog)?;
        let changes = &lifecycle.changes;
        let (max, max_per_peer) = (options.max_connections, options.max_connections_per_peer);
        let table = Arc::new(ConnectionTable::new(max, max_per_peer, Arc::clone(changes)));
        let counters = Arc::new(Counters::default());
        let pool = PoolOptions {
            max: max_threads(&options, max),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            min_waiting: options.idle_threads,
            stack_size: options.thread_stack_size,
        };
        let pool = Pool::new(pool, Arc::clone(changes));
        let lingering = Lingering::new(
            options.max_lingering,
            Arc::clone(&table),
            Arc::clone(&counters),
            Arc::clone(changes),
        );
        let acceptor = Acceptor::new(listener, owns_listener, rcvtimeo, &lifecycle)?;
        let lingering = Arc::new(lingering.map_err(|error| sys::failure(Operation::Open, error))?);
        Ok(Arc::new_cyclic(|me| ServerCore {
            address,
            acceptor,
            ahead: AcceptedAhead::default(),
            lingering,
            settings,
            options,
            lifecycle,
            table,
            pool: Arc::new(pool),
            counters,
            observer,
            processes: Processes::default(),
            me: me.clone(),
        }))
    }

    pub(super) fn phase(&self) -> Phase {
        self.lifecycle.phase()
    }

    /// Begins the shutdown; the earliest timeout counts.
    pub(super) fn begin_shutdown(&self, timeout: Duration) {
        self.table.set_ending();
        let was_open = self.phase() == Phase::Open;
        self.lifecycle.begin(timeout, self.options.shutdown_idle_timeout);
        // The backlog is served, also if accepting was suspended.
        self.table.set_suspended(false);
        // A server of `serve` has a thread that waits for its end, and one of `accept` has none.
        if let (true, false, Some(core)) = (was_open, self.lifecycle.is_watched(), self.me.upgrade()) {
            let thread = std::thread::Builder::new().name("socketry-shutdown".to_owned());
            // Without it, the timeouts take effect when a handle waits for the end.
            let _ = thread.spawn(move || core.serve_to_end());
        }
    }

    /// Leaves new connections in the backlog.
    pub(super) fn suspend(&self) -> Result<()> {
        self.table.set_suspended(true);
        // Threads that wait for a connection check again.
        self.acceptor.interrupt()
    }

    /// Changes the limits on connections, and on threads, which follow it.
    pub(super) fn set_max_connections(&self, max: usize) {
        self.pool.set_max(max_threads(&self.options, max));
        self.table.set_max(max);
        // Threads that wait have places under the old limit. Without descriptors they keep them.
        let _ = self.acceptor.interrupt();
    }

    /// Closes the listener: nothing is accepted from now on. If the connections are being aborted, it is
    /// closed when those in its backlog are counted.
    pub(super) fn close(&self) {
        self.table.set_ending();
        if self.phase() < Phase::Aborted {
            self.acceptor.close();
        }
        self.lifecycle.close();
        self.lingering.set_ending();
        self.table.wake_all();
    }

    /// Waits until the server has ended. At the timeout of its shutdown, the connections are aborted.
    /// Returns `None` if the limit passes before.
    pub(super) fn wait_for_end(&self, limit: &WaitLimit<'_>) -> Option<ShutdownReport> {
        self.wait_and(limit, || None)
    }

    /// Waits until the server has ended, without a limit.
    pub(super) fn serve_to_end(&self) -> ShutdownReport {
        self.serve_and(|| None)
    }

    /// The same, and calls `also` before each wait, which returns when to be called again.
    pub(super) fn serve_and(&self, also: impl Fn() -> Option<Instant>) -> ShutdownReport {
        let ended = self.wait_and(&WaitLimit::unlimited(), also);
        ended.unwrap_or_else(|| unreachable!("the wait has no limit"))
    }

    fn wait_and(&self, limit: &WaitLimit<'_>, also: impl Fn() -> Option<Instant>) -> Option<ShutdownReport> {
        let is_busy = || {
            !self.table.is_empty()
                || self.pool.size().total > 0
                || self.lingering.len() > 0
                || self.acceptor.is_open()
        };
        let has_ended = self.lifecycle.run(limit, is_busy, |step| match step {
            None => also(),
            Some(step) => {
                self.execute(step);
                None
            }
        });
        if !has_ended {
            return None;
        }
        self.processes.on_end(|| self.counters());
        Some(self.report())
    }

    fn execute(&self, step: Step) {
        match step {
            Step::Terminate => self.table.active().iter().for_each(|child| child.terminate()),
            Step::CloseIdle => {
                self.table.active().iter().for_each(|connection| connection.close_if_idle());
                self.table.wake_all();
            }
            Step::Abort => self.abort_all(),
            Step::Wait(_) | Step::Done => {}
        }
    }

    /// Aborts what is left at the timeout of a shutdown, and resets the connections in the backlog.
    fn abort_all(&self) {
        self.table.set_ending();
        let connections = self.table.abort_all();
        self.lifecycle.aborted.cancel();
        self.lingering.abort_for_good();
        connections.iter().for_each(|connection| connection.abort());
        self.ahead.clear();
        if let Some(listener) = self.acceptor.listener() {
            for _ in 0..MAX_RESETS {
                match sys::accept_now(&listener) {
                    Ok((stream, _)) => {
                        sys::reset(stream);
                        self.table.count_reset();
                    }
                    Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
        }
        self.acceptor.close();
        self.close();
    }

    /// Registers what is aborted for a connection at the timeout of a shutdown.
    pub(super) fn set_active(&self, inner: &Inner, connection: &Arc<dyn ActiveConnection>) {
        let Some(slot) = inner.membership.as_ref().and_then(Membership::slot) else { return };
        if !self.table.set_active(slot, connection) {
            connection.abort();
        } else if self.lifecycle.is_terminated() {
            connection.terminate();
        }
    }

    pub(super) fn report(&self) -> ShutdownReport {
        ShutdownReport::of(&self.counters())
    }

    pub(super) fn counters(&self) -> ServerCounters {
        self.processes.total(self.own_counters())
    }

    fn own_counters(&self) -> ServerCounters {
        let outcomes = self.table.outcomes();
        let size = self.pool.size();
        let counters = &self.counters;
        ServerCounters {
            accepted: outcomes.active + outcomes.served + outcomes.drained + outcomes.aborted,
            active: outcomes.active,
            served: outcomes.served,
            drained: outcomes.drained,
            aborted: outcomes.aborted,
            refused: counters.refused.get(),
            failed: counters.failed.get(),
            panicked: counters.panicked.get(),
            crashed: counters.crashed.get(),
            unknown: counters.unknown.get(),
            accept_errors: counters.accept_errors.get(),
            requests: counters.requests.get(),
            expired: counters.expired.get(),
            disconnected: counters.disconnected.get(),
            lingering: self.lingering.len() as u64,
            closed_early: counters.closed_early.get(),
            threads: size.total as u64,
            idle_threads: size.waiting as u64,
        }
    }

    pub(super) fn observe(&self, event: &ServerEvent<'_>) {
        if let Some(observer) = &self.observer {
            // The panic of an observer has printed its message, and does not end the server.
            let _ = handler::catch(|| observer(event));
        }
    }
}

/// As many threads as connections; one more refuses connections over the limit.
fn max_threads(options: &ServerOptions, max_connections: usize) -> usize {
    let more = usize::from(!options.waits_when_full());
    options.threads.unwrap_or(max_connections.saturating_add(more))
}

impl Owner for ServerCore {
    fn aborted(&self) -> &CancelToken {
        &self.lifecycle.aborted
    }

    fn is_shutting_down(&self) -> bool {
        self.phase() != Phase::Open
    }

    #[inline]
    fn closes_idle(&self) -> bool {
        self.lifecycle.closes_idle()
    }

    fn release(&self, entry: Entry, lingering: Option<TcpStream>) {
        // Most peers have ended their stream already.
        let still_open = |mut stream: LingeringStream| (!stream.has_ended()).then_some(stream);
        let lingering = lingering.filter(|_| !self.lifecycle.aborted.is_cancelled());
        match lingering.map(LingeringStream::new).and_then(still_open) {
            Some(stream) => {
                self.table.finish(entry.slot, self.phase());
                self.lingering.add(stream, Some(entry.admitted));
            }
            None => self.table.end(&entry, self.phase()),
        }
    }
}

impl ActiveConnection for Inner {
    fn abort(&self) {
        self.reset(true);
    }

    fn close_if_idle(&self) {
        Inner::close_if_idle(self);
    }
}

impl OnCancel for ServerCore {
    fn cancelled(&self) {
        self.begin_shutdown(self.options.shutdown_timeout);
    }
}

impl fmt::Debug for ServerCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}
