//! The names that sockets are given.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use super::answer::Resolved;
use super::resolver::Resolver;
use crate::addr::Address;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::sys::{self, Family};
use crate::wait::WaitLimit;

/// What an address stands for.
pub(crate) enum Found {
    /// It is one of an IP.
    Literal(SocketAddr),
    /// It has a name, and these addresses.
    Resolved(Resolved),
}

/// The resolver that was chosen, or the one that all share.
pub(crate) fn chosen(resolver: Option<&Resolver>) -> &Resolver {
    resolver.unwrap_or_else(|| Resolver::shared())
}

/// The first address that a socket of the family can use; `None` takes either family.
pub(crate) fn lookup(
    resolver: Option<&Resolver>,
    address: &Address,
    family: Option<Family>,
    limit: &WaitLimit<'_>,
) -> Result<SocketAddr> {
    let found = match lookup_all(resolver, address, limit)? {
        Found::Literal(literal) => return Ok(literal),
        Found::Resolved(found) => found,
    };
    let fits = |found: &SocketAddr| family.is_none_or(|family| Family::of(found) == family);
    let first = found.with_port(address.port()).find(fits);
    first.ok_or_else(|| {
        let what = if family == Some(Family::V4) { "IPv4 address" } else { "IPv6 address" };
        super::ResolveError::NoRecords(what).into_error(address.name().unwrap_or_default())
    })
}

/// Every address of a host, in the order in which they should be tried.
pub(crate) fn lookup_all(
    resolver: Option<&Resolver>,
    address: &Address,
    limit: &WaitLimit<'_>,
) -> Result<Found> {
    match address.name() {
        None => Ok(Found::Literal(literal(address)?)),
        Some(name) => {
            let resolver = chosen(resolver);
            Ok(Found::Resolved(resolver.lookup_within(name, limit)?))
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no such interface on this machine")]
struct NoSuchInterface {
    source: io::Error,
}

/// An IP address, whose zone may still be a name.
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
