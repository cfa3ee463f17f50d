//! Batches: many datagrams are sent or received in one call.

// Methods of `UdpEndpoint` are on its page in the order of these declarations.
mod sending;

mod segments;

mod endpoint;
mod gso_limits;
mod receiving;
mod recv_batch;
mod send_batch;

pub use endpoint::UdpBatchEndpoint;
pub(super) use gso_limits::GsoLimits;
pub use recv_batch::{RecvBatch, RecvBatchIter};
pub use send_batch::SendBatch;
