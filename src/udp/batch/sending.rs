//! Sending a batch: call after call to its end, with what the system refuses to cut sent again whole.

use std::io;
use std::net::SocketAddr;

use super::outgoing::{Peer, PlanRoom, SendBatch};
use crate::error::{Error, ErrorKind, Operation, Result, UnsentDatagram};
use crate::proto::grouping::{Plan, Position};
use crate::sys::{self, CancelToken, Ended, Family};
use crate::udp::UdpEndpoint;

impl UdpEndpoint {
    /// An empty batch for datagrams that this endpoint is to send, with its encoding.
    #[must_use]
    pub fn batch(&self) -> SendBatch {
        SendBatch::new(self.options.encoding)
    }

    /// Sends all datagrams of a batch, and returns how many these were; the batch is empty then.
    ///
    /// Datagrams of one size to one peer (the last may be shorter) go to the system as one, where it can cut them, and others
    /// as many in one call as it takes: a stream of small datagrams is sent 10 to 50 times as fast as by
    /// [`send_to`](Self::send_to). Whatever is put together, each peer gets what single sends would have sent it, in the same
    /// order.
    ///
    /// # Errors
    ///
    /// This returns an error if a datagram cannot be sent, for the reasons of [`send_to`](Self::send_to): it is too long, no
    /// route leads there, the write timeout is over. [`detail`](Error::detail) has an [`UnsentDatagram`], which tells which one
    /// it was and how many were sent.
    ///
    /// What was sent is no longer in the batch. Of the rest nothing is lost: it is sent when `send_batch` is called again. The
    /// datagram of the error is taken out, as it would fail again, unless the error is none of its own: the time was over, the
    /// cancel token was cancelled, or a connected peer's system says of an earlier one that nobody listens there
    /// ([`is_refused`](Error::is_refused)).
    ///
    /// # Platform-specific behavior
    ///
    /// The datagrams are cut by the kernel on Linux (since 4.18). What it or the device refuses to cut is sent in other ways, and
    /// the endpoint remembers. On other systems a batch is one call for each datagram.
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
    pub fn send_batch(&self, batch: &mut SendBatch) -> Result<usize> {
        let total = batch.len();
        self.refuse_unreachable(batch)?;
        let SendBatch { bytes, runs, room, .. } = batch;
        let PlanRoom { order, messages, parts } = room;
        let plan = Plan::new(runs, order);
        let mut position = Position::default();
        let sent = self.sending(|mode| {
            loop {
                let limits = self.segmenting.limits();
                let cut_at = plan.call(position, limits, sys::MOST_MESSAGES, messages, parts);
                let Some(first) = messages.first() else { return Ok(()) };
                // A wait looks at the cancel token.
                if position != Position::default()
                    && self.token.as_ref().is_some_and(CancelToken::is_cancelled)
                {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                let outgoing = (&messages[..], &parts[..]);
                let address = |peer: &Peer| self.address_of(*peer);
                match sys::send_messages(&self.socket, self.family, bytes, outgoing, address, cut_at, mode) {
                    Ok(sent) => {
                        let Some(last) = messages[..sent].last() else { return Ok(()) };
                        position = last.after;
                    }
                    Err(error) => match cut_at.zip(sys::segment_fault(&error)) {
                        Some((segment, fault)) => self.segmenting.learn(limits, fault, first.count, segment),
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
                let to = first.and_then(|message| message.peer).or(self.peer);
                let length = first.map_or(0, |message| message.segment);
                let may_go_later = match &unsent.ended {
                    Ended::Failed(error) => sys::error_kind(error) == ErrorKind::ConnectionRefused,
                    Ended::TimedOut | Ended::Cancelled | Ended::Reports => true,
                };
                let after = if may_go_later { position } else { plan.past_one(position) };
                batch.keep_from(after);
                let sent = total - batch.len() - usize::from(!may_go_later);
                let to = to.unwrap_or(SocketAddr::from(([0; 4], 0)));
                Err(self.unsent_of_batch(self.unsent(unsent, length, to), index, sent))
            }
        }
    }

    /// Takes out the first datagram that this socket cannot send anywhere, and says why.
    fn refuse_unreachable(&self, batch: &mut SendBatch) -> Result<()> {
        let refused = batch.runs.iter().enumerate().find_map(|(run, datagrams)| match datagrams.peer {
            None if self.peer.is_none() => {
                Some((run, self.failure(Operation::Send, io::ErrorKind::NotConnected.into())))
            }
            None => None,
            Some(to) if Family::of(&to) == self.family => None,
            Some(to) => self.translated(to).err().map(|error| (run, error)),
        });
        let Some((run, error)) = refused else { return Ok(()) };
        let index = batch.take_out_one(run);
        Err(self.unsent_of_batch(error, index, 0))
    }

    /// What the system is told of a peer that `refuse_unreachable` has let pass.
    fn address_of(&self, peer: Peer) -> Option<SocketAddr> {
        if peer == self.peer { None } else { peer.map(|peer| sys::mapped(peer, self.family)) }
    }

    #[cold]
    fn unsent_of_batch(&self, error: Error, index: usize, sent: usize) -> Error {
        let (kind, elapsed) = (error.kind(), error.elapsed());
        let (local, remote) = (error.local_addr(), error.peer_addr());
        Error::detailed(Operation::Send, kind, UnsentDatagram::new(index, sent, error))
            .with_local(local)
            .with_remote(remote)
            .with_elapsed(elapsed)
    }
}
