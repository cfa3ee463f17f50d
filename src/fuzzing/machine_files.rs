//! The files that configure name resolution: hosts, resolv.conf, and nsswitch.conf.

use std::net::IpAddr;

use super::choices::Choices;
use crate::proto::dns::host::{Host, NameBuf};
use crate::proto::dns::hosts::{Hosts, Line, MAX_WORD};
use crate::proto::dns::name::{HostName, NameRef};
use crate::proto::dns::nsswitch::NameServices;
use crate::proto::dns::records::Kind;
use crate::proto::dns::resolv_conf::{Environment, ResolvConf};
use crate::proto::dns::sources::Source;
use crate::proto::dns::wire::query;

/// The addresses and names of a hosts file, parsed line by line without an index.
fn lines_of(bytes: &[u8]) -> Vec<(IpAddr, Option<String>, Vec<Vec<u8>>)> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut lines = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let Some(address) = words.next().and_then(|word| std::str::from_utf8(word).ok()) else { continue };
        let (ip, zone) = match address.split_once('%') {
            Some((ip, zone)) => (ip, Some(zone.to_owned())),
            None => (address, None),
        };
        let Ok(ip) = ip.parse::<IpAddr>() else { continue };
        if zone.as_ref().is_some_and(|zone| zone.is_empty() || ip.is_ipv4()) {
            continue;
        }
        let ip = if zone.is_none() { ip.to_canonical() } else { ip };
        let words = words.filter(|word| word.len() <= MAX_WORD);
        lines.push((ip, zone, words.map(<[u8]>::to_vec).collect()));
    }
    lines
}

/// Whether a word of the file is the given name.
fn is_same(word: &[u8], name: NameRef<'_>) -> bool {
    let without_dot = word.strip_suffix(b".").unwrap_or(word);
    let mut buffer = NameBuf::new();
    let read = std::str::from_utf8(word).ok().and_then(|word| Host::parse(word, &mut buffer).ok());
    without_dot.eq_ignore_ascii_case(name.as_str().as_bytes())
        || !word.is_ascii() && matches!(read, Some(Host::Name(own, _)) if own == name)
}

/// The index returns the same results as a search of all lines.
fn hosts(bytes: &[u8]) {
    let lines = lines_of(bytes);
    let hosts = Hosts::read(bytes.to_vec());
    let words = lines.iter().flat_map(|(_, _, words)| words).take(40);
    for word in
        words.map(|word| String::from_utf8_lossy(word).into_owned()).chain([String::from("not.there")])
    {
        let mut buffer = NameBuf::new();
        let Ok(Host::Name(name, _)) = Host::parse(&word, &mut buffer) else { continue };
        let found = hosts.candidates(name).flatten().filter_map(Line::address);
        let found: Vec<_> = found.map(|(ip, zone)| (ip, zone.map(str::to_owned))).collect();
        let has = |words: &[Vec<u8>]| words.iter().filter(|word| is_same(word, name)).count();
        let expected: Vec<_> =
            lines.iter().flat_map(|(ip, zone, words)| vec![(*ip, zone.clone()); has(words)]).collect();
        assert_eq!(found, expected, "{word:?}");
    }
    for (ip, _, words) in lines.iter().filter(|(_, _, words)| !words.is_empty()).take(10) {
        let first = lines
            .iter()
            .find(|(other, _, words)| other.to_canonical() == ip.to_canonical() && !words.is_empty());
        let name =
            first.map(|(_, _, words)| String::from_utf8_lossy(&words[0]).trim_end_matches('.').to_owned());
        if *ip == ip.to_canonical() {
            assert_eq!(hosts.names_of(*ip).flatten().next(), name, "{words:?}");
        }
    }
}

/// The limits apply to every file, and each candidate can be queried.
fn resolv_conf(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let environment = Environment { host_name: Some(text.clone()), local_domain: None, options: Some(text) };
    let conf = ResolvConf::read(bytes, &environment);
    assert!((1..=3).contains(&conf.servers.len()) && conf.search.len() <= 6 && conf.ndots <= 15, "{conf:?}");
    assert!((1..=30).contains(&conf.timeout.as_secs()) && (1..=5).contains(&conf.attempts), "{conf:?}");
    for server in &conf.servers {
        assert!(server.zone.is_none() || server.ip.is_ipv6());
    }
    for text in ["host", "www.example.com", "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p"] {
        let mut buffer = NameBuf::new();
        let Ok(Host::Name(name, _)) = Host::parse(text, &mut buffer) else { panic!("{text} is a name") };
        let candidates = |is_absolute| {
            let mut position = 0;
            std::iter::from_fn(|| conf.candidate(name, is_absolute, &mut position)).collect::<Vec<HostName>>()
        };
        assert_eq!(candidates(true), [name.to_owned()]);
        let candidates = candidates(false);
        assert!((1..=7).contains(&candidates.len()) && candidates.contains(&name.to_owned()));
        for candidate in candidates {
            assert!(candidate.as_str().starts_with(text));
            assert!(query(1, &candidate, Kind::A, true).is_some(), "{candidate} cannot be queried");
        }
    }
}

fn nsswitch(bytes: &[u8]) {
    let services = NameServices::read(bytes);
    let [host, local, far] = ["host", "printer.local", "www.example.com"].map(|text| {
        let mut buffer = NameBuf::new();
        let Ok(Host::Name(name, _)) = Host::parse(text, &mut buffer) else { panic!("{text} is a name") };
        let sources = services.sources(name, || false);
        assert!(sources.iter().count() <= 4, "{sources:?}");
        sources.iter().any(|(source, _)| source == Source::System)
    });
    assert!(
        !far || host && local,
        "a name with dots uses the OS, and a name without dots or in `local` does not"
    );
    if !bytes.windows(6).any(|window| window == b"hosts:") {
        assert_eq!(services, NameServices::default());
    }
}

/// Parses arbitrary bytes as one of the files.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    match choices.below(4) {
        0 => resolv_conf(choices.rest()),
        1 => nsswitch(choices.rest()),
        _ => hosts(choices.rest()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn hosts_resolv_conf_and_nsswitch_parse_any_bytes() {
        crate::fuzzing::trial::holds("machine_files", super::property);
    }
}
