//! A hosts file, hosts(5): an address and its names on each line. The bytes are kept as they are, with an index of a few bytes
//! for each name, so that a file of a hundred thousand lines is read once and found in at once.

use std::net::IpAddr;

use super::host::{Host, Spelling};
use super::name::{HostName, NameRef};

/// The names of a file, and where they stand in it.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    bytes: Box<[u8]>,
    /// In the order of the file; lines in a row with the same address are one.
    addresses: Box<[Address]>,
    /// In the order of the upper bits of their hashes, those that share them in the order of the file.
    names: Box<[Name]>,
    /// Where those of each upper bits begin, and the end.
    begins: Box<[u32]>,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    hash: u32,
    /// Where it stands in the file.
    at: u32,
    /// Which of the addresses is its own.
    address: u32,
}

#[derive(Clone, Copy, Debug)]
struct Address {
    ip: IpAddr,
    /// Where its text begins, with the zone in it, if it has one.
    zoned: Option<u32>,
    /// Where its first name stands.
    name: u32,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Hosts {
    /// Reads a file. What is no line of such a file is passed over. More than 4 GiB are not read.
    pub(crate) fn read(mut bytes: Vec<u8>) -> Hosts {
        bytes.truncate(u32::MAX as usize);
        let (mut addresses, mut names) = (Vec::new(), Vec::with_capacity(bytes.len() / 24));
        let mut before: &[u8] = &[];
        for (start, line) in lines(&bytes) {
            let Some((address, rest)) = split(line) else { continue };
            let at = |word: &[u8]| (start + offset(line, word)) as u32;
            let mut words = words(rest).peekable();
            let Some(first) = words.peek() else { continue };
            // Long files have the same address on every line.
            if address != before {
                let Some((ip, zone)) = read(address) else { continue };
                addresses.push(Address { ip, zoned: zone.map(|_| at(address)), name: at(first) });
                before = address;
            }
            let address = addresses.len() as u32 - 1;
            names.extend(words.map(|word| Name { hash: hash_of(word), at: at(word), address }));
        }
        let addresses = addresses.into();
        let (names, begins) = by_hash(&names);
        Hosts { bytes: bytes.into(), addresses, names, begins }
    }

    /// Gives each address of a name, with the zone of one of IPv6 that has one, in the order of the file; one may be given twice.
    /// Returns whether the name is there.
    pub(crate) fn each<'a>(
        &'a self,
        name: NameRef<'_>,
        mut take: impl FnMut(IpAddr, Option<&'a str>),
    ) -> bool {
        let hash = hash(name.as_str().as_bytes());
        let mut is_there = false;
        for found in self.sharing(hash) {
            if found.hash == hash && is_name(&self.bytes[found.at as usize..], name) {
                let Address { ip, zoned, .. } = &self.addresses[found.address as usize];
                let zone = zoned.and_then(|at| read(word_at(&self.bytes, at))?.1);
                take(*ip, zone);
                is_there = true;
            }
        }
        is_there
    }

    /// The names whose hashes have the same upper bits.
    fn sharing(&self, hash: u32) -> &[Name] {
        let bucket = bucket(hash, self.begins.len());
        match self.begins.get(bucket..bucket + 2) {
            Some(bounds) => &self.names[bounds[0] as usize..bounds[1] as usize],
            None => &[],
        }
    }

    /// The first name of an address: the canonical one.
    pub(crate) fn name(&self, ip: IpAddr) -> Option<HostName> {
        let ip = ip.to_canonical();
        let found = self.addresses.iter().find(|address| address.ip == ip)?;
        Some(HostName::found(&String::from_utf8_lossy(word_at(&self.bytes, found.name))))
    }
}

/// Sorts by the upper bits of the hashes, as many as there are names for; by counting, so that it is one pass whatever they are.
fn by_hash(names: &[Name]) -> (Box<[Name]>, Box<[u32]>) {
    if names.is_empty() {
        return Default::default();
    }
    let mut begins = vec![0_u32; names.len().next_power_of_two() + 1];
    let buckets = begins.len();
    for name in names {
        begins[bucket(name.hash, buckets) + 1] += 1;
    }
    let mut sum = 0;
    for begin in &mut begins {
        sum += *begin;
        *begin = sum;
    }
    let mut sorted = vec![names[0]; names.len()];
    // What begins a bucket is moved on until it begins the next.
    for name in names {
        let next = &mut begins[bucket(name.hash, buckets)];
        sorted[*next as usize] = *name;
        *next += 1;
    }
    begins.rotate_right(1);
    begins[0] = 0;
    (sorted.into(), begins.into())
}

/// By the upper bits; there is one beginning more than there are buckets, and of these a power of two.
fn bucket(hash: u32, begins: usize) -> usize {
    ((u64::from(hash) * begins.saturating_sub(1) as u64) >> 32) as usize
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    std::iter::from_fn(move || {
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        let begin = start;
        start += line.len() + 1;
        Some((begin, line))
    })
}

/// Where a part of a line begins.
fn offset(line: &[u8], part: &[u8]) -> usize {
    part.as_ptr() as usize - line.as_ptr() as usize
}

/// The text of the address of a line, and what stands behind it, up to a comment. `None` if it has none.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = match memchr::memchr(b'#', line) {
        Some(end) => &line[..end],
        None => line,
    };
    let line = line.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace)?;
    Some(line.split_at(end))
}

