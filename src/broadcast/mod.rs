//! One message to everybody on the links of this machine, and the answers: [`Broadcaster`], [`Discovery`], [`Responder`].
//!
//! ```text
//!   Broadcaster ── send ──► each interface: its own source, its network's broadcast address ──► Responder
//!        │                                                                                        │
//!   Discovery: asks, asks again, takes answers until the window closes  ◄──── reply ──────────────┘
//! ```

mod broadcaster;
mod builder;
mod deliveries;
mod discovery;
mod links;
mod responder;

pub use broadcaster::Broadcaster;
pub use builder::BroadcastBuilder;
pub use deliveries::{InterfaceSend, NoInterfaceSent};
pub use discovery::{Discovery, DiscoveryCounters, DiscoveryReply};
pub use links::network_interfaces;
pub use responder::{Query, Responder};
