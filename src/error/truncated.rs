use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A received datagram that was larger than the limit.
///
/// The error has the beginning of the datagram, its source, and its size. The OS has discarded the
/// rest. The socket remains usable, and the next call receives the next datagram.
#[doc(alias = "MSG_TRUNC", alias = "WSAEMSGSIZE", alias = "10040")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Truncated {
    /// The size of the whole datagram in bytes.
    pub length: usize,
    /// The limit in bytes: the length of the buffer, or the endpoint's maximum size of a datagram.
    pub limit: usize,
    /// The first [`limit`](Self::limit) bytes of the datagram.
    pub prefix: Vec<u8>,
    /// The address of the sender.
    pub source: SocketAddr,
    /// The local address to which the datagram was sent, if the OS reports it.
    pub destination: Option<IpAddr>,
    /// The index of the interface that received the datagram, if the OS reports it.
    pub interface_index: Option<u32>,
}

// By hand: `thiserror` would take the field `source` for the cause.
impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "datagram of {} bytes does not fit the limit of {}", self.length, self.limit)
    }
}

impl StdError for Truncated {}
