//! Receiving: owned, into a buffer, peeking, without blocking.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::datagram::{Datagram, RecvMeta};
use super::endpoint::{ErrorQueue, UdpEndpoint};
use crate::error::{Error, ErrorKind, Operation, Result, Truncated};
use crate::options::{LARGEST_DATAGRAM, Truncation};
use crate::sys::{self, Mode, QueuedError, Received, Sender};
use crate::wait::{self, WaitError, WaitLimit};

/// At least as many ICMP errors as a socket queues.
pub(super) const MAX_QUEUED_ERRORS: usize = 1_024;

thread_local! {
    /// A buffer for a datagram of unknown size, for each thread that receives.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; LARGEST_DATAGRAM]);
}

impl UdpEndpoint {
    /// Blocks until a datagram arrives, and returns it.
    ///
    /// By default there is no read timeout, and this call blocks indefinitely. The [read
    /// timeout](Self::set_read_timeout), the [deadline](Self::set_deadline) and the [cancel
    /// token](crate::udp::UdpBuilder::cancel_token) limit it. An empty datagram is a datagram and
    /// not an end of the stream.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the read timeout expires or the deadline passes
    ///   ([`TimedOut`](crate::ErrorKind::TimedOut)), or the token is cancelled
    ///   ([`Cancelled`](crate::ErrorKind::Cancelled));
    /// * the datagram is larger than [`max_datagram`](crate::udp::UdpBuilder::max_datagram)
    ///   ([`Truncated`](crate::ErrorKind::Truncated)); [`truncated`](Error::truncated) has its
    ///   beginning, its sender and its size, and the rest is lost;
    /// * the endpoint is connected, and an earlier datagram arrived at a closed port of the peer
    ///   ([`ConnectionRefused`](crate::ErrorKind::ConnectionRefused));
    /// * [`report_unreachable`](crate::udp::UdpBuilder::report_unreachable) is set, and an earlier
    ///   datagram could not be delivered
    ///   ([`ConnectionRefused`](crate::ErrorKind::ConnectionRefused),
    ///   [`HostUnreachable`](crate::ErrorKind::HostUnreachable),
    ///   [`NetworkUnreachable`](crate::ErrorKind::NetworkUnreachable));
    /// * [`batches_only`](crate::udp::UdpBuilder::batches_only) is set
    ///   ([`InvalidInput`](crate::ErrorKind::InvalidInput)).
    ///
    /// The endpoint remains usable. A timeout or cancellation loses no datagram.
    #[doc(alias = "recvfrom", alias = "recvmsg", alias = "recv_from")]
    pub fn recv(&self) -> Result<Datagram> {
        self.recv_owned(Operation::Receive, &self.read_limit())
    }

