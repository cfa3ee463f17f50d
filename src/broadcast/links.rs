//! The interfaces on which a message is sent, with its source and destination addresses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};

use crate::error::{ErrorKind, Operation, Result};
use crate::options::{InterfaceSelector, NetworkInterface};
use crate::sys::{self, Way};

/// Returns the network interfaces of this machine with their addresses, interfaces that are down
/// included.
///
/// The list is read from the OS in each call. This function does not block.
///
/// # Errors
///
/// This returns an error if the OS call fails.
///
/// # Examples
///
/// ```
/// let interfaces = socketry::interfaces::network_interfaces()?;
/// let loopback = interfaces.iter().find(|interface| interface.is_loopback).unwrap();
/// assert!(loopback.reaches("127.0.0.1".parse().unwrap()));
/// # Ok::<(), socketry::Error>(())
/// ```
#[doc(alias = "getifaddrs", alias = "if_nameindex", alias = "GetAdaptersAddresses")]
#[doc(alias = "netifaces", alias = "ifconfig")]
pub fn network_interfaces() -> Result<Vec<NetworkInterface>> {
    sys::network_interfaces().map_err(|error| sys::failure(Operation::ListInterfaces, error))
}

/// A filter of interfaces.
#[derive(Clone, Debug, Default)]
pub(super) struct InterfaceFilter {
    /// Empty means every interface.
    pub(super) chosen: Vec<InterfaceSelector>,
    pub(super) excluded: Vec<InterfaceSelector>,
    pub(super) loopback: bool,
}

/// The destination of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The broadcast address of each network.
    Networks,
    /// This address, on each interface.
    Address(IpAddr),
}

/// An interface, and the route of a message on it.
#[derive(Clone, Debug)]
pub(super) struct Egress {
    pub(super) interface: Box<str>,
    pub(super) index: u32,
    /// Or the kind of the error, if there is none.
    pub(super) route: std::result::Result<Route, ErrorKind>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) way: Way,
    pub(super) to: SocketAddr,
}

fn is_one_of(interface: &NetworkInterface, list: &[InterfaceSelector]) -> bool {
    list.iter().any(|wanted| match wanted {
        InterfaceSelector::All => true,
        InterfaceSelector::Index(index) => interface.index == *index,
        InterfaceSelector::Name(name) => interface.name == *name,
        InterfaceSelector::Address(address) => interface.addresses.iter().any(|own| own.ip == *address),
    })
}

impl InterfaceFilter {
    /// Returns true if every usable interface is chosen.
    pub(super) fn is_open(&self) -> bool {
        self.chosen.is_empty() || self.chosen.contains(&InterfaceSelector::All)
    }

    pub(super) fn matches(&self, interface: &NetworkInterface) -> bool {
        // Loopback is chosen explicitly only.
        let is_chosen = match self.is_open() {
            true => !interface.is_loopback,
            false => is_one_of(interface, &self.chosen),
        };
        let is_chosen = is_chosen || self.loopback && interface.is_loopback;
        is_chosen && !is_one_of(interface, &self.excluded)
    }

    /// Returns the routes on chosen interfaces that are up. A chosen interface that does not exist
    /// is in the list, too.
    pub(super) fn egresses(&self, interfaces: &[NetworkInterface], target: Target, port: u16) -> Vec<Egress> {
        let mut egresses = Vec::new();
        for interface in interfaces.iter().filter(|interface| self.matches(interface)) {
            if !interface.is_up {
                if !self.is_open() {
                    egresses.push(Egress::failed(
                        &interface.name,
                        interface.index,
                        ErrorKind::AddressNotAvailable,
                    ));
                }
                continue;
            }
            let routes = routes(interface, target, port);
            // Of all interfaces, those that cannot send are not meant: the ports of a bridge, tunnels.
            if routes.is_empty() && !self.is_open() {
                egresses.push(Egress::failed(
                    &interface.name,
                    interface.index,
                    ErrorKind::AddressNotAvailable,
                ));
            }
            egresses.extend(routes.into_iter().map(|route| Egress {
                interface: interface.name.clone(),
                index: interface.index,
                route: Ok(route),
            }));
        }
        let missing = self.not_found(interfaces).into_iter();
        egresses.extend(missing.map(|name| Egress::failed(&name, 0, ErrorKind::AddressNotAvailable)));
        egresses
    }

    /// Returns the chosen interfaces that do not exist.
    pub(super) fn not_found(&self, interfaces: &[NetworkInterface]) -> Vec<String> {
        let is_missing = |wanted: &&InterfaceSelector| {
            !interfaces.iter().any(|interface| is_one_of(interface, std::slice::from_ref(*wanted)))
        };
        let missing = self.chosen.iter().filter(|_| !self.is_open()).filter(is_missing);
        let names = missing.map(|wanted| match wanted {
            InterfaceSelector::Name(name) => name.to_string(),
            InterfaceSelector::Index(index) => index.to_string(),
            InterfaceSelector::Address(address) => format!("of {address}"),
            InterfaceSelector::All => wanted.to_string(),
        });
        names.collect()
    }
}

impl Egress {
    fn failed(name: &str, index: u32, why: ErrorKind) -> Egress {
        Egress { interface: name.into(), index, route: Err(why) }
    }
}

/// Returns true if the interface supports the destination.
fn supports(interface: &NetworkInterface, target: Target) -> bool {
    match target {
        Target::Address(address) if address.is_multicast() => interface.is_multicast,
        _ => interface.is_broadcast || interface.is_loopback,
    }
}

fn routes(interface: &NetworkInterface, target: Target, port: u16) -> Vec<Route> {
    if !supports(interface, target) {
        return Vec::new();
    }
    let way = |source| Way { source, interface: interface.index };
    match target {
        // Each network once, also with several addresses in it.
        Target::Networks => {
            let mut routes: Vec<Route> = Vec::new();
            for address in &interface.addresses {
                let Some(broadcast) = broadcast_of(interface, address.broadcast) else { continue };
                let to = SocketAddr::from((broadcast, port));
                if address.ip.is_ipv4() && routes.iter().all(|route| route.to != to) {
                    routes.push(Route { way: way(address.ip), to });
                }
            }
            routes
        }
        Target::Address(IpAddr::V4(to)) => {
            let is_its_own = |ip: &Ipv4Addr| {
                let network = interface.addresses.iter().find(|address| address.ip == IpAddr::V4(*ip));
                to.is_broadcast()
                    || to.is_multicast()
                    || network.is_some_and(|network| network.reaches(to.into()))
            };
            let source = interface.ipv4().find(is_its_own);
            source
                .map(|source| Route { way: way(source.into()), to: (to, port).into() })
                .into_iter()
                .collect()
        }
        Target::Address(IpAddr::V6(to)) => {
            // A group is specific to its link, so a link-local source address is preferred.
            let source = interface.addresses.iter().map(|address| address.ip);
            let source = source.filter(IpAddr::is_ipv6).min_by_key(|ip| match ip {
                IpAddr::V6(ip) => !ip.is_unicast_link_local(),
                IpAddr::V4(_) => true,
            });
            let to = SocketAddrV6::new(to, port, 0, interface.index).into();
            source.map(|source| Route { way: way(source), to }).into_iter().collect()
        }
    }
}

/// Linux delivers datagrams to the last address of 127.0.0.0/8 to all sockets of this machine.
fn broadcast_of(interface: &NetworkInterface, reported: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
    if interface.is_loopback { reported.map(|_| sys::LOOPBACK_BROADCAST) } else { reported }
}
