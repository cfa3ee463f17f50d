use std::fmt;

use crate::error::{Error, ErrorKind, Operation};

/// A text that is not a valid address, with the reason and its offset.
///
/// # Examples
///
/// ```
/// use socketry::Address;
///
/// let error = "127.0.0.1:99999".parse::<Address>().unwrap_err();
/// assert_eq!(error.to_string(), r#""127.0.0.1:99999": the port is larger than 65535, at byte 10"#);
/// assert_eq!(error.offset(), 10);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError {
    text: Box<str>,
    offset: usize,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Empty,
    NoPort,
    PortNotANumber,
    PortTooLarge,
    PortZero,
    NoHost,
    BareIpv6,
    Unclosed,
    AfterBracket,
    NotIpv6,
    EmptyZone,
    ZoneCharacter(char),
    NumericHost,
    EmptyLabel,
    NameTooLong,
    Character(char),
    Url,
}

impl AddressError {
    pub(super) fn new(text: &str, offset: usize, fault: Fault) -> AddressError {
        AddressError { text: text.into(), offset, fault }
    }

    /// Returns the text that was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the offset of the invalid part in the text, in bytes.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Empty => "the text is empty; an address is host:port",
            Fault::NoPort => "the port is missing; an address is host:port",
            Fault::PortNotANumber => "the port is not a decimal number",
            Fault::PortTooLarge => "the port is larger than 65535",
            Fault::PortZero => "port 0 means any free port, which exists for binding only",
            Fault::NoHost => "the host is missing; only an address to bind may leave it out",
            Fault::BareIpv6 => "an IPv6 address with a port is written in brackets, as in [::1]:80",
            Fault::Unclosed => "the bracket is not closed",
            Fault::AfterBracket => "after the closing bracket comes a colon and the port",
            Fault::NotIpv6 => "what stands in brackets is not an IPv6 address",
            Fault::EmptyZone => "the zone after % is missing",
            Fault::ZoneCharacter(c) => return write!(f, "{c:?} cannot be part of a zone"),
            Fault::NumericHost => {
                "the host ends in a number and is not an IPv4 address: four decimal parts, each at most 255"
            }
            Fault::EmptyLabel => "a part of the host name is empty",
            Fault::NameTooLong => "the host name is longer than 253 bytes",
            Fault::Character(c) => return write!(f, "{c:?} cannot be part of a host name"),
            Fault::Url => "this looks like a URL; an address is host:port",
        })
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 80;
        match self.text.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{:?}…", &self.text[..end])?,
            None => write!(f, "{:?}", self.text)?,
        }
        write!(f, ": {}, at byte {}", self.fault, self.offset)
    }
}

impl std::error::Error for AddressError {}

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Error {
        let text = error.text.clone();
        Error::detailed(Operation::ParseAddress, ErrorKind::InvalidAddress, error).at(text)
    }
}
