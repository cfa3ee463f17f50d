//! Parses the host part of an input: an IP address, a host name, or an error.

use std::net::IpAddr;

use super::name::NameRef;

/// A parsed host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host<'a> {
    Address(IpAddr),
    /// The flag is `true` if the name ended with a dot: it is absolute, and no search domain is
    /// appended.
    Name(NameRef<'a>, bool),
}

/// The reason why a text is not a valid host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// The text is empty, or only a dot.
    #[error("name is empty")]
    Empty,
    /// A label is empty: two consecutive dots, or a leading dot.
    #[error("label is empty")]
    EmptyLabel,
    /// A label is longer than 63 bytes (RFC 1035, section 2.3.4).
    #[error("label of {0} bytes exceeds 63 bytes")]
    LabelTooLong(usize),
    /// The name is longer than 253 bytes, 255 in a message (RFC 1035, section 2.3.4).
    #[error("name of {0} bytes exceeds 253 bytes")]
    TooLong(usize),
    /// A space, a control character, or a character with another meaning in an address.
    #[error("invalid character {0:?}")]
    Character(char),
    /// The name ends in a number and is not an IP address (`127.1`, `0x7f.1`, `256.1.1.1`). Systems
    /// disagree on its meaning.
    #[error("name ends in a number but is not an IP address")]
    EndsInNumber,
    /// The characters, or their order, are not allowed in an internationalized name (UTS #46).
    #[error("invalid internationalized name")]
    International,
    /// The name is not ASCII, and the feature `idna` is disabled.
    #[error("non-ASCII name requires the feature `idna`")]
    NotAscii,
}

const LONGEST_LABEL: usize = 63;
pub(super) const LONGEST_NAME: usize = 253;

/// A buffer for a host name in the form that is queried, so that parsing does not allocate.
pub(crate) struct NameBuf([u8; LONGEST_NAME + 1]);

impl NameBuf {
    pub(crate) fn new() -> NameBuf {
        NameBuf([0; LONGEST_NAME + 1])
    }

    fn name(&self, length: usize) -> Result<NameRef<'_>, InvalidName> {
        std::str::from_utf8(&self.0[..length]).map(NameRef::new).map_err(|_| InvalidName::International)
    }
}

impl Host<'_> {
    pub(crate) fn parse<'a>(text: &'a str, buffer: &'a mut NameBuf) -> Result<Host<'a>, InvalidName> {
        // A text that ends in a number or contains a colon may be an address. It is not plain.
        if let Some((name, is_absolute, has_upper)) = plain(text) {
            if has_upper {
                buffer.0[..name.len()].copy_from_slice(name.as_bytes());
                buffer.0[..name.len()].make_ascii_lowercase();
                return Ok(Host::Name(buffer.name(name.len())?, is_absolute));
            }
            return Ok(Host::Name(NameRef::new(name), is_absolute));
        }
        if let Ok(ip) = text.parse() {
            return Ok(Host::Address(ip));
        }
        // An ASCII name without an `xn--` label needs no IDNA conversion.
        let mut ascii = text.to_ascii_lowercase();
        if !ascii.is_ascii() || ascii.contains("xn--") {
            ascii = to_ascii(text)?;
            // IDNA maps digits of other scripts to ASCII, so the result may be an address.
            if let Ok(ip) = ascii.parse() {
                return Ok(Host::Address(ip));
            }
        }
        let is_absolute = ascii.ends_with('.');
        if is_absolute {
            ascii.pop();
        }
        check(&ascii)?;
        buffer.0[..ascii.len()].copy_from_slice(ascii.as_bytes());
        Ok(Host::Name(buffer.name(ascii.len())?, is_absolute))
    }
}

/// The class of a byte that is not allowed in a plain name.
const NOT_PLAIN: u8 = 1;
/// The class of an upper-case letter.
const UPPER: u8 = 2;

/// The class of each byte; 0 for most bytes of names.
const CLASS: [u8; 256] = {
    let mut class = [NOT_PLAIN; 256];
    let mut byte = 0;
    while byte < 128 {
        if !is_forbidden(byte as u8 as char) {
            class[byte] = if (byte as u8).is_ascii_uppercase() { UPPER } else { 0 };
        }
        byte += 1;
    }
    class
};

