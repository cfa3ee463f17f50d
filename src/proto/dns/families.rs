//! The address families of a lookup.

use std::net::IpAddr;

#[cfg(feature = "dns")]
use super::records::Kind;

/// The address families of a lookup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IpFamilies {
    /// IPv6 and IPv4, in the order of RFC 6724: addresses without a route are last.
    #[default]
    Both,
    /// IPv4 only (A records).
    Ipv4,
    /// IPv6 only (AAAA records).
    Ipv6,
}

impl IpFamilies {
    pub(crate) fn includes(self, ip: IpAddr) -> bool {
        match self {
            IpFamilies::Both => true,
            IpFamilies::Ipv4 => ip.is_ipv4(),
            IpFamilies::Ipv6 => ip.is_ipv6(),
        }
    }

    /// The name of such an address in an error.
    pub(crate) fn address_name(self) -> &'static str {
        match self {
            IpFamilies::Both => "address",
            IpFamilies::Ipv4 => "IPv4 address",
            IpFamilies::Ipv6 => "IPv6 address",
        }
    }

    /// The types of its address records, in the order in which their queries are sent.
    #[cfg(feature = "dns")]
    pub(crate) fn kinds(self) -> &'static [Kind] {
        match self {
            IpFamilies::Both => &[Kind::Aaaa, Kind::A],
            IpFamilies::Ipv4 => &[Kind::A],
            IpFamilies::Ipv6 => &[Kind::Aaaa],
        }
    }
}
