use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which network interfaces are meant.
///
/// # Examples
///
/// ```
/// use socketry::Interfaces;
/// use std::net::Ipv4Addr;
///
/// assert_eq!(Interfaces::from("eth0").to_string(), "interface eth0");
/// assert_eq!(Interfaces::from(Ipv4Addr::LOCALHOST).to_string(), "the interface of 127.0.0.1");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interfaces {
    /// Every interface that is up and takes part in multicast, the loopback interface included.
    #[default]
    All,
    /// The interface with this index.
    Index(u32),
    /// The interface with this name, such as `eth0`.
    Name(Box<str>),
    /// The interface that has this address.
    Address(IpAddr),
}

impl fmt::Display for Interfaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Interfaces::All => f.write_str("every interface"),
            Interfaces::Index(index) => write!(f, "interface {index}"),
            Interfaces::Name(name) => write!(f, "interface {name}"),
            Interfaces::Address(address) => write!(f, "the interface of {address}"),
        }
    }
}

impl From<&str> for Interfaces {
    fn from(name: &str) -> Interfaces {
        Interfaces::Name(name.into())
    }
}

impl From<u32> for Interfaces {
    fn from(index: u32) -> Interfaces {
        Interfaces::Index(index)
    }
}

impl From<IpAddr> for Interfaces {
    fn from(address: IpAddr) -> Interfaces {
        Interfaces::Address(address)
    }
}

impl From<Ipv4Addr> for Interfaces {
    fn from(address: Ipv4Addr) -> Interfaces {
        Interfaces::Address(address.into())
    }
}

impl From<Ipv6Addr> for Interfaces {
    fn from(address: Ipv6Addr) -> Interfaces {
        Interfaces::Address(address.into())
    }
}
