//! What differs from system to system, collected from the items' sections "Platform-specific behavior".
//!
#![doc = include_str!("../../PLATFORM.md")]
//!
//! ---
//!
//! All chapters: [the guide](super). Beside it: [comparison](super::comparison).
