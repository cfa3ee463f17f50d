//! A hosts file, hosts(5): each line has an address and its names. The bytes of the file are kept,
//! together with two hash tables of positions, one for names and one for addresses.
//!
//! The tables take at most three times the size of the file. The time of a lookup is proportional
//! to the number of lines with the name. The caller limits how many of them are inspected.

mod addresses;
mod index;

use std::net::{IpAddr, Ipv4Addr};

use super::host::{Host, NameBuf};
use super::name::NameRef;
use index::{Builder, Index};

/// The maximum number of bytes that are read. The rest of a larger file is ignored.
pub(crate) const MAX_BYTES: usize = index::MAX_BYTES;

/// The maximum length of a word in bytes. No valid host name is longer, in any script.
pub(crate) const MAX_WORD: usize = 1_024;

/// A file, and the positions of its names and addresses.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    /// The contents of the file without a byte order mark.
    bytes: Box<[u8]>,
    /// The positions of names.
    names: Index,
    /// The positions of addresses; of consecutive lines with the same address, the first.
    addresses: Index,
}

/// The beginning of a line, which includes at least its address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a>(&'a [u8]);

/// The address of a line, and its zone if it is an IPv6 address with a zone.
pub(crate) type Zoned<'a> = (IpAddr, Option<&'a str>);

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Hosts {
    /// Parses a file. Invalid lines are skipped, and bytes after the first [`MAX_BYTES`] are
    /// ignored.
    pub(crate) fn read(mut bytes: Vec<u8>) -> Hosts {
        if bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        bytes.truncate(MAX_BYTES);
        let (mut names, mut addresses) = (0, 0);
        each_word(&bytes, |_, word| match word {
            Word::Name(_) => names += 1,
            Word::Address(_) => addresses += 1,
        });
        let (mut names, mut addresses) = (Builder::new(names), Builder::new(addresses));
        each_word(&bytes, |_, word| match word {
            Word::Name(name) => names.count(hash_of(name)),
            Word::Address(ip) => addresses.count(hash_of_ip(ip)),
        });
        names.allocate();
        addresses.allocate();
        each_word(&bytes, |at, word| match word {
            Word::Name(name) => names.place(hash_of(name), at),
            Word::Address(ip) => addresses.place(hash_of_ip(ip), at),
        });
        Hosts { bytes: bytes.into(), names: names.finish(), addresses: addresses.finish() }
    }

    /// Inspects the lines that may have a name, in the order of the file. Yields each line that has
    /// the name, and `None` for each inspected line without it.
    pub(crate) fn candidates<'a>(&'a self, name: NameRef<'a>) -> impl Iterator<Item = Option<Line<'a>>> + 'a {
        let positions = self.names.candidates(hash(name.as_str().as_bytes()));
        let (mut before, mut start) = (0, 0);
        positions.map(move |at| {
            if !is_name(&self.bytes[at..], name) {
                return None;
            }
            // Each byte is inspected at most once, however long a line is.
            if let Some(end) = memchr::memrchr(b'\n', &self.bytes[before..at]) {
                start = before + end + 1;
            }
            before = at;
            Some(Line(&self.bytes[start..at]))
        })
    }

    /// Inspects the lines that may have an address, in the order of the file. Yields the first name
    /// of each line that has the address, which is the canonical name, and `None` for each
    /// inspected line without it.
    pub(crate) fn names_of(&self, ip: IpAddr) -> impl Iterator<Item = Option<String>> + '_ {
        let ip = ip.to_canonical();
        self.addresses.candidates(hash_of_ip(ip)).map(move |at| {
            let (own, _) = Line(&self.bytes[at..]).address()?;
            let (_, line) = lines(&self.bytes[at..]).next().filter(|_| own == ip)?;
            let name = names(split(line)?.1).next()?;
            Some(String::from_utf8_lossy(name).trim_end_matches('.').to_owned())
        })
    }
}

impl<'a> Line<'a> {
    #[inline]
    pub(crate) fn address(self) -> Option<Zoned<'a>> {
        let line = self.0.trim_ascii_start();
        read(&line[..line.iter().position(u8::is_ascii_whitespace)?])
    }
}

enum Word<'a> {
    Name(&'a [u8]),
    Address(IpAddr),
}

