//! UDP: what is known of a received datagram, and which datagrams of a batch are sent together.

pub(crate) mod grouping;
pub(crate) mod recv_meta;
pub(crate) mod reply_batching;
