/// The handling of invalid bytes and of characters that an encoding does not have, like Python's
/// `errors=`.
///
/// # Examples
///
/// ```
/// use socketry::text::OnInvalid;
/// use socketry::Encoding;
///
/// assert!(Encoding::Gb2312.encode_with("a😀b", OnInvalid::Strict).is_err());
/// assert_eq!(*Encoding::Gb2312.encode_with("a😀b", OnInvalid::Replace)?, *b"a?b");
/// assert_eq!(*Encoding::Gb2312.encode_with("a😀b", OnInvalid::Ignore)?, *b"ab");
///
/// assert_eq!(Encoding::Utf8.decode_with(b"a\xFFb", OnInvalid::Replace)?, "a\u{FFFD}b");
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "errors")]
pub enum OnInvalid {
    /// Returns an error with the bytes or the character, and its offset. This is the default.
    #[default]
    Strict,
    /// Replaces a malformed sequence by one U+FFFD `�`, and a character that the encoding does not
    /// have by one `?`. HTML character references such as `&#128512;` are never produced.
    Replace,
    /// Omits malformed sequences and characters that the encoding does not have.
    Ignore,
}
