//! Broadcasts to the local networks, and discovery of devices.
//!
//! The main type is at the root of the crate: [`Broadcaster`](crate::Broadcaster).
//!
//! | Task | Type |
//! |---|---|
//! | Set the options of a broadcaster or responder | [`BroadcastBuilder`] |
//! | See on which interfaces a message was sent | [`InterfaceSend`], [`NoInterfaceSent`] |
//! | Discover devices | [`Discovery`], an iterator over [`DiscoveryReply`] |
//! | Reply to queries | [`Responder`], [`Query`] |
//!
//! ```
//! use socketry::Broadcaster;
//! use std::net::Ipv4Addr;
//! use std::time::Duration;
//!
//! let local = Broadcaster::builder().interface(Ipv4Addr::LOCALHOST);
//! let responder = local.clone().port(0).responder()?;
//! let broadcaster = local.port(responder.local_addr().port()).build()?;
//! let mut discovery = broadcaster.discover("who is there?", Duration::from_secs(5))?;
//! let query = responder.recv()?;
//! responder.reply(&query, "a lamp")?;
//! assert_eq!(discovery.next().unwrap()?.text()?, "a lamp");
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! ```text
//!   Broadcaster ── send ──► each interface: its source address,        ──► Responder
//!        │                  the broadcast address of each network              │
//!        │                                                                     │
//!   Discovery: sends the query several times,   ◄──────── reply ───────────────┘
//!              returns replies until the timeout
//! ```

// The pages of the types have their methods in the order of these declarations.
pub(crate) mod broadcaster;
mod builder;
mod discovery;
mod group_membership;
mod interface_table;
pub(crate) mod links;
mod responder;
mod sends;

pub use builder::BroadcastBuilder;
pub use discovery::{Discovery, DiscoveryCounters, DiscoveryReply};
pub use responder::{Query, Responder, ResponderCounters};
pub use sends::{InterfaceSend, NoInterfaceSent};
