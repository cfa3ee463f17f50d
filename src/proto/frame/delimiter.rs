use crate::error::{Error, ErrorKind, Operation};
use crate::proto::text::{EncodeError, Encoding};

/// An error for a delimiter that cannot separate text in the given encoding.
///
/// The delimiter is empty, does not exist in the encoding, or has bytes that can be parts of other
/// characters. A peer that searches for such bytes would split a character.
///
/// The error is displayed as one line: `'|' (7C) can be the second byte of a gbk character`.
///
/// # Safe delimiters
///
/// The first character decides whether a delimiter is safe.
///
/// * LF, CR, NUL, space, and tab are safe in every encoding.
/// * `,` `;` and `:` are safe in every encoding except ISO-2022-JP.
/// * In UTF-8, GB 2312, and the single-byte encodings, every ASCII character is safe.
///
/// # Examples
///
/// ```
/// use socketry::Encoding;
/// use socketry::frame::Lines;
///
/// assert!(Lines::delimited_by(Encoding::Gb2312, "|").is_ok());
/// let error = Lines::delimited_by(Encoding::Gbk, "|").unwrap_err();
/// assert_eq!(error.to_string(), "'|' (7C) can be the second byte of a gbk character");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct UnsafeDelimiter {
    encoding: Encoding,
    delimiter: Box<str>,
    reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Reason {
    #[error("a delimiter cannot be empty")]
    Empty,
    #[error("{0}")]
    Unencodable(EncodeError),
    #[error("{character:?} ({:02X}) can be {place} of {} {encoding} character", u32::from(*.character), article(*.encoding))]
    Within { character: char, place: &'static str, encoding: Encoding },
    #[error("the bytes of {character:?} can be parts of two {encoding} characters")]
    Across { character: char, encoding: Encoding },
}

fn article(encoding: Encoding) -> &'static str {
    if encoding.name().starts_with(['e', 'i']) { "an" } else { "a" }
}

impl UnsafeDelimiter {
    /// Checks the first character only. If that one is safe, the characters after it are safe too.
    pub(super) fn check(encoding: Encoding, delimiter: &str) -> Result<(), UnsafeDelimiter> {
        let reason = match delimiter.chars().next() {
            None => Some(Reason::Empty),
            Some(character) if character.is_ascii() => encoding
                .place_within_a_character(character as u8)
                .map(|place| Reason::Within { character, place, encoding }),
            Some(character) if !encoding.is_synchronized() => Some(Reason::Across { character, encoding }),
            Some(_) => None,
        };
        let unencodable = || encoding.encode(delimiter).err().map(Reason::Unencodable);
        match unencodable().or(reason) {
            Some(reason) => Err(UnsafeDelimiter { encoding, delimiter: delimiter.into(), reason }),
            None => Ok(()),
        }
    }

    /// Returns the encoding for which the delimiter was checked.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns the delimiter that was passed.
    pub fn delimiter(&self) -> &str {
        &self.delimiter
    }
}

impl From<UnsafeDelimiter> for Error {
    fn from(error: UnsafeDelimiter) -> Error {
        Error::detailed(Operation::Configure("delimiter"), ErrorKind::InvalidInput, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_delimiter_is_rejected_with_reason() {
        let label = |label| Encoding::for_label(label).unwrap();
        for (encoding, delimiter, line) in [
            (Encoding::Utf8, "", "a delimiter cannot be empty"),
            (Encoding::Gbk, "|", "'|' (7C) can be the second byte of a gbk character"),
            (Encoding::Gb18030, "\\n", "'\\\\' (5C) can be the second byte of a gb18030 character"),
            (Encoding::Gb18030, "0", "'0' (30) can be the second or fourth byte of a gb18030 character"),
            (Encoding::Gb2312, "。", "the bytes of '。' can be parts of two gb2312 characters"),
            (Encoding::Gb2312, "镕", "'镕' (U+9555) at byte 0 does not exist in gb2312"),
            (label("big5"), "@", "'@' (40) can be the second byte of a big5 character"),
            (label("shift_jis"), "~", "'~' (7E) can be the second byte of a shift_jis character"),
            (label("euc-kr"), "a", "'a' (61) can be the second byte of an euc-kr character"),
            (label("iso-2022-jp"), ",", "',' (2C) can be a byte of an iso-2022-jp character"),
        ] {
            let error = UnsafeDelimiter::check(encoding, delimiter).unwrap_err();
            assert_eq!(error.to_string(), line);
            assert_eq!((error.encoding(), error.delimiter()), (encoding, delimiter));
        }
    }

    #[test]
    fn safe_delimiters_are_accepted() {
        let label = |label| Encoding::for_label(label).unwrap();
        for (encoding, delimiter) in [
            (Encoding::Utf8, "。"),
            (Encoding::Utf8, "|"),
            (Encoding::Gb2312, "|"),
            (Encoding::Gbk, "0"),
            (Encoding::Gbk, "\r|"),
            (Encoding::Gb18030, ";"),
            (label("utf-16le"), "。"),
            (label("euc-kr"), "|"),
            (label("windows-1252"), "é"),
        ] {
            assert_eq!(UnsafeDelimiter::check(encoding, delimiter), Ok(()), "{encoding} {delimiter:?}");
        }
    }

    #[test]
    fn unsafe_delimiter_converts_to_invalid_input() {
        let error = Error::from(UnsafeDelimiter::check(Encoding::Gbk, "|").unwrap_err());
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            "configure delimiter: '|' (7C) can be the second byte of a gbk character"
        );
        assert_eq!(error.detail::<UnsafeDelimiter>().map(UnsafeDelimiter::delimiter), Some("|"));
    }
}
