//! When to use this crate, and when `std`, `socket2`, `tokio`, `message-io`, Go or Python.
//!
#![doc = include_str!("../../COMPARE.md")]
//!
#![doc = include_str!("phone.html")]
//! <style>
//! @media (max-width: 600px) {
//! .docblock tbody tr td:nth-child(2)::before { content: "there: "; }
//! .docblock tbody tr td:nth-child(3)::before { content: "here: "; }
//! }
//! </style>
//!
//! ---
//!
//! All chapters: [the guide](super). Beside it: [platforms](super::platforms).
