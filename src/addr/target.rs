use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::str::FromStr;

use super::error::{AddressError, Fault};
use super::parse::{self, Host};

/// Where to send or connect: a host and a port, parsed once.
///
/// Every method that takes a remote address takes anything that becomes an `Address`:
///
/// | written as | example |
/// |---|---|
/// | text `host:port` | `"127.0.0.1:8080"`, `"db.example:5432"`, `"例子.中国:80"` |
/// | text with an IPv6 address, in brackets | `"[::1]:80"`, `"[fe80::1%eth0]:80"` |
/// | Python's name for the limited broadcast | `"<broadcast>:7788"` |
/// | host and port | `("localhost", 80)`, `("::1", 80)`, `(Ipv4Addr::LOCALHOST, 80)` |
/// | a socket address of `std` | `SocketAddr`, `SocketAddrV4`, `SocketAddrV6` |
///
/// A zone (`%eth0`, `%3`) may also stand without brackets around the address alone, as in `("fe80::1%eth0", 80)`.
/// Names are looked up when the address is used, not when it is parsed. A host that ends in a number without being an
/// IPv4 address of four decimal parts (`127.1`, `256.1.1.1`) is refused: systems disagree on what it means.
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

    /// The zone of an IPv6 address that was written by the interface's name; a number is part of the
    /// [`socket_addr`](Self::socket_addr).
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

/// The ways to write an address that parse a text, for the type given.
macro_rules! try_from_texts {
    ($type:ty) => {
        impl TryFrom<&str> for $type {
            type Error = AddressError;

            fn try_from(text: &str) -> Result<Self, AddressError> {
                text.parse()
            }
        }

        impl TryFrom<&String> for $type {
            type Error = AddressError;

            fn try_from(text: &String) -> Result<Self, AddressError> {
                text.parse()
            }
        }

        impl TryFrom<String> for $type {
            type Error = AddressError;

            fn try_from(text: String) -> Result<Self, AddressError> {
                text.parse()
            }
        }

        impl TryFrom<(String, u16)> for $type {
            type Error = AddressError;

            fn try_from((host, port): (String, u16)) -> Result<Self, AddressError> {
                (host.as_str(), port).try_into()
            }
        }
    };
}

/// The ways to write an address that cannot fail, for the type given, each by way of [`SocketAddr`].
macro_rules! from_socket_addresses {
    ($type:ty: $($from:ty),*) => {
        $(impl From<$from> for $type {
            fn from(address: $from) -> Self {
                SocketAddr::from(address).into()
            }
        })*

        impl From<&SocketAddr> for $type {
            fn from(address: &SocketAddr) -> Self {
                (*address).into()
            }
        }

        impl From<&$type> for $type {
            fn from(address: &$type) -> Self {
                address.clone()
            }
        }
    };
}

pub(super) use {from_socket_addresses, try_from_texts};

try_from_texts!(Address);
from_socket_addresses!(Address: SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        Address(Repr::Socket(address))
    }
}
