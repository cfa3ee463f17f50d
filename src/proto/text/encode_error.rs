use super::Encoding;
use crate::error::{Error, ErrorKind, Operation};

/// An error of encoding: a character that does not exist in the encoding, and its offset in the
/// text.
///
/// The error is displayed as one line: `'镕' (U+9555) at byte 6 does not exist in gb2312`.
///
/// # Examples
///
/// ```
/// use socketry::Encoding;
///
/// let error = Encoding::Gb2312.encode("总理朱镕基").unwrap_err();
/// assert_eq!(error.to_string(), "'镕' (U+9555) at byte 9 does not exist in gb2312");
/// assert_eq!((error.character(), error.offset()), ('镕', 9));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[doc(alias = "UnicodeEncodeError")]
#[error("{character:?} (U+{:04X}) at byte {offset} does not exist in {encoding}", u32::from(*.character))]
pub struct EncodeError {
    encoding: Encoding,
    character: char,
    offset: u64,
    consumed: usize,
}

impl EncodeError {
    /// `consumed` counts bytes of the current text, including the character.
    pub(super) fn new(encoding: Encoding, character: char, offset: u64, consumed: usize) -> EncodeError {
        EncodeError { encoding, character, offset, consumed }
    }

    /// Returns the encoding.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns the character that the encoding does not have.
    pub fn character(&self) -> char {
        self.character
    }

    /// Returns the offset of the character, in bytes of UTF-8 from the beginning of the text.
    ///
    /// For an [`Encoder`](crate::text::Encoder), the text is everything that was encoded since the
    /// encoder was created or finished.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the number of consumed bytes of the text of the failed call, including the
    /// character.
    ///
    /// The text before the character is in the output, and encoding continues after it.
    pub fn consumed(&self) -> usize {
        self.consumed
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Error {
        Error::detailed(Operation::Encode, ErrorKind::UnencodableText, error)
    }
}
