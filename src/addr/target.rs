use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::str::FromStr;

use super::error::{AddressError, Fault};
use super::parse::{self, Host};

/// A host and a port to connect or send to.
///
/// Methods accept the text, and every other [`ToAddress`], directly. Parse an `Address` once if a
/// program uses it often, or to check it before it is used.
///
/// | Text | Example |
/// |---|---|
/// | `host:port` | `"127.0.0.1:8080"`, `"db.example:5432"`, `"例子.中国:80"` |
/// | an IPv6 address in brackets | `"[::1]:80"`, `"[fe80::1%eth0]:80"` |
/// | Python's name of the limited broadcast address | `"<broadcast>:7788"` |
///
/// In `(host, port)` an IPv6 address needs no brackets: `("fe80::1%eth0", 80)`. The zone after `%`
/// is the name or the index of an interface. A host name is resolved when the address is used, not
/// when it is parsed. A host that ends in a number and is not an IPv4 address of four decimal parts
/// (`127.1`, `256.1.1.1`) is an error, because systems disagree on its meaning.
///
/// [`ToAddress`]: crate::ToAddress
///
/// # Examples
///
/// ```
/// use socketry::Address;
///
/// let address: Address = "[fe80::1%eth0]:80".parse()?;
/// assert_eq!((address.zone(), address.port()), (Some("eth0"), 80));
///
/// let address = Address::try_from(("www.example.com", 80))?;
/// assert_eq!(address.name(), Some("www.example.com"));
/// assert_eq!(address.to_string(), "www.example.com:80");
///
/// assert!("::1:80".parse::<Address>().unwrap_err().to_string().contains("[::1]:80"));
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Repr);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Repr {
    Socket(SocketAddr),
    Zoned(Ipv6Addr, Box<str>, u16),
    Name(Box<str>, u16),
}

impl Address {
    pub(super) fn new(text: &str, host: Host, port: u16) -> Result<Address, AddressError> {
        if matches!(host, Host::Empty) {
            return Err(AddressError::new(text, 0, Fault::NoHost));
        }
        if port == 0 {
            return Err(AddressError::new(text, text.rfind(':').map_or(0, |at| at + 1), Fault::PortZero));
        }
        Ok(Address::from_host(host, port))
    }

    /// For a host that is not empty.
    pub(super) fn from_host(host: Host, port: u16) -> Address {
        Address(match host {
            Host::Ip(ip) => Repr::Socket(SocketAddr::new(ip, port)),
            Host::Zoned(ip, zone) => match zone.parse() {
                Ok(scope) => Repr::Socket(SocketAddrV6::new(ip, port, 0, scope).into()),
                Err(_) => Repr::Zoned(ip, zone, port),
            },
            Host::Name(name) => Repr::Name(name, port),
            Host::Empty => Repr::Socket(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)),
        })
    }

    /// The port. It is not 0 in an address that was parsed from text.
    pub fn port(&self) -> u16 {
        match &self.0 {
            Repr::Socket(address) => address.port(),
            Repr::Zoned(_, _, port) | Repr::Name(_, port) => *port,
        }
    }

    /// The host name, unless the host is an IP address.
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Repr::Name(name, _) => Some(name),
            _ => None,
        }
    }

    /// The IP address, unless the host is a name.
    pub fn ip(&self) -> Option<IpAddr> {
        match &self.0 {
            Repr::Socket(address) => Some(address.ip()),
            Repr::Zoned(ip, ..) => Some((*ip).into()),
            Repr::Name(..) => None,
        }
    }

    /// The zone of an IPv6 address that was written by the interface's name; a number is part of
    /// the [`socket_addr`](Self::socket_addr).
    pub fn zone(&self) -> Option<&str> {
        match &self.0 {
            Repr::Zoned(_, zone, _) => Some(zone),
            _ => None,
        }
    }

    /// The socket address, unless a name or a zone has to be looked up first.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        self.as_socket_addr().copied()
    }

    /// The same without a copy.
    #[inline]
    pub(crate) fn as_socket_addr(&self) -> Option<&SocketAddr> {
        match &self.0 {
            Repr::Socket(address) => Some(address),
            _ => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Socket(address) => address.fmt(f),
            Repr::Zoned(ip, zone, port) => write!(f, "[{ip}%{zone}]:{port}"),
            Repr::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let (host, port) = parse::host_and_port(text)?;
        Address::new(text, host, port)
    }
}

impl TryFrom<(&str, u16)> for Address {
    type Error = AddressError;

    fn try_from((host, port): (&str, u16)) -> Result<Address, AddressError> {
        Address::new(host, parse::host_alone(host)?, port)
    }
}

/// The conversions that parse text, and may fail, for the type given.
macro_rules! try_from_text {
    ($type:ty) => {
        impl TryFrom<&str> for $type {
            type Error = AddressError;

            fn try_from(text: &str) -> Result<Self, AddressError> {
                text.parse()
            }
        }
    };
}

/// The conversions that cannot fail, for the type given, each by way of [`SocketAddr`].
macro_rules! from_socket_addresses {
    ($type:ty: $($from:ty),*) => {
        $(impl From<$from> for $type {
            fn from(address: $from) -> Self {
                SocketAddr::from(address).into()
            }
        })*
    };
}

pub(super) use {from_socket_addresses, try_from_text};

try_from_text!(Address);
from_socket_addresses!(Address: SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address(Repr::Socket(address))
    }
}
