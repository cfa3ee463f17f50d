//! A hosts file, hosts(5): an address and its names on each line. The bytes are kept as they are, with an index of a few bytes
//! for each name, so that a file of a hundred thousand lines is read once and found in at once.

use std::net::IpAddr;

use super::name::{Host, HostName};

/// The names of a file, and where they stand in it.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    bytes: Box<[u8]>,
    /// The hash of a name and where its line begins; in the order of both.
    index: Box<[(u32, u32)]>,
}

/// An address in a hosts file; one of IPv6 may have a zone, by its name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostsAddress<'a> {
    pub(crate) ip: IpAddr,
    pub(crate) zone: Option<&'a str>,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Hosts {
    /// Reads a file. What is no line of such a file is passed over. More than 4 GiB are not read.
    pub(crate) fn read(bytes: Vec<u8>) -> Hosts {
        let mut index = Vec::with_capacity(bytes.len() / 24);
        for (offset, line) in lines(&bytes) {
            let Ok(offset) = u32::try_from(offset) else { break };
            let Some((_, names)) = split(line) else { continue };
            for name in words(names) {
                index.push((hash_of(name), offset));
            }
        }
        index.sort_unstable();
        index.dedup();
        Hosts { bytes: bytes.into(), index: index.into() }
    }

    /// The addresses of a name, each once, in the order of the file; empty if it is not there.
    pub(crate) fn addresses(&self, name: &HostName) -> Vec<HostsAddress<'_>> {
        let mut found: Vec<HostsAddress<'_>> = Vec::new();
        self.each(name, |address| {
            if !found.contains(&address) {
                found.push(address);
            }
        });
        found
    }

    fn each<'a>(&'a self, name: &HostName, mut take: impl FnMut(HostsAddress<'a>)) {
        let hash = hash(name.as_str().as_bytes());
        let first = self.index.partition_point(|(other, _)| *other < hash);
        for (_, offset) in self.index[first..].iter().take_while(|(other, _)| *other == hash) {
            let Some(line) = line_at(&self.bytes, *offset as usize) else { continue };
            let Some((address, names)) = split(line) else { continue };
            if words(names).any(|word| is_name(word, name)) {
                take(address);
            }
        }
    }

    /// The first name of an address: the canonical one.
    pub(crate) fn name(&self, ip: IpAddr) -> Option<HostName> {
        let mut found = lines(&self.bytes).filter_map(|(_, line)| split(line));
        let (_, names) = found.find(|(address, _)| address.ip == ip.to_canonical())?;
        let first = words(names).next()?;
        Some(HostName::found(&String::from_utf8_lossy(first)))
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    std::iter::from_fn(move || {
        let line = line_at(bytes, start)?;
        let offset = start;
        start += line.len() + 1;
        Some((offset, line))
    })
}

fn line_at(bytes: &[u8], start: usize) -> Option<&[u8]> {
    let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    Some(&rest[..end])
}

/// The address of a line, and what stands behind it, up to a comment. `None` if it has none.
fn split(line: &[u8]) -> Option<(HostsAddress<'_>, &[u8])> {
    let line = match memchr::memchr(b'#', line) {
        Some(end) => &line[..end],
        None => line,
    };
    let line = line.trim_ascii();
    let end = line.iter().position(|byte| byte.is_ascii_whitespace())?;
    let (address, names) = line.split_at(end);
    let address = std::str::from_utf8(address).ok()?;
    let (ip, zone) = match address.split_once('%') {
        Some((ip, zone)) if !zone.is_empty() => (ip, Some(zone)),
        Some(_) => return None,
        None => (address, None),
    };
    let ip: IpAddr = ip.parse().ok()?;
    // A zone is one of IPv6; an IPv4 address in its form is IPv4.
    let ip = if zone.is_none() { ip.to_canonical() } else { ip };
    (zone.is_none() || ip.is_ipv6()).then_some((HostsAddress { ip, zone }, names))
}

fn words(names: &[u8]) -> impl Iterator<Item = &[u8]> {
    names.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty())
}

fn without_dot(word: &[u8]) -> &[u8] {
    word.strip_suffix(b".").unwrap_or(word)
}

/// By its name on the wire, whatever the file has it in.
fn hash_of(word: &[u8]) -> u32 {
    match on_the_wire(word) {
        Some(name) => hash(name.as_str().as_bytes()),
        None => hash(without_dot(word)),
    }
}

fn on_the_wire(word: &[u8]) -> Option<HostName> {
    if word.is_ascii() {
        return None;
    }
    match Host::read(std::str::from_utf8(word).ok()?) {
        Ok(Host::Name(name, _)) => Some(name),
        _ => None,
    }
}

fn is_name(word: &[u8], name: &HostName) -> bool {
    match on_the_wire(word) {
        Some(own) => own == *name,
        None => without_dot(word).eq_ignore_ascii_case(name.as_str().as_bytes()),
    }
}

/// FNV-1a over the lower case. Names that share one are told apart by the file itself.
fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
    })
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
        let text = |address: HostsAddress<'_>| match address.zone {
            Some(zone) => format!("{}%{zone}", address.ip),
            None => address.ip.to_string(),
        };
        hosts.addresses(&HostName::found(name)).into_iter().map(text).collect()
    }

    #[test]
    fn what_stands_in_a_file_is_found_as_it_was_meant() {
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
            ("twice", &["192.0.2.6", "192.0.2.7"]),
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
    #[cfg(feature = "idna")]
    fn a_name_of_another_script_is_found_by_that_of_the_wire() {
        let hosts = Hosts::read(FILE.into());
        assert_eq!(found(&hosts, "xn--fsqu6v.xn--fiqs8s"), ["192.0.2.13"]);
        let wire = Hosts::read(b"192.0.2.13 xn--fsqu6v.xn--fiqs8s".to_vec());
        let Ok(Host::Name(name, _)) = Host::read("例如。中国") else { panic!() };
        assert_eq!(wire.addresses(&name).len(), 1);
    }

    #[test]
    fn the_first_name_of_an_address_is_its_name() {
        let hosts = Hosts::read(FILE.into());
        let name = |ip: &str| hosts.name(ip.parse().unwrap()).map(|name| name.to_string());
        assert_eq!(name("192.0.2.2").as_deref(), Some("first"));
        let marked = Hosts::read("\u{FEFF}192.0.2.1 marked".into());
        assert!(marked.name("192.0.2.1".parse().unwrap()).is_some(), "behind a byte order mark");
        assert_eq!(name("::ffff:192.0.2.5").as_deref(), Some("camelcase.example"));
        assert_eq!(name("192.0.2.99"), None);
    }

    #[test]
    fn an_empty_file_has_nothing() {
        for bytes in [&b""[..], b"\n", b"\xEF\xBB\xBF", b"#", b"\r\n\r\n"] {
            let hosts = Hosts::read(bytes.to_vec());
            assert_eq!((hosts.index.len(), found(&hosts, "localhost").len()), (0, 0), "{bytes:?}");
        }
    }

    proptest! {
        /// Whatever stands in it: it is read, and each name that a line has is found with its address.
        #[test]
        fn any_file_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = Hosts::read(bytes).addresses(&HostName::found("localhost"));
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
