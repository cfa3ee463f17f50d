//! What the threads of a server share: the endpoint, the phase and the counters.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use super::events::UdpServerEvent;
use super::report::{UdpServerCounters, UdpShutdownReport};
use crate::error::{Error, Result};
use crate::handler;
use crate::proto::server::lifecycle::{ABORT_NOTICE, earliest};
use crate::sys;
use crate::udp::UdpEndpoint;
use crate::wait::{CancelToken, Changes, OnCancel, WaitLimit};

type Observer = Box<dyn Fn(&UdpServerEvent<'_>) + Send + Sync>;

/// The least memory that the kernel accounts for a datagram in a receive buffer, in bytes.
const MIN_QUEUED: usize = 512;

pub(super) struct ServerCore {
    pub(super) local: SocketAddr,
    /// `None` when the server has ended, so that a handle does not keep the socket open.
    endpoint: Mutex<Option<Arc<UdpEndpoint>>>,
    observer: RwLock<Option<Arc<Observer>>>,
    state: Mutex<State>,
    is_closing: AtomicBool,
    /// Cancelled when the shutdown begins, where nothing else ends a blocked receive.
    closing: Option<CancelToken>,
    /// How many datagrams are still received in the shutdown.
    backlog_left: AtomicUsize,
    /// Notified when the phase changes or a thread ends.
    changes: Changes,
    threads: Mutex<Vec<Arc<ThreadCounters>>>,
}

#[derive(Debug, Default)]
struct State {
    is_served: bool,
    /// The number of threads that have not ended.
    running: usize,
    began: Option<Instant>,
    deadline: Option<Instant>,
    /// An error that ended the server.
    failure: Option<Error>,
    report: Option<UdpShutdownReport>,
}

/// The counters of one thread, which alone writes them.
#[derive(Debug, Default)]
pub(super) struct ThreadCounters {
    is_busy: AtomicBool,
    /// The thread is about to exit.
    has_ended: AtomicBool,
    pub(super) requests: Counter,
    pub(super) replies: Counter,
    pub(super) failed: Counter,
    pub(super) panicked: Counter,
    pub(super) truncated: Counter,
    pub(super) receive_errors: Counter,
    pub(super) reply_errors: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(super) fn add(&self, count: u64) {
        // One thread writes, so that this needs no locked instruction.
        self.0.store(self.0.load(Ordering::Relaxed) + count, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl ThreadCounters {
    #[inline]
    pub(super) fn set_busy(&self, is_busy: bool) {
        self.is_busy.store(is_busy, Ordering::Relaxed);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }
}

impl ServerCore {
    pub(super) fn new(endpoint: &Arc<UdpEndpoint>) -> Result<Arc<ServerCore>> {
        let closing = if sys::SHUTDOWN_WAKES_DATAGRAMS { None } else { Some(CancelToken::new()?) };
        let capacity = endpoint.receive_buffer_size().unwrap_or(0) / MIN_QUEUED;
        let token = endpoint.token.clone();
        let core = Arc::new(ServerCore {
            local: endpoint.local_addr(),
            endpoint: Mutex::new(Some(Arc::clone(endpoint))),
            observer: RwLock::default(),
            state: Mutex::default(),
            is_closing: AtomicBool::new(false),
            closing,
            backlog_left: AtomicUsize::new(capacity),
            changes: Changes::new(),
            threads: Mutex::default(),
        });
        if let Some(token) = token {
            let weak: Weak<ServerCore> = Arc::downgrade(&core);
            token.on_cancel(weak);
        }
        Ok(core)
    }

    pub(super) fn set_observer(&self, observer: Observer) {
        *self.observer.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(observer));
    }

    pub(super) fn observe(&self, event: &UdpServerEvent<'_>) {
        let observer = self.observer.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(observer) = observer {
            // The panic of an observer has printed its message, and does not end the server.
            let _ = handler::catch(|| observer(event));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn endpoint(&self) -> MutexGuard<'_, Option<Arc<UdpEndpoint>>> {
        self.endpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Arc<ThreadCounters>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::SeqCst)
    }

    /// The limit of a call that waits for a request.
    pub(super) fn receive_limit(&self) -> WaitLimit<'_> {
        WaitLimit::unlimited().cancelled_by(self.closing.as_ref(), None)
    }

    /// Adds a thread that is about to start, unless the server has ended.
    pub(super) fn add_thread(&self) -> Option<Arc<ThreadCounters>> {
        let mut state = self.state();
        if state.report.is_some() {
            return None;
        }
        state.is_served = true;
        state.running += 1;
        drop(state);
        let counters = Arc::<ThreadCounters>::default();
        self.threads().push(Arc::clone(&counters));
        Some(counters)
    }

    pub(super) fn remove_thread(&self, counters: &ThreadCounters) {
        counters.has_ended.store(true, Ordering::SeqCst);
        self.state().running -= 1;
        self.changes.notify();
    }

    pub(super) fn begin_shutdown(&self, timeout: Duration) {
        let now = Instant::now();
        let mut state = self.state();
        state.began.get_or_insert(now);
        state.deadline = earliest(state.deadline, now.checked_add(timeout));
        drop(state);
        if !self.is_closing.swap(true, Ordering::SeqCst) {
            match (&self.closing, &*self.endpoint()) {
                (Some(token), _) => token.cancel(),
                (None, Some(endpoint)) => sys::wake_receivers(&endpoint.socket),
                (None, None) => {}
            }
        }
        self.changes.notify();
    }

    /// Ends the server without a shutdown.
    pub(super) fn close(&self) {
        self.begin_shutdown(Duration::ZERO);
        // If there are no threads, it has ended.
        self.wait_to_end(Some(Instant::now()));
    }

    /// Ends the server because of an error.
    pub(super) fn fail(&self, error: Error) {
        self.state().failure.get_or_insert(error);
        self.close();
    }

    /// Blocks for a delay, or until the shutdown begins.
    pub(super) fn pause(&self, delay: Duration) {
        let mut watch = self.changes.watch();
        if !self.is_closing() {
            watch.wait(Instant::now().checked_add(delay));
        }
    }

    /// Waits until the threads without a running handler have ended, at most for a moment.
    pub(super) fn settle(&self) {
        let end = Instant::now() + ABORT_NOTICE;
        let mut watch = self.changes.watch();
        while self.state().running as u64 > self.sum().active && Instant::now() < end {
            watch.wait(Some(end));
        }
    }

    /// Whether another datagram is received in the shutdown.
    pub(super) fn takes_backlog(&self) -> bool {
        let has_time = self.state().deadline.is_none_or(|deadline| Instant::now() < deadline);
        let take = |left: usize| left.checked_sub(1);
        has_time && self.backlog_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// Blocks until the server has ended. Returns `false` if the limit passes before.
    pub(super) fn wait_to_end(&self, limit: Option<Instant>) -> bool {
        let mut watch = self.changes.watch();
        loop {
            let now = Instant::now();
            let deadline = {
                let state = self.state();
                if state.report.is_some() {
                    return true;
                }
                let is_closing = state.began.is_some();
                let is_over = is_closing && state.deadline.is_some_and(|deadline| deadline <= now);
                if (is_closing || state.is_served) && (state.running == 0 || is_over) {
                    let elapsed = state.began.map_or(Duration::ZERO, |began| now - began);
                    self.end(state, elapsed);
                    return true;
                }
                state.deadline.filter(|_| is_closing)
            };
            if limit.is_some_and(|limit| limit <= now) {
                return false;
            }
            watch.wait(earliest(deadline, limit));
        }
    }

    /// Makes the report. From now on no thread is started.
    fn end(&self, mut state: MutexGuard<'_, State>, elapsed: Duration) {
        let counters = self.sum();
        state.report = Some(UdpShutdownReport { counters, unfinished: counters.active, elapsed });
        drop(state);
        let endpoint = self.endpoint().take();
        let dropped = endpoint.and_then(|endpoint| endpoint.dropped_datagrams().ok()).unwrap_or(0);
        if let Some(report) = &mut self.state().report {
            report.counters.dropped = report.counters.dropped.max(dropped);
        }
        self.changes.notify();
    }

    /// The report of a server that has ended.
    pub(super) fn report(&self) -> UdpShutdownReport {
        self.state().report.unwrap_or_default()
    }

    pub(super) fn result(&self) -> Result<UdpShutdownReport> {
        let mut state = self.state();
        match state.failure.take() {
            Some(error) => Err(error),
            None => Ok(state.report.unwrap_or_default()),
        }
    }

    pub(super) fn counters(&self) -> UdpServerCounters {
        let endpoint = self.endpoint().clone();
        let dropped = match endpoint {
            Some(endpoint) => endpoint.dropped_datagrams().unwrap_or(0),
            None => self.state().report.map_or(0, |report| report.counters.dropped),
        };
        UdpServerCounters { dropped, ..self.sum() }
    }

    /// The counters of all threads.
    fn sum(&self) -> UdpServerCounters {
        let mut sum = UdpServerCounters::default();
        for thread in self.threads().iter() {
            sum.requests += thread.requests.get();
            sum.replies += thread.replies.get();
            sum.failed += thread.failed.get();
            sum.panicked += thread.panicked.get();
            sum.truncated += thread.truncated.get();
            sum.receive_errors += thread.receive_errors.get();
            sum.reply_errors += thread.reply_errors.get();
            sum.active += u64::from(thread.is_busy.load(Ordering::Relaxed));
        }
        sum
    }
}

/// The token of the endpoint is cancelled.
impl OnCancel for ServerCore {
    fn cancelled(&self) {
        self.close();
    }
}

impl fmt::Debug for ServerCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCore").field("local", &self.local).finish_non_exhaustive()
    }
}
