//! Requests and replies, with a blocking handler, at the overhead of an event loop: an idle connection
//! waits in a poller and uses neither a thread nor a buffer. The threads of the pool wait in the same
//! poller, and the thread that finds a request handles it.
//!
//! ```text
//!   poller ──(events)──► scheduler: waiting ─► queue ─► a thread: write, read, handler ─┐
//!                           ▲      (accepts, timers)                                    │
//!                           └───────────────────────────────────────────────────────────┘
//! ```
//!
//! | file | contains |
//! |---|---|
//! | `scheduler` | which thread does what: events, the queue, who accepts |
//! | `slots` | the connections, and their timers |
//! | `load` | whether all threads poll, or one |
//! | `accepting` | new connections |
//! | `exchange` | requests and replies of one connection, until it must wait |
//! | `follow` | the only connection with requests |

mod accepting;
mod exchange;
mod follow;
mod load;
mod scheduler;
mod slots;

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::exchange::{Buffers, Outcome};
use self::load::WATCH_INTERVAL;
use self::scheduler::{Idle, Scheduler, Wakeup, Work};
use self::slots::{Ready, RequestConnection, Token, Why};
use super::core::ServerCore;
use super::events::ServerEvent;
use super::pool::{Next, Workload};
use super::report::ShutdownReport;
use super::request::Request;
use super::serve::TcpServer;
use crate::error::{Error, ErrorKind, Operation, Result, TimeLimit};
use crate::frame::Framing;
use crate::handler::HandlerResult;
use crate::proto::server::lifecycle::Phase;
use crate::sys;
use crate::tcp::connection::TcpConnection;
use crate::wait::poller::Event;
use crate::wait::{EdgePoller, Interest, PendingWrite};

