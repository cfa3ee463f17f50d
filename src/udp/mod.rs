//! UDP: [`UdpEndpoint`] and what it hands out.

// What is declared first is what the type's page begins with.
mod endpoint;

mod batch;
mod builder;
mod conversions;
mod datagram;
mod multicast;
mod receive;
mod request;
mod send;

pub use batch::{DatagramRef, RecvBatch, RecvBatchIter, SendBatch};
pub use builder::UdpBuilder;
pub use datagram::{Datagram, RecvMeta};
pub use endpoint::UdpEndpoint;
pub use multicast::Membership;
