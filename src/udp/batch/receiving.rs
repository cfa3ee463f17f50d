//! Receiving a batch: blocks for the first datagram, and then takes those that are available.

use std::io;
use std::sync::atomic::Ordering;

use super::endpoint::UdpBatchEndpoint;
use super::recv_batch::{GroSegments, RecvBatch};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::{LARGEST_DATAGRAM, Truncation};
use crate::sys::{self, How, Mode, Received};
use crate::udp::endpoint::ErrorQueue;
use crate::udp::recv_path::RecvOp;
use crate::wait::{CancelToken, WaitLimit};

/// A batch of this size ends without a system call that finds no datagram, which ends all others.
/// The overhead of one more call is negligible for such a batch.
const ENOUGH_DATAGRAMS: usize = 64;
const ENOUGH_BYTES: usize = 32_768;

impl UdpBatchEndpoint {
    pub(super) fn receive<'a>(
        &'a self,
        batch: &mut RecvBatch,
        limit: impl FnOnce() -> WaitLimit<'a>,
    ) -> Result<usize> {
        if batch.has_more() {
            if self.endpoint.token.as_ref().is_some_and(CancelToken::is_cancelled) {
                return Err(self.endpoint.place(Error::new(Operation::Receive, ErrorKind::Cancelled)));
            }
        } else {
            batch.begin();
            batch.encoding = self.endpoint.options.encoding;
            self.endpoint.recv_loop(RecvOp::Recv, &limit(), None, |mode| self.fill(batch, mode))?;
        }
        self.deliver(batch)
    }

    fn deliver(&self, batch: &mut RecvBatch) -> Result<usize> {
        let endpoint = &self.endpoint;
        let error = batch.error.take();
        match batch.deliver() {
            Ok(0) => {
                let error = error.unwrap_or_else(|| io::ErrorKind::NotConnected.into());
                Err(endpoint.failure(Operation::Receive, error).with_remote(endpoint.peer))
            }
            Ok(count) => {
                batch.error = error;
                Ok(count)
            }
            Err(group) => {
                let meta = group.meta;
                let (at, kept) = (group.at, meta.len().min(group.limit));
                batch.error = error;
                Err(endpoint.truncated(Operation::Receive, &meta, batch.bytes_at(at, kept)))
            }
        }
    }

    /// Receives datagrams until none is available or the batch is large enough. Only the first call
    /// may block.
    fn fill(&self, batch: &mut RecvBatch, mut mode: Mode) -> io::Result<()> {
        let endpoint = &self.endpoint;
        let limit = endpoint.options.max_datagram;
        // Joined datagrams are split here, and must not be truncated.
        let most = if self.gro { LARGEST_DATAGRAM } else { limit };
        let control = self.gro || endpoint.has_control;
        let mut received = Received::new(endpoint.static_info);
        let mut count = 0;
        while count < ENOUGH_DATAGRAMS && batch.used() < ENOUGH_BYTES {
            let at = batch.next();
            let Some(buffer) = batch.spare(most) else { break };
            received.meta.ancillary = endpoint.static_info;
            match endpoint.receive(buffer, How { mode, peek: false, control }, &mut received) {
                Ok(()) => {}
                Err(error) if !batch.is_filled() => return Err(error),
                Err(error) if sys::is_would_block_or_intr(&error) => break,
                Err(error) if endpoint.is_async_error(&error) => {
                    endpoint.error_queue.store(ErrorQueue::PENDING, Ordering::Relaxed);
                    break;
                }
                Err(error) => {
                    batch.error = Some(error);
                    break;
                }
            }
            let Received { meta, segment, .. } = received;
            let segment = if segment > 0 { segment } else { meta.length() };
            let group = GroSegments { meta, at, segment, limit, is_too_long: false };
            count += batch.add(group, endpoint.options.truncation == Truncation::Error);
            mode = Mode::Nonblocking;
        }
        Ok(())
    }
}
