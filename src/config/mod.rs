//! Plain data with defaults: what a builder collects before there is a socket.

mod interfaces;
mod network_interface;
mod tcp;
mod udp;

pub use interfaces::InterfaceSelector;
pub use network_interface::{InterfaceAddress, NetworkInterface};
pub use tcp::{Keepalive, OverLimit};
pub(crate) use tcp::{ServerConfig, TcpConfig};
pub use udp::Truncation;
pub(crate) use udp::{LARGEST_DATAGRAM, UdpConfig};