/// Returns the name without the trailing dot, whether it had one, and whether it contains
/// upper-case letters. Returns `None` if the name needs the full check. Most names do not.
fn plain(text: &str) -> Option<(&str, bool, bool)> {
    let (name, is_absolute) = match text.strip_suffix('.') {
        Some(name) => (name, true),
        None => (text, false),
    };
    let bytes = name.as_bytes();
    if bytes.len() > LONGEST_NAME {
        return None;
    }
    let is_label = |label: &[u8]| {
        let is_encoded = label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"));
        matches!(label.len(), 1..=LONGEST_LABEL) && !is_encoded
    };
    let (mut start, mut classes) = (0, 0);
    for (at, byte) in bytes.iter().enumerate() {
        classes |= CLASS[usize::from(*byte)];
        if *byte == b'.' {
            if !is_label(&bytes[start..at]) {
                return None;
            }
            start = at + 1;
        }
    }
    let last = &bytes[start..];
    let is_plain = classes & NOT_PLAIN == 0 && is_label(last) && !last[0].is_ascii_digit();
    is_plain.then_some((name, is_absolute, classes & UPPER != 0))
}

#[cfg(feature = "idna")]
fn to_ascii(text: &str) -> Result<String, InvalidName> {
    // The crate `idna` rejects a space without naming it. This error names the character.
    if let Some(bad) = text.chars().find(|c| c.is_ascii() && is_forbidden(*c)) {
        return Err(InvalidName::Character(bad));
    }
    let ascii = idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::URL);
    ascii.map(std::borrow::Cow::into_owned).map_err(|_| InvalidName::International)
}

#[cfg(not(feature = "idna"))]
fn to_ascii(text: &str) -> Result<String, InvalidName> {
    if text.is_ascii() { Ok(text.to_ascii_lowercase()) } else { Err(InvalidName::NotAscii) }
}

/// Characters that are not allowed in a host name and have a special meaning elsewhere: in an
/// address, in a file, or on a terminal.
const fn is_forbidden(c: char) -> bool {
    c.is_ascii_control()
        || matches!(c, ' ' | '#' | '%' | '/' | ':' | '<' | '>' | '?' | '@' | '[' | '\\' | ']' | '^' | '|')
}

fn check(name: &str) -> Result<(), InvalidName> {
    if name.is_empty() {
        return Err(InvalidName::Empty);
    }
    if let Some(bad) = name.chars().find(|c| is_forbidden(*c)) {
        return Err(InvalidName::Character(bad));
    }
    for label in name.split('.') {
        match label.len() {
            0 => return Err(InvalidName::EmptyLabel),
            length if length > LONGEST_LABEL => return Err(InvalidName::LabelTooLong(length)),
            _ => {}
        }
    }
    if name.len() > LONGEST_NAME {
        return Err(InvalidName::TooLong(name.len()));
    }
    if ends_in_number(name) {
        return Err(InvalidName::EndsInNumber);
    }
    Ok(())
}

