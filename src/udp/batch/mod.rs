//! Batches: many datagrams are sent or received in one call.

// Methods of `UdpEndpoint` are on its page in the order of these declarations.
mod sending;

mod segments;

mod endpoint;
mod incoming;
mod outgoing;
mod receiving;
mod segmenting;

pub use endpoint::UdpBatchEndpoint;
pub use incoming::{RecvBatch, RecvBatchIter};
pub use outgoing::SendBatch;
pub(super) use segmenting::Segmenting;
