use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use super::worker::Replies;
use crate::error::Result;
use crate::proto::message::Message;
use crate::udp::DatagramRef;

/// A datagram that a server has received, passed to the handler of
/// [`UdpServer::serve`](crate::udp::UdpServer::serve).
pub struct UdpRequest<'a> {
    pub(super) datagram: DatagramRef<'a>,
    pub(super) replies: &'a mut Replies,
}

impl<'a> UdpRequest<'a> {
    /// Returns the datagram, with its metadata.
    pub fn datagram(&self) -> DatagramRef<'a> {
        self.datagram
    }

    /// Decodes the datagram in the [encoding of the endpoint](crate::udp::UdpBuilder::encoding).
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not valid in the encoding
    /// ([`InvalidText`](crate::ErrorKind::InvalidText)).
    pub fn text(&self) -> Result<Cow<'a, str>> {
        self.datagram.text()
    }

    /// Returns the bytes of the datagram.
    pub fn bytes(&self) -> &'a [u8] {
        self.datagram.bytes()
    }

    /// Returns the address of the sender.
    pub fn source(&self) -> SocketAddr {
        self.datagram.source()
    }

    /// Adds a reply to the sender, from the address that the datagram was sent to.
    ///
    /// The replies of a handler are sent in order, after it has returned. A handler may reply several
    /// times, or not at all. This method never blocks.
    ///
    /// # Errors
    ///
    /// This returns an error if a character does not exist in the encoding
    /// ([`UnencodableText`](crate::ErrorKind::UnencodableText)). A reply that cannot be sent is
    /// reported as [`ReplyFailed`](crate::udp::UdpServerEvent::ReplyFailed).
    pub fn reply(&mut self, message: impl Message) -> Result<()> {
        self.replies.batch.push_reply(self.datagram.meta(), message)
    }

    /// Adds a message to another address, which is sent as a reply is.
    ///
    /// # Errors
    ///
    /// This returns an error if [`reply`](Self::reply) would.
    pub fn send_to(&mut self, message: impl Message, to: impl Into<SocketAddr>) -> Result<()> {
        self.replies.batch.push_to(message, to)
    }

    /// Sends the pending replies of the thread now, instead of after the handler has returned.
    ///
    /// For handlers that reply, and continue to work afterwards. This method blocks while the send buffer of the OS
    /// is full, up to the [write timeout](crate::udp::UdpBuilder::write_timeout) of the endpoint. Errors
    /// are reported as [`ReplyFailed`](crate::udp::UdpServerEvent::ReplyFailed).
    pub fn flush(&mut self) {
        self.replies.send();
    }

    /// Returns `true` if the shutdown of the server has begun.
    pub fn is_shutting_down(&self) -> bool {
        self.replies.core().is_closing()
    }
}

impl fmt::Debug for UdpRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpRequest").field("datagram", &self.datagram).finish_non_exhaustive()
    }
}
