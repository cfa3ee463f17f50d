/// What to do with bytes that are not text, or with characters that an encoding does not have: Python's `errors=`.
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
pub enum OnInvalid {
    /// It is an error, which says what and where. The default.
    #[default]
    Strict,
    /// A malformed sequence becomes one U+FFFD `�`; a character that the encoding does not have becomes one `?`.
    /// Never an HTML character reference such as `&#128512;`, which would be text of another kind in the peer's
    /// hands.
    Replace,
    /// It is left out.
    Ignore,
}
