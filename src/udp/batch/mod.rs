//! Batches: many datagrams are sent or received in one call.

// Methods of `UdpEndpoint` are on its page in the order of these declarations.
mod sending;

mod receiving;

mod incoming;
mod outgoing;
mod segmenting;

pub use incoming::{DatagramRef, RecvBatch, RecvBatchIter};
pub use outgoing::SendBatch;
pub(super) use segmenting::Segmenting;
