//! Requests and replies of one connection, until it must wait: replies are written before the next
//! request is handled, and requests are handled before more is read.

use std::io;
use std::time::Duration;

use super::Requests;
use super::slots::Why;
use crate::error::{ErrorKind, Operation, Result};
use crate::frame::{Framing, Outbox, PENDING_LIMIT};
use crate::handler::HandlerResult;
use crate::sys::{self, Mode};
use crate::tcp::connection::TcpConnection;
use crate::tcp::server::request::Request;
use crate::wait::{self, PendingWrite};

/// How many reads of one connection a thread makes before others have a turn.
const MAX_READS_PER_TURN: usize = 16;

/// How much memory a buffer of replies keeps.
const MAX_KEPT: usize = 2 * PENDING_LIMIT;

/// What a connection with an incomplete request or unsent replies has.
pub(super) struct Buffers<F> {
    pub(super) framing: F,
    pub(super) outbox: Outbox,
    /// The limit of the replies that wait for the peer to read.
    pub(super) pending: Option<PendingWrite>,
    /// The connection is closed once the replies are written.
    closes: bool,
    /// Replies have waited for the peer before this turn.
    pub(super) has_written: bool,
    /// The peer has made space for replies in this turn.
    pub(super) has_progress: bool,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    AwaitRequest,
    AwaitSpace,
    /// There may be more to read, but others have a turn first.
    Continue,
    Close,
}

impl<F: Framing> Buffers<F> {
    pub(super) fn new(framing: F) -> Buffers<F> {
        let outbox = Outbox::default();
        Buffers { framing, outbox, pending: None, closes: false, has_written: false, has_progress: false }
    }

    /// Whether the connection is between two requests, and needs no buffers.
    pub(super) fn is_empty(&self) -> bool {
        self.framing.is_empty() && self.outbox.has_nothing() && !self.closes
    }

    /// Gives memory back that an incomplete request or unsent replies do not need.
    pub(super) fn shrink(&mut self) {
        self.framing.shrink();
        self.outbox.release();
    }

    /// The buffers for another connection, if nothing of this one is left.
    pub(super) fn recycled(mut self: Box<Self>) -> Option<Box<Self>> {
        if !self.framing.is_empty() || self.framing.is_eof() || !self.outbox.has_nothing() {
            return None;
        }
        if self.outbox.capacity() > MAX_KEPT {
            self.outbox.release();
        }
        (self.closes, self.has_written) = (false, false);
        Some(self)
    }
}

