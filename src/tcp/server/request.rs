use std::fmt;
use std::net::SocketAddr;

use crate::error::Result;
use crate::frame::{Framing, Reply};
use crate::tcp::connection::TcpConnection;

/// One request in the hand of a handler, and the way to answer it; see
/// [`TcpServer::serve_requests`](crate::TcpServer::serve_requests).
///
/// The other two of similar names are of UDP: [`UdpEndpoint::request`](crate::UdpEndpoint::request) asks one peer, and a
/// [`Query`](crate::broadcast::Query) is what a [`Responder`](crate::broadcast::Responder) has heard of somebody who asks everybody.
pub struct Request<'a, F: Framing> {
    frame: &'a F::Frame,
    connection: &'a TcpConnection,
    reply: Reply<'a, &'a TcpConnection, F>,
    is_last: bool,
}

impl<'a, F: Framing> Request<'a, F> {
    pub(super) fn new(
        frame: &'a F::Frame,
        connection: &'a TcpConnection,
        reply: Reply<'a, &'a TcpConnection, F>,
    ) -> Self {
        Request { frame, connection, reply, is_last: false }
    }

    pub(super) fn is_last(&self) -> bool {
        self.is_last
    }

    /// What was asked, borrowed from the server's buffer.
    pub fn frame(&self) -> &F::Frame {
        self.frame
    }

    /// Who asks.
    pub fn peer_addr(&self) -> SocketAddr {
        self.connection.peer_addr()
    }

    /// The connection, for its addresses, limits and options. What is read from it here is missing in later requests.
    pub fn connection(&self) -> &TcpConnection {
        self.connection
    }

    /// Answers with a frame; any number of them, or none. They leave together with the answers to the requests that are in
    /// hand already: see [`Framed`](crate::frame::Framed).
    ///
    /// # Errors
    ///
    /// This returns an error if [`Framed::send`](crate::frame::Framed::send) would.
    pub fn reply(&mut self, frame: impl AsRef<F::Frame>) -> Result<()> {
        self.reply.send(frame)
    }

    /// Has the connection closed after this request.
    pub fn close(&mut self) {
        self.is_last = true;
    }
}

impl<F: Framing> fmt::Debug for Request<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("frame", &self.frame)
            .field("peer", &self.peer_addr())
            .finish_non_exhaustive()
    }
}
