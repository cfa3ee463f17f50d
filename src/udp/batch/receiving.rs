//! Receiving a batch: blocks for the first datagram, and then takes those that are available.

use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::incoming::{Group, RecvBatch};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::{LARGEST_DATAGRAM, Truncation};
use crate::sys::{self, Mode, Received};
use crate::udp::UdpEndpoint;
use crate::udp::endpoint::ErrorQueue;
use crate::wait::{CancelToken, WaitLimit};

/// A batch of this size ends without a system call that finds no datagram, which ends all others.
/// The overhead of one more call is negligible for such a batch.
const ENOUGH_DATAGRAMS: usize = 64;
const ENOUGH_BYTES: usize = 32_768;

impl UdpEndpoint {
    /// Blocks until a datagram arrives, receives it and those that are available after it, and
    /// returns their number.
    ///
    /// The number is at least 1. The datagrams are in `batch` until the next call. By default there
    /// is no read timeout, and this call blocks indefinitely. The read timeout, the deadline and
    /// the cancel token limit the wait for the first datagram. The call does not wait until the
    /// batch is full.
    ///
    /// Each datagram is as [`recv`](Self::recv) would return it. With
    /// [`batches_only`](crate::udp::UdpBuilder::batches_only) on Linux, receiving is 10 to 50 times
    /// as fast as by single calls if the sender sends batches. Otherwise each datagram takes one
    /// system call.
    ///
    /// # Limits
    ///
    /// A call stops receiving after 64 datagrams or 32 KiB. The last ones received may exceed that.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv`](Self::recv) would, except that
    /// [`batches_only`](crate::udp::UdpBuilder::batches_only) is no error. If the error occurs
    /// after some datagrams have been received, this call returns these, and the next call with the
    /// same batch returns the error. Datagrams after one that is too large are returned by the call
    /// after that.
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
    #[doc(alias = "recvmmsg", alias = "UDP_GRO", alias = "GRO")]
    pub fn recv_batch(&self, batch: &mut RecvBatch) -> Result<usize> {
        self.receive_batch(batch, || self.read_limit())
    }

    /// Receives available datagrams into a batch, and blocks for at most `timeout` for the first
    /// one.
    ///
    /// The timeout replaces the read timeout for this call. The deadline of the endpoint applies, too.
    /// With [`Duration::ZERO`] it does not block.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv_batch`](Self::recv_batch) would.
    pub fn recv_batch_timeout(&self, batch: &mut RecvBatch, timeout: Duration) -> Result<usize> {
        self.receive_batch(batch, || self.timeout_limit(timeout))
    }

    /// Receives available datagrams into a batch, and blocks at most until `deadline` for the first
    /// one.
    ///
    /// The deadline replaces the read timeout for this call. The earlier of it and the deadline of the
    /// endpoint applies.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv_batch`](Self::recv_batch) would.
    pub fn recv_batch_deadline(&self, batch: &mut RecvBatch, deadline: Instant) -> Result<usize> {
        self.receive_batch(batch, || self.deadline_limit(deadline))
    }

    /// Receives available datagrams into a batch, and returns `None` if there are none.
    ///
    /// This method never blocks.
    ///
    /// # Errors
    ///
    /// This returns an error if [`recv_batch`](Self::recv_batch) would, except that there is no
    /// timeout.
    #[doc(alias = "MSG_DONTWAIT", alias = "WouldBlock")]
    pub fn try_recv_batch(&self, batch: &mut RecvBatch) -> Result<Option<usize>> {
        match self.receive_batch(batch, || self.no_wait()) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.is_timeout() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn receive_batch<'a>(
        &'a self,
        batch: &mut RecvBatch,
        limit: impl FnOnce() -> WaitLimit<'a>,
    ) -> Result<usize> {
        if batch.has_more() {
            if self.token.as_ref().is_some_and(CancelToken::is_cancelled) {
                return Err(self.place(Error::new(Operation::Receive, ErrorKind::Cancelled)));
            }
        } else {
            batch.begin();
            batch.encoding = self.options.encoding;
            self.recv_loop(Operation::Receive, &limit(), None, |mode| self.fill(batch, mode))?;
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

    /// Receives datagrams until none is available or the batch is large enough. Only the first call
    /// may block.
    fn fill(&self, batch: &mut RecvBatch, mut mode: Mode) -> io::Result<()> {
        let limit = self.options.max_datagram;
        // Joined datagrams are split here, and must not be truncated.
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
                Err(error) if sys::is_would_block_or_intr(&error) => break,
                Err(error) if self.concerns_earlier_datagram(&error) => {
                    self.error_queue.store(ErrorQueue::PENDING, Ordering::Relaxed);
                    break;
                }
                Err(error) => {
                    batch.error = Some(error);
                    break;
                }
            }
            // Without a sender there is no datagram; an empty batch is then an error.
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
            mode = Mode::Nonblocking;
        }
        Ok(())
    }

    /// Returns the error of a call for a single datagram on an endpoint that is `batches_only`.
    #[cold]
    pub(in crate::udp) fn refuse_single(&self, operation: Operation) -> Error {
        let error = Error::detailed(operation, ErrorKind::InvalidInput, BatchesOnly);
        error.with_local(Some(self.local)).with_remote(self.peer)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("an endpoint that is batches_only receives by recv_batch alone")]
struct BatchesOnly;
