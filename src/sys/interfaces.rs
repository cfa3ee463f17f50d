//! The network interfaces of this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use getifaddrs::InterfaceFlags;

use crate::options::{InterfaceAddress, InterfaceSelector, NetworkInterface};

/// An interface that is up.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: Box<str>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) is_multicast: bool,
}

impl Link {
    pub(crate) fn of(interface: &NetworkInterface) -> Link {
        Link {
            index: interface.index,
            name: interface.name.clone(),
            addresses: interface.addresses.iter().map(|address| address.ip).collect(),
            is_multicast: interface.is_multicast,
        }
    }

    /// An interface that no longer exists.
    pub(crate) fn gone(index: u32) -> Link {
        Link { index, name: Box::default(), addresses: Vec::new(), is_multicast: true }
    }

    /// Its first IPv4 address.
    pub(crate) fn ipv4(&self) -> Option<Ipv4Addr> {
        self.addresses.iter().find_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        })
    }
}

/// Every interface, whether it is up or not.
pub(crate) fn network_interfaces() -> io::Result<Vec<NetworkInterface>> {
    let interfaces: getifaddrs::Interfaces = getifaddrs::getifaddrs()?.collect();
    let known = interfaces.into_values().filter_map(|found| {
        let has = |flag| found.flags.contains(flag);
        let families = [getifaddrs::AddressFamily::V4, getifaddrs::AddressFamily::V6];
        let addresses =
            families.into_iter().flat_map(|family| found.address.get_all(family).unwrap_or_default());
        let addresses = addresses.filter_map(|address| {
            let told = address.associated_address().filter(|_| has(InterfaceFlags::BROADCAST));
            Some(InterfaceAddress::new(address.ip_addr()?, address.netmask(), told))
        });
        Some(NetworkInterface {
            index: found.index?,
            addresses: addresses.collect(),
            is_up: has(InterfaceFlags::UP),
            is_loopback: has(InterfaceFlags::LOOPBACK),
            is_broadcast: has(InterfaceFlags::BROADCAST),
            // The loopback interface of Linux lacks the flag and takes memberships all the same.
            is_multicast: found.flags.intersects(InterfaceFlags::MULTICAST | InterfaceFlags::LOOPBACK),
            is_point_to_point: has(InterfaceFlags::POINTTOPOINT),
            name: found.name.into(),
        })
    });
    Ok(known.collect())
}

/// Every interface that is up.
fn links() -> io::Result<Vec<Link>> {
    let up = network_interfaces()?.into_iter().filter(|interface| interface.is_up);
    Ok(up.map(|interface| Link::of(&interface)).collect())
}

/// The name of the interface with that index.
pub(crate) fn name_of(index: u32) -> io::Result<String> {
    getifaddrs::if_indextoname(index)
}

/// The index of the interface with that name.
pub(crate) fn index_of(name: &str) -> io::Result<u32> {
    getifaddrs::if_nametoindex(name)
}

/// The interfaces chosen, of those that are up; none is an error.
pub(crate) fn select(chosen: &InterfaceSelector) -> io::Result<Vec<Link>> {
    let mut links = links()?;
    links.retain(|link| match chosen {
        InterfaceSelector::All => link.is_multicast,
        InterfaceSelector::Index(index) => link.index == *index,
        InterfaceSelector::Name(name) => link.name == *name,
        InterfaceSelector::Address(address) => link.addresses.contains(address),
    });
    match links.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "no such interface is up")),
        false => Ok(links),
    }
}
