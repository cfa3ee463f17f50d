//! Broadcasts on the local networks, and discovery of devices.
//!
//! The main type is at the root of the crate: [`Broadcaster`](crate::Broadcaster).
//!
//! | Task | Type |
//! |---|---|
//! | Set options of a broadcaster or responder | [`BroadcastBuilder`] |
//! | See on which interfaces a message was sent | [`InterfaceSend`], [`NoInterfaceSent`] |
//! | Find devices | [`Discovery`], an iterator over [`DiscoveryReply`] |
//! | Answer queries | [`Responder`], [`Query`] |
//!
//! ```
//! use socketry::Broadcaster;
//! use std::net::Ipv4Addr;
//! use std::time::Duration;
//!
//! let responder = Broadcaster::builder().interface(Ipv4Addr::LOCALHOST).port(0).responder()?;
//! let broadcaster =
//!     Broadcaster::builder().interface(Ipv4Addr::LOCALHOST).port(responder.local_addr().port()).build()?;
//! let mut discovery = broadcaster.discover("who is there?", Duration::from_secs(5))?;
//! let query = responder.recv()?;
//! responder.reply(&query, "a lamp")?;
//! assert_eq!(discovery.next().unwrap()?.text()?, "a lamp");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ```text
//!   Broadcaster ── send ──► each interface: its own source, its network's broadcast address ──► Responder
//!        │                                                                                        │
//!   Discovery: asks, asks again, takes answers until the window closes  ◄──── reply ──────────────┘
//! ```

pub(crate) mod broadcaster;
mod builder;
mod deliveries;
mod discovery;
pub(crate) mod links;
mod responder;

pub use builder::BroadcastBuilder;
pub use deliveries::{InterfaceSend, NoInterfaceSent};
pub use discovery::{Discovery, DiscoveryCounters, DiscoveryReply};
pub use responder::{Query, Responder};
