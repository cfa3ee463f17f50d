use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::str::FromStr;

use super::error::AddressError;
use super::parse::{self, Host};
use super::target::{Address, from_socket_addresses, try_from_text};

/// A local address to bind: a host, or every local address, and a port.
///
/// The syntax is that of an [`Address`], and three more forms that mean every local address, as the
/// empty host does in Python's `bind(("", 7788))`:
///
/// | Form | Example |
/// |---|---|
/// | text without a host | `":7788"` |
/// | an empty host and a port | `("", 7788)` |
/// | a port | `7788`, `"7788"` |
///
/// These bind every IPv4 address (`0.0.0.0`) on every OS. `"[::]:7788"` binds every IPv6 address,
/// and [`dual_stack`](crate::udp::UdpBuilder::dual_stack) binds both families. Port 0 lets the OS
/// choose a free port. Methods accept every [`ToBindAddress`](crate::ToBindAddress) directly.
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
    /// Returns the port; 0 lets the OS choose.
    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// Returns true if the host is every local address of its family: `0.0.0.0` or `[::]`.
    pub fn is_unspecified(&self) -> bool {
        self.0.ip().is_some_and(|ip| ip.is_unspecified())
    }

    /// The host and port as an address, whose port may be 0.
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

try_from_text!(BindAddress);
from_socket_addresses!(BindAddress: SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));
