//! Batches: many datagrams are sent or received in one call.

mod incoming;
mod outgoing;
mod receiving;
mod segmenting;
mod sending;

pub use incoming::{DatagramRef, RecvBatch, RecvBatchIter};
pub use outgoing::SendBatch;
pub(super) use segmenting::Segmenting;
