//! Text on the wire: bytes to text and back, whole or piece by piece, with errors that say where.
//!
//! [`Encoding`] is the way in; [`Decoder`] and [`Encoder`] carry what a stream needs between two pieces. Below them
//! is one pass per family, which goes on until the first sequence that its encoding does not know and knows nothing
//! of policies, offsets in the stream or characters cut in two:
//!
//! ```text
//!  encoding ── label            names, and the one-shot calls
//!     │
//!  decoder   encoder            policy, stream offsets, the character cut by the end of a piece
//!     │         │
//!     ├─ utf8   ├─ (bytes as they are)
//!     ├─ gb_decode ─┬─ gb_encode          GB 2312, GBK, GB 18030
//!     │           cells, quads            their tables, made from `encoding_rs` at the first use
//!     └─ web_decode └─ web_encode, utf16  everything else, by `encoding_rs`
//! ```
//!
//! The rule for what a malformed sequence is stands on [`Encoding`]: it decides what an error shows, what is replaced
//! and where decoding goes on.

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

/// How far a pass over the input came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pass {
    /// The bytes whose characters are in the output. What stopped the pass stands behind them.
    read: usize,
    stop: Stop,
}

/// Why a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The input is used up.
    End,
    /// What is left, one to three bytes, is the beginning of a character.
    Incomplete,
    Malformed(Malformed),
}

/// A malformed sequence: what is passed over, and what had to be looked at to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Malformed {
    /// The bytes that the sequence takes: 1 to 4.
    length: u8,
    /// Those and the bytes after them that made them wrong and are read again: at least `length`, at most 4.
    seen: u8,
}

impl Malformed {
    const fn of(length: u8) -> Malformed {
        Malformed { length, seen: length }
    }
}
