//! How a datagram is received: a fast path of one system call, and one loop for all other cases.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use super::datagram::Datagram;
use super::endpoint::{ErrorQueue, UdpEndpoint};
use crate::error::{Error, ErrorKind, Operation, Result, Truncated};
use crate::options::{LARGEST_DATAGRAM, Truncation};
use crate::proto::udp::recv_meta::RecvMeta;
use crate::sys::{self, How, Mode, QueuedError, Received, Sender};
use crate::wait::{self, CancelToken, WaitError, WaitLimit};

/// At least as many ICMP errors as a socket queues.
pub(super) const MAX_QUEUED_ERRORS: usize = 1_024;

thread_local! {
    /// A buffer for a datagram of unknown size, for each thread that receives.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The buffer of the thread, until it is dropped.
struct Scratch(Vec<u8>);

impl Scratch {
    #[inline]
    fn take() -> Scratch {
        let mut buffer = SCRATCH.take();
        if buffer.is_empty() {
            buffer = vec![0; LARGEST_DATAGRAM];
        }
        Scratch(buffer)
    }
}

impl Drop for Scratch {
    #[inline]
    fn drop(&mut self) {
        // While the thread ends, there is no place for it.
        let _ = SCRATCH.try_with(|scratch| scratch.set(std::mem::take(&mut self.0)));
    }
}

/// What a call receives, besides the limit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RecvOp {
    Recv,
    Peek,
    /// A datagram, or the ICMP error of an earlier datagram to this address.
    Watch(SocketAddr),
}

impl RecvOp {
    fn operation(self) -> Operation {
        match self {
            RecvOp::Recv | RecvOp::Watch(_) => Operation::Receive,
            RecvOp::Peek => Operation::Peek,
        }
    }
}

