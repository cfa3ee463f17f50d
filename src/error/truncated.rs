use std::net::{IpAddr, SocketAddr};

/// What is known of a datagram that was longer than the room for it.
///
/// Nothing that arrived is lost: the error carries the beginning, the sender and the size. The rest of the datagram is
/// gone, as on every system; the socket goes on with the next one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("datagram of {length} bytes does not fit the limit of {limit}")]
#[non_exhaustive]
pub struct Truncated {
    /// The size of the whole datagram, in bytes.
    pub length: usize,
    /// The room there was, in bytes: the buffer's length or the endpoint's largest datagram.
    pub limit: usize,
    /// The first [`limit`](Self::limit) bytes.
    pub prefix: Vec<u8>,
    /// Who sent it.
    pub from: SocketAddr,
    /// The local address it was sent to, where the system tells.
    pub to: Option<IpAddr>,
    /// The index of the interface it came in by, where the system tells.
    pub interface: Option<u32>,
}
