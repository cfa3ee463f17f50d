//! What a host was called, and what it is called on the wire.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A name as it is asked for: ASCII, in lower case, without the dot at its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct HostName(Box<str>);

/// What a text that stands for a host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Address(IpAddr),
    /// And whether it ended with a dot, which means that nothing is to be put behind it.
    Name(HostName, bool),
}

/// Why a text is no name that could be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadName {
    /// There is no text, or only a dot.
    #[error("a name has at least one character")]
    Empty,
    /// Two dots in a row, or one at the beginning.
    #[error("a part of the name is empty")]
    EmptyLabel,
    /// RFC 1035, 2.3.4.
    #[error("a part of the name has {0} bytes, and 63 are the most")]
    LabelTooLong(usize),
    /// RFC 1035, 2.3.4: 255 on the wire.
    #[error("the name has {0} bytes, and 253 are the most")]
    TooLong(usize),
    /// A space, a control character, or a character that means something else in an address.
    #[error("{0:?} is no character of a name")]
    Character(char),
    /// `127.1`, `0x7f.1`, `256.1.1.1`: systems disagree on what these mean.
    #[error("it ends in a number without being an IP address")]
    EndsInNumber,
    /// Characters that are not allowed in an internationalized name, or not in this order (UTS #46).
    #[error("it is no valid internationalized name")]
    International,
    /// This build cannot turn such names into those of the wire.
    #[error("a name that is not ASCII needs the feature `idna`")]
    NotAscii,
}

const LONGEST_LABEL: usize = 63;
const LONGEST_NAME: usize = 253;

impl Host {
    pub(crate) fn read(text: &str) -> Result<Host, BadName> {
        if let Ok(ip) = text.parse() {
            return Ok(Host::Address(ip));
        }
        // Without characters beyond ASCII, and without what stands for some, there is nothing to translate.
        let mut ascii = text.to_ascii_lowercase();
        if !ascii.is_ascii() || ascii.contains("xn--") {
            ascii = to_ascii(text)?;
            // Digits may have been such of another script.
            if let Ok(ip) = ascii.parse() {
                return Ok(Host::Address(ip));
            }
        }
        let is_absolute = ascii.ends_with('.');
        if is_absolute {
            ascii.pop();
        }
        check(&ascii)?;
        Ok(Host::Name(HostName(ascii.into()), is_absolute))
    }
}

#[cfg(feature = "idna")]
fn to_ascii(text: &str) -> Result<String, BadName> {
    // It refuses a space and says no more than that; the character is worth more.
    if let Some(bad) = text.chars().find(|c| c.is_ascii() && is_forbidden(*c)) {
        return Err(BadName::Character(bad));
    }
    let ascii = idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::URL);
    ascii.map(std::borrow::Cow::into_owned).map_err(|_| BadName::International)
}

#[cfg(not(feature = "idna"))]
fn to_ascii(text: &str) -> Result<String, BadName> {
    if text.is_ascii() { Ok(text.to_ascii_lowercase()) } else { Err(BadName::NotAscii) }
}

/// Those that no name has and that would be taken for something else somewhere: in an address, in a file, on a terminal.
fn is_forbidden(c: char) -> bool {
    c.is_ascii_control()
        || matches!(c, ' ' | '#' | '%' | '/' | ':' | '<' | '>' | '?' | '@' | '[' | '\\' | ']' | '^' | '|')
}

fn check(name: &str) -> Result<(), BadName> {
    if name.is_empty() {
        return Err(BadName::Empty);
    }
    if let Some(bad) = name.chars().find(|c| is_forbidden(*c)) {
        return Err(BadName::Character(bad));
    }
    for label in name.split('.') {
        match label.len() {
            0 => return Err(BadName::EmptyLabel),
            length if length > LONGEST_LABEL => return Err(BadName::LabelTooLong(length)),
            _ => {}
        }
    }
    if name.len() > LONGEST_NAME {
        return Err(BadName::TooLong(name.len()));
    }
    if ends_in_number(name) {
        return Err(BadName::EndsInNumber);
    }
    Ok(())
}

/// WHATWG URL, 3.5, "ends in a number".
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    last.bytes().all(|byte| byte.is_ascii_digit()) || last.strip_prefix("0x").is_some_and(is_hex)
}