/// An address; one of IPv6 may have a zone, by its name or number.
fn read(address: &[u8]) -> Option<(IpAddr, Option<&str>)> {
    let address = std::str::from_utf8(address).ok()?;
    let (ip, zone) = match address.split_once('%') {
        Some((ip, zone)) if !zone.is_empty() => (ip, Some(zone)),
        Some(_) => return None,
        None => (address, None),
    };
    let ip: IpAddr = ip.parse().ok()?;
    // A zone is one of IPv6; an IPv4 address in its form is IPv4.
    let ip = if zone.is_none() { ip.to_canonical() } else { ip };
    (zone.is_none() || ip.is_ipv6()).then_some((ip, zone))
}

fn words(names: &[u8]) -> impl Iterator<Item = &[u8]> {
    names.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

fn is_end(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'#'
}

fn word_at(bytes: &[u8], at: u32) -> &[u8] {
    let rest = &bytes[at as usize..];
    &rest[..rest.iter().position(|byte| is_end(*byte)).unwrap_or(rest.len())]
}

/// By its name on the wire, whatever the file has it in.
fn hash_of(word: &[u8]) -> u32 {
    let mut spelling = Spelling::new();
    match on_the_wire(word, &mut spelling) {
        Some(name) => hash(name.as_str().as_bytes()),
        None => hash(word.strip_suffix(b".").unwrap_or(word)),
    }
}

fn on_the_wire<'a>(word: &[u8], spelling: &'a mut Spelling) -> Option<NameRef<'a>> {
    if word.is_ascii() {
        return None;
    }
    match Host::read(std::str::from_utf8(word).ok()?, spelling) {
        Ok(Host::Name(name, _)) => Some(name),
        _ => None,
    }
}

/// Whether a text begins with a name: as it is, or with a dot behind it, or in another script.
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
    on_the_wire(word_at(text, 0), &mut Spelling::new()) == Some(name)
}

/// Of a name in whatever case, by the steps of `rustc`'s own hash. Names that share one are told apart by the file itself.
fn hash(name: &[u8]) -> u32 {
    // The bit by which upper and lower case differ; that others lose it, too, does no harm.
    const CASE: u64 = 0x2020_2020_2020_2020;
    let step = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
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
        let mut found = Vec::new();
        let is_there = hosts.each(HostName::found(name).as_ref(), |ip, zone| {
            found.push(zone.map_or(ip.to_string(), |zone| format!("{ip}%{zone}")));
        });
        assert_eq!(is_there, !found.is_empty());
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
        let mut spelling = Spelling::new();
        let Ok(Host::Name(name, _)) = Host::read("例如。中国", &mut spelling) else { panic!() };
        assert!(wire.each(name, |_, _| {}));
    }

    #[test]
    fn reverse_lookup_returns_first_name() {
        let hosts = Hosts::read(FILE.into());
        let name = |ip: &str| hosts.name(ip.parse().unwrap()).map(|name| name.to_string());
        assert_eq!(name("192.0.2.2").as_deref(), Some("first"));
        let marked = Hosts::read("\u{FEFF}192.0.2.1 marked".into());
        assert!(marked.name("192.0.2.1".parse().unwrap()).is_some(), "behind a byte order mark");
        assert_eq!(name("::ffff:192.0.2.5").as_deref(), Some("camelcase.example"));
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
        /// Whatever stands in it: it is read, and each name that a line has is found with its address.
        #[test]
        fn any_file_is_parsed(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            Hosts::read(bytes).each(HostName::found("localhost").as_ref(), |_, _| {});
        }

        #[test]
        fn every_name_is_found(names in proptest::collection::vec("[a-zA-Z0-9._-]{1,20}", 1..60)) {
            let names: Vec<String> = names.into_iter().filter(|name| !name.trim_end_matches('.').is_empty()).collect();
            let lines = names.iter().enumerate().map(|(number, name)| format!("10.0.{}.{} {name}\n", number / 256, number % 256));
            let hosts = Hosts::read(lines.collect::<String>().into_bytes());
            for (number, name) in names.iter().enumerate() {
                // One dot at the end is none; two are a name that nobody asks for.
                if !name.ends_with("..") {
                    let ip = format!("10.0.{}.{}", number / 256, number % 256);
                    prop_assert!(found(&hosts, name).contains(&ip), "{}", name);
                }
            }
        }
    }
}
