use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;

use crate::error::{Error, Operation, Result};
use crate::proto::grouping::{Message as Group, Plan, Position, Run};
use crate::proto::message::Message;
use crate::proto::text::Encoding;
use crate::sys;

/// The system copies faster from an address that is a multiple of this, by a twentieth of what large datagrams cost. The
/// bytes begin at one once their room has grown.
const ALIGNMENT: usize = 64;

/// The peer of a datagram; `None` is the endpoint's own.
pub(super) type Peer = Option<SocketAddr>;

/// Datagrams to send in one call: see [`UdpEndpoint::send_batch`](crate::UdpEndpoint::send_batch).
///
/// It is made by [`UdpEndpoint::batch`](crate::UdpEndpoint::batch), grows as datagrams are put in, and keeps its room when they
/// have been sent, so that one that is used again allocates nothing.
///
/// How the datagrams reach the system does not show: each peer gets each datagram as if it had been sent by itself, in the order
/// in which they were put in. Datagrams to different peers may leave in another order.
#[derive(Clone)]
pub struct SendBatch {
    pub(super) bytes: Vec<u8>,
    pub(super) runs: Vec<Run<Peer>>,
    len: usize,
    /// How many were put in since the batch was empty.
    put: usize,
    encoding: Encoding,
    /// Room for the plan of a call, kept for the next.
    pub(super) room: PlanRoom,
}

#[derive(Clone, Default)]
pub(super) struct PlanRoom {
    pub(super) order: Vec<u32>,
    pub(super) messages: Vec<Group<Peer>>,
    pub(super) parts: Vec<Range<usize>>,
}

impl SendBatch {
    pub(super) fn new(encoding: Encoding) -> SendBatch {
        SendBatch { bytes: Vec::new(), runs: Vec::new(), len: 0, put: 0, encoding, room: PlanRoom::default() }
    }

    /// Puts a message in, for the peer of a connected endpoint, as one datagram.
    ///
    /// Text is put in in the encoding of the endpoint that made the batch, bytes as they are: see [`Message`].
    ///
    /// # Errors
    ///
    /// This returns an error if a character does not exist in the encoding; then nothing is put in. A message that is too long
    /// is found out when it is sent.
    #[inline]
    pub fn push(&mut self, message: impl Message) -> Result<()> {
        self.put(&message, None)
    }

    /// Puts a message in, for an address, as one datagram.
    ///
    /// A name is looked up before, once for many datagrams: see [`Address`](crate::Address) and
    /// [`Resolver`](crate::Resolver).
    ///
    /// # Errors
    ///
    /// This returns an error if [`push`](Self::push) would.
    #[inline]
    pub fn push_to(&mut self, message: impl Message, to: impl Into<SocketAddr>) -> Result<()> {
        self.put(&message, Some(sys::canonical(to.into())))
    }

    #[inline]
    fn put(&mut self, message: &impl Message, peer: Peer) -> Result<()> {
        let bytes = match message.on_the_wire(self.encoding) {
            Ok(bytes) => bytes,
            Err(error) => {
                return Err(Error::from(error).with_operation(Operation::Send).with_remote(peer));
            }
        };
        if self.bytes.is_empty() {
            let before = self.bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
            self.bytes.resize(before, 0);
        }
        let (at, size) = (self.bytes.len(), bytes.len());
        self.bytes.extend_from_slice(&bytes);
        match self.runs.last_mut() {
            Some(last) if last.size == size && last.peer == peer => last.count += 1,
            _ => self.runs.push(Run { peer, size, count: 1, at, index: self.put }),
        }
        self.len += 1;
        self.put += 1;
        Ok(())
    }

    /// How many datagrams are in it, which is how many are still to be sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes all datagrams out, without sending them. The room stays.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.runs.clear();
        self.len = 0;
        self.put = 0;
    }

    /// The encoding of what is put in as text: that of the endpoint that made the batch.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Takes out what stands before a position, and keeps the rest as it was put in.
    pub(super) fn keep_from(&mut self, position: Position) {
        let plan = Plan::new(&self.runs, &mut self.room.order);
        let done: Vec<(usize, usize)> = plan.done(position).collect();
        for (run, count) in done {
            self.take_out(run, count);
        }
        self.runs.retain(|run| run.count > 0);
        if self.len == 0 {
            self.clear();
        }
    }

    /// Takes out the first datagrams of a run.
    fn take_out(&mut self, run: usize, count: usize) {
        let run = &mut self.runs[run];
        run.at += count * run.size;
        run.index += count;
        run.count -= count;
        self.len -= count;
    }

    /// Takes out the first datagram of a run; which it was.
    pub(super) fn take_out_one(&mut self, run: usize) -> usize {
        let index = self.runs[run].index;
        self.take_out(run, 1);
        self.runs.retain(|run| run.count > 0);
        if self.len == 0 {
            self.clear();
        }
        index
    }
}

impl fmt::Debug for SendBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBatch")
            .field("len", &self.len)
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}