impl HostName {
    /// Of an answer or a file, where it need not be such as is asked for. Without the dot at its end.
    pub(crate) fn found(text: &str) -> HostName {
        HostName(text.trim_end_matches('.').to_ascii_lowercase().into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name with a domain behind it, if that is a name.
    pub(crate) fn within(&self, domain: &str) -> Option<HostName> {
        let name = format!("{}.{}", self.0, domain.trim_matches('.').to_ascii_lowercase());
        (name.len() <= LONGEST_NAME && !domain.is_empty()).then(|| HostName(name.into()))
    }

    /// The name by which an address is looked up the other way round: RFC 1035, 3.5, and RFC 3596, 2.5.
    pub(crate) fn reverse(ip: IpAddr) -> HostName {
        let name = match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            IpAddr::V6(ip) => {
                let mut name = String::with_capacity(72);
                for byte in ip.octets().iter().rev() {
                    name.push_str(&format!("{:x}.{:x}.", byte & 0xf, byte >> 4));
                }
                name + "ip6.arpa"
            }
        };
        HostName(name.into())
    }

    /// How many dots it has.
    pub(crate) fn dots(&self) -> usize {
        self.0.bytes().filter(|byte| *byte == b'.').count()
    }

    fn is_in(&self, domain: &str) -> bool {
        self.0.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// RFC 6761, 6.3: names that mean this machine and are asked of nobody.
    pub(crate) fn is_localhost(&self) -> bool {
        self.is_in("localhost")
    }

    /// RFC 6761, 6.4, and RFC 7686: names that do not exist and are asked of nobody.
    pub(crate) fn cannot_exist(&self) -> bool {
        self.is_in("invalid") || self.is_in("onion")
    }
}

/// What `localhost` is, with no need of a file.
pub(crate) const LOOPBACK: [IpAddr; 2] = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> (String, bool) {
        match Host::read(text) {
            Ok(Host::Name(name, absolute)) => (name.to_string(), absolute),
            other => panic!("{text:?} is {other:?}"),
        }
    }

    #[test]
    fn names_are_lower_case_and_a_dot_at_the_end_is_known() {
        assert_eq!(name("WWW.Example.COM"), ("www.example.com".to_owned(), false));
        assert_eq!(name("www.example.com."), ("www.example.com".to_owned(), true));
        assert_eq!(name("_srv._tcp.foo_bar"), ("_srv._tcp.foo_bar".to_owned(), false));
        assert_eq!(name("localhost").0, "localhost");
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_reason() {
        let long = "a".repeat(64);
        let longer = ["a".repeat(63).as_str(); 4].join(".");
        let table: [(&str, BadName); 16] = [
            ("", BadName::Empty),
            (".", BadName::Empty),
            ("a..b", BadName::EmptyLabel),
            (".a", BadName::EmptyLabel),
            ("a..", BadName::EmptyLabel),
            (&long, BadName::LabelTooLong(64)),
            (&longer, BadName::TooLong(255)),
            ("a b", BadName::Character(' ')),
            ("a\0b", BadName::Character('\0')),
            ("a/b", BadName::Character('/')),
            ("user@host", BadName::Character('@')),
            ("127.1", BadName::EndsInNumber),
            ("0x7f.1", BadName::EndsInNumber),
            ("host.0x7f", BadName::EndsInNumber),
            ("192.0.2.010", BadName::EndsInNumber),
            ("256.1.1.1", BadName::EndsInNumber),
        ];
        for (text, reason) in table {
            assert_eq!(Host::read(text), Err(reason), "{text:?}");
        }
    }

    #[test]
    fn addresses_are_no_names() {
        for text in ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"] {
            assert_eq!(Host::read(text), Ok(Host::Address(text.parse().unwrap())), "{text}");
        }
    }

    #[test]
    #[cfg(feature = "idna")]
    fn names_of_all_scripts_are_those_of_the_wire() {
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
        assert_eq!(Host::read("１２７.０.０.1"), Ok(Host::Address(Ipv4Addr::LOCALHOST.into())));
        assert_eq!(Host::read("１２７.1"), Err(BadName::EndsInNumber));
        assert_eq!(Host::read("例 如"), Err(BadName::Character(' ')));
        assert_eq!(Host::read("例\u{3000}如.中国"), Err(BadName::International));
        assert_eq!(Host::read("例..中国"), Err(BadName::EmptyLabel));
    }

    #[test]
    #[cfg(not(feature = "idna"))]
    fn other_scripts_need_the_feature() {
        assert_eq!(Host::read("例如.中国"), Err(BadName::NotAscii));
    }

    #[test]
    fn the_other_way_round() {
        let v4 = HostName::reverse("192.0.2.7".parse().unwrap());
        assert_eq!(v4.as_str(), "7.2.0.192.in-addr.arpa");
        assert_eq!(HostName::reverse("::ffff:192.0.2.7".parse().unwrap()), v4);
        let v6 = HostName::reverse("2001:db8::567:89ab".parse().unwrap());
        let expected = "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(v6.as_str(), expected);
    }

    #[test]
    fn special_names_are_known_by_whole_labels() {
        let name = HostName::found;
        assert!(name("localhost").is_localhost() && name("a.b.LOCALHOST.").is_localhost());
        assert!(!name("notlocalhost").is_localhost() && !name("localhost.example").is_localhost());
        assert!(name("x.invalid").cannot_exist() && name("abc.onion").cannot_exist());
        assert!(!name("valid").cannot_exist());
    }

    proptest! {
        /// Whatever is asked for: it is an address, a name that fits the wire, or refused.
        #[test]
        fn any_text_is_judged(text in "\\PC{0,300}") {
            if let Ok(Host::Name(name, _)) = Host::read(&text) {
                let name = name.as_str();
                prop_assert!(name.is_ascii() && name.len() <= 253, "{}", name);
                prop_assert!(name.split('.').all(|label| (1..=63).contains(&label.len())), "{}", name);
                prop_assert!(!name.bytes().any(|byte| byte <= b' ' || byte.is_ascii_uppercase() || byte == 127), "{}", name);
            }
        }
    }
}
