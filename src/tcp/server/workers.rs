//! Threads that accept for themselves: one leads, which is to wait for connections, and hands the
//! lead over when it has one, which it then serves. Nobody is woken in vain, nothing goes through a
//! queue, and the one thread that waits can be woken by a descriptor.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::accept::Next;
use super::events::ServerEvent;
use super::report::ShutdownReport;
use super::state::{Phase, Shared, State};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::sys;
use crate::tcp::close::Closing;
use crate::tcp::connection::TcpConnection;
use crate::wait::WaitLimit;
use crate::wait::sync::{AtomicBool, thread};

/// What a handler returns: an error of any type ends its connection only, is counted and reported.
pub type HandlerResult = std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// How long a thread that is not needed waits before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// Where a thread waits to lead.
pub(super) struct Seat {
    thread: thread::Thread,
    /// It was taken from those who wait.
    is_called: AtomicBool,
}

/// What the threads of a server do: one of them at a time gets the next piece of work, and whoever
/// gets one does it.
pub(super) trait Duty: Send + Sync + 'static {
    type Work;

    /// The next piece of work; `None` when there will be no more.
    fn next(&self, shared: &Arc<Shared>) -> Result<Option<Self::Work>>;

    fn perform(&self, shared: &Arc<Shared>, work: Self::Work);

    /// Whether there will be no more work, now that nobody is accepted any more.
    fn is_over(&self, phase: Phase) -> bool;
}

/// Serves connections with a handler.
pub(super) struct Connections<H>(pub(super) H);

impl<H> Duty for Connections<H>
where
    H: Fn(TcpConnection) -> HandlerResult + Send + Sync + 'static,
{
    type Work = TcpConnection;

    fn next(&self, shared: &Arc<Shared>) -> Result<Option<TcpConnection>> {
        match shared.next(Closing::Polite, &WaitLimit::unlimited())? {
            Next::Connection(connection) => Ok(Some(connection)),
            Next::TimedOut | Next::Over => Ok(None),
        }
    }

    fn perform(&self, shared: &Arc<Shared>, connection: TcpConnection) {
        let peer = connection.peer_addr();
        shared.isolated(peer, || (self.0)(connection));
    }

    fn is_over(&self, _: Phase) -> bool {
        true
    }
}

impl Shared {
    /// Runs a handler; what goes wrong in it stays in it.
    pub(super) fn isolated(
        &self,
        peer: std::net::SocketAddr,
        handler: impl FnOnce() -> HandlerResult,
    ) -> bool {
        match catch_unwind(AssertUnwindSafe(handler)) {
            Ok(Ok(())) => return true,
            // Of a connection that was cut the handler has heard so.
            Ok(Err(_)) if self.cut.is_cancelled() => {}
            Ok(Err(error)) if self.is_end_of_connection(peer, &*error) => {}
            Ok(Err(error)) => {
                self.totals.failed.fetch_add(1, Ordering::Relaxed);
                self.observe(&ServerEvent::HandlerFailed { peer, error: &*error });
            }
            Err(panic) => {
                self.totals.panicked.fetch_add(1, Ordering::Relaxed);
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let message = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("");
                self.observe(&ServerEvent::HandlerPanicked { peer, message });
                // A payload whose own drop panics is not worth a thread.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
            }
        }
        false
    }

