//! What differs from system to system, collected from the items' sections "Platform-specific behavior".
//!
#![doc = include_str!("../../PLATFORM.md")]
//!
#![doc = include_str!("phone.html")]
//! <style>
//! @media (max-width: 600px) {
//! .docblock tbody tr td:nth-child(2)::before { content: "Linux: "; }
//! .docblock tbody tr td:nth-child(3)::before { content: "macOS, FreeBSD: "; }
//! .docblock tbody tr td:nth-child(4)::before { content: "Windows: "; }
//! }
//! </style>
//!
//! ---
//!
//! All chapters: [the guide](super). Beside it: [comparison](super::comparison).