impl TcpServer {
    /// Serves requests, each a frame, until the server is shut down: for many connections, idle or busy.
    ///
    /// Blocks the current thread. An idle connection uses no thread and no buffer: 10,000 of them
    /// take a few megabytes. When data arrives, one of the
    /// [`threads`](crate::tcp::TcpServerBuilder::threads) takes the connection, calls the handler
    /// for each complete request, and returns the connection. There are as many threads as processors,
    /// and more while handlers block.
    ///
    /// * Requests of one connection are handled sequentially, those of several connections
    ///   concurrently.
    /// * The builder's [`read_timeout`](crate::tcp::TcpServerBuilder::read_timeout) limits the time
    ///   until the next request is *complete*, also for a peer that sends one byte at a time. Then
    ///   the connection is closed and reported as [`ServerEvent::Expired`]. Defaults to none.
    /// * A peer that does not read its replies uses no thread either: what does not fit into the send
    ///   buffer of the OS waits, and its next requests are not read meanwhile. Its write timeout and its
    ///   stall timeout apply. If all threads are busy when the write timeout of a reply expires, and the
    ///   peer has read meanwhile, the timeout starts again.
    /// * An error or panic of a handler, or an invalid frame, closes the connection. So does the
    ///   end of the stream within a request, which is reported as the error of a handler is.
    /// * At a shutdown, requests that have arrived are answered. An idle connection may send one more
    ///   request within
    ///   [`shutdown_idle_timeout`](crate::tcp::TcpServerBuilder::shutdown_idle_timeout), whose handler
    ///   sees [`Request::is_shutting_down`], and is closed then.
    ///
    /// # Errors
    ///
    /// This returns an error if no thread can be started, or if the process is out of file
    /// descriptors.
    ///
    /// # Platform-specific behavior
    ///
    /// Linux uses epoll(7). Elsewhere poll(2) is used, whose overhead grows with the number of
    /// connections, and each connection uses two file descriptors.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::frame::Lines;
    /// use socketry::{Encoding, TcpClient, TcpServer};
    /// use std::time::Duration;
    ///
    /// let server = TcpServer::builder().max_connections(10_000).bind("127.0.0.1:0")?;
    /// let handle = server.handle();
    /// let serving = std::thread::spawn(move || {
    ///     server.serve_requests(Lines::new(Encoding::Gb2312), |request| {
    ///         let answer = format!("{}，收到", request.frame());
    ///         Ok(request.reply(answer)?)
    ///     })
    /// });
    ///
    /// let client = TcpClient::new().connect(handle.local_addr())?;
    /// let mut lines = client.lines(Encoding::Gb2312);
    /// lines.send("你好")?;
    /// assert_eq!(lines.recv()?.as_deref(), Some("你好，收到"));
    /// handle.shutdown(Duration::from_secs(1));
    /// assert_eq!(lines.recv()?, None);
    /// serving.join().unwrap()?;
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn serve_requests<F>(
        mut self,
        framing: F,
        handler: impl Fn(&mut Request<'_, F>) -> HandlerResult + Send + Sync + 'static,
    ) -> Result<ShutdownReport>
    where
        F: Framing + Send + Sync + 'static,
    {
        self.stop_lending();
        let failed = |error| sys::failure(Operation::Serve, error);
        let poller = Arc::new(EdgePoller::new().map_err(failed)?);
        let closing = self.core.lifecycle.closing.signal();
        poller.add(&closing, Token::CLOSING.to_bits(), Interest::Read).map_err(failed)?;
        if let Some(listener) = self.core.acceptor.listener() {
            poller.add(&*listener, Token::LISTENER.to_bits(), Interest::Read).map_err(failed)?;
        }
        self.core.table.set_waker(poller.clone());
        self.core.serve(Requests {
            core: Arc::clone(&self.core),
            framing,
            handler,
            poller,
            scheduler: Mutex::default(),
            unparked: Condvar::new(),
        })
    }
}

/// How many events a thread takes at a time, if no other waits for them.
const MAX_EVENTS: usize = 64;

struct Requests<F, H> {
    core: Arc<ServerCore>,
    framing: F,
    handler: H,
    poller: Arc<EdgePoller>,
    scheduler: Mutex<Scheduler<F>>,
    /// Notified when there is work for a parked thread.
    unparked: Condvar,
}

/// What a thread keeps from one connection to the next.
struct Scratch<F> {
    events: Vec<Event>,
    /// For connections that have none of their own.
    buffers: Option<Box<Buffers<F>>>,
}

/// When a connection expires that waits for a request, or for the rest of one.
fn expiry(connection: &TcpConnection, is_idle: bool) -> Option<Instant> {
    let idle = connection.idle_timeout().filter(|_| is_idle);
    let timeout = idle.or_else(|| connection.read_timeout());
    let expires = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    expires.into_iter().chain(connection.deadline()).min()
}

/// How late a thread may serve an expired connection, so that the lateness does not count as its own.
const MAX_LATENESS: Duration = Duration::from_millis(20);

/// Whether a connection has made no progress in time, after all that it has sent was read, and what it has
/// made space for was written.
fn has_expired<F>(member: &RequestConnection<F>, buffers: &mut Buffers<F>, outcome: Outcome) -> bool {
    let now = Instant::now();
    match (outcome, &buffers.pending) {
        (Outcome::AwaitSpace, Some(pending)) => {
            let timeouts = &member.connection.inner.timeouts;
            let has_expired = pending.expires(timeouts).is_some_and(|expires| expires <= now);
            let is_late = member.expires.is_some_and(|expires| expires + MAX_LATENESS < now);
            if has_expired && is_late && buffers.has_progress {
                // The peer has read in time, and all threads were busy.
                buffers.pending = Some(PendingWrite::begin(timeouts));
                return false;
            }
            has_expired
        }
        // Replies were read meanwhile.
        (Outcome::AwaitRequest, _) if buffers.has_written => false,
        (Outcome::AwaitRequest | Outcome::Continue, _) => {
            member.expires.is_some_and(|expires| expires <= now)
        }
        _ => false,
    }
}

impl<F, H> Requests<F, H> {
    fn scheduler(&self) -> MutexGuard<'_, Scheduler<F>> {
        self.scheduler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the scheduler, and wakes a thread if there is work for it.
    fn update<R>(&self, change: impl FnOnce(&mut Scheduler<F>) -> R) -> R {
        let mut scheduler = self.scheduler();
        let result = change(&mut scheduler);
        let wakeup = scheduler.wakeup();
        drop(scheduler);
        self.wake(wakeup);
        result
    }

    fn wake(&self, wakeup: Option<Wakeup>) {
        match wakeup {
            None => {}
            Some(Wakeup::Polling) => self.poller.wake(),
            Some(Wakeup::Parked) => self.unparked.notify_one(),
        }
    }

