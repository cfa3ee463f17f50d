//! Plain data with defaults: what a builder collects before there is a socket.

mod interfaces;
mod udp;

pub use interfaces::Interfaces;
pub use udp::Truncation;
pub(crate) use udp::{LARGEST_DATAGRAM, UdpConfig};
