//! UDP: [`UdpEndpoint`] and what it hands out.

mod batch;
mod builder;
mod conversions;
mod datagram;
mod endpoint;
mod multicast;
mod receive;
mod request;
mod send;

pub use batch::{DatagramRef, RecvBatch, RecvBatchIter, SendBatch};
pub use builder::UdpBuilder;
pub use datagram::{Arrival, Datagram};
pub use endpoint::UdpEndpoint;
pub use multicast::{Membership, Memberships};