    /// Notifies the thread that calls [`Workload::on_timer`], if its next call is too late.
    fn notify_timer(&self, is_earlier: bool) {
        if is_earlier {
            self.core.lifecycle.changes.notify();
        }
    }
}

impl<F, H> Workload for Requests<F, H>
where
    F: Framing + Send + Sync + 'static,
    H: Fn(&mut Request<'_, F>) -> HandlerResult + Send + Sync + 'static,
{
    type Item = Ready<F>;
    type Scratch = Scratch<F>;

    const THREADS_PER_PROCESSOR: usize = 1;

    fn scratch(&self) -> Scratch<F> {
        Scratch { events: Vec::with_capacity(MAX_EVENTS), buffers: None }
    }

    fn next(&self, timeout: Duration, scratch: &mut Scratch<F>) -> Next<Ready<F>> {
        self.next_ready(timeout, &mut scratch.events).unwrap_or_else(|error| {
            self.core.close();
            self.core.observe(&ServerEvent::AcceptFailed { error: &error });
            Next::Closed
        })
    }

    fn on_thread_error(&self, error: io::Error) {
        self.core.on_thread_error(error);
    }

    fn on_timer(&self) -> Option<Instant> {
        let closes_idle = self.core.lifecycle.closes_idle();
        self.update(|scheduler| scheduler.on_timer(Instant::now(), closes_idle))
    }

    fn run(&self, ready: Ready<F>, scratch: &mut Scratch<F>) {
        let Ready { token, mut member, why } = ready;
        let core = &self.core;
        let was_begun = member.buffers.is_some();
        let own = member.buffers.take().or_else(|| scratch.buffers.take());
        let mut buffers = own.unwrap_or_else(|| Box::new(Buffers::new(self.framing.new_like())));
        (buffers.has_written, buffers.has_progress) = (false, false);
        let mut count = 0;
        let was_draining = core.phase() >= Phase::Draining;
        let (outcome, is_ending) = loop {
            // In a shutdown, a connection is closed after one more request, or when it has been idle.
            let closes_idle = core.lifecycle.closes_idle() || (was_draining && count > 0);
            let (outcome, more) = self.exchange(&member.connection, &mut buffers, why, None);
            count += more;
            // A read has found nothing then.
            let is_ending =
                closes_idle && outcome == Outcome::AwaitRequest && more == 0 && buffers.is_empty();
            if outcome != Outcome::AwaitRequest || is_ending || more == 0 || !was_draining {
                break (outcome, is_ending);
            }
        };
        core.counters.requests.add(count);
        let followed = match outcome {
            Outcome::AwaitRequest if count > 0 && !is_ending => self.follow(token, &mut member, &mut buffers),
            _ => None,
        };
        let (outcome, count) = followed.unwrap_or((outcome, count));
        let is_idle = buffers.is_empty();
        if why == Why::Expired && count == 0 && has_expired(&member, &mut buffers, outcome) {
            self.expire(&member, &buffers);
            return self.end(token, member);
        }
        if outcome == Outcome::Close || is_ending {
            scratch.buffers = buffers.recycled();
            return self.end(token, member);
        }
        member.connection.inner.set_mid_message(!is_idle);
        self.set_expiry(&mut member, &buffers, count > 0, was_begun);
        if is_idle {
            scratch.buffers = buffers.recycled();
        } else {
            buffers.shrink();
            member.buffers = Some(buffers);
        }
        self.put_back(token, member, (outcome == Outcome::Continue).then_some(why));
    }
}

impl<F, H> Requests<F, H>
where
    F: Framing + Send + Sync + 'static,
    H: Fn(&mut Request<'_, F>) -> HandlerResult + Send + Sync + 'static,
{
    /// Waits until a connection is ready, and accepts connections meanwhile.
    fn next_ready(&self, timeout: Duration, events: &mut Vec<Event>) -> Result<Next<Ready<F>>> {
        let core = &self.core;
        let mut has_timed_out = false;
        let mut scheduler = self.scheduler();
        loop {
            let phase = core.phase();
            if phase == Phase::Aborted {
                let removed = scheduler.slots.clear();
                drop(scheduler);
                drop(removed);
                return Ok(self.closed());
            }
            let must_poll = scheduler.must_poll();
            if let Some(work) = if must_poll { None } else { scheduler.pop() } {
                let wakeup = scheduler.wakeup();
                drop(scheduler);
                self.wake(wakeup);
                match work {
                    Work::Serve(ready) => return Ok(Next::Item(ready)),
                    Work::Accept(state) => self.accept(state),
                }
                scheduler = self.scheduler();
                continue;
            }
            let has_work = scheduler.has_work();
            if scheduler.slots.len() == 0 && phase >= Phase::Closed {
                drop(scheduler);
                return Ok(self.closed());
            }
            if has_timed_out && !has_work {
                return Ok(Next::TimedOut);
            }
            let max = match scheduler.begin_wait(MAX_EVENTS, Instant::now) {
                Idle::Poll(max) => max,
                Idle::Park => {
                    let parked = self.unparked.wait_timeout(scheduler, WATCH_INTERVAL);
                    scheduler = parked.unwrap_or_else(PoisonError::into_inner).0;
                    scheduler.end_park();
                    continue;
                }
            };
            drop(scheduler);
            let timeout = if has_work { Duration::ZERO } else { timeout };
            let waited = self.poller.wait(events, max, Some(timeout));
            scheduler = self.scheduler();
            let was_woken = *waited.as_ref().unwrap_or(&false);
            // An interruption by a signal counts as well: the pool calls again.
            has_timed_out = !has_work && !was_woken && events.is_empty();
            scheduler.end_polling(events.drain(..), was_woken);
            waited.map_err(|error| sys::failure(Operation::Accept, error))?;
        }
    }

    /// There is no more work. Wakes the next thread, which finds that, too.
    fn closed(&self) -> Next<Ready<F>> {
        self.unparked.notify_all();
        self.poller.wake();
        Next::Closed
    }

    /// Sets when the connection expires that is about to wait.
    fn set_expiry(
        &self,
        member: &mut RequestConnection<F>,
        buffers: &Buffers<F>,
        has_replied: bool,
        was_begun: bool,
    ) {
        let timeouts = &member.connection.inner.timeouts;
        if let Some(pending) = &buffers.pending {
            member.expires = pending.expires(timeouts);
            return;
        }
        let is_idle = buffers.is_empty();
        // Without an idle timeout, the read timeout of a request begins when it could begin.
        let has_begun = !is_idle && !was_begun && timeouts.idle_timeout().is_some();
        if has_replied || member.expires.is_none() || has_begun || buffers.has_written {
            member.expires = expiry(&member.connection, is_idle);
        }
    }

    /// Has the poller report the connection, and puts it back.
    fn put_back(&self, token: Token, mut member: RequestConnection<F>, ready: Option<Why>) {
        let is_writing = member.buffers.as_ref().is_some_and(|buffers| buffers.pending.is_some());
        let before = member.interest;
        let interest = if is_writing { Interest::Write } else { Interest::Read };
        let stream = &*member.connection.inner.stream;
        let registered = match before {
            // What follows is read without an event.
            _ if ready.is_some() => Ok(before),
            None => self.poller.add(stream, token.to_bits(), interest).map(|()| Some(interest)),
            Some(before) => self.poller.rearm(stream, token.to_bits(), (before, interest)).map(Some),
        };
        match registered {
            Ok(registered) => member.interest = registered,
            Err(error) => {
                // It cannot be waited for, and is closed with its reason.
                self.core.note_accept_error(&member.connection.inner.failure(Operation::Accept, error));
                member.connection.inner.force_close();
                return self.end(token, member);
            }
        }
        let mut scheduler = self.scheduler();
        if self.core.phase() == Phase::Aborted {
            // The others may have been closed before.
            drop(scheduler);
            return self.end(token, member);
        }
        scheduler.finish();
        let is_earlier = scheduler.put_back(token, member, ready);
        let wakeup = scheduler.wakeup();
        drop(scheduler);
        self.wake(wakeup);
        self.notify_timer(is_earlier);
    }

    /// Reports an expired connection.
    fn expire(&self, member: &RequestConnection<F>, buffers: &Buffers<F>) {
        let inner = &*member.connection.inner;
        let peer = member.connection.peer_addr();
        if let Some(pending) = &buffers.pending {
            let error = inner.with_addrs(pending.timed_out(&inner.timeouts));
            self.core.run_handler(peer, || Err(error.into()));
            return;
        }
        self.core.counters.expired.add(1);
        let has_deadline = inner.timeouts.deadline().is_some_and(|deadline| deadline <= Instant::now());
        let limit = match (has_deadline, buffers.is_empty() && inner.timeouts.idle_timeout().is_some()) {
            (true, _) => TimeLimit::Deadline,
            (false, true) => TimeLimit::IdleTimeout,
            (false, false) => TimeLimit::ReadTimeout,
        };
        let error = Error::new(Operation::Receive, ErrorKind::TimedOut).with_limit(limit);
        let error = inner.with_addrs(error);
        self.core.observe(&ServerEvent::Expired { peer, error: &error });
    }

    /// Closes a connection.
    fn end(&self, token: Token, member: RequestConnection<F>) {
        if member.interest.is_some() {
            self.poller.forget(token.to_bits());
            if Arc::strong_count(&member.connection.inner) > 1 {
                // The handler has kept a clone, which stays open.
                self.poller.remove(&*member.connection.inner.stream, token.to_bits());
            }
        }
        drop(member);
        let mut scheduler = self.scheduler();
        scheduler.finish();
        scheduler.slots.remove(token);
        drop(scheduler);
        if self.core.phase() >= Phase::Draining {
            // A thread that waits checks whether it was the last one.
            self.poller.wake();
        }
    }
}
