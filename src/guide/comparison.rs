//! When to use this crate, and when `std`, `socket2`, `tokio`, `message-io`, Go or Python.
//!
#![doc = include_str!("../../COMPARE.md")]
//!
//! ---
//!
//! All chapters: [the guide](super). Beside it: [platforms](super::platforms).
