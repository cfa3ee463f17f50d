//! Requests and answers, with a blocking handler, at the cost of an event loop: an idle connection
//! waits in a poller and holds neither a thread nor a buffer; a thread takes it when something has
//! come, and gives it back when that is answered.
//!
//! ```text
//!      listener ─► members: waiting ──(readable)──► ready ──► taken by a thread: read, handler, answer
//!                     ▲                                              │
//!                     └───────────────── armed again ◄───────────────┘
//! ```

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::accept::AcceptState;
use super::core::ServerCore;
use super::events::ServerEvent;
use super::handler::HandlerResult;
use super::members::{Key, Member, Members};
use super::pool::{Next, Workload};
use super::report::ShutdownReport;
use super::request::Request;
use super::serve::TcpServer;
use crate::error::{Error, ErrorKind, Operation, Result, TimeLimit};
use crate::frame::{Framing, Outbox, Reply};
use crate::proto::server::lifecycle::Phase;
use crate::sys::{self, Mode};
use crate::tcp::connection::TcpConnection;
use crate::wait::{Poller, Turn, WaitLimit};

impl TcpServer {
    /// Serves requests, each a frame, until the server is shut down: for many connections that are
    /// mostly idle.
    ///
    /// Blocks the current thread. An idle connection uses no thread and no buffer: 10,000 of them
    /// take a few megabytes. When data arrives, one of the
    /// [`threads`](crate::tcp::TcpServerBuilder::threads) takes the connection, calls the handler
    /// for each complete request, and returns the connection. There are as many threads as handlers
    /// that block at the same time.
    ///
    /// * Requests of one connection are handled sequentially, those of several connections
    ///   concurrently.
    /// * The builder's [`read_timeout`](crate::tcp::TcpServerBuilder::read_timeout) limits the time
    ///   until the next request is *complete*, also for a peer that sends one byte at a time. Then
    ///   the connection is closed and reported as [`ServerEvent::Expired`]. Defaults to none.
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
        let poller = Arc::new(Poller::new().map_err(failed)?);
        poller.add(&self.core.lifecycle.closing.signal(), Key::WAKE.to_bits()).map_err(failed)?;
        if let Some(listener) = self.core.acceptor.listener() {
            poller.add(&*listener, Key::LISTENER.to_bits()).map_err(failed)?;
        }
        self.core.table.set_waker(Arc::clone(&poller));
        self.core.serve(Requests {
            core: Arc::clone(&self.core),
            framing,
            handler,
            poller,
            leading: Turn::new(()),
            waiting: Mutex::new(Waiting { members: Members::default(), accepting: AcceptState::default() }),
            is_swept: AtomicBool::new(false),
            spare: Mutex::default(),
        })
    }
}

/// So many reads of one connection in a row, and then others have a turn.
const IN_A_ROW: usize = 16;

/// So many framings are kept with their buffers, for the threads that take the next connections.
const SPARE: usize = 64;

struct Requests<F, H> {
    core: Arc<ServerCore>,
    framing: F,
    handler: H,
    poller: Arc<Poller>,
    /// The thread that waits for requests has it.
    leading: Turn<()>,
    /// Whether idle connections were closed in the shutdown.
    is_swept: AtomicBool,
    waiting: Mutex<Waiting<F>>,
    spare: Mutex<Vec<(F, Outbox)>>,
}

struct Waiting<F> {
    members: Members<F>,
    accepting: AcceptState,
}

/// When a connection expires that waits for a request, or for the rest of one.
fn expiry(connection: &TcpConnection, is_idle: bool) -> Option<Instant> {
    let idle = connection.idle_timeout().filter(|_| is_idle);
    let timeout = idle.or_else(|| connection.read_timeout())?;
    Instant::now().checked_add(timeout)
}

/// What becomes of a connection after it was in a thread's hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Wait,
    End,
}

