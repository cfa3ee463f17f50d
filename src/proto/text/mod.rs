//! Text encodings: decoding and encoding of whole texts and of streams, with the offset of each
//! error.
//!
//! [`Encoding`] is the entry point. [`Decoder`] and [`Encoder`] keep the state of a stream between
//! two pieces. Below them is one pass for each family of encodings. A pass stops at the first
//! sequence that is invalid in the encoding, and does not handle policies, stream offsets, or split
//! characters:
//!
//! ```text
//!  encoding ── label            names, and the one-shot methods
//!     │
//!  decoder   encoder            policy, stream offsets, incomplete characters
//!     │         │
//!     ├─ utf8   ├─ (bytes unchanged)
//!     ├─ gb_decode ─┬─ gb_encode          GB 2312, GBK, GB 18030
//!     │           cells, quads            tables, built from `encoding_rs` at first use
//!     └─ web_decode └─ web_encode, utf16  all other encodings, with `encoding_rs`
//! ```
//!
//! The documentation of [`Encoding`] defines malformed sequences. The definition decides which
//! bytes an error has, which bytes are replaced, and where decoding continues.

mod cells;
mod decode_error;
mod decoder;
mod encode_error;
mod encoder;
mod encoding;
mod gb_decode;
mod gb_encode;
mod label;
mod policy;
mod quads;
mod utf16;
mod utf8;
mod web_decode;
mod web_encode;
mod within;

pub use decode_error::DecodeError;
pub use decoder::Decoder;
pub use encode_error::EncodeError;
pub use encoder::Encoder;
pub use encoding::Encoding;
pub use label::{UnknownEncoding, WhatwgEncoding};
pub use policy::OnInvalid;

/// The progress of a pass over the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pass {
    /// The number of bytes whose characters are in the output. The pass stopped after them.
    read: usize,
    stop: Stop,
}

/// The reason for which a pass stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The end of the input.
    End,
    /// The remaining one to three bytes are the beginning of a character.
    Incomplete,
    Malformed(Malformed),
}

/// A malformed sequence: the bytes that are skipped, and the bytes that were examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Malformed {
    /// The length of the sequence in bytes: 1 to 4.
    length: u8,
    /// The length including the bytes after the sequence that make it malformed and are read again:
    /// at least `length`, at most 4.
    seen: u8,
}

impl Malformed {
    const fn of(length: u8) -> Malformed {
        Malformed { length, seen: length }
    }
}
