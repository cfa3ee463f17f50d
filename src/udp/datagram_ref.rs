use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;

use super::datagram::Datagram;
use crate::error::{Error, Result};
use crate::proto::text::{Encoding, OnInvalid};
use crate::proto::udp::recv_meta::RecvMeta;

/// A received datagram in the buffer of its owner: of a [`RecvBatch`](crate::udp::RecvBatch), of a
/// request of a [`UdpServer`](crate::udp::UdpServer), or of a [`Datagram`](crate::Datagram).
///
/// # Examples
///
/// ```
/// use socketry::UdpEndpoint;
/// use socketry::udp::DatagramRef;
///
/// fn first_word<'a>(datagram: impl Into<DatagramRef<'a>>) -> &'a [u8] {
///     datagram.into().bytes().split(|byte| *byte == b' ').next().unwrap_or_default()
/// }
///
/// let receiver = UdpEndpoint::bind("127.0.0.1:0")?;
/// UdpEndpoint::connect(receiver.local_addr())?.send("set volume 3")?;
/// assert_eq!(first_word(&receiver.recv()?), b"set");
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct DatagramRef<'a> {
    pub(super) bytes: &'a [u8],
    /// The size of the whole datagram.
    pub(super) length: usize,
    /// Its metadata but for the sizes, which are those of all datagrams that the OS has joined.
    pub(super) meta: &'a RecvMeta,
    pub(super) encoding: Encoding,
}

impl<'a> DatagramRef<'a> {
    /// Decodes the datagram in the [encoding of the endpoint](crate::udp::UdpBuilder::encoding).
    ///
    /// # Errors
    ///
    /// This returns an error if [`Datagram::text`](crate::Datagram::text) would.
    pub fn text(&self) -> Result<Cow<'a, str>> {
        self.text_in(self.encoding)
    }

    /// Returns the bytes of the datagram.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the address of the sender; see [`RecvMeta::source`].
    #[must_use]
    pub fn source(&self) -> SocketAddr {
        self.meta.source
    }

    /// Returns the metadata, which [`reply`](crate::UdpEndpoint::reply) and
    /// [`push_reply`](crate::udp::SendBatch::push_reply) take.
    pub fn meta(&self) -> RecvMeta {
        self.meta.with_sizes(self.length, self.bytes.len())
    }

    /// Returns the number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns `true` if the datagram has no bytes.
    ///
    /// UDP delivers empty datagrams. They do not mean the end of a stream.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Decodes the datagram in the given encoding.
    ///
    /// # Errors
    ///
    /// This returns an error if the bytes are not valid in the encoding
    /// ([`InvalidText`](crate::ErrorKind::InvalidText)).
    pub fn text_in(&self, encoding: Encoding) -> Result<Cow<'a, str>> {
        encoding.decode(self.bytes).map_err(|error| Error::from(error).with_remote(Some(self.source())))
    }

    /// Decodes the datagram in the encoding of the endpoint, and replaces invalid bytes with `�`.
    #[must_use]
    pub fn text_lossy(&self) -> Cow<'a, str> {
        self.encoding.decode_with(self.bytes, OnInvalid::Replace).unwrap_or_default()
    }

    /// Copies the datagram.
    #[must_use]
    pub fn to_datagram(&self) -> Datagram {
        Datagram { bytes: self.bytes.to_vec(), meta: self.meta(), encoding: self.encoding }
    }

    pub(super) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        let shown = &self.bytes[..self.bytes.len().min(SHOWN)];
        f.debug_struct(name)
            .field("bytes", &format_args!("{}", shown.escape_ascii()))
            .field("meta", &self.meta())
            .field("encoding", &self.encoding)
            .finish()
    }
}

/// Compares the bytes, the metadata and the encoding.
impl PartialEq for DatagramRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        let parts = |datagram: &Self| (datagram.meta(), datagram.encoding);
        self.bytes == other.bytes && parts(self) == parts(other)
    }
}

impl Eq for DatagramRef<'_> {}

impl Hash for DatagramRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.bytes, self.meta(), self.encoding).hash(state);
    }
}

impl AsRef<[u8]> for DatagramRef<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

impl fmt::Debug for DatagramRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug("DatagramRef", f)
    }
}
