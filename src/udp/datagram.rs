use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use super::datagram_ref::DatagramRef;
use crate::error::Result;
use crate::proto::text::Encoding;
use crate::proto::udp::recv_meta::RecvMeta;

/// A received datagram: its bytes, its text and its metadata.
///
/// [`DatagramRef`](crate::udp::DatagramRef) is the same without a buffer of its own.
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
        self.as_datagram_ref().text()
    }

    /// Returns the bytes of the datagram.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the address of the sender; see [`RecvMeta::source`].
    pub fn source(&self) -> SocketAddr {
        self.meta.source
    }

    /// Returns the metadata: size, source, destination, interface, and more on request.
    pub fn meta(&self) -> &RecvMeta {
        &self.meta
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
        self.as_datagram_ref().text_in(encoding)
    }

    /// Decodes the datagram in the encoding of the endpoint, and replaces invalid bytes with `�`.
    pub fn text_lossy(&self) -> Cow<'_, str> {
        self.as_datagram_ref().text_lossy()
    }

    /// Returns the borrowed form of the datagram.
    #[inline]
    pub fn as_datagram_ref(&self) -> DatagramRef<'_> {
        DatagramRef {
            bytes: &self.bytes,
            length: self.meta.length(),
            meta: &self.meta,
            encoding: self.encoding,
        }
    }
}

impl<'a> From<&'a Datagram> for DatagramRef<'a> {
    fn from(datagram: &'a Datagram) -> DatagramRef<'a> {
        datagram.as_datagram_ref()
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
        self.as_datagram_ref().debug("Datagram", f)
    }
}