/// Calls a function with the position of each name. Also calls it for the address of each line that
/// has a name, unless the line before has the same address.
fn each_word<'a>(bytes: &'a [u8], mut take: impl FnMut(usize, Word<'a>)) {
    let mut before: &[u8] = &[];
    for (start, line) in lines(bytes) {
        let Some((address, rest)) = split(line) else { continue };
        let at = |word: &[u8]| start + offset(line, word);
        let mut names = names(rest).peekable();
        if names.peek().is_none() {
            continue;
        }
        // Long files (block lists) often have the same address on every line.
        if address != before {
            let Some((ip, _)) = read(address) else { continue };
            take(at(address), Word::Address(ip));
            before = address;
        }
        names.for_each(|name| take(at(name), Word::Name(name)));
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        let begin = start;
        start += line.len() + 1;
        Some((begin, line))
    })
}

/// The position of a part of a line within the line.
fn offset(line: &[u8], part: &[u8]) -> usize {
    part.as_ptr() as usize - line.as_ptr() as usize
}

/// Splits a line into the text of its address and the rest, without a comment. Returns `None` if
/// nothing follows the address.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = match memchr::memchr(b'#', line) {
        Some(end) => &line[..end],
        None => line,
    };
    let line = line.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace)?;
    Some(line.split_at(end))
}

/// Parses an address. An IPv6 address may have a zone, which is an interface name or index.
fn read(address: &[u8]) -> Option<Zoned<'_>> {
    if let Some(ip) = ipv4(address) {
        return Some((ip.into(), None));
    }
    let address = std::str::from_utf8(address).ok()?;
    let (ip, zone) = match address.split_once('%') {
        Some((ip, zone)) if !zone.is_empty() => (ip, Some(zone)),
        Some(_) => return None,
        None => (address, None),
    };
    let ip: IpAddr = ip.parse().ok()?;
    // Only IPv6 addresses have a zone. An IPv4-mapped address is converted to IPv4.
    let ip = if zone.is_none() { ip.to_canonical() } else { ip };
    (zone.is_none() || ip.is_ipv6()).then_some((ip, zone))
}

/// Parses an IPv4 address like the standard library, in a third of the time. A lookup parses the
/// address that it returns.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut octet, mut digits, mut dots) = (0_u32, 0_u32, 0, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' if digits < 3 && (digits == 0 || octet > 0) => {
                octet = octet * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && octet <= 255 && dots < 3 => {
                octets = octets << 8 | octet;
                (octet, digits, dots) = (0, 0, dots + 1);
            }
            _ => return None,
        }
    }
    (digits > 0 && octet <= 255 && dots == 3).then(|| Ipv4Addr::from_bits(octets << 8 | octet))
}

fn names(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    rest.split(u8::is_ascii_whitespace).filter(|word| (1..=MAX_WORD).contains(&word.len()))
}

fn is_end(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'#'
}

fn first_word(rest: &[u8]) -> &[u8] {
    &rest[..rest.iter().position(|byte| is_end(*byte)).unwrap_or(rest.len())]
}

/// The hash of a name in the form that is queried, independent of the spelling in the file.
fn hash_of(word: &[u8]) -> u32 {
    let mut buffer = NameBuf::new();
    match to_wire(word, &mut buffer) {
        Some(name) => hash(name.as_str().as_bytes()),
        None => hash(word.strip_suffix(b".").unwrap_or(word)),
    }
}

fn to_wire<'a>(word: &'a [u8], buffer: &'a mut NameBuf) -> Option<NameRef<'a>> {
    if word.is_ascii() {
        return None;
    }
    match Host::parse(std::str::from_utf8(word).ok()?, buffer) {
        Ok(Host::Name(name, _)) => Some(name),
        _ => None,
    }
}

/// Whether a text begins with a name: as it is, with a trailing dot, or in another script (IDNA).
fn is_name(text: &[u8], name: NameRef<'_>) -> bool {
    let own = name.as_str().as_bytes();
    if let Some((word, rest)) = text.split_at_checked(own.len()) {
        let is_whole = match rest {
            [] | [b'.'] => true,
            [b'.', next, ..] | [next, ..] => is_end(*next),
        };
        if is_whole && word.eq_ignore_ascii_case(own) {
            return true;
        }
    }
    to_wire(first_word(text), &mut NameBuf::new()) == Some(name)
}

/// One step of the hash function of `rustc` (FxHash).
fn step(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
}

fn hash_of_ip(ip: IpAddr) -> u32 {
    let bits = match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    };
    (step(step(0, (bits >> 64) as u64), bits as u64) >> 32) as u32
}

