use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::str::FromStr;

use super::error::AddressError;
use super::parse::{self, Host};
use super::target::{Address, from_socket_addresses, try_from_texts};

/// Where to listen: a local host, or every local address, and a port.
///
/// It is written as an [`Address`] is, and in three ways more, all of which mean *every local address*, as the empty
/// host does for Python's `bind(("", 7788))`:
///
/// | written as | example |
/// |---|---|
/// | text without a host | `":7788"` |
/// | an empty host and a port | `("", 7788)` |
/// | a bare port | `7788`, `"7788"` |
///
/// Every local address is every IPv4 address (`0.0.0.0`), the same on all systems. IPv6 is asked for: `"[::]:7788"`
/// is every IPv6 address, and [`dual_stack`](crate::udp::UdpBuilder::dual_stack) is both.
/// Port 0 lets the system choose a free port.
///
/// # Examples
///
/// ```
/// use socketry::BindAddress;
///
/// for text in [":7788", "7788", "0.0.0.0:7788"] {
///     let address: BindAddress = text.parse()?;
///     assert!(address.is_unspecified());
///     assert_eq!(address.to_string(), "0.0.0.0:7788");
/// }
/// assert_eq!(BindAddress::from(7788), BindAddress::try_from(("", 7788))?);
/// assert!(!BindAddress::try_from("localhost:0")?.is_unspecified());
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindAddress(Address);

impl BindAddress {
    /// The port; 0 lets the system choose.
    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// Whether it stands for every local address of its family: `0.0.0.0` or `[::]`.
    pub fn is_unspecified(&self) -> bool {
        self.0.ip().is_some_and(|ip| ip.is_unspecified())
    }

    /// The host and port as one would be sent to; the port may be 0.
    pub(crate) fn as_address(&self) -> &Address {
        &self.0
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for BindAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<BindAddress, AddressError> {
        let is_bare_port = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (host, port) = match is_bare_port {
            true => {
                (Host::Empty, parse::port(text).map_err(|(at, fault)| AddressError::new(text, at, fault))?)
            }
            false => parse::host_and_port(text)?,
        };
        Ok(BindAddress(Address::from_host(host, port)))
    }
}

impl TryFrom<(&str, u16)> for BindAddress {
    type Error = AddressError;

    fn try_from((host, port): (&str, u16)) -> Result<BindAddress, AddressError> {
        Ok(BindAddress(Address::from_host(parse::host_alone(host)?, port)))
    }
}

impl From<u16> for BindAddress {
    fn from(port: u16) -> BindAddress {
        BindAddress(Address::from_host(Host::Empty, port))
    }
}

impl From<SocketAddr> for BindAddress {
    fn from(address: SocketAddr) -> BindAddress {
        BindAddress(address.into())
    }
}

impl From<Address> for BindAddress {
    fn from(address: Address) -> BindAddress {
        BindAddress(address)
    }
}

try_from_texts!(BindAddress);
from_socket_addresses!(BindAddress: SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));