impl<F, H> Requests<F, H>
where
    F: Framing + Send + Sync + 'static,
    H: Fn(&mut Request<'_, F>) -> HandlerResult + Send + Sync + 'static,
{
    /// Writes, handles and reads until the connection must wait. Returns the number of requests.
    /// With `wait`, the first read blocks for about that time.
    pub(super) fn exchange(
        &self,
        connection: &TcpConnection,
        buffers: &mut Buffers<F>,
        why: Why,
        mut wait: Option<Duration>,
    ) -> (Outcome, u64) {
        let mut count = 0;
        let mut reads = 0;
        let mut has_more = true;
        loop {
            match self.flush(connection, buffers) {
                Err(()) => return (Outcome::Close, count),
                Ok(false) => return (Outcome::AwaitSpace, count),
                Ok(true) if buffers.closes => return (Outcome::Close, count),
                Ok(true) => {}
            }
            let is_done = self.handle_buffered(connection, buffers, &mut count);
            if !is_done || buffers.closes || !buffers.outbox.has_nothing() {
                continue;
            }
            if !has_more {
                return (Outcome::AwaitRequest, count);
            }
            if reads == MAX_READS_PER_TURN {
                return (Outcome::Continue, count);
            }
            reads += 1;
            match self.read(connection, buffers, wait.take()) {
                Err(()) => return (Outcome::Close, count),
                Ok(Read::Nothing) => return (Outcome::AwaitRequest, count),
                Ok(Read::Interrupted) => has_more = true,
                // After an end of stream, no event follows.
                Ok(Read::Bytes { fills_buffer }) => has_more = fills_buffer || why >= Why::Drain,
            }
        }
    }

    /// Handles complete requests. Returns `false` if the peer must read its replies before the next.
    fn handle_buffered(&self, connection: &TcpConnection, buffers: &mut Buffers<F>, count: &mut u64) -> bool {
        let peer = connection.peer_addr();
        while !buffers.closes {
            if buffers.outbox.held() >= PENDING_LIMIT {
                return false;
            }
            match buffers.framing.poll() {
                Ok(true) => *count += 1,
                Ok(false) => {
                    buffers.closes = buffers.framing.is_eof();
                    break;
                }
                Err(error) => {
                    let error = connection.inner.with_addrs(error.into());
                    self.core.run_handler(peer, || Err(error.into()));
                    buffers.closes = true;
                    break;
                }
            }
            let more = buffers.framing.has_next();
            let Buffers { framing, outbox, .. } = buffers;
            let mut is_last = false;
            let succeeded = self.core.run_handler(peer, || {
                let mut request = Request::new(connection, &*framing, outbox, more);
                let result = (self.handler)(&mut request);
                is_last = request.is_last();
                result
            });
            buffers.closes |= !succeeded || is_last;
        }
        true
    }

    /// Writes replies as far as the peer reads them. Returns `Ok(false)` if some are left.
    fn flush(&self, connection: &TcpConnection, buffers: &mut Buffers<F>) -> Result<bool, ()> {
        // A reply that has failed is not written again: it was reported.
        if buffers.outbox.has_failed() {
            return Err(());
        }
        let timeouts = &connection.inner.timeouts;
        let pending = buffers.pending.take();
        if let Some(pending) = &pending {
            pending.end_wait(timeouts);
            buffers.has_written = true;
        }
        let held = buffers.outbox.held();
        let flushed = buffers.outbox.flush_some(|bytes| connection.inner.try_write(bytes));
        buffers.has_progress |= buffers.outbox.held() < held;
        match flushed {
            Ok(true) => Ok(true),
            Ok(false) => {
                buffers.pending =
                    Some(pending.map_or_else(|| PendingWrite::begin(timeouts), PendingWrite::again));
                Ok(false)
            }
            Err(error) => {
                self.core.run_handler(connection.peer_addr(), || Err(error.into()));
                Err(())
            }
        }
    }

    fn read(
        &self,
        connection: &TcpConnection,
        buffers: &mut Buffers<F>,
        wait: Option<Duration>,
    ) -> Result<Read, ()> {
        let inner = &*connection.inner;
        let spare = buffers.framing.spare();
        let size = spare.len();
        let read = match wait {
            None => sys::read(&inner.stream, spare, Mode::Nonblocking, false),
            Some(time) => wait::read_briefly(&inner.stream, &inner.receive_timeout, time, spare),
        };
        match read {
            Ok(0) => {
                buffers.framing.set_eof();
                if !inner.is_closed_idle() {
                    inner.set_eof();
                }
                Ok(Read::Bytes { fills_buffer: false })
            }
            Ok(length) => {
                buffers.framing.advance(length);
                // A shutdown does not close it as idle while a request is read or handled.
                inner.set_mid_message(true);
                Ok(Read::Bytes { fills_buffer: length == size })
            }
            // No event follows for data that has arrived.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Read::Interrupted),
            Err(error) if sys::is_would_block_or_intr(&error) => Ok(Read::Nothing),
            Err(error) => {
                let error = inner.failure(Operation::Receive, error);
                // A peer that has gone between two requests loses nothing. All else is reported.
                let is_gone = buffers.framing.is_empty() && error.kind() == ErrorKind::ConnectionReset;
                if !is_gone && !inner.is_aborted() {
                    self.core.run_handler(connection.peer_addr(), || Err(error.into()));
                }
                Err(())
            }
        }
    }
}

/// What a read has found.
enum Read {
    Nothing,
    Interrupted,
    Bytes { fills_buffer: bool },
}
