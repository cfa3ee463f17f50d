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
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::accept::Accepting;
use super::events::ServerEvent;
use super::members::{Key, Member, Members};
use super::report::ShutdownReport;
use super::request::Request;
use super::serve::TcpServer;
use super::state::{Phase, Shared};
use super::workers::{Duty, HandlerResult};
use crate::error::{Error, ErrorKind, Operation, Result, TimeLimit};
use crate::frame::{Framing, Outbox, Reply};
use crate::sys::{self, Mode};
use crate::tcp::connection::TcpConnection;
use crate::wait::Poller;

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
    /// * At a shutdown, requests that have arrived are answered, and idle connections are closed.
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
        poller.add(&self.shared.wake.signal(), Key::WAKE.to_bits()).map_err(failed)?;
        if let Some(listener) = &*self.shared.listener() {
            poller.add(listener, Key::LISTENER.to_bits()).map_err(failed)?;
        }
        let _ = self.shared.bell.set(Arc::clone(&poller));
        let waiting = Mutex::new(Waiting { members: Members::default(), accepting: Accepting::default() });
        self.shared.serve(Requests { framing, handler, poller, waiting, spare: Mutex::default() })
    }
}

/// So many reads of one connection in a row, and then others have a turn.
const IN_A_ROW: usize = 16;

/// So many framings are kept with their buffers, for the threads that take the next connections.
const SPARE: usize = 64;

struct Requests<F, H> {
    framing: F,
    handler: H,
    poller: Arc<Poller>,
    waiting: Mutex<Waiting<F>>,
    spare: Mutex<Vec<(F, Outbox)>>,
}

