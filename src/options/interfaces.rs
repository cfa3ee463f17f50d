use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A selection of network interfaces: by name, index or address, or all.
///
/// # Examples
///
/// ```
/// use socketry::interfaces::InterfaceSelector;
/// use std::net::Ipv4Addr;
///
/// assert_eq!(InterfaceSelector::from("eth0").to_string(), "interface eth0");
/// assert_eq!(InterfaceSelector::from(Ipv4Addr::LOCALHOST).to_string(), "the interface of 127.0.0.1");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InterfaceSelector {
    /// Every interface that is up and supports multicast, including the loopback interface.
    #[default]
    All,
    /// The interface with this index.
    Index(u32),
    /// The interface with this name, such as `eth0`.
    Name(Box<str>),
    /// The interface that has this address.
    Address(IpAddr),
}

impl fmt::Display for InterfaceSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InterfaceSelector::All => f.write_str("every interface"),
            InterfaceSelector::Index(index) => write!(f, "interface {index}"),
            InterfaceSelector::Name(name) => write!(f, "interface {name}"),
            InterfaceSelector::Address(address) => write!(f, "the interface of {address}"),
        }
    }
}

impl From<&str> for InterfaceSelector {
    fn from(name: &str) -> InterfaceSelector {
        InterfaceSelector::Name(name.into())
    }
}

impl From<u32> for InterfaceSelector {
    fn from(index: u32) -> InterfaceSelector {
        InterfaceSelector::Index(index)
    }
}

impl From<IpAddr> for InterfaceSelector {
    fn from(address: IpAddr) -> InterfaceSelector {
        InterfaceSelector::Address(address)
    }
}

impl From<Ipv4Addr> for InterfaceSelector {
    fn from(address: Ipv4Addr) -> InterfaceSelector {
        InterfaceSelector::Address(address.into())
    }
}

impl From<Ipv6Addr> for InterfaceSelector {
    fn from(address: Ipv6Addr) -> InterfaceSelector {
        InterfaceSelector::Address(address.into())
    }
}
