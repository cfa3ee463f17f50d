use super::Encoding;
use crate::error::{Error, ErrorKind, Operation};

/// A character that does not exist in the encoding asked for: which, and where in the text.
///
/// It reads as one line: `'镕' (U+9555) at byte 6 does not exist in gb2312`.
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
#[error("{character:?} (U+{:04X}) at byte {offset} does not exist in {encoding}", u32::from(*.character))]
pub struct EncodeError {
    encoding: Encoding,
    character: char,
    offset: u64,
    consumed: usize,
}

impl EncodeError {
    /// `consumed` counts bytes of the present text, the character included.
    pub(super) fn new(encoding: Encoding, character: char, offset: u64, consumed: usize) -> EncodeError {
        EncodeError { encoding, character, offset, consumed }
    }

    /// The encoding that was asked for.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The character that it does not have.
    pub fn character(&self) -> char {
        self.character
    }

    /// Where the character stands, counted in bytes of UTF-8 from the beginning of the text: of the one given, or of
    /// everything that an [`Encoder`](crate::text::Encoder) was given since it was made or finished.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes of the text of *this* call are done with, the character included: what stands before it is in the
    /// output, and encoding goes on behind it.
    pub fn consumed(&self) -> usize {
        self.consumed
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Error {
        Error::detailed(Operation::Encode, ErrorKind::UnencodableText, error)
    }
}
