use std::net::{IpAddr, Ipv4Addr};

/// A network interface of this machine, from
/// [`network_interfaces`](crate::interfaces::network_interfaces).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NetworkInterface {
    /// The name, such as `eth0`.
    pub name: Box<str>,
    /// The index, from 1. The OS does not reuse it soon after the interface is removed.
    pub index: u32,
    /// The IPv4 and IPv6 addresses.
    pub addresses: Vec<InterfaceAddress>,
    /// Whether the interface is up (`IFF_UP`). The state of the link is not reported.
    pub is_up: bool,
    /// Whether it is a loopback interface (`IFF_LOOPBACK`).
    pub is_loopback: bool,
    /// Whether it supports broadcast (`IFF_BROADCAST`).
    pub is_broadcast: bool,
    /// Whether it supports multicast (`IFF_MULTICAST`).
    pub is_multicast: bool,
    /// Whether it is a point-to-point link, such as a tunnel (`IFF_POINTOPOINT`).
    pub is_point_to_point: bool,
}

/// An address of a network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct InterfaceAddress {
    /// The address.
    pub ip: IpAddr,
    /// The length of the network prefix in bits.
    pub prefix: u8,
    /// The directed broadcast address of the network. IPv4 only, and not for prefixes of 31 and 32
    /// bits.
    pub broadcast: Option<Ipv4Addr>,
}

impl NetworkInterface {
    /// Its IPv4 addresses.
    pub fn ipv4(&self) -> impl Iterator<Item = Ipv4Addr> + '_ {
        self.addresses.iter().filter_map(|address| match address.ip {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        })
    }

    /// Returns true if an address is in one of the interface's networks.
    pub fn reaches(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|address| address.reaches(ip))
    }
}

impl InterfaceAddress {
    /// From the values of the OS. Linux reports no broadcast address for a network that was
    /// configured without one, and accepts it nevertheless.
    pub(crate) fn new(ip: IpAddr, mask: Option<IpAddr>, broadcast: Option<IpAddr>) -> InterfaceAddress {
        let prefix = match (ip, mask) {
            (_, Some(IpAddr::V4(mask))) => mask.to_bits().leading_ones(),
            (_, Some(IpAddr::V6(mask))) => mask.to_bits().leading_ones(),
            (IpAddr::V4(_), None) => 32,
            (IpAddr::V6(_), None) => 128,
        };
        let reported = match broadcast {
            Some(IpAddr::V4(reported)) if !reported.is_unspecified() && ip != reported => Some(reported),
            _ => None,
        };
        let broadcast = match ip {
            // RFC 3021: a network of two has no such address.
            IpAddr::V4(ip) if prefix < 31 => {
                Some(reported.unwrap_or_else(|| Ipv4Addr::from_bits(ip.to_bits() | u32::MAX >> prefix)))
            }
            _ => None,
        };
        InterfaceAddress { ip, prefix: prefix as u8, broadcast }
    }

    /// Returns true if an address is in the same network.
    pub fn reaches(&self, ip: IpAddr) -> bool {
        match (self.ip, ip) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                let differ = own.to_bits() ^ ip.to_bits();
                differ.leading_zeros() >= self.prefix.into()
            }
            (IpAddr::V6(own), IpAddr::V6(ip)) => {
                let differ = own.to_bits() ^ ip.to_bits();
                differ.leading_zeros() >= self.prefix.into()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(ip: &str, mask: &str, reported: Option<&str>) -> InterfaceAddress {
        let parse = |text: &str| text.parse().unwrap();
        InterfaceAddress::new(parse(ip), Some(parse(mask)), reported.map(parse))
    }

    #[test]
    fn broadcast_is_reported_or_computed_from_mask() {
        let table = [
            ("10.77.1.1", "255.255.255.0", None, 24, Some("10.77.1.255")),
            ("10.77.1.1", "255.255.255.0", Some("10.77.1.0"), 24, Some("10.77.1.0")),
            ("10.77.1.1", "255.255.240.0", Some("0.0.0.0"), 20, Some("10.77.15.255")),
            // A point-to-point link reports the address of its other end, or its own.
            ("10.77.1.1", "255.255.255.255", Some("10.77.1.1"), 32, None),
            ("10.77.1.1", "255.255.255.254", None, 31, None),
            ("10.77.1.1", "0.0.0.0", None, 0, Some("255.255.255.255")),
            ("fe80::1", "ffff:ffff:ffff:ffff::", None, 64, None),
        ];
        for (ip, mask, reported, prefix, broadcast) in table {
            let address = address(ip, mask, reported);
            assert_eq!(address.prefix, prefix, "{ip}/{mask}");
            assert_eq!(address.broadcast, broadcast.map(|text| text.parse().unwrap()), "{ip}/{mask}");
        }
    }

    #[test]
    fn reaches_only_addresses_of_its_network() {
        let v4 = address("10.77.1.1", "255.255.255.0", None);
        let v6 = address("fe80::1", "ffff:ffff:ffff:ffff::", None);
        let reaches = |network: &InterfaceAddress, ip: &str| network.reaches(ip.parse().unwrap());
        assert!(reaches(&v4, "10.77.1.255") && !reaches(&v4, "10.77.2.1") && !reaches(&v4, "fe80::1"));
        assert!(reaches(&v6, "fe80::2:3") && !reaches(&v6, "fe80:0:0:1::1") && !reaches(&v6, "10.77.1.1"));
    }
}
