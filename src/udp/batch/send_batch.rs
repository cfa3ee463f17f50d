use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use crate::error::{Error, Operation, Result};
use crate::proto::message::Message;
use crate::proto::text::Encoding;
use crate::proto::udp::grouping::{GsoMessage, Plan, Position, Run};
use crate::proto::udp::recv_meta::RecvMeta;
use crate::sys;

/// The kernel copies faster from an address that is a multiple of this, by 5 % for large datagrams.
/// The bytes begin at one once their buffer has grown.
const ALIGNMENT: usize = 64;

/// The addresses of a datagram. Those of one source are together, because one call has one source.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    /// `None` if the OS chooses it.
    pub(super) source: Option<IpAddr>,
    /// `None` is the peer of the endpoint.
    pub(super) to: Option<SocketAddr>,
}

/// A batch of datagrams to send with [`UdpEndpoint::send_batch`](crate::UdpEndpoint::send_batch).
///
/// [`UdpEndpoint::batch`](crate::UdpEndpoint::batch) creates it. It grows as datagrams are added,
/// and keeps its buffer when they have been sent, so that a batch that is used again does not
/// allocate.
///
/// Each peer receives each datagram as if it had been sent by itself, in the order in which they
/// were added. Datagrams to different peers may be sent in another order.
#[doc(alias = "mmsghdr", alias = "iovec")]
#[derive(Clone)]
pub struct SendBatch {
    pub(super) bytes: Vec<u8>,
    pub(super) runs: Vec<Run<Route>>,
    len: usize,
    /// The number of datagrams added since the batch was empty.
    added: usize,
    encoding: Encoding,
    /// Whether the endpoint has several local addresses, of which a reply needs one.
    has_sources: bool,
    /// Buffers for the plan of a call, kept for the next.
    pub(super) buffers: PlanBuffers,
}

#[derive(Clone, Default)]
pub(super) struct PlanBuffers {
    pub(super) order: Vec<u32>,
    pub(super) messages: Vec<GsoMessage<Route>>,
    pub(super) parts: Vec<Range<usize>>,
}

impl SendBatch {
    pub(super) fn new(encoding: Encoding, has_sources: bool) -> SendBatch {
        let buffers = PlanBuffers::default();
        SendBatch { bytes: Vec::new(), runs: Vec::new(), len: 0, added: 0, encoding, has_sources, buffers }
    }

    /// Adds a message for the peer of a connected endpoint, as one datagram.
    ///
    /// Text is encoded in the encoding of the endpoint that created the batch, and bytes are added
    /// as they are; see [`Message`]. This method never blocks.
    ///
    /// # Errors
    ///
    /// This returns an error if a character does not exist in the encoding
    /// ([`UnencodableText`](crate::ErrorKind::UnencodableText)). The batch is then unchanged. A
    /// message that is too long is an error of [`send_batch`](crate::UdpEndpoint::send_batch).
    #[inline]
    pub fn push(&mut self, message: impl Message) -> Result<()> {
        self.add(&message, Route { source: None, to: None })
    }

    /// Adds a message for an address, as one datagram.
    ///
    /// This method never blocks. It takes no host name: resolve the name once, with a
    /// [`Resolver`](crate::Resolver), for all datagrams.
    ///
    /// # Errors
    ///
    /// This returns an error if [`push`](Self::push) would.
    #[inline]
    pub fn push_to(&mut self, message: impl Message, to: impl Into<SocketAddr>) -> Result<()> {
        self.add(&message, Route { source: None, to: Some(sys::canonical(to.into())) })
    }

    /// Adds a message for the sender of a datagram, from the address that the datagram was sent to.
    ///
    /// A client discards a reply from another address than it sent its request to; see
    /// [`UdpEndpoint::reply`](crate::UdpEndpoint::reply). This method never blocks.
    ///
    /// # Errors
    ///
    /// This returns an error if [`push`](Self::push) would.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::UdpEndpoint;
    /// use socketry::udp::{RecvBatch, UdpBatchEndpoint};
    ///
    /// let server = UdpBatchEndpoint::new(UdpEndpoint::bind("127.0.0.1:0")?);
    /// let client = UdpEndpoint::connect(server.local_addr())?;
    /// client.send("ping")?;
    /// let (mut requests, mut replies) = (RecvBatch::new(), server.batch());
    /// server.recv_batch(&mut requests)?;
    /// for request in &requests {
    ///     replies.push_reply(request.meta(), "pong")?;
    /// }
    /// server.send_batch(&mut replies)?;
    /// assert_eq!(client.recv()?.text()?, "pong");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    ///
    /// # Platform-specific behavior
    ///
    /// **Windows**: the OS chooses the source address if the endpoint is bound to a wildcard
    /// address.
    #[doc(alias = "IP_PKTINFO")]
    #[inline]
    pub fn push_reply(&mut self, request: impl AsRef<RecvMeta>, message: impl Message) -> Result<()> {
        let request = request.as_ref();
        let source = if self.has_sources { request.ancillary.local() } else { None };
        self.add(&message, Route { source, to: Some(request.source()) })
    }

    #[inline]
    fn add(&mut self, message: &impl Message, route: Route) -> Result<()> {
        let bytes = match message.on_the_wire(self.encoding) {
            Ok(bytes) => bytes,
            Err(error) => {
                return Err(Error::from(error).with_operation(Operation::Send).with_remote(route.to));
            }
        };
        if self.bytes.is_empty() {
            let before = self.bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
            self.bytes.resize(before, 0);
        }
        let (at, size) = (self.bytes.len(), bytes.len());
        self.bytes.extend_from_slice(&bytes);
        match self.runs.last_mut() {
            Some(last) if last.size == size && last.peer == route => last.count += 1,
            _ => self.runs.push(Run { peer: route, size, count: 1, at, index: self.added }),
        }
        self.len += 1;
        self.added += 1;
        Ok(())
    }

    /// Returns the number of datagrams that are still to be sent.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns `true` if the batch has no datagrams.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Removes all datagrams without sending them.
    ///
    /// The batch keeps its buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.runs.clear();
        self.len = 0;
        self.added = 0;
    }

    /// Returns the encoding of text in the batch, which is that of the endpoint that created it.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Removes the datagrams before a position, and keeps the order of the others.
    pub(super) fn drain_sent(&mut self, position: Position) {
        let plan = Plan::new(&self.runs, &mut self.buffers.order);
        let done: Vec<(usize, usize)> = plan.done(position).collect();
        for (run, count) in done {
            self.drop_front(run, count);
        }
        self.runs.retain(|run| run.count > 0);
        if self.len == 0 {
            self.clear();
        }
    }

    /// Removes the first datagrams of a run.
    fn drop_front(&mut self, run: usize, count: usize) {
        let run = &mut self.runs[run];
        run.at += count * run.size;
        run.index += count;
        run.count -= count;
        self.len -= count;
    }

    /// Removes the first datagram of a run, and returns its index.
    pub(super) fn drop_one(&mut self, run: usize) -> usize {
        let index = self.runs[run].index;
        self.drop_front(run, 1);
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
