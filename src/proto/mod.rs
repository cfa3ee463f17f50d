//! The pure floor: bytes and `now` in, values and actions out. No clock, socket, thread or randomness.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub(crate) mod text;
