//! The address from which this host would send to another, from its routing table.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use super::PORT;

/// Returns the source address for a destination; `None` if there is no route. Nothing is sent. Each
/// destination has a socket of its own, because a connected socket keeps its address.
pub(in crate::dns) fn source_addr(ip: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((ip, PORT)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}