struct Waiting<F> {
    members: Members<F>,
    accepting: Accepting,
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

impl<F, H> Duty for Requests<F, H>
where
    F: Framing + Send + Sync + 'static,
    H: Fn(&mut Request<'_, F>) -> HandlerResult + Send + Sync + 'static,
{
    type Work = (Key, Member<F>);

    fn next(&self, shared: &Arc<Shared>) -> Result<Option<Self::Work>> {
        let mut found = Vec::new();
        loop {
            if shared.phase() == Phase::Cut {
                drop(self.waiting().members.clear());
                return Ok(None);
            }
            let wait = {
                let mut waiting = self.waiting();
                if let Some(work) = waiting.members.take_ready() {
                    return Ok(Some(work));
                }
                let now = Instant::now();
                let (expired, look) = waiting.members.expire(now);
                let resume = waiting.accepting.resume();
                let is_over = waiting.members.len() == expired.len() && shared.phase() >= Phase::Closed;
                drop(waiting);
                expired.into_iter().for_each(|(key, member)| self.end_expired(shared, key, member));
                if is_over {
                    return Ok(None);
                }
                if resume.is_some_and(|resume| resume <= now) {
                    self.accept(shared)?;
                    continue;
                }
                let next = [look, resume].into_iter().flatten().min();
                next.map(|next| next.saturating_duration_since(now))
            };
            let failed = |error: io::Error| sys::failure(Operation::Accept, error);
            self.poller.wait(&mut found, wait).map_err(failed)?;
            let mut has_news = false;
            let mut waiting = self.waiting();
            for key in found.drain(..).map(Key::from_bits) {
                match key {
                    Key::LISTENER => has_news = true,
                    Key::WAKE => {
                        has_news = true;
                        // Each answers what has come, or ends.
                        waiting.members.make_all_ready();
                    }
                    key => waiting.members.make_ready(key),
                }
            }
            // The bell was rung because somebody has left.
            let is_room = waiting.accepting.is_paused() && !shared.must_wait();
            drop(waiting);
            if has_news || is_room {
                self.accept(shared)?;
            }
        }
    }

    fn perform(&self, shared: &Arc<Shared>, (key, mut member): Self::Work) {
        let (fresh, mut outbox) =
            self.spare().pop().unwrap_or_else(|| (self.framing.new_like(), Outbox::default()));
        let was_begun = member.framing.is_some();
        let (mut framing, spare) = match member.framing.take() {
            Some(begun) => (*begun, Some(fresh)),
            None => (fresh, None),
        };
        let mut count = 0;
        let (after, is_ending) = loop {
            let phase = shared.phase();
            let (after, more) = self.attend(shared, &member.connection, &mut framing, &mut outbox);
            count += more;
            // While the server ends, a connection ends with a look that has found nothing, and not
            // before.
            let is_ending = phase >= Phase::Draining && more == 0;
            if after == After::End || is_ending || shared.phase() < Phase::Draining {
                break (after, is_ending);
            }
        };
        shared.totals.requests.fetch_add(count, Ordering::Relaxed);
        let is_idle = framing.is_empty();
        let is_ending = is_ending && is_idle && !(member.is_late && count == 0);
        if after == After::End || is_ending {
            self.poller.forget(key.to_bits());
            drop(member);
            self.waiting().members.remove(key);
            if shared.phase() >= Phase::Draining {
                // Whoever leads looks whether it was the last.
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
        let stream = &connection.inner.stream;
        let armed = match is_awaited {
            true => self.poller.reregister(stream, key.to_bits()),
            false => self.poller.add(stream, key.to_bits()),
        };
        if let Err(error) = armed {
            // It cannot be waited for, and is given up with its reason.
            shared.note_accept_error(&connection.inner.failure(Operation::Accept, error));
            self.waiting().members.make_ready(key);
            connection.inner.cut();
        }
        // Whoever saw to it that all end may have been there before this one was back.
        if is_idle && shared.phase() >= Phase::Draining {
            self.waiting().members.make_ready(key);
            self.poller.wake();
        }
    }

    fn is_over(&self, phase: Phase) -> bool {
        phase == Phase::Cut || self.waiting().members.len() == 0
    }
}

impl<F, H> Requests<F, H>
where
    F: Framing + Send + Sync + 'static,
    H: Fn(&mut Request<'_, F>) -> HandlerResult + Send + Sync + 'static,
{
    fn accept(&self, shared: &Arc<Shared>) -> Result<()> {
        let is_late = shared.phase() >= Phase::Draining;
        let mut waiting = self.waiting();
        let Waiting { members, accepting } = &mut *waiting;
        let mut guard = shared.listener();
        let Some(listener) = &*guard else { return Ok(()) };
        let is_over = shared.accept_some(listener, accepting, |connection| {
            let expires = expiry(&connection, true);
            let member = Member { connection, framing: None, expires, is_late, is_awaited: false };
            let key = members.insert(member);
            // Its first request is on its way mostly, and need not be waited for by way of the
            // poller.
            members.make_ready(key);
        });
        match is_over {
            Ok(false) if accepting.is_paused() => Ok(()),
            Ok(false) => self
                .poller
                .reregister(listener, Key::LISTENER.to_bits())
                .map_err(|error| sys::failure(Operation::Accept, error)),
            ended => {
                self.poller.remove(listener, Key::LISTENER.to_bits());
                let listener = guard.take();
                drop((guard, waiting));
                shared.close(listener);
                ended.map(drop)
            }
        }
    }

    /// Reads what has come, and has each request handled that is complete.
    fn attend(
        &self,
        shared: &Arc<Shared>,
        connection: &TcpConnection,
        framing: &mut F,
        outbox: &mut Outbox,
    ) -> (After, u64) {
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
                    if !is_gone && !inner.is_cut() {
                        shared.isolated(peer, || Err(error.into()));
                    }
                    return (After::End, count);
                }
            };
            match length {
                0 => {
                    framing.set_eof();
                    inner.note_end();
                }
                length => framing.advance(length),
            }
            loop {
                match framing.poll() {
                    Ok(false) => break,
                    Ok(true) => count += 1,
                    Err(error) => {
                        let error = inner.place(error.into());
                        shared.isolated(peer, || Err(error.into()));
                        return (After::End, count);
                    }
                }
                let more = framing.has_next();
                let mut stream = connection;
                let mut is_last = false;
                let is_well = shared.isolated(peer, || {
                    let reply = Reply::new(&mut stream, &*framing, outbox, more);
                    let mut request = Request::new(framing.frame(), connection, reply);
                    let result = (self.handler)(&mut request);
                    is_last = request.is_last();
                    result
                });
                if !is_well || is_last {
                    return (self.flush(shared, connection, outbox, After::End), count);
                }
            }
            // What was held because more was in hand.
            let after = if length == 0 { After::End } else { After::Wait };
            if self.flush(shared, connection, outbox, after) == After::End {
                return (After::End, count);
            }
            if length < size {
                // Whatever comes now is told by the poller.
                return (After::Wait, count);
            }
        }
        (After::Wait, count)
    }

    fn flush(&self, shared: &Shared, connection: &TcpConnection, outbox: &mut Outbox, after: After) -> After {
        // A reply that has failed is not written again: it was reported, and would hold the thread for
        // another timeout.
        if outbox.has_failed() {
            return After::End;
        }
        let mut stream = connection;
        match shared.isolated(connection.peer_addr(), || Ok(outbox.flush(&mut stream)?)) {
            true => after,
            false => After::End,
        }
    }

    fn end_expired(&self, shared: &Arc<Shared>, key: Key, member: Member<F>) {
        shared.totals.expired.fetch_add(1, Ordering::Relaxed);
        let has_idle_timeout = member.connection.idle_timeout().is_some();
        let limit = match member.framing.is_none() && has_idle_timeout {
            true => TimeLimit::IdleTimeout,
            false => TimeLimit::ReadTimeout,
        };
        let error = Error::new(Operation::Receive, ErrorKind::TimedOut).with_limit(limit);
        let error = member.connection.inner.place(error);
        shared.observe(&ServerEvent::Expired { peer: member.connection.peer_addr(), error: &error });
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
