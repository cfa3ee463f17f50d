//! The network interfaces of this machine.
//!
//! | Task | Item |
//! |---|---|
//! | List the interfaces with their addresses | [`network_interfaces`], [`NetworkInterface`], [`InterfaceAddress`] |
//! | Select interfaces for multicast and broadcast | [`InterfaceSelector`] |
//!
//! ```
//! use socketry::interfaces::network_interfaces;
//!
//! let interfaces = network_interfaces()?;
//! let loopback = interfaces.iter().find(|interface| interface.is_loopback);
//! let loopback = loopback.expect("a loopback interface");
//! assert!(loopback.addresses.iter().all(|address| address.ip.is_loopback() || address.ip.is_ipv6()));
//! # Ok::<(), socketry::Error>(())
//! ```

pub use crate::broadcast::links::network_interfaces;
pub use crate::options::{InterfaceAddress, InterfaceSelector, NetworkInterface};
