use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::error::{Error, Result};
use crate::proto::text::{Encoding, OnInvalid};
use crate::sys::PacketInfo;

/// The metadata of a received datagram: size, source, destination and interface.
///
/// [`recv_into`](crate::UdpEndpoint::recv_into) returns it, and every [`Datagram`] has it.
/// [`reply`](crate::UdpEndpoint::reply) takes either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct RecvMeta {
    pub(super) from: SocketAddr,
    pub(super) info: PacketInfo,
    /// The size of the whole datagram.
    pub(super) length: usize,
    /// The number of bytes in the buffer.
    pub(super) len: usize,
}

impl RecvMeta {
    /// Returns the number of bytes received, which is 0 for an empty datagram.
    #[expect(clippy::len_without_is_empty, reason = "the data of a datagram is not a collection")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns the address of the sender.
    ///
    /// An IPv4 address is an IPv4 address on a dual-stack socket, too, and not IPv4-mapped.
    #[doc(alias = "sockaddr", alias = "msg_name")]
    pub fn source(&self) -> SocketAddr {
        self.from
    }

    /// Returns the address that the datagram was sent to: a local, broadcast or multicast address,
    /// or `None` if it is unknown.
    ///
    /// On a socket that is bound to one address, or connected, it is the local address of the
    /// socket.
    ///
    /// # Platform-specific behavior
    ///
    /// On a socket that is bound to a wildcard address:
    ///
    /// * **Unix**: known if [`packet_info`](crate::udp::UdpBuilder::packet_info) is set, as it is
    ///   by default.
    /// * **Windows**: `None`.
    #[doc(alias = "IP_PKTINFO", alias = "IP_RECVDSTADDR", alias = "ipi_addr")]
    pub fn destination(&self) -> Option<IpAddr> {
        self.info.to
    }

    /// Returns the index of the interface on which the datagram arrived, or `None` if it is
    /// unknown.
    ///
    /// # Platform-specific behavior
    ///
    /// * **Unix**: known if [`packet_info`](crate::udp::UdpBuilder::packet_info) is set, as it is
    ///   by default on wildcard sockets.
    /// * **Windows**: `None`.
    #[doc(alias = "IP_PKTINFO", alias = "ipi_ifindex")]
    pub fn interface_index(&self) -> Option<u32> {
        self.info.interface
    }

    /// Returns the size of the whole datagram if it was truncated, and `None` otherwise.
    ///
    /// Only [`Truncation::Deliver`](crate::udp::Truncation::Deliver) delivers truncated datagrams.
    /// By default they are errors.
    #[doc(alias = "MSG_TRUNC")]
    pub fn truncated(&self) -> Option<usize> {
        (self.length > self.len).then_some(self.length)
    }
}

impl AsRef<RecvMeta> for RecvMeta {
    fn as_ref(&self) -> &RecvMeta {
        self
    }
}

/// A received datagram: its bytes, its text and its metadata.
///
/// # Examples
///
/// ```
/// use socketry::{Encoding, UdpEndpoint};
///
/// let receiver = UdpEndpoint::builder().encoding(Encoding::Gb2312).bind("127.0.0.1:0")?;
/// let sender = UdpEndpoint::bind("127.0.0.1:0")?;
/// sender.send_to([0xC4, 0xE3, 0xBA, 0xC3], receiver.local_addr())?;
///
/// let datagram = receiver.recv()?;
/// assert_eq!(datagram.text()?, "你好");
/// assert_eq!(datagram.bytes(), [0xC4, 0xE3, 0xBA, 0xC3]);
/// assert_eq!(datagram.source(), sender.local_addr());
/// # Ok::<(), socketry::Error>(())
/// ```
#[doc(alias = "recvfrom")]
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Datagram {
    pub(super) bytes: Vec<u8>,
    pub(super) meta: RecvMeta,
    pub(super) encoding: Encoding,
}

impl Datagram {
    /// Decodes the datagram in the [encoding of the endpoint](crate::udp::UdpBuilder::encoding).
    ///
    /// The datagram is decoded as a whole. If a sender splits characters between datagrams, decode
    /// their bytes with a [`Decoder`](crate::text::Decoder).
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not valid in the encoding, an incomplete character at
    /// the end included ([`InvalidText`](crate::ErrorKind::InvalidText)). It has the sender, the
    /// bytes and their offset.
    #[doc(alias = "decode")]
    pub fn text(&self) -> Result<Cow<'_, str>> {
        self.text_in(self.encoding)
    }

    /// Returns the bytes of the datagram.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the address of the sender; see [`RecvMeta::source`].
    pub fn source(&self) -> SocketAddr {
        self.meta.from
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns `true` if the datagram has no bytes.
    ///
    /// UDP delivers empty datagrams. They do not mean the end of a stream.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Consumes the datagram and returns its bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Decodes the datagram in the given encoding.
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not valid in the encoding
    /// ([`InvalidText`](crate::ErrorKind::InvalidText)).
    pub fn text_in(&self, encoding: Encoding) -> Result<Cow<'_, str>> {
        encoding.decode(&self.bytes).map_err(|error| Error::from(error).with_remote(Some(self.source())))
    }

    /// Decodes the datagram in the encoding of the endpoint, and replaces invalid bytes with `�`.
    pub fn text_lossy(&self) -> Cow<'_, str> {
        self.encoding.decode_with(&self.bytes, OnInvalid::Replace).unwrap_or_default()
    }

    /// Returns the metadata: size, source, destination and interface.
    pub fn meta(&self) -> &RecvMeta {
        &self.meta
    }

    /// Returns the address that the datagram was sent to; see [`RecvMeta::destination`].
    pub fn destination(&self) -> Option<IpAddr> {
        self.meta.destination()
    }

    /// Returns the index of the interface on which the datagram arrived; see
    /// [`RecvMeta::interface_index`].
    pub fn interface_index(&self) -> Option<u32> {
        self.meta.interface_index()
    }

    /// Returns the size of the whole datagram if it was truncated; see [`RecvMeta::truncated`].
    pub fn truncated(&self) -> Option<usize> {
        self.meta.truncated()
    }
}

impl AsRef<RecvMeta> for Datagram {
    fn as_ref(&self) -> &RecvMeta {
        &self.meta
    }
}

impl AsRef<[u8]> for Datagram {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Datagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        let shown = &self.bytes[..self.bytes.len().min(SHOWN)];
        f.debug_struct("Datagram")
            .field("bytes", &format_args!("{}", shown.escape_ascii()))
            .field("meta", &self.meta)
            .field("encoding", &self.encoding)
            .finish()
    }
}
