use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::error::{Error, Result};
use crate::proto::text::{Encoding, OnInvalid};
use crate::sys::PacketInfo;

/// How one datagram came in: its size, who sent it, and which of our addresses it was sent to.
///
/// It is what [`recv_into`](crate::UdpEndpoint::recv_into) returns, and a part of every [`Datagram`].
/// [`reply`](crate::UdpEndpoint::reply) takes either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct RecvMeta {
    pub(super) from: SocketAddr,
    pub(super) info: PacketInfo,
    /// The size of the whole datagram.
    pub(super) length: usize,
    /// How much of it was kept.
    pub(super) len: usize,
}

impl RecvMeta {
    /// How many bytes were received; 0 is a datagram like another.
    #[expect(clippy::len_without_is_empty, reason = "the data of a datagram is not a collection")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Who sent it. An IPv4 address is one on a dual-stack socket as well.
    pub fn source(&self) -> SocketAddr {
        self.from
    }

    /// The address it was sent to: one of ours, or a broadcast or multicast address.
    ///
    /// # Platform-specific behavior
    ///
    /// On a socket that is bound to one address, or connected, it is that address. On a wildcard socket it is known on
    /// Unix, as long as [`packet_info`](crate::udp::UdpBuilder::packet_info) is on; on Windows it is `None`.
    pub fn destination(&self) -> Option<IpAddr> {
        self.info.to
    }

    /// The index of the interface it came in by.
    ///
    /// # Platform-specific behavior
    ///
    /// Known where packet information is on: by default on wildcard sockets, on Unix.
    pub fn interface_index(&self) -> Option<u32> {
        self.info.interface
    }

    /// The true size of a datagram that did not fit, or `None` for one that did.
    ///
    /// Only with [`Truncation::Deliver`](crate::udp::Truncation::Deliver); otherwise such a datagram is an error.
    pub fn truncated(&self) -> Option<usize> {
        (self.length > self.len).then_some(self.length)
    }
}

impl AsRef<RecvMeta> for RecvMeta {
    fn as_ref(&self) -> &RecvMeta {
        self
    }
}

/// One datagram: its bytes, how it came in, and its text.
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
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Datagram {
    pub(super) bytes: Vec<u8>,
    pub(super) meta: RecvMeta,
    pub(super) encoding: Encoding,
}

impl Datagram {
    /// The text, in the [encoding of the endpoint](crate::udp::UdpBuilder::encoding) that received it.
    ///
    /// The whole datagram is taken for text. Where a sender may cut a character in two, give the bytes of one datagram
    /// after another to a [`Decoder`](crate::text::Decoder).
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not text of that encoding, a character that is cut at the end included.
    /// It names the sender, the bytes and their offset.
    pub fn text(&self) -> Result<Cow<'_, str>> {
        self.text_in(self.encoding)
    }

    /// The bytes as they came.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Who sent it: see [`RecvMeta::source`].
    pub fn source(&self) -> SocketAddr {
        self.meta.from
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has no bytes; such a datagram can be sent, and is not an end.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes, taken out.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The text in an encoding.
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not text of that encoding.
    pub fn text_in(&self, encoding: Encoding) -> Result<Cow<'_, str>> {
        encoding.decode(&self.bytes).map_err(|error| Error::from(error).with_remote(Some(self.source())))
    }

    /// The text in the endpoint's encoding, whatever the bytes are: what is not text becomes `�` each time.
    pub fn text_lossy(&self) -> Cow<'_, str> {
        self.encoding.decode_with(&self.bytes, OnInvalid::Replace).unwrap_or_default()
    }

    /// How it came in: see [`RecvMeta`].
    pub fn meta(&self) -> &RecvMeta {
        &self.meta
    }

    /// The address it was sent to: see [`RecvMeta::destination`].
    pub fn destination(&self) -> Option<IpAddr> {
        self.meta.destination()
    }

    /// The interface it came in by: see [`RecvMeta::interface_index`].
    pub fn interface_index(&self) -> Option<u32> {
        self.meta.interface_index()
    }

    /// The true size, if it did not fit: see [`RecvMeta::truncated`].
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
