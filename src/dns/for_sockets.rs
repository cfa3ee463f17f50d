//! The lookups of sockets.

use std::net::SocketAddr;

use super::resolver::Resolver;
use super::zone::literal;
use crate::addr::Address;
use crate::error::Result;
use crate::proto::dns::failure::ResolveError;
use crate::proto::dns::resolved::Resolved;
use crate::sys::Family;
use crate::wait::WaitLimit;

/// The outcome of the lookup of an address.
pub(crate) enum Found {
    /// The address is an IP address.
    Literal(SocketAddr),
    /// The addresses of a host name.
    Resolved(Resolved),
}

/// The given resolver, or the shared one.
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
        ResolveError::NoRecords(what).into_error(address.name().unwrap_or_default())
    })
}

/// All addresses of a host, in the order in which to try them.
pub(crate) fn lookup_all(
    resolver: Option<&Resolver>,
    address: &Address,
    limit: &WaitLimit<'_>,
) -> Result<Found> {
    match address.name() {
        None => Ok(Found::Literal(literal(address)?)),
        Some(name) => {
            let resolver = chosen(resolver);
            Ok(Found::Resolved(resolver.inner.lookup(name, limit)?))
        }
    }
}
