//! A lookup as far as it needs no name server: literals, names with a meaning of their own, and the
//! system.

use std::net::{IpAddr, SocketAddr};

use super::answer::{AnswerSource, Distinct, Resolved};
use super::builder::{IpFamilies, ResolverBuilder};
use super::failure::Interrupted;
use super::failure::{ResolveError, ServerError};
use super::files::Watched;
use super::queries::Queries;
use super::system;
use crate::error::{Error, ErrorKind, Operation, Result, TimeLimit};
use crate::proto::dns::fault::ServerFault;
use crate::proto::dns::host::InvalidName;
use crate::proto::dns::hosts::{self, Hosts};
use crate::proto::dns::name::{LOOPBACK, NameRef};
use crate::sys;
use crate::wait::WaitLimit;

/// A resolver, as its clones share it.
pub(super) struct Inner {
    pub(super) options: ResolverBuilder,
    pub(super) hosts: Vec<Watched<Hosts>>,
    /// What own queries need.
    pub(super) queries: Queries,
}

pub(super) fn bad_name(bad: InvalidName, host: &str) -> Error {
    ResolveError::InvalidName(bad).into_error(host)
}

impl Inner {
    pub(super) fn new(options: ResolverBuilder) -> Inner {
        let paths = match options.use_hosts {
            true => options.hosts.clone().unwrap_or_else(|| vec![sys::hosts_file()]),
            false => Vec::new(),
        };
        let watched = |path| Watched::new(path, hosts::MAX_BYTES as u64, Hosts::read);
        let hosts = paths.into_iter().map(watched).collect();
        Inner { hosts, queries: Queries::new(&options), options }
    }

    /// Combines the timeout and the token of the resolver with the limit of the caller.
    #[inline]
    pub(super) fn limit<'a>(&'a self, caller: &WaitLimit<'a>) -> WaitLimit<'a> {
        let limit = match self.options.timeout {
            Some(timeout) => caller.starting(timeout, TimeLimit::Timeout),
            None => *caller,
        };
        limit.or_cancelled_by(self.options.token.as_ref())
    }

    pub(super) fn kind_name(&self) -> &'static str {
        match self.options.families {
            IpFamilies::Both => "address",
            IpFamilies::Ipv4 => "IPv4 address",
            IpFamilies::Ipv6 => "IPv6 address",
        }
    }

    pub(super) fn wants(&self, ip: IpAddr) -> bool {
        match self.options.families {
            IpFamilies::Both => true,
            IpFamilies::Ipv4 => ip.is_ipv4(),
            IpFamilies::Ipv6 => ip.is_ipv6(),
        }
    }

    pub(super) fn literal(&self, ip: IpAddr, scope: u32, host: &str) -> Result<Resolved> {
        match self.wants(ip) {
            true => {
                let mut itself = Distinct::default();
                itself.push(ip, scope);
                Ok(itself.into_resolved(AnswerSource::Literal))
            }
            false => Err(ResolveError::NoRecords(self.kind_name()).into_error(host)),
        }
    }

    /// The answer to a name that means something by itself; the hosts file may say something else.
    pub(super) fn special(&self, name: NameRef<'_>, host: &str) -> Option<Result<Resolved>> {
        if name.is_localhost() {
            let fit = LOOPBACK.into_iter().filter(|ip| self.wants(*ip));
            return Some(Ok(Resolved::new(fit.collect(), AnswerSource::Localhost, None)));
        }
        name.cannot_exist().then(|| Err(ResolveError::NoSuchName.into_error(host)))
    }

    pub(super) fn interrupted(
        &self,
        why: Interrupted,
        servers: &[SocketAddr],
        host: &str,
        limit: &WaitLimit<'_>,
    ) -> Error {
        let error = match why {
            Interrupted::Cancelled => {
                Error::new(Operation::Resolve, ErrorKind::Cancelled).at(host.escape_debug())
            }
            Interrupted::TimedOut(troubles) if !troubles.is_empty() => {
                ResolveError::TimedOut(troubles.to_vec()).into_error(host)
            }
            // Another thread has asked, and has heard nothing yet.
            Interrupted::TimedOut(_) => {
                let silent =
                    |server: &SocketAddr| ServerError { server: *server, fault: ServerFault::Timeout };
                ResolveError::TimedOut(servers.iter().map(silent).collect()).into_error(host)
            }
        };
        limit.timed(error)
    }

    pub(super) fn by_system(
        &self,
        host: &str,
        name: NameRef<'_>,
        is_absolute: bool,
        limit: &WaitLimit<'_>,
    ) -> Result<Resolved> {
        // As it is on the wire, because not every system translates other scripts.
        let asked = [name.as_str(), if is_absolute { "." } else { "" }].concat();
        let found = system::lookup(&asked, limit);
        let found = found.map_err(|interrupted| self.interrupted(interrupted, &[], host, limit))??;
        let mut addresses = Distinct::default();
        for address in found.into_iter().map(sys::canonical).filter(|address| self.wants(address.ip())) {
            match address {
                SocketAddr::V6(v6) => addresses.push((*v6.ip()).into(), v6.scope_id()),
                SocketAddr::V4(v4) => addresses.push((*v4.ip()).into(), 0),
            }
        }
        let addresses = addresses.into_resolved(AnswerSource::System);
        match addresses.is_empty() {
            true => Err(ResolveError::NoRecords(self.kind_name()).into_error(host)),
            false => Ok(addresses),
        }
    }
}

/// The index of an interface by its name or number.
pub(super) fn scope(zone: &str) -> Option<u32> {
    zone.parse().ok().or_else(|| sys::index_of(zone).ok())
}
