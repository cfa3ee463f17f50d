use std::net::{IpAddr, Ipv4Addr};

/// A network interface of this machine; [`network_interfaces`](crate::interfaces::network_interfaces) lists them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NetworkInterface {
    /// Its name, such as `eth0`.
    pub name: Box<str>,
    /// Its index, which the system counts from 1 and does not use again soon.
    pub index: u32,
    /// Its IPv4 and IPv6 addresses.
    pub addresses: Vec<InterfaceAddress>,
    /// Whether it is switched on. Whether a cable is in it is another thing.
    pub is_up: bool,
    /// Whether it leads to this machine itself.
    pub is_loopback: bool,
    /// Whether one datagram can reach all who are on its link.
    pub is_broadcast: bool,
    /// Whether it takes memberships of multicast groups.
    pub is_multicast: bool,
    /// Whether its link has one other end, as that of a tunnel.
    pub is_point_to_point: bool,
}

/// An address of a network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct InterfaceAddress {
    /// The address itself.
    pub ip: IpAddr,
    /// How many of its first bits are those of its network.
    pub prefix: u8,
    /// The address of all who are on that network, of IPv4 and of networks of more than two.
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

    /// Whether an address is in one of its networks.
    pub fn reaches(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|address| address.reaches(ip))
    }
}

impl InterfaceAddress {
    /// From what the system tells. Linux tells no broadcast address of networks that were made without one, and takes it all
    /// the same.
    pub(crate) fn new(ip: IpAddr, mask: Option<IpAddr>, broadcast: Option<IpAddr>) -> InterfaceAddress {
        let prefix = match (ip, mask) {
            (_, Some(IpAddr::V4(mask))) => mask.to_bits().leading_ones(),
            (_, Some(IpAddr::V6(mask))) => mask.to_bits().leading_ones(),
            (IpAddr::V4(_), None) => 32,
            (IpAddr::V6(_), None) => 128,
        };
        let told = match broadcast {
            Some(IpAddr::V4(told)) if !told.is_unspecified() && ip != told => Some(told),
            _ => None,
        };
        let broadcast = match ip {
            // RFC 3021: a network of two has no such address.
            IpAddr::V4(ip) if prefix < 31 => {
                Some(told.unwrap_or_else(|| Ipv4Addr::from_bits(ip.to_bits() | u32::MAX >> prefix)))
            }
            _ => None,
        };
        InterfaceAddress { ip, prefix: prefix as u8, broadcast }
    }

    /// Whether an address is in its network.
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

    fn address(ip: &str, mask: &str, told: Option<&str>) -> InterfaceAddress {
        let parse = |text: &str| text.parse().unwrap();
        InterfaceAddress::new(parse(ip), Some(parse(mask)), told.map(parse))
    }

    #[test]
    fn broadcast_is_reported_or_computed_from_mask() {
        let table = [
            ("10.77.1.1", "255.255.255.0", None, 24, Some("10.77.1.255")),
            ("10.77.1.1", "255.255.255.0", Some("10.77.1.0"), 24, Some("10.77.1.0")),
            ("10.77.1.1", "255.255.240.0", Some("0.0.0.0"), 20, Some("10.77.15.255")),
            // What a point-to-point link tells there is its other end, or itself.
            ("10.77.1.1", "255.255.255.255", Some("10.77.1.1"), 32, None),
            ("10.77.1.1", "255.255.255.254", None, 31, None),
            ("10.77.1.1", "0.0.0.0", None, 0, Some("255.255.255.255")),
            ("fe80::1", "ffff:ffff:ffff:ffff::", None, 64, None),
        ];
        for (ip, mask, told, prefix, broadcast) in table {
            let address = address(ip, mask, told);
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
