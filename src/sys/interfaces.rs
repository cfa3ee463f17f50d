//! The network interfaces of this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use getifaddrs::InterfaceFlags;

use crate::config::Interfaces;

/// An interface that is up.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: Box<str>,
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) is_multicast: bool,
}

impl Link {
    /// Its first IPv4 address.
    pub(crate) fn ipv4(&self) -> Option<Ipv4Addr> {
        self.addresses.iter().find_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        })
    }
}

/// Every interface that is up.
fn links() -> io::Result<Vec<Link>> {
    let interfaces: getifaddrs::Interfaces = getifaddrs::getifaddrs()?.collect();
    let links =
        interfaces.into_values().filter(|link| link.flags.contains(InterfaceFlags::UP)).filter_map(|link| {
            let families = [getifaddrs::AddressFamily::V4, getifaddrs::AddressFamily::V6];
            let addresses = families
                .into_iter()
                .flat_map(|family| link.address.get_all(family).unwrap_or_default())
                .filter_map(getifaddrs::Address::ip_addr)
                .collect();
            Some(Link {
                index: link.index?,
                name: link.name.into(),
                addresses,
                // The loopback interface of Linux lacks the flag and takes memberships all the same.
                is_multicast: link.flags.intersects(InterfaceFlags::MULTICAST | InterfaceFlags::LOOPBACK),
            })
        });
    Ok(links.collect())
}

/// The index of the interface with that name.
pub(crate) fn index_of(name: &str) -> io::Result<u32> {
    getifaddrs::if_nametoindex(name)
}

/// The interfaces chosen, of those that are up; none is an error.
pub(crate) fn select(chosen: &Interfaces) -> io::Result<Vec<Link>> {
    let mut links = links()?;
    links.retain(|link| match chosen {
        Interfaces::All => link.is_multicast,
        Interfaces::Index(index) => link.index == *index,
        Interfaces::Name(name) => link.name == *name,
        Interfaces::Address(address) => link.addresses.contains(address),
    });
    match links.is_empty() {
        true => Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "no such interface is up")),
        false => Ok(links),
    }
}
