//! The types and the data of DNS records.

use std::fmt;

/// A mail exchanger of a domain: an MX record,
/// [RFC 1035, section 3.3.9](https://www.rfc-editor.org/rfc/rfc1035#section-3.3.9).
///
/// Values are ordered by preference, then by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Mx {
    /// The preference among the mail exchangers of the domain. Lower values are preferred.
    pub preference: u16,
    /// The host name, without a trailing dot. It is empty if the domain does not accept mail
    /// ([RFC 7505, section 3](https://www.rfc-editor.org/rfc/rfc7505#section-3)).
    pub exchange: String,
}

/// A host that provides a service of a domain: an SRV record,
/// [RFC 2782](https://www.rfc-editor.org/rfc/rfc2782).
///
/// Values are ordered by priority, then by the other fields.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Srv {
    /// The priority. A client tries the hosts with the lowest value first.
    pub priority: u16,
    /// The share of requests that this host should receive among those of the same priority.
    pub weight: u16,
    /// The port of the service.
    pub port: u16,
    /// The host name, without a trailing dot. It is empty if the domain does not provide the
    /// service.
    pub target: String,
}

/// A list of byte strings: a TXT record,
/// [RFC 1035, section 3.3.14](https://www.rfc-editor.org/rfc/rfc1035#section-3.3.14).
///
/// Each string has at most 255 bytes, and is not necessarily text. A longer value is split into
/// several strings. SPF
/// ([RFC 7208, section 3.3](https://www.rfc-editor.org/rfc/rfc7208#section-3.3)) and DKIM join them
/// without a separator, as [`to_bytes`](Self::to_bytes) does. In DNS-SD
/// ([RFC 6763, section 6](https://www.rfc-editor.org/rfc/rfc6763#section-6)) each string is a
/// separate attribute; use [`strings`](Self::strings).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Txt {
    strings: Vec<Box<[u8]>>,
}

impl Txt {
    pub(crate) fn new(strings: Vec<Box<[u8]>>) -> Txt {
        Txt { strings }
    }

    /// Returns the strings of the record in their order, including empty strings.
    pub fn strings(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.strings.iter().map(|string| &**string)
    }

    /// Returns all strings joined without a separator.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.strings.concat()
    }

    /// Returns all strings joined without a separator, as UTF-8. Each invalid sequence is replaced
    /// with U+FFFD.
    pub fn to_string_lossy(&self) -> String {
        String::from_utf8_lossy(&self.to_bytes()).into_owned()
    }
}

/// Shows each string as text, or as an escaped byte string if it is not UTF-8.
impl fmt::Debug for Txt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("Txt");
        for string in &self.strings {
            match std::str::from_utf8(string) {
                Ok(text) => tuple.field(&text),
                Err(_) => tuple.field(&format_args!("b\"{}\"", string.escape_ascii())),
            };
        }
        tuple.finish()
    }
}

/// A record of any type, with its data in wire format
/// ([RFC 1035, section 4.1.3](https://www.rfc-editor.org/rfc/rfc1035#section-4.1.3)).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RawRecord {
    /// The data (RDATA). For types of RFC 1035 such as NS and SOA, names in the data are
    /// uncompressed.
    pub data: Vec<u8>,
}

/// A record type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    A,
    Aaaa,
    Ptr,
    Txt,
    Mx,
    Srv,
    /// Any type by its number. The data is not parsed.
    Other(u16),
}

/// The data of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RecordData {
    Address(std::net::IpAddr),
    /// The target of a PTR record.
    Name(String),
    Txt(Txt),
    Mx(Mx),
    Srv(Srv),
    Raw(RawRecord),
}

impl RecordData {
    /// The size of the heap allocations, in bytes.
    pub(super) fn heap_size(&self) -> usize {
        match self {
            RecordData::Address(_) => 0,
            RecordData::Name(host) => host.len(),
            RecordData::Mx(mx) => mx.exchange.len(),
            RecordData::Srv(srv) => srv.target.len(),
            RecordData::Raw(raw) => raw.data.len(),
            RecordData::Txt(txt) => {
                txt.strings.iter().map(|string| size_of::<Box<[u8]>>() + string.len()).sum()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn txt_keeps_strings_and_joins_them_without_loss() {
        let parts = [&b"v=spf1 "[..], b"", "-全".as_bytes(), b"\xFF\n"];
        let txt = Txt::new(parts.iter().map(|part| Box::from(*part)).collect());
        assert_eq!(txt.strings().collect::<Vec<_>>(), parts);
        assert_eq!(txt.to_bytes(), "v=spf1 -全".bytes().chain([0xFF, b'\n']).collect::<Vec<_>>());
        assert_eq!(txt.to_string_lossy(), "v=spf1 -全\u{FFFD}\n");
        assert_eq!(format!("{txt:?}"), r#"Txt("v=spf1 ", "", "-全", b"\xff\n")"#);
    }
}
