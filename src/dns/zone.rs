//! IPv6 addresses with a zone (RFC 4007): the name or number of an interface.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use crate::addr::Address;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::sys;

/// An IPv6 address in brackets, or with a zone, or both.
pub(super) fn scoped_ipv6(host: &str) -> Option<(IpAddr, u32)> {
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match inside.split_once('%') {
        Some((ip, zone)) => Some((IpAddr::V6(ip.parse().ok()?), scope(zone)?)),
        None => Some((IpAddr::V6(inside.parse().ok()?), 0)),
    }
}

/// The index of an interface by its name or number.
pub(super) fn scope(zone: &str) -> Option<u32> {
    zone.parse().ok().or_else(|| sys::index_of(zone).ok())
}

#[derive(Debug, thiserror::Error)]
#[error("no such interface on this machine")]
struct NoSuchInterface {
    source: io::Error,
}

/// The socket address of an IP address whose zone may be a name.
pub(super) fn literal(address: &Address) -> Result<SocketAddr> {
    match (address.socket_addr(), address.ip(), address.zone()) {
        (Some(address), _, _) => Ok(address),
        (None, Some(IpAddr::V6(ip)), Some(zone)) => {
            let scope = sys::index_of(zone).map_err(|source| {
                let kind = ErrorKind::AddressNotAvailable;
                Error::detailed(Operation::Resolve, kind, NoSuchInterface { source }).at(address)
            })?;
            Ok(SocketAddrV6::new(ip, address.port(), 0, scope).into())
        }
        _ => Err(Error::new(Operation::Resolve, ErrorKind::InvalidAddress).at(address)),
    }
}