impl<F, H> Requests<F, H> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<F>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spare(&self) -> MutexGuard<'_, Vec<(F, Outbox)>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F, H> Workload for Requests<F, H>
where
    F: Framing + Send + Sync + 'static,
    H: Fn(&mut Request<'_, F>) -> HandlerResult + Send + Sync + 'static,
{
    type Item = (Key, Member<F>);

    const THREADS_PER_PROCESSOR: usize = 1;

    fn next(&self, limit: &WaitLimit<'_>) -> Next<Self::Item> {
        let Some(_leading) = self.leading.take(limit) else { return Next::TimedOut };
        self.lead(limit).unwrap_or_else(|error| {
            self.core.close();
            self.core.observe(&ServerEvent::AcceptFailed { error: &error });
            Next::Closed
        })
    }

    fn on_thread_error(&self, error: io::Error) {
        self.core.on_thread_error(error);
    }

    fn run(&self, (key, mut member): Self::Item) {
        let core = &self.core;
        let (fresh, mut outbox) =
            self.spare().pop().unwrap_or_else(|| (self.framing.new_like(), Outbox::default()));
        let was_begun = member.framing.is_some();
        let (mut framing, spare) = match member.framing.take() {
            Some(begun) => (*begun, Some(fresh)),
            None => (fresh, None),
        };
        let mut count = 0;
        let was_draining = core.phase() >= Phase::Draining;
        let (after, is_ending) = loop {
            let closes_idle = core.lifecycle.closes_idle() || (was_draining && count > 0);
            let (after, more) = self.attend(&member.connection, &mut framing, &mut outbox);
            count += more;
            // In a shutdown, a connection is closed after one more request, or when it has been idle.
            // A read has found nothing then.
            let is_ending = closes_idle && more == 0 && framing.is_empty();
            if after == After::End || is_ending || more == 0 || !was_draining {
                break (after, is_ending);
            }
        };
        core.counters.requests.add(count);
        let is_idle = framing.is_empty();
        member.connection.inner.set_mid_message(!is_idle);
        if after == After::End || is_ending {
            self.poller.forget(key.to_bits());
            drop(member);
            self.waiting().members.remove(key);
            if core.phase() >= Phase::Draining {
                // The thread that waits checks whether it was the last one.
                self.poller.wake();
            }
            if after == After::Wait || is_idle {
                self.keep(spare.unwrap_or(framing), outbox);
            }
            return;
        }
        // Without an idle timeout, the read timeout of a request begins when it could begin.
        let timeouts = &member.connection.inner.timeouts;
        let has_begun = !is_idle && !was_begun && timeouts.idle_timeout().is_some();
        if count > 0 || member.expires.is_none() || has_begun {
            member.expires = expiry(&member.connection, is_idle);
        }
        if is_idle {
            self.keep(framing, outbox);
            if let Some(spare) = spare {
                self.keep(spare, Outbox::default());
            }
        } else {
            framing.shrink();
            member.framing = Some(Box::new(framing));
            if let Some(spare) = spare {
                self.keep(spare, outbox);
            }
        }
        let connection = member.connection.clone();
        let is_awaited = std::mem::replace(&mut member.is_awaited, true);
        if self.waiting().members.put_back(key, member) {
            // The thread that waits does so until another one expires.
            self.poller.wake();
        }
        let stream = &*connection.inner.stream;
        let armed = match is_awaited {
            true => self.poller.reregister(stream, key.to_bits()),
            false => self.poller.add(stream, key.to_bits()),
        };
        if let Err(error) = armed {
            // It cannot be waited for, and is given up with its reason.
            core.note_accept_error(&connection.inner.failure(Operation::Accept, error));
            self.waiting().members.make_ready(key);
            connection.inner.force_close();
            self.poller.wake();
        }
        // Idle connections may have been closed before this one was put back.
        if is_idle && core.lifecycle.closes_idle() {
            self.waiting().members.make_ready(key);
            self.poller.wake();
        }
    }
}

impl<F, H> Requests<F, H>
where
    F: Framing + Send + Sync + 'static,
    H: Fn(&mut Request<'_, F>) -> HandlerResult + Send + Sync + 'static,
{
    /// Waits for a connection with a request, and accepts connections meanwhile.
    fn lead(&self, limit: &WaitLimit<'_>) -> Result<Next<(Key, Member<F>)>> {
        let core = &self.core;
        let mut found = Vec::new();
        loop {
            if core.phase() == Phase::Aborted {
                drop(self.waiting().members.clear());
                return Ok(Next::Closed);
            }
            if core.lifecycle.closes_idle() && !self.is_swept.swap(true, Ordering::SeqCst) {
                self.waiting().members.make_all_ready();
            }
            let wait = {
                let mut waiting = self.waiting();
                if let Some(work) = waiting.members.take_ready() {
                    return Ok(Next::Item(work));
                }
                let now = Instant::now();
                let (expired, look) = waiting.members.expire(now);
                let resume = waiting.accepting.resume();
                let is_over = waiting.members.len() == expired.len() && core.phase() >= Phase::Closed;
                drop(waiting);
                expired.into_iter().for_each(|(key, member)| self.end_expired(key, member));
                if is_over {
                    return Ok(Next::Closed);
                }
                if resume.is_some_and(|resume| resume <= now) {
                    self.accept();
                    continue;
                }
                if limit.has_passed() {
                    return Ok(Next::TimedOut);
                }
                let next = [look, resume, limit.deadline()].into_iter().flatten().min();
                next.map(|next| next.saturating_duration_since(now))
            };
            let failed = |error: io::Error| sys::failure(Operation::Accept, error);
            self.poller.wait(&mut found, wait).map_err(failed)?;
            let mut accepts = false;
            let mut waiting = self.waiting();
            for key in found.drain(..).map(Key::from_bits) {
                match key {
                    Key::LISTENER | Key::WAKE => accepts = true,
                    key => waiting.members.make_ready(key),
                }
            }
            // The poller is woken when there may be capacity.
            accepts |= waiting.accepting.is_at_capacity();
            drop(waiting);
            if accepts {
                self.accept();
            }
        }
    }

    /// Accepts what is in the backlog. A fault of the listener closes it, and open connections are
    /// served to their end.
    fn accept(&self) {
        let core = &self.core;
        loop {
            let mut waiting = self.waiting();
            let Waiting { members, accepting } = &mut *waiting;
            let Some(listener) = core.acceptor.listener() else { return };
            let accepted = core.accept_batch(&listener, accepting, |connection| {
                let expires = expiry(&connection, true);
                let member = Member { connection, framing: None, expires, is_awaited: false };
                let key = members.insert(member);
                // Its first request is on its way mostly, and need not be waited for by way of the
                // poller.
                members.make_ready(key);
            });
            let rearmed = match accepted {
                Ok(false) if accepting.is_paused() => return,
                // In a shutdown, no event follows for what is left of the backlog.
                Ok(false) if core.phase() >= Phase::Draining => continue,
                Ok(false) => self
                    .poller
                    .reregister(&*listener, Key::LISTENER.to_bits())
                    .map_err(|error| sys::failure(Operation::Accept, error)),
                ended => {
                    self.poller.remove(&*listener, Key::LISTENER.to_bits());
                    drop((listener, waiting));
                    core.close();
                    if let Err(error) = ended {
                        core.observe(&ServerEvent::AcceptFailed { error: &error });
                    }
                    return;
                }
            };
            if let Err(error) = rearmed {
                drop((listener, waiting));
                core.close();
                core.observe(&ServerEvent::AcceptFailed { error: &error });
            }
            return;
        }
    }

    /// Reads what has come, and has each request handled that is complete.
    fn attend(&self, connection: &TcpConnection, framing: &mut F, outbox: &mut Outbox) -> (After, u64) {
        let inner = &*connection.inner;
        let peer = connection.peer_addr();
        let mut count = 0;
        for _ in 0..IN_A_ROW {
            let room = framing.spare();
            let size = room.len();
            let length = match sys::read(&inner.stream, room, Mode::Nonblocking, false) {
                Ok(length) => length,
                Err(error) if sys::is_would_block_or_intr(&error) => return (After::Wait, count),
                Err(error) => {
                    let error = inner.failure(Operation::Receive, error);
                    // Who is gone and had asked nothing has nothing to be answered. All else is
                    // told: a request that had begun is lost, and a peer that has vanished or a
                    // system that fails is no end like another.
                    let is_gone = framing.is_empty() && error.kind() == ErrorKind::ConnectionReset;
                    if !is_gone && !inner.is_aborted() {
                        self.core.run_handler(peer, || Err(error.into()));
                    }
                    return (After::End, count);
                }
            };
            match length {
                0 => {
                    framing.set_eof();
                    if !inner.is_closed_idle() {
                        inner.set_eof();
                    }
                }
                length => framing.advance(length),
            }
            loop {
                match framing.poll() {
                    Ok(false) => break,
                    Ok(true) => count += 1,
                    Err(error) => {
                        let error = inner.with_addrs(error.into());
                        self.core.run_handler(peer, || Err(error.into()));
                        return (After::End, count);
                    }
                }
                let more = framing.has_next();
                let mut stream = connection;
                let mut is_last = false;
                let is_well = self.core.run_handler(peer, || {
                    let reply = Reply::new(&mut stream, &*framing, outbox, more);
                    let mut request = Request::new(framing.frame(), connection, reply);
                    let result = (self.handler)(&mut request);
                    is_last = request.is_last();
                    result
                });
                if !is_well || is_last {
                    return (self.flush(connection, outbox, After::End), count);
                }
            }
            // What was held because more was in hand.
            let after = if length == 0 { After::End } else { After::Wait };
            if self.flush(connection, outbox, after) == After::End {
                return (After::End, count);
            }
            if length < size {
                // Whatever comes now is told by the poller.
                return (After::Wait, count);
            }
        }
        (After::Wait, count)
    }

    fn flush(&self, connection: &TcpConnection, outbox: &mut Outbox, after: After) -> After {
        // A reply that has failed is not written again: it was reported, and would hold the thread for
        // another timeout.
        if outbox.has_failed() {
            return After::End;
        }
        let mut stream = connection;
        match self.core.run_handler(connection.peer_addr(), || Ok(outbox.flush(&mut stream)?)) {
            true => after,
            false => After::End,
        }
    }

    fn end_expired(&self, key: Key, member: Member<F>) {
        self.core.counters.expired.add(1);
        let has_idle_timeout = member.connection.idle_timeout().is_some();
        let limit = match member.framing.is_none() && has_idle_timeout {
            true => TimeLimit::IdleTimeout,
            false => TimeLimit::ReadTimeout,
        };
        let error = Error::new(Operation::Receive, ErrorKind::TimedOut).with_limit(limit);
        let error = member.connection.inner.with_addrs(error);
        self.core.observe(&ServerEvent::Expired { peer: member.connection.peer_addr(), error: &error });
        self.poller.forget(key.to_bits());
        drop(member);
        self.waiting().members.remove(key);
    }

    /// Keeps a framing with its buffers for the next connection, if it holds nothing of this one.
    fn keep(&self, framing: F, outbox: Outbox) {
        if framing.is_eof() || !framing.is_empty() || !outbox.has_nothing() {
            return;
        }
        let mut spare = self.spare();
        if spare.len() < SPARE {
            spare.push((framing, outbox));
        }
    }
}
