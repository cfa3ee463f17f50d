//! Receiving a batch: a wait for the first datagram, and then what is there.

use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::incoming::{Group, RecvBatch};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::{LARGEST_DATAGRAM, Truncation};
use crate::sys::{self, CancelToken, Mode, Received, Span, Window};
use crate::udp::UdpEndpoint;
use crate::udp::endpoint::ErrorQueue;

/// What is enough for one batch. Beyond this a call more costs nothing that anybody would notice, and one that finds nothing,
/// which is how all others end, is saved.
const ENOUGH_DATAGRAMS: usize = 64;
const ENOUGH_BYTES: usize = 32_768;

impl UdpEndpoint {
    /// Receives datagrams into a batch: waits for the first one, and then takes what is there, as much as the batch has room
    /// for. Returns how many these are, at least one; the batch has them until it is used again.
    ///
    /// It waits as the endpoint is set: for ever, or to its timeout, its deadline or its cancel token. It never waits for the batch
    /// to become full.
    ///
    /// Each datagram is what [`recv`](Self::recv) would have returned. With [`batches_only`](crate::udp::UdpBuilder::batches_only)
    /// they are received 10 to 50 times as fast as by single calls, if their sender sends them in batches; without, they
    /// cost what single calls do.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would. When that happens after some datagrams have been received, these are
    /// delivered and the next call that is given the batch returns the error; what came after a datagram that is too long is
    /// delivered by the call after that.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::udp::RecvBatch;
    /// use socketry::UdpEndpoint;
    ///
    /// let receiver = UdpEndpoint::builder().batches_only(true).bind("127.0.0.1:0")?;
    /// let sender = UdpEndpoint::connect(receiver.local_addr())?;
    /// let mut outgoing = sender.batch();
    /// for number in 0..100_u32 {
    ///     outgoing.push(number.to_be_bytes())?;
    /// }
    /// sender.send_batch(&mut outgoing)?;
    ///
    /// let (mut batch, mut next) = (RecvBatch::new(), 0);
    /// while next < 100_u32 {
    ///     receiver.recv_batch(&mut batch)?;
    ///     for datagram in &batch {
    ///         assert_eq!(datagram.bytes(), next.to_be_bytes());
    ///         next += 1;
    ///     }
    /// }
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn recv_batch(&self, batch: &mut RecvBatch) -> Result<usize> {
        self.receive_batch(batch, Window::AsSet)
    }

    /// Receives datagrams into a batch, waiting no longer than `timeout` for the first one, whatever the endpoint's own limits;
    /// [`Duration::ZERO`] does not wait at all.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv_batch`](Self::recv_batch) would.
    pub fn recv_batch_timeout(&self, batch: &mut RecvBatch, timeout: Duration) -> Result<usize> {
        self.receive_batch(batch, Window::Timeout(timeout))
    }

    /// Receives datagrams into a batch, and blocks until the first one, at most until `deadline`, which replaces the read
    /// timeout for this call.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv_batch`](Self::recv_batch) would.
    pub fn recv_batch_deadline(&self, batch: &mut RecvBatch, deadline: Instant) -> Result<usize> {
        self.receive_batch(batch, Window::Deadline(deadline))
    }

    /// Receives available datagrams into a batch without blocking. Returns `None` if there are none.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv_batch`](Self::recv_batch) would, except for the timeout.
    pub fn try_recv_batch(&self, batch: &mut RecvBatch) -> Result<Option<usize>> {
        match self.receive_batch(batch, Window::Timeout(Duration::ZERO)) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.is_timeout() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn receive_batch(&self, batch: &mut RecvBatch, window: Window) -> Result<usize> {
        if batch.has_more() {
            if self.token.as_ref().is_some_and(CancelToken::is_cancelled) {
                return Err(self.ended(Operation::Receive, ErrorKind::Cancelled, Span::default()));
            }
        } else {
            batch.begin();
            batch.encoding = self.options.encoding;
            let span = self.timing.reading(window);
            self.watching(Operation::Receive, span, |_| None, |mode| self.fill(batch, mode))?;
        }
        self.delivered(batch)
    }

    fn delivered(&self, batch: &mut RecvBatch) -> Result<usize> {
        if !batch.has_more() {
            return Err(self.shut_down(Operation::Receive));
        }
        let error = batch.error.take();
        match batch.deliver() {
            Ok(0) => {
                let error = error.unwrap_or_else(|| io::ErrorKind::Other.into());
                Err(self.failure(Operation::Receive, error).with_remote(self.peer))
            }
            Ok(count) => {
                batch.error = error;
                Ok(count)
            }
            Err(group) => {
                let received = Received {
                    length: group.length,
                    from: Some(group.from),
                    info: group.info,
                    ..Received::default()
                };
                let (from, limit) = (group.from, group.limit);
                let (at, kept) = (group.at, group.kept.min(limit));
                batch.error = error;
                Err(self.truncated(Operation::Receive, &received, from, batch.bytes_at(at, kept)))
            }
        }
    }

    /// Receives one after the other, until there is nothing or it is enough. Only the first may wait.
    fn fill(&self, batch: &mut RecvBatch, mut mode: Mode) -> io::Result<()> {
        let limit = self.options.max_datagram;
        // What the system joins is cut apart here, so it must be whole.
        let most = if self.joins { LARGEST_DATAGRAM } else { limit };
        let with_control = self.joins || self.packet_info;
        let mut count = 0;
        while count < ENOUGH_DATAGRAMS && batch.used() < ENOUGH_BYTES {
            let at = batch.next();
            let Some(room) = batch.room(most) else { break };
            let mut received = Received { info: self.known, ..Received::default() };
            match sys::receive(&self.socket, room, mode, false, with_control, &mut received) {
                Ok(()) => {}
                Err(error) if !batch.is_filled() => return Err(error),
                Err(error) if sys::is_again(&error) => break,
                Err(error) if self.concerns_earlier_datagram(&error) => {
                    self.error_queue.store(ErrorQueue::PENDING, Ordering::Relaxed);
                    break;
                }
                Err(error) => {
                    batch.error = Some(error);
                    break;
                }
            }
            // Without a sender there is no datagram; whoever has nothing to deliver says so.
            let Some(from) = received.from else { break };
            if received.lost != 0 {
                self.lost.store(received.lost, Ordering::Relaxed);
            }
            let group = Group {
                from,
                info: received.info,
                at,
                length: received.length,
                kept: received.length.min(most),
                segment: if received.segment > 0 { received.segment } else { received.length },
                limit,
                is_too_long: false,
            };
            count += batch.add(group, self.options.truncation == Truncation::Error);
            mode = Mode::Try;
        }
        Ok(())
    }

    /// The error of a call for a single datagram on an endpoint that receives batches only, where one may be many.
    #[cold]
    pub(in crate::udp) fn refuse_single(&self, operation: Operation) -> Error {
        let error = Error::detailed(operation, ErrorKind::InvalidInput, BatchesOnly);
        error.with_local(Some(self.local)).with_remote(self.peer)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("an endpoint that is batches_only receives by recv_batch alone")]
struct BatchesOnly;