    /// Returns `true` if the error of a handler is that of its own connection: the peer went silent
    /// or left, which is counted and reported as such, and is no failure of the handler.
    fn is_end_of_connection(
        &self,
        peer: std::net::SocketAddr,
        error: &(dyn std::error::Error + 'static),
    ) -> bool {
        let own = error.downcast_ref::<Error>().or_else(|| {
            let error = error.downcast_ref::<std::io::Error>()?;
            error.get_ref()?.downcast_ref::<Error>()
        });
        let Some(error) = own.filter(|error| error.peer_addr() == Some(peer)) else { return false };
        let is_transfer =
            matches!(error.operation(), Operation::Receive | Operation::Send | Operation::SendFile);
        let (total, event) = match error.kind() {
            ErrorKind::TimedOut => (&self.totals.expired, ServerEvent::Expired { peer, error }),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::DeadPeer => {
                (&self.totals.disconnected, ServerEvent::Disconnected { peer, error })
            }
            _ => return false,
        };
        if is_transfer {
            total.fetch_add(1, Ordering::Relaxed);
            self.observe(&event);
        }
        is_transfer
    }

    /// Serves on threads until the server has ended.
    pub(super) fn serve(self: &Arc<Self>, duty: impl Duty) -> Result<ShutdownReport> {
        let duty = Arc::new(duty);
        self.count_thread(&mut self.state());
        // The first one is necessary, and its failure is the caller's to know.
        self.start_thread(&duty).inspect_err(|_| self.close(None))?;
        Ok(self.serve_to_end())
    }

    fn count_thread(&self, state: &mut State) {
        state.threads += 1;
        state.starting += 1;
    }

    /// Starts a thread that was counted before.
    fn start_thread(self: &Arc<Self>, duty: &Arc<impl Duty>) -> Result<()> {
        let (shared, own) = (Arc::clone(self), Arc::clone(duty));
        let mut builder = thread::Builder::new().name("socketry server".to_owned());
        if let Some(bytes) = self.options.thread_stack_size {
            builder = builder.stack_size(bytes);
        }
        let started = builder.spawn(move || shared.work(&own));
        started.map(drop).map_err(|error| {
            let mut state = self.state();
            state.threads -= 1;
            state.starting -= 1;
            drop(state);
            self.changed.notify_all();
            let kind = sys::error_kind(&error);
            Error::system(Operation::Serve, error).with_kind(kind)
        })
    }

    /// A thread's life: lead, serve, again.
    fn work<D: Duty>(self: &Arc<Self>, duty: &Arc<D>) {
        let seat = Arc::new(Seat { thread: thread::current(), is_called: AtomicBool::new(false) });
        self.state().starting -= 1;
        while self.take_lead(&**duty, &seat) {
            let next = duty.next(self);
            match next {
                Ok(Some(work)) => {
                    self.hand_lead_over(duty);
                    duty.perform(self, work);
                }
                Ok(None) => self.give_lead_up(),
                Err(error) => {
                    self.observe(&ServerEvent::AcceptFailed { error: &error });
                    self.give_lead_up();
                }
            }
        }
    }

    /// Waits to lead. False if there is nothing to lead any more, or enough others wait; then the
    /// thread is gone.
    fn take_lead(&self, duty: &impl Duty, seat: &Arc<Seat>) -> bool {
        let mut state = self.state();
        let leads = loop {
            if !state.is_led {
                state.is_led = true;
                if state.phase < Phase::Closed {
                    break true;
                }
                let phase = state.phase;
                drop(state);
                let is_over = duty.is_over(phase);
                state = self.state();
                if is_over {
                    state.is_led = false;
                    state.call_one();
                }
                break !is_over;
            }
            state.idle.push(Arc::clone(seat));
            drop(state);
            let began = Instant::now();
            thread::park_timeout(IDLE);
            state = self.state();
            if seat.is_called.swap(false, Ordering::Relaxed) {
                continue;
            }
            state.idle.retain(|other| !Arc::ptr_eq(other, seat));
            let is_long = began.elapsed() >= IDLE;
            if is_long && state.is_led && state.idle.len() >= self.options.idle_threads {
                break false;
            }
        };
        if !leads {
            state.threads -= 1;
            drop(state);
            self.changed.notify_all();
        }
        leads
    }

    /// Nothing more comes: the others end, too.
    fn give_lead_up(&self) {
        self.state().is_led = false;
        self.close(self.listener().take());
    }

    fn hand_lead_over(self: &Arc<Self>, duty: &Arc<impl Duty>) {
        let mut state = self.state();
        state.is_led = false;
        // One that starts will lead; by then, somebody whose work is short may be back, and another
        // is not needed.
        let is_needed = state.idle.is_empty() && state.starting == 0;
        let may_grow = self.options.threads.is_none_or(|most| state.threads < most);
        let is_new = is_needed && may_grow && state.phase < Phase::Cut;
        if is_new {
            self.count_thread(&mut state);
        }
        let called = state.next_to_call();
        drop(state);
        if let Some(seat) = called {
            seat.thread.unpark();
        } else if is_new {
            if let Err(error) = self.start_thread(duty) {
                self.observe(&ServerEvent::ThreadFailed { error: &error });
            }
        }
    }
}

impl State {
    /// The one who came last, whose memory is still in the processor's caches; so those who are not
    /// needed are not called for long enough to end.
    fn next_to_call(&mut self) -> Option<Arc<Seat>> {
        let seat = self.idle.pop()?;
        seat.is_called.store(true, Ordering::Relaxed);
        Some(seat)
    }

    fn call_one(&mut self) {
        if let Some(seat) = self.next_to_call() {
            seat.thread.unpark();
        }
    }

    /// As when the phase has changed.
    pub(super) fn call_all(&mut self) {
        while !self.idle.is_empty() {
            self.call_one();
        }
    }
}

#[cfg(all(test, socketry_loom))]
#[path = "workers/model.rs"]
mod model;
