//! Host names, in any script.

use std::net::IpAddr;

use super::choices::Choices;
use super::dns_reply::KINDS;
use crate::proto::dns::host::{Host, NameBuf};
use crate::proto::dns::name::HostName;
use crate::proto::dns::wire::query;

/// Every parsed name can be encoded as a query, parses to itself, and is within the length limits.
/// The case of the text does not matter.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (edns, kind) = (choices.clone().byte() & 8 > 0, choices.pick(&KINDS));
    let domain =
        String::from_utf8_lossy(choices.take(20).split(|byte| *byte == b' ').next().unwrap_or_default());
    let text = &*String::from_utf8_lossy(choices.rest());
    let (mut buffer, mut other) = (NameBuf::new(), NameBuf::new());
    let found = Host::parse(text, &mut buffer);
    assert_eq!(
        Host::parse(&text.to_ascii_uppercase(), &mut other).ok(),
        found.ok(),
        "{text:?} in upper case"
    );
    let Ok(Host::Name(name, is_absolute)) = found else { return };
    let name_text = name.as_str();
    assert!(
        name_text.is_ascii() && !name_text.contains(|c: char| c.is_ascii_uppercase() || c.is_ascii_control())
    );
    assert!((1..=253).contains(&name_text.len()), "{name_text:?}");
    assert!(name_text.split('.').all(|label| (1..=63).contains(&label.len())), "{name_text:?}");
    assert!(name_text.parse::<IpAddr>().is_err(), "{name_text:?} is an address");
    assert_eq!(Host::parse(name_text, &mut other), Ok(Host::Name(name, false)), "{text:?}");
    let dotted = format!("{name_text}.");
    assert_eq!(Host::parse(&dotted, &mut other), Ok(Host::Name(name, true)), "{text:?}");
    // The trailing dot may have been a dot of another script.
    assert!(text.ends_with('.') <= is_absolute);
    let query = query(7, &name.to_owned(), kind, edns).expect("a parsed name can be queried");
    assert_eq!(labels(&query[12..]), name_text.split('.').map(str::as_bytes).collect::<Vec<_>>());
    if let Some(within) = name.within(&domain) {
        assert!(within.as_str().len() <= 253 && within.as_str().starts_with(name_text));
    }
    assert_eq!(HostName::found(&dotted), name.to_owned());
}

/// The labels of a name in wire format.
fn labels(mut wire: &[u8]) -> Vec<&[u8]> {
    let mut labels = Vec::new();
    while wire[0] > 0 {
        let (label, rest) = wire[1..].split_at(usize::from(wire[0]));
        labels.push(label);
        wire = rest;
    }
    labels
}

#[cfg(test)]
mod tests {
    #[test]
    fn host_names_round_trip_and_encode_as_query() {
        crate::fuzzing::trial::holds("names", super::property);
    }
}
