use std::fmt;
use std::net::SocketAddr;

use crate::error::Result;
use crate::frame::{Framing, Outbox, PENDING_LIMIT};
use crate::tcp::connection::TcpConnection;

/// A request, passed to the handler of
/// [`TcpServer::serve_requests`](crate::TcpServer::serve_requests), which can reply to it.
///
/// Two similar names belong to UDP: [`UdpEndpoint::request`](crate::UdpEndpoint::request) sends a
/// request to one peer, and a [`Query`](crate::broadcast::Query) is a discovery query that a
/// [`Responder`](crate::broadcast::Responder) received.
pub struct Request<'a, F: Framing> {
    connection: &'a TcpConnection,
    framing: &'a F,
    outbox: &'a mut Outbox,
    /// Whether another complete request is buffered.
    more: bool,
    is_last: bool,
}

impl<'a, F: Framing> Request<'a, F> {
    pub(super) fn new(
        connection: &'a TcpConnection,
        framing: &'a F,
        outbox: &'a mut Outbox,
        more: bool,
    ) -> Self {
        Request { connection, framing, outbox, more, is_last: false }
    }

    pub(super) fn is_last(&self) -> bool {
        self.is_last
    }

    /// Returns the frame of the request, borrowed from the server's buffer.
    pub fn frame(&self) -> &F::Frame {
        self.framing.frame()
    }

    /// Returns the address of the peer.
    pub fn peer_addr(&self) -> SocketAddr {
        self.connection.peer_addr()
    }

    /// Returns the connection, for its addresses, limits and options. Bytes that are read from it
    /// here are missing in later requests.
    pub fn connection(&self) -> &TcpConnection {
        self.connection
    }

    /// Replies with a frame. A handler can call this any number of times, or not at all.
    ///
    /// Replies to pipelined requests that are already buffered are sent together; see
    /// [`Framed`](crate::frame::Framed). What does not fit into the send buffer of the OS is sent when
    /// the peer reads, after the handler has returned. This blocks only if 64 KiB of earlier replies
    /// wait, as a call of [`Framed::send`](crate::frame::Framed::send) would.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the frame cannot be encoded, as for [`Framed::send`](crate::frame::Framed::send);
    /// * the connection has failed, or the write timeout expires. A reply that fails later is reported
    ///   as an error of the handler would be.
    pub fn reply(&mut self, frame: impl AsRef<F::Frame>) -> Result<()> {
        if self.outbox.held() >= PENDING_LIMIT {
            self.outbox.flush(&mut &*self.connection)?;
        }
        self.outbox.push(self.framing, frame.as_ref())?;
        if !self.more || self.outbox.held() >= PENDING_LIMIT {
            let inner = &self.connection.inner;
            self.outbox.flush_some(|bytes| inner.try_write(bytes))?;
        }
        Ok(())
    }

    /// Returns `true` if the server is shutting down. The connection is closed soon, so the reply should
    /// say that it is the last one, and the handler can [`close`](Self::close) it.
    pub fn is_shutting_down(&self) -> bool {
        self.connection.is_shutting_down()
    }

    /// Closes the connection after this request.
    pub fn close(&mut self) {
        self.is_last = true;
    }
}

impl<F: Framing> fmt::Debug for Request<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("frame", &self.frame())
            .field("peer", &self.peer_addr())
            .finish_non_exhaustive()
    }
}
