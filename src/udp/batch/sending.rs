//! Sending a batch with few system calls. Messages that the kernel does not segment are sent again
//! as datagrams.

use std::io;
use std::net::SocketAddr;

use super::send_batch::{PlanBuffers, Route, SendBatch};
use crate::error::{Error, ErrorKind, Operation, Result, UnsentDatagram};
use crate::proto::udp::grouping::{Plan, Position};
use crate::sys::{self, Family};
use crate::udp::UdpEndpoint;
use crate::udp::send::SendFailure;
use crate::wait::CancelToken;

impl UdpEndpoint {
    /// Creates an empty batch of datagrams to send, with the encoding of this endpoint.
    #[must_use]
    pub fn batch(&self) -> SendBatch {
        SendBatch::new(self.options.encoding, self.static_info.destination().is_none())
    }

    /// Sends all datagrams of a batch and returns their number, which leaves the batch empty.
    ///
    /// Consecutive datagrams of one size to one peer (the last may be shorter) are passed to the OS
    /// as one message, where it can segment them, and others in groups. Small datagrams are sent 10
    /// to 50 times as fast as by [`send_to`](Self::send_to) on Linux. Each peer receives the same
    /// datagrams, in the same order, as from single sends.
    ///
    /// This method blocks while the send buffer of the OS is full, by default without a timeout.
    /// The write timeout, the deadline and the cancel token limit the whole call.
    ///
    /// # Errors
    ///
    /// This returns an error if a datagram cannot be sent, for any reason listed under
    /// [`send_to`](Self::send_to) but for those of text and names. [`detail`](Error::detail) is an
    /// [`UnsentDatagram`] with the index of that datagram and the number of datagrams sent.
    ///
    /// Datagrams that were sent are removed from the batch, and the others stay, to be sent by the
    /// next call. The datagram of the error stays, too, if the error is not its own: the call timed
    /// out ([`TimedOut`](crate::ErrorKind::TimedOut)) or was cancelled
    /// ([`Cancelled`](crate::ErrorKind::Cancelled)), or an earlier datagram arrived at a closed
    /// port of the peer ([`ConnectionRefused`](crate::ErrorKind::ConnectionRefused)). Otherwise it
    /// is removed.
    ///
    /// # Platform-specific behavior
    ///
    /// * **Linux**: the kernel segments messages since 4.18. What it or the network device does not
    ///   segment is sent in other ways, and the endpoint remembers that.
    /// * **Others**: each datagram takes one system call.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    ///
    /// let receiver = UdpEndpoint::bind("127.0.0.1:0")?;
    /// let sender = UdpEndpoint::connect(receiver.local_addr())?;
    /// let mut batch = sender.batch();
    /// for number in 0..10_u32 {
    ///     batch.push(number.to_be_bytes())?;
    /// }
    /// assert_eq!(sender.send_batch(&mut batch)?, 10);
    /// assert!(batch.is_empty());
    /// assert_eq!(receiver.recv()?.bytes(), [0, 0, 0, 0]);
    /// assert_eq!(receiver.recv()?.bytes(), [0, 0, 0, 1]);
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "sendmmsg", alias = "UDP_SEGMENT", alias = "GSO")]
    pub fn send_batch(&self, batch: &mut SendBatch) -> Result<usize> {
        let total = batch.len();
        self.refuse_unreachable(batch)?;
        let SendBatch { bytes, runs, buffers, .. } = batch;
        let PlanBuffers { order, messages, parts } = buffers;
        let plan = Plan::new(runs, order);
        let mut position = Position::default();
        let sent = self.sending(None, |mode| {
            loop {
                let limits = self.gso_limits.limits();
                let same_source = |one: &Route, other: &Route| one.source == other.source;
                let segment_size =
                    plan.call(position, (limits, same_source), sys::MAX_MESSAGES, messages, parts);
                let Some(first) = messages.first() else { return Ok(()) };
                let source =
                    first.peer.source.map(|source| sys::mapped((source, 0).into(), self.family).ip());
                // The wait after `WouldBlock` checks the cancel token.
                if position != Position::default()
                    && self.token.as_ref().is_some_and(CancelToken::is_cancelled)
                {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                let outgoing = (&messages[..], &parts[..]);
                let address = |route: &Route| self.address_of(route.to);
                let socket = (&self.socket, self.family);
                match sys::send_messages(socket, bytes, outgoing, (address, source), segment_size, mode) {
                    Ok(sent) => {
                        let Some(last) = messages[..sent].last() else { return Ok(()) };
                        position = last.after;
                    }
                    Err(error) => match segment_size.zip(sys::segment_fault(&error)) {
                        Some((segment, fault)) => self.gso_limits.learn(limits, fault, first.count, segment),
                        None => return Err(error),
                    },
                }
            }
        });
        match sent {
            Ok(()) => {
                batch.clear();
                Ok(total)
            }
            Err(unsent) => {
                let first = messages.first();
                let index = first.map_or(0, |message| message.index);
                let to = first.and_then(|message| message.peer.to).or(self.peer);
                let length = first.map_or(0, |message| message.segment);
                let may_go_later = match &unsent {
                    SendFailure::Failed(error) => sys::error_kind(error) == ErrorKind::ConnectionRefused,
                    SendFailure::Ended(_) => true,
                };
                let after = if may_go_later { position } else { plan.past_one(position) };
                batch.drain_sent(after);
                let sent = total - batch.len() - usize::from(!may_go_later);
                let to = to.unwrap_or(SocketAddr::from(([0; 4], 0)));
                Err(self.unsent_of_batch(self.unsent(unsent, length, to), index, sent))
            }
        }
    }

    /// Removes the first datagram to an address that this socket cannot send to, and returns its
    /// error.
    fn refuse_unreachable(&self, batch: &mut SendBatch) -> Result<()> {
        let refused = batch.runs.iter().enumerate().find_map(|(run, datagrams)| match datagrams.peer.to {
            None if self.peer.is_none() => {
                Some((run, self.failure(Operation::Send, io::ErrorKind::NotConnected.into())))
            }
            None => None,
            Some(to) if Family::of(&to) == self.family => None,
            Some(to) => self.map_family(to).err().map(|error| (run, error)),
        });
        let Some((run, error)) = refused else { return Ok(()) };
        let index = batch.drop_one(run);
        Err(self.unsent_of_batch(error, index, 0))
    }

    /// Returns the address of a peer for the OS; `refuse_unreachable` has checked it.
    fn address_of(&self, peer: Option<SocketAddr>) -> Option<SocketAddr> {
        if peer == self.peer { None } else { peer.map(|peer| sys::mapped(peer, self.family)) }
    }

    #[cold]
    pub(super) fn unsent_of_batch(&self, error: Error, index: usize, sent: usize) -> Error {
        let (kind, elapsed, limit) = (error.kind(), error.elapsed(), error.limit());
        let (local, remote) = (error.local_addr(), error.peer_addr());
        Error::detailed(Operation::Send, kind, UnsentDatagram::new(index, sent, error))
            .with_local(local)
            .with_remote(remote)
            .with_elapsed(elapsed)
            .with_limit(limit)
    }
}
