use std::fmt;

use super::{Encoding, Malformed};
use crate::error::{Error, ErrorKind, Operation};

/// An error of decoding: the invalid bytes and their offset in the stream.
///
/// The error is displayed as one line:
///
/// ```text
/// byte FF at byte 3 is not gbk
/// bytes E9 46 at byte 12 are not gb2312
/// incomplete gb2312 character C4 at byte 30, the end of the text
/// ```
///
/// If an ASCII byte makes the byte before it invalid (`E9 46` in the example), the line shows both
/// bytes. They can help to recognize the encoding, such as GBK in the example. Only the first one
/// is in [`bytes`](Self::bytes), because the ASCII byte is text and is decoded.
///
/// # Examples
///
/// ```
/// use socketry::Encoding;
///
/// let error = Encoding::Gb2312.decode(b"abc\xE9Fdef").unwrap_err();
/// assert_eq!(error.to_string(), "bytes E9 46 at byte 3 are not gb2312");
/// assert_eq!((error.offset(), error.bytes()), (3, &b"\xE9"[..]));
/// assert!(!error.is_incomplete());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[doc(alias = "UnicodeDecodeError")]
#[error("{}", Line(self))]
pub struct DecodeError {
    encoding: Encoding,
    offset: u64,
    consumed: usize,
    seen: [u8; 4],
    malformed: Malformed,
    incomplete: bool,
}

impl DecodeError {
    /// `seen` begins with the malformed bytes. `consumed` counts bytes of the current input.
    pub(super) fn malformed(
        encoding: Encoding,
        offset: u64,
        consumed: usize,
        seen: &[u8],
        malformed: Malformed,
    ) -> DecodeError {
        let mut error =
            DecodeError { encoding, offset, consumed, seen: [0; 4], malformed, incomplete: false };
        let seen = &seen[..usize::from(malformed.seen)];
        error.seen[..seen.len()].copy_from_slice(seen);
        error
    }

    /// `bytes` are the beginning of a character that the end of the stream truncated: 1 to 4 bytes.
    pub(super) fn incomplete(encoding: Encoding, offset: u64, bytes: &[u8]) -> DecodeError {
        let malformed = Malformed::of(bytes.len() as u8);
        let error = DecodeError::malformed(encoding, offset, 0, bytes, malformed);
        DecodeError { incomplete: true, ..error }
    }

    /// Sets `consumed` for a one-shot call, in which the stream is the one input.
    pub(super) fn with_consumed(self, consumed: usize) -> DecodeError {
        DecodeError { consumed, ..self }
    }

    /// Returns the encoding.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns the offset of the first of the [`bytes`](Self::bytes), in bytes from the beginning
    /// of the stream.
    ///
    /// For the one-shot methods of [`Encoding`], the stream is the slice. For a
    /// [`Decoder`](crate::text::Decoder), it is all input since the decoder was created or
    /// finished, also if the character was split between two inputs.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the number of consumed bytes of the input of the failed call, including the
    /// malformed bytes.
    ///
    /// The text before the malformed bytes is in the output, and decoding continues after them. The
    /// number is zero if all malformed bytes are from earlier inputs.
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// Returns the malformed or incomplete sequence of 1 to 4 bytes, which is skipped.
    pub fn bytes(&self) -> &[u8] {
        &self.seen[..usize::from(self.malformed.length)]
    }

    /// Returns `true` if the bytes are the beginning of a character that is incomplete at the end
    /// of the text. Returns `false` if the bytes are malformed.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }
}

/// The displayed line, which has a singular and a plural form.
struct Line<'a>(&'a DecodeError);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DecodeError { encoding, offset, seen, malformed, incomplete, .. } = self.0;
        let seen = &seen[..usize::from(malformed.seen)];
        match (incomplete, seen) {
            (true, _) => write!(f, "incomplete {encoding} character")?,
            (false, [_]) => f.write_str("byte")?,
            (false, _) => f.write_str("bytes")?,
        }
        for byte in seen {
            write!(f, " {byte:02X}")?;
        }
        match (incomplete, seen) {
            (true, _) => write!(f, " at byte {offset}, the end of the text"),
            (false, [_]) => write!(f, " at byte {offset} is not {encoding}"),
            (false, _) => write!(f, " at byte {offset} are not {encoding}"),
        }
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Error {
        Error::detailed(Operation::Decode, ErrorKind::InvalidText, error)
    }
}
