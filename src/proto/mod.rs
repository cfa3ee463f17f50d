//! The pure core: bytes and `now` in, values and actions out. No clock, socket, thread or randomness;
//! `clippy.toml` lists what that excludes.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub(crate) mod attempts;
#[cfg(all(unix, feature = "process"))]
pub(crate) mod control;
pub(crate) mod discovery;
pub(crate) mod dns;
pub(crate) mod frame;
pub(crate) mod message;
pub(crate) mod race;
pub(crate) mod reconnect;
pub(crate) mod retry;
pub(crate) mod server;
#[cfg(all(unix, feature = "process"))]
pub(crate) mod supervision;
pub(crate) mod text;
pub(crate) mod udp;
