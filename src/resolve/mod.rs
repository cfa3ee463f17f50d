//! Names to addresses: [`Resolver`]; and for the sockets of this crate, for now, the system alone, in the calling thread.

mod answer;
mod asking;
mod builder;
mod exchange;
mod failure;
mod files;
mod flight;
mod promise;
mod resolver;
mod sources;
mod system;
mod telling;

pub use answer::{Resolved, Source};
pub use builder::{Backend, Families, ResolverBuilder};
pub use failure::{LookupFailure, ServerTrouble};
pub use resolver::Resolver;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::addr::Address;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::sys::{self, Family};

/// The first address that a socket of the family can use; `None` takes either family.
pub(crate) fn lookup(address: &Address, family: Option<Family>) -> Result<SocketAddr> {
    let Some(name) = address.name() else {
        return literal(address);
    };
    let mut found = by_system(name, address.port())?;
    let fits = |found: &SocketAddr| family.is_none_or(|family| Family::of(found) == family);
    found.find(fits).ok_or_else(|| Error::new(Operation::Resolve, ErrorKind::NameNotFound).at(name))
}

/// Every address of a host, each once, in the order in which they should be tried.
pub(crate) fn lookup_all(address: &Address) -> Result<Vec<SocketAddr>> {
    let Some(name) = address.name() else {
        return Ok(vec![sys::canonical(literal(address)?)]);
    };
    let mut all: Vec<SocketAddr> = Vec::new();
    for found in by_system(name, address.port())? {
        let found = sys::canonical(found);
        if !all.contains(&found) {
            all.push(found);
        }
    }
    match all.is_empty() {
        true => Err(Error::new(Operation::Resolve, ErrorKind::NameNotFound).at(name)),
        false => Ok(all),
    }
}

fn by_system(name: &str, port: u16) -> Result<std::vec::IntoIter<SocketAddr>> {
    (name, port).to_socket_addrs().map_err(|error| {
        let kind = sys::lookup_error_kind(&error);
        Error::system(Operation::Resolve, error).with_kind(kind).at(name)
    })
}

#[derive(Debug, thiserror::Error)]
#[error("no such interface on this machine")]
struct NoSuchInterface {
    source: io::Error,
}

/// An IP address, whose zone may still be a name.
fn literal(address: &Address) -> Result<SocketAddr> {
    match (address.socket_addr(), address.ip(), address.zone()) {
        (Some(address), _, _) => Ok(address),
        (None, Some(std::net::IpAddr::V6(ip)), Some(zone)) => {
            let scope = sys::index_of(zone).map_err(|source| {
                let kind = ErrorKind::AddressNotAvailable;
                Error::detailed(Operation::Resolve, kind, NoSuchInterface { source }).at(address)
            })?;
            Ok(std::net::SocketAddrV6::new(ip, address.port(), 0, scope).into())
        }
        _ => Err(Error::new(Operation::Resolve, ErrorKind::InvalidAddress).at(address)),
    }
}