impl UdpEndpoint {
    /// Receives one datagram, and copies it into a buffer of its size.
    #[inline]
    pub(crate) fn recv_owned<'a>(
        &'a self,
        op: RecvOp,
        limit: impl FnOnce() -> WaitLimit<'a>,
    ) -> Result<Datagram> {
        let mut scratch = Scratch::take();
        let buffer = &mut scratch.0[..self.options.max_datagram];
        let meta = self.recv_meta(op, buffer, limit)?;
        Ok(self.copied(buffer, meta))
    }

    #[inline]
    fn copied(&self, buffer: &[u8], meta: RecvMeta) -> Datagram {
        Datagram { bytes: buffer[..meta.len()].to_vec(), meta, encoding: self.options.encoding }
    }

    /// Receives one datagram into the buffer.
    ///
    /// The fast path is permission to block, one system call, one result. While the last call has found
    /// its datagram available, the first attempt does not block, so that it needs no limit, whose
    /// start is a reading of the clock (5 % of the call).
    #[inline]
    pub(super) fn recv_meta<'a>(
        &'a self,
        op: RecvOp,
        buffer: &mut [u8],
        limit: impl FnOnce() -> WaitLimit<'a>,
    ) -> Result<RecvMeta> {
        if !self.has_fast_path() || !matches!(op, RecvOp::Recv) || self.is_cancelled() {
            return self.recv_slow(op, buffer, &limit(), None);
        }
        let (mut permit, mut limit) = (None, Err(limit));
        let mode = if self.is_loaded.load(Ordering::Relaxed) {
            Mode::Nonblocking
        } else {
            let of_call = limit.unwrap_or_else(|limit| limit());
            permit = self.receive_timeout.permit(&self.socket, &of_call);
            let mode = match permit {
                Some(_) => Mode::Blocking,
                None if of_call.is_limited() => Mode::Nonblocking,
                None => return self.recv_slow(op, buffer, &of_call, None),
            };
            limit = Ok(of_call);
            mode
        };
        match self.recv_once(buffer, mode) {
            Ok(meta) => {
                drop(permit);
                if limit.is_ok_and(|limit| limit.was_immediate()) {
                    self.is_loaded.store(true, Ordering::Relaxed);
                }
                self.checked(op, buffer, meta)
            }
            Err(error) => {
                drop(permit);
                self.recv_failed(op, buffer, limit, (mode, error))
            }
        }
    }

    /// Continues after a failed attempt of the fast path.
    #[cold]
    fn recv_failed<'a>(
        &'a self,
        op: RecvOp,
        buffer: &mut [u8],
        limit: std::result::Result<WaitLimit<'a>, impl FnOnce() -> WaitLimit<'a>>,
        (mode, error): (Mode, io::Error),
    ) -> Result<RecvMeta> {
        match limit {
            Ok(limit) => self.recv_slow(op, buffer, &limit, Some((mode, error))),
            Err(limit) => {
                self.is_loaded.store(false, Ordering::Relaxed);
                let tried = (!sys::is_would_block_or_intr(&error)).then_some((mode, error));
                self.recv_slow(op, buffer, &limit(), tried)
            }
        }
    }

    /// Receives one datagram if one is available.
    pub(super) fn recv_available(&self) -> Result<Option<Datagram>> {
        let mut scratch = Scratch::take();
        let buffer = &mut scratch.0[..self.options.max_datagram];
        let meta = self.recv_available_into(buffer)?;
        Ok(meta.map(|meta| self.copied(buffer, meta)))
    }

    /// Receives one datagram into the buffer if one is available.
    #[inline]
    pub(super) fn recv_available_into(&self, buffer: &mut [u8]) -> Result<Option<RecvMeta>> {
        let mut tried = None;
        if self.has_fast_path() && !self.is_cancelled() {
            match self.recv_once(buffer, Mode::Nonblocking) {
                Ok(meta) => return self.checked(RecvOp::Recv, buffer, meta).map(Some),
                // Not an error, and without the overhead of one.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => tried = Some((Mode::Nonblocking, error)),
            }
        }
        match self.recv_slow(RecvOp::Recv, buffer, &self.no_wait(), tried) {
            Ok(meta) => Ok(Some(meta)),
            Err(error) if error.is_timeout() => Ok(None),
            Err(error) => Err(error),
        }
    }

    #[inline]
    fn is_cancelled(&self) -> bool {
        self.token.as_ref().is_some_and(CancelToken::is_cancelled)
    }

    /// Whether no ICMP error is waiting to be reported, and the endpoint does not busy-poll.
    #[inline]
    fn has_fast_path(&self) -> bool {
        self.options.busy_poll.is_none() && self.error_queue.load(Ordering::Relaxed) == ErrorQueue::OFF
    }

    /// Makes one system call.
    #[inline(always)]
    fn recv_once(&self, buffer: &mut [u8], mode: Mode) -> io::Result<RecvMeta> {
        let room = buffer.len();
        let meta = |source, length: usize| RecvMeta::new(source, self.static_info, length, length.min(room));
        if self.has_control {
            return self.recv_control(buffer, mode);
        }
        match self.peer {
            None => match sys::receive_plain(&self.socket, buffer, mode)? {
                (length, Sender::V4(source)) => Ok(meta(source.into(), length)),
                (length, other) => Ok(meta(Option::from(other).ok_or(io::ErrorKind::NotConnected)?, length)),
            },
            // The kernel delivers datagrams of the peer only, so the sender is known.
            Some(peer) => match sys::receive_connected(&self.socket, buffer, mode)? {
                0 if wait::is_shut_down(&self.socket) => Err(io::ErrorKind::NotConnected.into()),
                length => Ok(meta(peer, length)),
            },
        }
    }

    #[inline(never)]
    fn recv_control(&self, buffer: &mut [u8], mode: Mode) -> io::Result<RecvMeta> {
        let mut received = Received::new(self.static_info);
        self.receive(buffer, How { mode, peek: false, control: true }, &mut received)?;
        Ok(received.meta)
    }

    /// Makes one system call, and returns an error if it has returned nothing.
    #[inline]
    pub(super) fn receive(&self, buffer: &mut [u8], how: How, received: &mut Received) -> io::Result<()> {
        sys::receive(&self.socket, buffer, how, received)?;
        if received.may_be_shut_down && wait::is_shut_down(&self.socket) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        Ok(())
    }

    /// Receives one datagram if the fast path does not apply, or has failed.
    #[cold]
    fn recv_slow(
        &self,
        op: RecvOp,
        buffer: &mut [u8],
        limit: &WaitLimit<'_>,
        tried: Option<(Mode, io::Error)>,
    ) -> Result<RecvMeta> {
        let mut received = Received::new(self.static_info);
        let (peek, control) = (matches!(op, RecvOp::Peek), self.has_control);
        self.recv_loop(op, limit, tried, |mode| {
            self.receive(buffer, How { mode, peek, control }, &mut received)
        })?;
        self.checked(op, buffer, received.meta)
    }

    /// Runs `attempt` until it has received, the limit ends the call, or an error that is not of an
    /// earlier datagram occurs. `tried` is an attempt that has failed.
    pub(super) fn recv_loop(
        &self,
        op: RecvOp,
        limit: &WaitLimit<'_>,
        tried: Option<(Mode, io::Error)>,
        mut attempt: impl FnMut(Mode) -> io::Result<()>,
    ) -> Result<()> {
        let (socket, timeout) = (&self.socket, &self.receive_timeout);
        let failure = |error| self.failure(op.operation(), error).with_remote(self.peer);
        let mut outcome = match tried {
            Some((Mode::Nonblocking, error)) if error.kind() == io::ErrorKind::WouldBlock => {
                wait::receiving_next(socket, limit, &mut attempt)
            }
            Some((_, error)) if sys::is_would_block_or_intr(&error) => {
                wait::receiving(socket, timeout, &limit.aged(), &mut attempt)
            }
            Some((_, error)) => Err(WaitError::Failed(error)),
            None => match self.take_kept_error() {
                Some(error) => return Err(failure(error)),
                None if self.error_queue.load(Ordering::Relaxed) == ErrorQueue::PENDING => {
                    Err(WaitError::ErrorQueueReady)
                }
                None => match self.options.busy_poll.map(|time| wait::busy_poll(limit, time, &mut attempt)) {
                    Some(Some(found)) => found,
                    Some(None) => wait::receiving(socket, timeout, &limit.aged(), &mut attempt),
                    None => wait::receiving(socket, timeout, limit, &mut attempt),
                },
            },
        };
        loop {
            match outcome {
                Ok(()) => return Ok(()),
                Err(WaitError::TimedOut) => return Err(self.place(limit.timed_out(op.operation()))),
                Err(WaitError::Cancelled) => return Err(self.place(limit.cancelled(op.operation()))),
                Err(WaitError::Failed(error)) if !self.is_async_error(&error) => {
                    return Err(failure(error));
                }
                Err(WaitError::Failed(_) | WaitError::ErrorQueueReady) => {}
            }
            if let Some(queued) = self.drain_error_queue(op).map_err(failure)? {
                return Err(self.failure(op.operation(), queued.error).with_remote(queued.to));
            }
            // A flood of ICMP errors must not extend the call.
            if limit.has_passed() {
                return Err(self.place(limit.timed_out(op.operation())));
            }
            outcome = wait::receiving(socket, timeout, &limit.aged(), &mut attempt);
        }
    }

    /// Returns an error if the datagram is truncated, unless truncated datagrams are delivered.
    #[inline]
    fn checked(&self, op: RecvOp, buffer: &[u8], meta: RecvMeta) -> Result<RecvMeta> {
        if meta.is_truncated() && self.options.truncation == Truncation::Error {
            return Err(self.truncated(op.operation(), &meta, buffer));
        }
        Ok(meta)
    }

    /// Returns the error of a datagram of which `prefix` was received.
    #[cold]
    pub(super) fn truncated(&self, operation: Operation, meta: &RecvMeta, prefix: &[u8]) -> Error {
        let truncated = Truncated {
            length: meta.length(),
            limit: prefix.len(),
            prefix: prefix.to_vec(),
            source: meta.source,
            destination: meta.destination(),
            interface_index: meta.interface_index(),
        };
        Error::detailed(operation, ErrorKind::Truncated, truncated)
            .with_local(Some(self.local))
            .with_remote(Some(meta.source))
    }

    /// Adds the addresses of the endpoint to an error.
    #[cold]
    pub(crate) fn place(&self, error: Error) -> Error {
        error.with_local(Some(self.local)).with_remote(self.peer)
    }

    /// Returns true if an error is the ICMP error of an earlier datagram.
    pub(super) fn is_async_error(&self, error: &io::Error) -> bool {
        let reports =
            sys::REPORTS_TO_UNCONNECTED || self.error_queue.load(Ordering::Relaxed) != ErrorQueue::OFF;
        reports && self.peer.is_none() && sys::is_async_error(error)
    }

    /// Drains the error queue up to an error that ends the call.
    fn drain_error_queue(&self, op: RecvOp) -> io::Result<Option<QueuedError>> {
        // A call that returns one leaves the rest in the queue for later calls.
        let _ = self.error_queue.compare_exchange(
            ErrorQueue::PENDING,
            ErrorQueue::ON,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        for _ in 0..MAX_QUEUED_ERRORS {
            let Some(queued) = sys::next_queued_error(&self.socket)? else { break };
            let is_watched = matches!(op, RecvOp::Watch(watched) if queued.to == Some(watched));
            if self.options.report_unreachable || is_watched {
                self.error_queue.store(ErrorQueue::PENDING, Ordering::Relaxed);
                return Ok(Some(queued));
            }
        }
        Ok(None)
    }
}
