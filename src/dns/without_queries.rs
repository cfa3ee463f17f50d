//! The resolver without own queries: the system looks up the names that are in no hosts file. It
//! has the items of `queries/mod.rs`.

use std::net::IpAddr;
use std::time::Instant;

use super::answer::Resolved;
use super::builder::{Backend, ResolverBuilder};
use super::inner::Inner;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::dns::name::NameRef;
use crate::wait::WaitLimit;

#[derive(Clone, Debug, Default)]
pub(super) struct Options {}

pub(super) struct Queries;

impl Queries {
    pub(super) fn new(builder: &ResolverBuilder) -> Queries {
        let Options {} = builder.queries;
        Queries
    }

    pub(super) fn flush(&self) {}
}

#[derive(Debug, thiserror::Error)]
#[error("reverse lookup requires the feature `dns`")]
struct NoReverseLookup;

impl Inner {
    pub(super) fn find(
        &self,
        host: &str,
        name: NameRef<'_>,
        is_absolute: bool,
        limit: &WaitLimit<'_>,
        started: Instant,
    ) -> Result<Resolved> {
        if let Some(found) = self.found_in_hosts(host, name, limit, started)? {
            return Ok(found);
        }
        if let Some(special) = self.special(name, host) {
            return special;
        }
        match self.options.backend {
            None | Some(Backend::System) => self.by_system(host, name, is_absolute, limit),
        }
    }

    #[allow(clippy::unused_self, reason = "it has the signature of the one with queries")]
    pub(super) fn reads_hosts_of(&self, _: IpAddr, _: Instant) -> bool {
        true
    }

    pub(super) fn name_of(&self, ip: IpAddr, _: &WaitLimit<'_>, _: Instant) -> Result<String> {
        Err(Error::detailed(Operation::Resolve, ErrorKind::Unsupported, NoReverseLookup).at(ip))
    }
}
