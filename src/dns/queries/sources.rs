//! Which addresses this machine would send from, which its routing table knows. Nothing is sent.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use super::options::PORT;
use crate::proto::dns::order::{Candidate, sort};

/// Of more than these, those behind stay as they came.
const MOST: usize = 64;

/// Puts the addresses of a host in the order in which they should be tried.
pub(super) fn in_order(ips: &mut [IpAddr]) {
    // What servers rotate stays as they have it, and IPv4 alone has nothing else to be told apart
    // by.
    if ips.len() < 2 || ips.iter().all(IpAddr::is_ipv4) {
        return;
    }
    let (first, _) = ips.split_at_mut(ips.len().min(MOST));
    let mut candidates: Vec<Candidate> = first.iter().map(|ip| (*ip, source(*ip))).collect();
    sort(&mut candidates);
    first.iter_mut().zip(candidates).for_each(|(own, (ip, _))| *own = ip);
}

/// A socket of its own for each, because one that was connected keeps the address that it had.
fn source(ip: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((ip, PORT)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}