/// The hash of a name, independent of case. Names with the same hash are distinguished by
/// comparison with the file.
fn hash(name: &[u8]) -> u32 {
    // The bit that distinguishes upper and lower case. Setting it in other characters only adds
    // collisions.
    const CASE: u64 = 0x2020_2020_2020_2020;
    let mut words = name.chunks_exact(8);
    let mut sum = 0;
    for word in &mut words {
        sum = step(sum, word.try_into().map_or(0, u64::from_le_bytes) | CASE);
    }
    let rest = words.remainder().iter().fold(0, |rest, byte| rest << 8 | u64::from(*byte | 0x20));
    (step(sum, rest) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::dns::name::HostName;
    use proptest::prelude::*;

    const FILE: &str = "\u{FEFF}# a comment\n\
        192.0.2.1\tplain\n\
        192.0.2.2 first  second\tthird # a comment\r\n\
        192.0.2.3 glued#comment\n\
        \x20 192.0.2.4 indented\n\
        192.0.2.5 CamelCase.Example\n\
        192.0.2.6 twice\n192.0.2.7 twice twice\n192.0.2.6 twice\n\
        2001:db8::8 both\n192.0.2.8 both\n\
        192.0.2.9 trail.test.\n\
        fe80::1%lo zone.test\n\
        ::ffff:192.0.2.10 mapped\n\
        192.0.2.010 octal\n127.1 short\n0x7f.1 hex\nnonsense line\n192.0.2.11\n\n\
        192.0.2.12 under_score *.wild\n\
        192.0.2.13 例如.中国\n\
        fe80::1% empty-zone\n192.0.2.14%lo zone-of-4\n\
        192.0.2.15 last";

    fn found(hosts: &Hosts, name: &str) -> Vec<String> {
        let text = |line: Line<'_>| {
            let (ip, zone) = line.address().unwrap();
            zone.map_or(ip.to_string(), |zone| format!("{ip}%{zone}"))
        };
        let name = HostName::found(name);
        let mut found: Vec<_> = hosts.candidates(name.as_ref()).flatten().map(text).collect();
        found.dedup();
        found
    }

    #[test]
    fn lookup_handles_every_line_format() {
        let hosts = Hosts::read(FILE.into());
        let table: [(&str, &[&str]); 24] = [
            ("plain", &["192.0.2.1"]),
            ("second", &["192.0.2.2"]),
            ("third", &["192.0.2.2"]),
            ("glued", &["192.0.2.3"]),
            ("comment", &[]),
            ("indented", &["192.0.2.4"]),
            ("camelcase.example", &["192.0.2.5"]),
            ("CAMELCASE.EXAMPLE", &["192.0.2.5"]),
            ("twice", &["192.0.2.6", "192.0.2.7", "192.0.2.6"]),
            ("both", &["2001:db8::8", "192.0.2.8"]),
            ("trail.test", &["192.0.2.9"]),
            ("trail.test.", &["192.0.2.9"]),
            ("plain.", &["192.0.2.1"]),
            ("zone.test", &["fe80::1%lo"]),
            ("mapped", &["192.0.2.10"]),
            ("octal", &[]),
            ("short", &[]),
            ("hex", &[]),
            ("under_score", &["192.0.2.12"]),
            ("a.wild", &[]),
            ("*.wild", &["192.0.2.12"]),
            ("empty-zone", &[]),
            ("zone-of-4", &[]),
            ("last", &["192.0.2.15"]),
        ];
        for (name, addresses) in table {
            assert_eq!(found(&hosts, name), addresses, "{name}");
        }
        assert!(found(&hosts, "nothing").is_empty() && found(&hosts, "line").is_empty());
    }

    /// A lookup inspects the lines of its name, and few others.
    #[test]
    fn lookup_inspects_only_lines_of_its_name() {
        let repeated = "192.0.2.1 many.test\n".repeat(20_000);
        let others: String = (0..20_000).map(|n| format!("192.0.2.2 host{n}.test\n")).collect();
        let hosts = Hosts::read((repeated + &others).into_bytes());
        let inspected = |name: &str| hosts.candidates(HostName::found(name).as_ref()).count();
        assert!((20_000..20_020).contains(&inspected("many.test")));
        for n in 0..20_000 {
            assert!(inspected(&format!("host{n}.test")) < 20 || n == 0);
        }
    }

    #[test]
    fn tables_take_at_most_three_times_the_file() {
        let letters: String = (b'a'..=b'z').map(|letter| format!(" {}", letter as char)).collect();
        let [dense, one_line, alternating] = [
            format!("::{letters}\n").repeat(2_000),
            format!("::{}", letters.repeat(2_000)),
            ":: a\n::1 b\n".repeat(9_000),
        ];
        for text in [dense, one_line, alternating] {
            let length = text.len();
            let hosts = Hosts::read(text.into_bytes());
            let tables = hosts.names.bytes() + hosts.addresses.bytes();
            assert!(tables <= 3 * length + 64, "{tables} bytes for {length}");
        }
    }

    #[test]
    fn names_of_one_long_line_have_its_address() {
        let line = format!("192.0.2.1 first\n192.0.2.2{}\n192.0.2.3 last", " a b".repeat(30_000));
        let hosts = Hosts::read(line.into_bytes());
        let name = HostName::found("b");
        let lines = hosts.candidates(name.as_ref()).flatten();
        let all: Vec<_> = lines.map(|line| line.address().unwrap().0).collect();
        assert_eq!(all, vec!["192.0.2.2".parse::<IpAddr>().unwrap(); 30_000]);
    }

    #[test]
    fn word_over_length_limit_is_ignored() {
        let hosts = Hosts::read(format!("192.0.2.1 {} b\n", "a".repeat(MAX_WORD + 1)).into_bytes());
        assert_eq!((found(&hosts, "b"), hosts.names.len()), (vec!["192.0.2.1".to_owned()], 1));
        assert_eq!(hosts.names_of([192, 0, 2, 1].into()).flatten().next().as_deref(), Some("b"));
    }

    #[test]
    fn consecutive_lines_share_one_address() {
        let hosts = Hosts::read(b"0.0.0.0 a\n0.0.0.0 b c\n192.0.2.1 d\n0.0.0.0 e\n".to_vec());
        assert_eq!((hosts.addresses.len(), hosts.names.len()), (3, 5));
    }

    #[test]
    #[cfg(feature = "idna")]
    fn international_name_matches_punycode_form() {
        let hosts = Hosts::read(FILE.into());
        assert_eq!(found(&hosts, "xn--fsqu6v.xn--fiqs8s"), ["192.0.2.13"]);
        let wire = Hosts::read(b"192.0.2.13 xn--fsqu6v.xn--fiqs8s".to_vec());
        let mut buffer = NameBuf::new();
        let Ok(Host::Name(name, _)) = Host::parse("例如。中国", &mut buffer) else { panic!() };
        assert_eq!(wire.candidates(name).flatten().count(), 1);
    }

    #[test]
    fn reverse_lookup_returns_first_name() {
        let hosts = Hosts::read(FILE.into());
        let name = |ip: &str| hosts.names_of(ip.parse().unwrap()).flatten().next();
        assert_eq!(name("192.0.2.2").as_deref(), Some("first"));
        let marked = Hosts::read("\u{FEFF}192.0.2.1 marked".into());
        assert!(
            marked.names_of("192.0.2.1".parse().unwrap()).flatten().next().is_some(),
            "after a byte order mark"
        );
        assert_eq!(name("::ffff:192.0.2.5").as_deref(), Some("CamelCase.Example"));
        assert_eq!(name("192.0.2.99"), None);
    }

    #[test]
    fn empty_file_has_no_names() {
        for bytes in [&b""[..], b"\n", b"\xEF\xBB\xBF", b"#", b"\r\n\r\n"] {
            let hosts = Hosts::read(bytes.to_vec());
            assert_eq!((hosts.names.len(), found(&hosts, "localhost").len()), (0, 0), "{bytes:?}");
        }
    }

    proptest! {
        /// Arbitrary bytes cause no panic.
        #[test]
        fn any_file_is_parsed(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            Hosts::read(bytes).candidates(HostName::found("localhost").as_ref()).for_each(drop);
        }

        #[test]
        fn ipv4_parser_agrees_with_standard_library(text in "[0-9]{0,4}(\\.[0-9]{0,4}){0,4}", ip: u32) {
            for text in [text, Ipv4Addr::from_bits(ip).to_string()] {
                prop_assert_eq!(ipv4(text.as_bytes()), text.parse().ok(), "{}", text);
            }
        }

        #[test]
        fn every_name_is_found(names in proptest::collection::vec("[a-zA-Z0-9._-]{1,20}", 1..60)) {
            let names: Vec<String> = names.into_iter().filter(|name| !name.trim_end_matches('.').is_empty()).collect();
            let lines = names.iter().enumerate().map(|(number, name)| format!("10.0.{}.{} {name}\n", number / 256, number % 256));
            let hosts = Hosts::read(lines.collect::<String>().into_bytes());
            for (number, name) in names.iter().enumerate() {
                // One trailing dot is ignored. A name with two is invalid, and never looked up.
                if !name.ends_with("..") {
                    let ip = format!("10.0.{}.{}", number / 256, number % 256);
                    prop_assert!(found(&hosts, name).contains(&ip), "{}", name);
                }
            }
        }
    }
}