    /// Receives a datagram, and blocks for at most `timeout`.
    ///
    /// The timeout replaces the read timeout for this call. The deadline of the endpoint applies, too.
    /// With [`Duration::ZERO`] it does not block.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would.
    #[doc(alias = "settimeout")]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Datagram> {
        self.recv_owned(Operation::Receive, &self.timeout_limit(timeout))
    }

    /// Receives a datagram, and blocks at most until `deadline`.
    ///
    /// The deadline replaces the read timeout for this call. The earlier of it and the deadline of the
    /// endpoint applies.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Datagram> {
        self.recv_owned(Operation::Receive, &self.deadline_limit(deadline))
    }

    /// Receives a datagram if one is available, and returns `None` otherwise.
    ///
    /// This method never blocks.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would, except that there is no timeout.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    ///
    /// let endpoint = UdpEndpoint::bind("127.0.0.1:0")?;
    /// assert!(endpoint.try_recv()?.is_none());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "MSG_DONTWAIT", alias = "WouldBlock", alias = "EAGAIN", alias = "EWOULDBLOCK")]
    #[doc(alias = "setblocking", alias = "set_nonblocking", alias = "O_NONBLOCK")]
    pub fn try_recv(&self) -> Result<Option<Datagram>> {
        let is_plain = self.error_queue.load(Ordering::Relaxed) == ErrorQueue::OFF
            && self.token.is_none()
            && !self.options.batches_only;
        if is_plain {
            // An empty receive buffer is not an error, and must not have the overhead of one.
            let mut received = Received { info: self.known, ..Received::default() };
            let tried = SCRATCH.with_borrow_mut(|scratch| {
                let buffer = &mut scratch[..self.options.max_datagram];
                match sys::receive(
                    &self.socket,
                    buffer,
                    Mode::Nonblocking,
                    false,
                    self.packet_info,
                    &mut received,
                ) {
                    Ok(()) => {
                        let meta = self.received(Operation::Receive, buffer, &received);
                        Some(meta.map(|meta| Some(self.copied(buffer, meta))))
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(Ok(None)),
                    Err(error)
                        if sys::is_would_block_or_intr(&error) || self.concerns_earlier_datagram(&error) =>
                    {
                        None
                    }
                    Err(error) => Some(Err(self.failure(Operation::Receive, error).with_remote(self.peer))),
                }
            });
            if let Some(outcome) = tried {
                return outcome;
            }
        }
        match self.recv_owned(Operation::Receive, &self.no_wait()) {
            Ok(datagram) => Ok(Some(datagram)),
            Err(error) if error.is_timeout() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Blocks until a datagram arrives, and writes it to a buffer, without allocating.
    ///
    /// The first [`len`](RecvMeta::len) bytes of the buffer are the datagram. The call blocks as
    /// [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would. The limit is the length of the buffer
    /// instead of [`max_datagram`](crate::udp::UdpBuilder::max_datagram). If a datagram is larger,
    /// the buffer is filled with its beginning, and the error has a copy.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    ///
    /// let receiver = UdpEndpoint::bind("127.0.0.1:0")?;
    /// let sender = UdpEndpoint::connect(receiver.local_addr())?;
    ///
    /// let mut buffer = [0; 10];
    /// sender.send([7; 100])?;
    /// let error = receiver.recv_into(&mut buffer).unwrap_err();
    /// let truncated = error.truncated().unwrap();
    /// assert_eq!((truncated.length, truncated.limit, truncated.source), (100, 10, sender.local_addr()));
    /// assert_eq!(truncated.prefix, [7; 10]);
    ///
    /// sender.send("next")?;
    /// let meta = receiver.recv_into(&mut buffer)?;
    /// assert_eq!(&buffer[..meta.len()], b"next");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "recvfrom", alias = "recvmsg", alias = "recvfrom_into", alias = "recv_from")]
    #[inline]
    pub fn recv_into(&self, buffer: &mut [u8]) -> Result<RecvMeta> {
        self.receive(Operation::Receive, buffer, &self.read_limit())
    }

    /// Blocks until a datagram arrives, and returns it without removing it from the receive buffer
    /// of the OS.
    ///
    /// The next call returns the same datagram. The call blocks as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would. A datagram that is too large stays in
    /// the receive buffer, too.
    #[doc(alias = "MSG_PEEK", alias = "peek_from")]
    pub fn peek(&self) -> Result<Datagram> {
        self.recv_owned(Operation::Peek, &self.read_limit())
    }

    /// Blocks until a datagram arrives, and writes it to a buffer without removing it from the
    /// receive buffer of the OS.
    ///
    /// The call blocks as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv_into`](Self::recv_into) would. A datagram that is too large
    /// stays in the receive buffer, too.
    #[doc(alias = "MSG_PEEK", alias = "peek_from")]
    pub fn peek_into(&self, buffer: &mut [u8]) -> Result<RecvMeta> {
        self.receive(Operation::Peek, buffer, &self.read_limit())
    }

    /// The limit of a call that reads.
    #[inline]
    pub(crate) fn read_limit(&self) -> WaitLimit<'_> {
        self.timeouts.read_limit().cancelled_by(self.token.as_ref(), None)
    }

    pub(crate) fn timeout_limit(&self, timeout: Duration) -> WaitLimit<'_> {
        self.timeouts.timeout_limit(timeout).cancelled_by(self.token.as_ref(), None)
    }

    pub(crate) fn deadline_limit(&self, deadline: Instant) -> WaitLimit<'_> {
        self.timeouts.deadline_limit(deadline).cancelled_by(self.token.as_ref(), None)
    }

    pub(crate) fn no_wait(&self) -> WaitLimit<'_> {
        WaitLimit::no_wait().cancelled_by(self.token.as_ref(), None)
    }

    pub(crate) fn recv_owned(&self, operation: Operation, limit: &WaitLimit<'_>) -> Result<Datagram> {
        self.datagram(|buffer| self.receive(operation, buffer, limit))
    }

    /// Receives a datagram, or the next ICMP error of an earlier datagram to `watched`.
    pub(super) fn recv_watching(&self, limit: &WaitLimit<'_>, watched: SocketAddr) -> Result<Datagram> {
        self.datagram(|buffer| {
            let mut received = Received { info: self.known, ..Received::default() };
            self.refuse_batches_only(Operation::Receive)?;
            let attempt = self.attempt(Operation::Receive, buffer, &mut received);
            self.recv_loop(Operation::Receive, limit, Some(watched), attempt)?;
            self.received(Operation::Receive, buffer, &received)
        })
    }

    #[inline]
    fn datagram(&self, receive: impl FnOnce(&mut [u8]) -> Result<RecvMeta>) -> Result<Datagram> {
        SCRATCH.with_borrow_mut(|scratch| {
            let buffer = &mut scratch[..self.options.max_datagram];
            let meta = receive(buffer)?;
            Ok(self.copied(buffer, meta))
        })
    }

    fn copied(&self, buffer: &[u8], meta: RecvMeta) -> Datagram {
        Datagram { bytes: buffer[..meta.len].to_vec(), meta, encoding: self.options.encoding }
    }

    /// Receives one datagram.
    ///
    /// The fast path is permission to block, one system call, one result. The slow paths write to
    /// an out-parameter, so that the result of the fast path stays in registers (5 % of the call).
    #[inline]
    pub(super) fn receive(
        &self,
        operation: Operation,
        buffer: &mut [u8],
        limit: &WaitLimit<'_>,
    ) -> Result<RecvMeta> {
        let is_plain = self.is_plain
            && operation == Operation::Receive
            && self.error_queue.load(Ordering::Relaxed) == ErrorQueue::OFF;
        let mut error = None;
        if is_plain {
            if let Some(_permit) = self.receive_timeout.permit(&self.socket, limit) {
                let outcome = match self.peer {
                    None => match sys::receive_plain(&self.socket, buffer) {
                        Ok((length, Sender::V4(from))) if length <= buffer.len() => {
                            return Ok(RecvMeta { from: from.into(), info: self.known, length, len: length });
                        }
                        Ok((length, sender)) => Ok((length, sender.into())),
                        Err(refused) => Err(refused),
                    },
                    // The kernel delivers datagrams of the peer only, so the sender is known.
                    Some(peer) => match sys::receive_connected(&self.socket, buffer) {
                        Ok(length) if length <= buffer.len() => {
                            return Ok(RecvMeta { from: peer, info: self.known, length, len: length });
                        }
                        Ok(length) => Ok((length, Some(peer))),
                        Err(refused) => Err(refused),
                    },
                };
                match outcome {
                    Ok((length, from)) => {
                        return self.received(
                            operation,
                            buffer,
                            &Received { length, from, info: self.known, ..Received::default() },
                        );
                    }
                    Err(refused) => error = Some(refused),
                }
            }
        }
        let mut received = Received { info: self.known, ..Received::default() };
        self.recv_cold(operation, buffer, limit, error, &mut received)?;
        self.received(operation, buffer, &received)
    }

    /// Receives one datagram if the fast path does not apply or has failed.
    #[cold]
    fn recv_cold(
        &self,
        operation: Operation,
        buffer: &mut [u8],
        limit: &WaitLimit<'_>,
        error: Option<io::Error>,
        received: &mut Received,
    ) -> Result<()> {
        self.refuse_batches_only(operation)?;
        let attempt = self.attempt(operation, buffer, received);
        match error {
            None => self.recv_loop(operation, limit, None, attempt),
            // The attempt has used up a part of the timeout.
            Some(error) if sys::is_would_block_or_intr(&error) => {
                self.recv_loop(operation, &limit.aged(), None, attempt)
            }
            Some(error) => self.handle_wait_error(operation, limit, None, WaitError::Failed(error), attempt),
        }
    }

    fn refuse_batches_only(&self, operation: Operation) -> Result<()> {
        if self.options.batches_only { Err(self.refuse_single(operation)) } else { Ok(()) }
    }

    /// Runs `attempt`, which receives, within the limit. An ICMP error of an earlier datagram to
    /// `watched` ends the call.
    pub(super) fn recv_loop(
        &self,
        operation: Operation,
        limit: &WaitLimit<'_>,
        watched: Option<SocketAddr>,
        mut attempt: impl FnMut(Mode) -> io::Result<()>,
    ) -> Result<()> {
        if let Some(error) = self.take_kept_error() {
            return Err(self.failure(operation, error).with_remote(self.peer));
        }
        if self.error_queue.load(Ordering::Relaxed) == ErrorQueue::PENDING {
            return self.handle_wait_error(operation, limit, watched, WaitError::ErrorQueueReady, attempt);
        }
        match self.wait(limit, &mut attempt) {
            Ok(()) => Ok(()),
            Err(error) => self.handle_wait_error(operation, limit, watched, error, attempt),
        }
    }

    fn wait(
        &self,
        limit: &WaitLimit<'_>,
        attempt: &mut impl FnMut(Mode) -> io::Result<()>,
    ) -> std::result::Result<(), WaitError> {
        let polled = self.options.busy_poll.map(|time| wait::busy_poll(limit, time, &mut *attempt));
        match polled {
            Some(Some(found)) => found,
            Some(None) => wait::receiving(&self.socket, &self.receive_timeout, &limit.aged(), attempt),
            None => wait::receiving(&self.socket, &self.receive_timeout, limit, attempt),
        }
    }

    /// Receives one datagram into the buffer.
    fn attempt(
        &self,
        operation: Operation,
        buffer: &mut [u8],
        received: &mut Received,
    ) -> impl FnMut(Mode) -> io::Result<()> {
        let peek = operation == Operation::Peek;
        move |mode| sys::receive(&self.socket, buffer, mode, peek, self.packet_info, received)
    }

    /// Returns the error of a call, or repeats the call if the error is of an earlier datagram.
    #[cold]
    fn handle_wait_error(
        &self,
        operation: Operation,
        limit: &WaitLimit<'_>,
        watched: Option<SocketAddr>,
        mut error: WaitError,
        mut attempt: impl FnMut(Mode) -> io::Result<()>,
    ) -> Result<()> {
        loop {
            match error {
                WaitError::TimedOut => return Err(self.place(limit.timed_out(operation))),
                WaitError::Cancelled => return Err(self.place(limit.cancelled(operation))),
                WaitError::Failed(error) if !self.concerns_earlier_datagram(&error) => {
                    return Err(self.failure(operation, error).with_remote(self.peer));
                }
                WaitError::Failed(_) | WaitError::ErrorQueueReady => {}
            }
            let report = self.take_reports(watched).map_err(|error| self.failure(operation, error))?;
            if let Some(report) = report {
                return Err(self.failure(operation, report.error).with_remote(report.to));
            }
            if limit.has_passed() {
                return Err(self.place(limit.timed_out(operation)));
            }
            match wait::receiving(&self.socket, &self.receive_timeout, &limit.aged(), &mut attempt) {
                Ok(()) => return Ok(()),
                Err(next) => error = next,
            }
        }
    }

    #[inline]
    fn received(&self, operation: Operation, buffer: &[u8], received: &Received) -> Result<RecvMeta> {
        let Some(from) = received.from else { return Err(self.shut_down(operation)) };
        if received.lost != 0 {
            self.lost.store(received.lost, Ordering::Relaxed);
        }
        let len = received.length.min(buffer.len());
        if received.length > len && self.options.truncation == Truncation::Error {
            return Err(self.truncated(operation, received, from, buffer));
        }
        Ok(RecvMeta { from, info: received.info, length: received.length, len })
    }

    /// Returns the error of a result without a sender: there is no datagram, as the socket was shut
    /// down through its descriptor.
    #[cold]
    pub(super) fn shut_down(&self, operation: Operation) -> Error {
        self.failure(operation, io::ErrorKind::NotConnected.into())
    }

    #[cold]
    pub(super) fn truncated(
        &self,
        operation: Operation,
        received: &Received,
        from: SocketAddr,
        buffer: &[u8],
    ) -> Error {
        let truncated = Truncated {
            length: received.length,
            limit: buffer.len(),
            prefix: buffer.to_vec(),
            source: from,
            destination: received.info.to,
            interface_index: received.info.interface,
        };
        Error::detailed(operation, ErrorKind::Truncated, truncated)
            .with_local(Some(self.local))
            .with_remote(Some(from))
    }

    /// Adds the addresses of the endpoint to an error.
    #[cold]
    pub(crate) fn place(&self, error: Error) -> Error {
        error.with_local(Some(self.local)).with_remote(self.peer)
    }

    /// Returns true if an error is the ICMP error of an earlier datagram.
    pub(super) fn concerns_earlier_datagram(&self, error: &io::Error) -> bool {
        let reports =
            sys::REPORTS_TO_UNCONNECTED || self.error_queue.load(Ordering::Relaxed) != ErrorQueue::OFF;
        reports && self.peer.is_none() && sys::is_async_error(error)
    }

    /// Drains the error queue up to an error that ends the call.
    fn take_reports(&self, watched: Option<SocketAddr>) -> io::Result<Option<QueuedError>> {
        // A call that returns one leaves the rest in the queue for later calls.
        let _ = self.error_queue.compare_exchange(
            ErrorQueue::PENDING,
            ErrorQueue::ON,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        for _ in 0..MAX_QUEUED_ERRORS {
            let Some(report) = sys::next_queued_error(&self.socket)? else { break };
            if self.options.report_unreachable || (watched.is_some() && report.to == watched) {
                self.error_queue.store(ErrorQueue::PENDING, Ordering::Relaxed);
                return Ok(Some(report));
            }
        }
        Ok(None)
    }
}
