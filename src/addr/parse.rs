//! The grammar of addresses: `host:port`, `[ipv6]:port`, `[ipv6%zone]:port`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::{AddressError, Fault};

/// The longest name the DNS can carry (RFC 1035, section 2.3.4), as text without the final dot.
const LONGEST_NAME: usize = 253;

/// What Python's `socket` calls the limited broadcast address.
const BROADCAST: &str = "<broadcast>";

/// A host as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Ip(IpAddr),
    /// An IPv6 address with the name or number of an interface.
    Zoned(Ipv6Addr, Box<str>),
    Name(Box<str>),
    /// Nothing, which means every local address when binding.
    Empty,
}

/// Splits `text` into host and port and parses both.
pub(super) fn host_and_port(text: &str) -> Result<(Host, u16), AddressError> {
    let fault = |offset, fault| AddressError::new(text, offset, fault);
    if text.is_empty() {
        return Err(fault(0, Fault::Empty));
    }
    if let Some(inside) = text.strip_prefix('[') {
        let Some(close) = inside.find(']') else { return Err(fault(0, Fault::Unclosed)) };
        let host = bracketed(&inside[..close]).map_err(|(at, f)| fault(1 + at, f))?;
        let after = close + 2;
        return match text[after..].strip_prefix(':') {
            Some(digits) => Ok((host, port(digits).map_err(|(at, f)| fault(after + 1 + at, f))?)),
            None if after == text.len() => Err(fault(after, Fault::NoPort)),
            None => Err(fault(after, Fault::AfterBracket)),
        };
    }
    if let Some(at) = text.find("://") {
        return Err(fault(at, Fault::Url));
    }
    let Some(colon) = text.find(':') else {
        // A faulty host is worth more to the reader than a missing port.
        host(text).map_err(|(at, f)| fault(at, f))?;
        return Err(fault(text.len(), Fault::NoPort));
    };
    if text[colon + 1..].contains(':') {
        return Err(fault(colon, if text.contains('[') { Fault::Character('[') } else { Fault::BareIpv6 }));
    }
    let host = host(&text[..colon]).map_err(|(at, f)| fault(at, f))?;
    let port = port(&text[colon + 1..]).map_err(|(at, f)| fault(colon + 1 + at, f))?;
    Ok((host, port))
}

/// Parses a host that stands alone, as in `(host, port)`: an IPv6 address needs no brackets here.
pub(super) fn host_alone(text: &str) -> Result<Host, AddressError> {
    let fault = |(offset, fault)| AddressError::new(text, offset, fault);
    if let Some(inside) = text.strip_prefix('[') {
        let Some(inside) = inside.strip_suffix(']') else { return Err(fault((0, Fault::Unclosed))) };
        return bracketed(inside).map_err(|(at, f)| fault((at + 1, f)));
    }
    if text.contains(':') {
        return bracketed(text).map_err(fault);
    }
    host(text).map_err(fault)
}

type Parsed<T> = Result<T, (usize, Fault)>;

fn bracketed(text: &str) -> Parsed<Host> {
    let (ip, zone) = match text.find('%') {
        Some(at) => (&text[..at], Some((at + 1, &text[at + 1..]))),
        None => (text, None),
    };
    let ip: Ipv6Addr = ip.parse().map_err(|_| (0, Fault::NotIpv6))?;
    let Some((start, zone)) = zone else { return Ok(Host::Ip(ip.into())) };
    if zone.is_empty() {
        return Err((start, Fault::EmptyZone));
    }
    match zone.char_indices().find(|(_, c)| c.is_whitespace() || c.is_control() || "[]%/:".contains(*c)) {
        Some((at, c)) => Err((start + at, Fault::ZoneCharacter(c))),
        None => Ok(Host::Zoned(ip, zone.into())),
    }
}

fn host(text: &str) -> Parsed<Host> {
    if text.is_empty() {
        return Ok(Host::Empty);
    }
    if text == BROADCAST {
        return Ok(Host::Ip(Ipv4Addr::BROADCAST.into()));
    }
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(ip.into()));
    }
    let forbidden =
        |c: char| c.is_whitespace() || c.is_control() || "[]%/\\@?#<>|^\"'`{}*,;=&$!()+".contains(c);
    if let Some((at, c)) = text.char_indices().find(|(_, c)| forbidden(*c)) {
        return Err((at, Fault::Character(c)));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.len() > LONGEST_NAME {
        let place = (0..=LONGEST_NAME).rev().find(|&place| name.is_char_boundary(place));
        return Err((place.unwrap_or(0), Fault::NameTooLong));
    }
    let mut start = 0;
    for label in name.split('.') {
        if label.is_empty() {
            return Err((start, Fault::EmptyLabel));
        }
        start += label.len() + 1;
    }
    // `127.1`, `0x7f.1` and `2130706433` are IPv4 addresses for some systems and names for others.
    // Guessing would send data to a machine that nobody named, so such a text is refused, as in the
    // WHATWG's URL standard.
    if name.rsplit('.').next().is_some_and(is_number) {
        return Err((0, Fault::NumericHost));
    }
    Ok(Host::Name(text.into()))
}

fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|b| b.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Parses a decimal port number; no sign, no spaces.
pub(super) fn port(digits: &str) -> Parsed<u16> {
    if digits.is_empty() {
        return Err((0, Fault::NoPort));
    }
    if let Some(at) = digits.bytes().position(|b| !b.is_ascii_digit()) {
        return Err((at, Fault::PortNotANumber));
    }
    digits.parse().map_err(|_| (0, Fault::PortTooLarge))
}
