//! What must hold of the parsers and state machines, whatever comes: bytes in, and a panic out if it does not hold.
//!
//! Each property is a function of bytes. A fuzzer hands it millions of inputs (`fuzz/`), and the test beside it some thousands
//! (`trial`), so that it is seen on every toolchain that it still holds, and still compiles. Nothing of this is in a build that
//! is neither.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a property panics, on a clock that begins somewhere"
)]

mod choices;
#[cfg(test)]
mod trial;

pub mod addresses;
#[cfg(feature = "dns")]
pub mod cache;
#[cfg(all(unix, feature = "process"))]
pub mod control;
#[cfg(feature = "dns")]
pub mod dns_lookup;
#[cfg(feature = "dns")]
pub mod dns_reply;
#[cfg(feature = "dns")]
pub mod dns_resolution;
pub mod frame_model;
pub mod frames;
pub mod grouping;
#[cfg(feature = "dns")]
pub mod machine_files;
#[cfg(feature = "dns")]
pub mod names;
pub mod race;
pub mod schedules;
#[cfg(all(unix, feature = "process"))]
pub mod supervision;
pub mod text;