/// WHATWG URL, section 3.5, "ends in a number".
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    last.bytes().all(|byte| byte.is_ascii_digit()) || last.strip_prefix("0x").is_some_and(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> (String, bool) {
        match Host::parse(text, &mut NameBuf::new()) {
            Ok(Host::Name(name, is_absolute)) => (name.as_str().to_owned(), is_absolute),
            other => panic!("{text:?} is {other:?}"),
        }
    }

    fn address(text: &str) -> IpAddr {
        match Host::parse(text, &mut NameBuf::new()) {
            Ok(Host::Address(ip)) => ip,
            other => panic!("{text:?} is {other:?}"),
        }
    }

    fn refusal(text: &str) -> InvalidName {
        Host::parse(text, &mut NameBuf::new()).expect_err(text)
    }

    #[test]
    fn names_are_lowercased_and_trailing_dot_is_detected() {
        assert_eq!(name("WWW.Example.COM"), ("www.example.com".to_owned(), false));
        assert_eq!(name("www.example.com."), ("www.example.com".to_owned(), true));
        assert_eq!(name("_srv._tcp.foo_bar"), ("_srv._tcp.foo_bar".to_owned(), false));
        assert_eq!(name("localhost").0, "localhost");
    }

    #[test]
    fn invalid_names_are_rejected_with_reason() {
        let long = "a".repeat(64);
        let longer = ["a".repeat(63).as_str(); 4].join(".");
        let table: [(&str, InvalidName); 16] = [
            ("", InvalidName::Empty),
            (".", InvalidName::Empty),
            ("a..b", InvalidName::EmptyLabel),
            (".a", InvalidName::EmptyLabel),
            ("a..", InvalidName::EmptyLabel),
            (&long, InvalidName::LabelTooLong(64)),
            (&longer, InvalidName::TooLong(255)),
            ("a b", InvalidName::Character(' ')),
            ("a\0b", InvalidName::Character('\0')),
            ("a/b", InvalidName::Character('/')),
            ("user@host", InvalidName::Character('@')),
            ("127.1", InvalidName::EndsInNumber),
            ("0x7f.1", InvalidName::EndsInNumber),
            ("host.0x7f", InvalidName::EndsInNumber),
            ("192.0.2.010", InvalidName::EndsInNumber),
            ("256.1.1.1", InvalidName::EndsInNumber),
        ];
        for (text, reason) in table {
            assert_eq!(refusal(text), reason, "{text:?}");
        }
    }

    /// The limit applies to plain names and to names that need the full check because the last
    /// label begins with a digit.
    #[test]
    fn name_length_limit_is_253_bytes() {
        let label = "a".repeat(63);
        for end in ["a".repeat(61), "9".to_owned() + &"a".repeat(60)] {
            let longest = format!("{label}.{label}.{label}.{end}");
            assert_eq!((longest.len(), name(&longest).0), (253, longest.clone()));
            assert_eq!(refusal(&(longest + "a")), InvalidName::TooLong(254));
        }
    }

    #[test]
    fn ip_literals_parse_as_addresses() {
        for text in ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"] {
            assert_eq!(address(text), text.parse::<IpAddr>().unwrap(), "{text}");
        }
    }

    #[test]
    #[cfg(feature = "idna")]
    fn international_names_are_converted_to_punycode() {
        for text in [
            "例如.中国",
            "例如。中国",
            "例如．中国",
            "例如｡中国",
            "xn--fsqu6v.xn--fiqs8s",
            "XN--FSQU6V.xn--fiqs8s",
        ] {
            assert_eq!(name(text).0, "xn--fsqu6v.xn--fiqs8s", "{text}");
        }
        assert!(name("例如.中国.").1);
        assert_eq!(address("１２７.０.０.1").to_string(), "127.0.0.1");
        assert_eq!(refusal("１２７.1"), InvalidName::EndsInNumber);
        assert_eq!(refusal("例 如"), InvalidName::Character(' '));
        assert_eq!(refusal("例\u{3000}如.中国"), InvalidName::International);
        assert_eq!(refusal("例..中国"), InvalidName::EmptyLabel);
        // Invalid Punycode.
        for text in ["xn--a.test", "test.xn--\u{1}", "XN--99999999.test"] {
            assert!(
                matches!(refusal(text), InvalidName::International | InvalidName::Character(_)),
                "{text}"
            );
        }
    }

    #[test]
    #[cfg(not(feature = "idna"))]
    fn non_ascii_names_need_idna_feature() {
        assert_eq!(refusal("例如.中国"), InvalidName::NotAscii);
    }

    proptest! {
        /// Any text is an address, a name that can be encoded, or an error.
        #[test]
        fn any_parsed_name_is_valid_for_dns(text in "\\PC{0,300}") {
            if let Ok(Host::Name(name, _)) = Host::parse(&text, &mut NameBuf::new()) {
                let name = name.as_str();
                prop_assert!(name.is_ascii() && name.len() <= 253, "{}", name);
                prop_assert!(name.split('.').all(|label| (1..=63).contains(&label.len())), "{}", name);
                prop_assert!(!name.bytes().any(|byte| byte <= b' ' || byte.is_ascii_uppercase() || byte == 127), "{}", name);
            }
        }

        /// The fast path accepts only valid names, and returns the same name.
        #[test]
        fn plain_fast_path_agrees_with_full_check(text in "[a-zA-Z0-9._x#-]{0,70}|[ax]{61,65}(\\.[a0x-]{1,3}){0,2}\\.?") {
            if let Some((name, is_absolute, _)) = plain(&text) {
                let lower = text.to_ascii_lowercase();
                let expected = lower.strip_suffix('.').unwrap_or(&lower);
                prop_assert_eq!(check(expected), Ok(()));
                prop_assert_eq!(name.to_ascii_lowercase(), expected);
                let mut buffer = NameBuf::new();
                let expected = Host::Name(NameRef::new(expected), is_absolute);
                prop_assert_eq!(Host::parse(&text, &mut buffer), Ok(expected));
                prop_assert_eq!(is_absolute, lower.ends_with('.'));
            }
        }
    }
}
