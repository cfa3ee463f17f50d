//! A look-up, from what is known to who is asked, and what is made of the answers.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::answer::{AnswerSource, Resolved};
use super::builder::{Backend, IpFamilies, ResolverBuilder};
use super::exchange::{Bound, Interrupted};
use super::failure::{ResolveError, ServerError};
use super::files::Watched;
use super::flight::Flights;
use super::telling::{Found, Outcome};
use super::{sources, system};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::dns::cache::Cache;
use crate::proto::dns::host::InvalidName;
use crate::proto::dns::hosts::Hosts;
use crate::proto::dns::lookup::ServerFault;
use crate::proto::dns::name::{HostName, NameRef};
use crate::proto::dns::nsswitch::NameServices;
use crate::proto::dns::records::RecordData;
use crate::proto::dns::resolv_conf::ResolvConf;
use crate::proto::dns::wire::Kind;
use crate::sys;

/// A resolver, as its clones share it.
pub(super) struct Inner {
    pub(super) options: ResolverBuilder,
    pub(super) hosts: Vec<Watched<Hosts>>,
    pub(super) conf: Watched<ResolvConf>,
    /// `None` where one back end looks up all names.
    pub(super) services: Option<Watched<NameServices>>,
    pub(super) cache: Mutex<Cache>,
    pub(super) flights: Flights<Outcome>,
    /// Who answered last, or who is next where all are to be used.
    pub(super) first: AtomicUsize,
}

/// More addresses of one name in a hosts file are a mistake.
const MOST_IN_HOSTS: usize = 1_000;

pub(super) fn bad_name(bad: InvalidName, host: &str) -> Error {
    ResolveError::InvalidName(bad).into_error(host)
}

pub(super) fn failed(troubles: &[ServerError], host: &str, started: Instant) -> Error {
    let is_silent =
        !troubles.is_empty() && troubles.iter().all(|trouble| trouble.fault == ServerFault::Timeout);
    let mut each: Vec<ServerError> = Vec::new();
    for trouble in troubles {
        if !each.contains(trouble) {
            each.push(trouble.clone());
        }
    }
    let failure = if is_silent { ResolveError::TimedOut(each) } else { ResolveError::ServersFailed(each) };
    failure.into_error(host).with_elapsed(Some(started.elapsed()))
}

impl Inner {
    /// Both the resolver's own bounds and those of who asks, whose cancel token is the first; a third is not needed, because who asks
    /// has a resolver of its own if that is to be stopped, too.
    pub(super) fn bound<'a>(&'a self, started: Instant, asker: Bound<'a>) -> Bound<'a> {
        let own = self.options.timeout.and_then(|time| started.checked_add(time));
        let deadline = own.into_iter().chain(asker.deadline).min();
        Bound { deadline, also: asker.also.or(self.options.token.as_ref()), ..asker }
    }

    pub(super) fn backend(&self, name: NameRef<'_>, now: Instant) -> Backend {
        if let Some(backend) = self.options.backend {
            return backend;
        }
        let is_system = match &self.services {
            Some(services) => services.with(now, |services| services.has(name)),
            None => self.options.servers.is_empty(),
        };
        if is_system { Backend::System } else { Backend::Dns }
    }

    fn kinds(&self) -> &'static [Kind] {
        match self.options.families {
            IpFamilies::Both => &[Kind::Aaaa, Kind::A],
            IpFamilies::Ipv4 => &[Kind::A],
            IpFamilies::Ipv6 => &[Kind::Aaaa],
        }
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
                let mut itself = Resolved::new(Vec::with_capacity(1), AnswerSource::Literal, None);
                itself.push(ip, scope);
                Ok(itself)
            }
            false => Err(ResolveError::NoRecords(self.kind_name()).into_error(host)),
        }
    }

    /// What the first file that has the name says, which may be nothing that is wanted.
    pub(super) fn in_hosts(&self, name: NameRef<'_>, now: Instant) -> Option<Resolved> {
        let in_file = |hosts: &Hosts| {
            let mut found = Resolved::new(Vec::new(), AnswerSource::Hosts, None);
            let is_there = hosts.each(name, |ip, zone| {
                if !self.wants(ip) || found.addresses().len() >= MOST_IN_HOSTS {
                    return;
                }
                match zone.map(scope) {
                    None => found.push(ip, 0),
                    Some(Some(scope)) => found.push(ip, scope),
                    // An address of a link that is not there leads nowhere.
                    Some(None) => {}
                }
            });
            is_there.then_some(found)
        };
        self.hosts.iter().find_map(|hosts| hosts.with(now, in_file))
    }

    /// What was answered of a name that is asked for as it is, and still holds.
    pub(super) fn in_cache(&self, name: NameRef<'_>, is_absolute: bool, now: Instant) -> Option<Resolved> {
        let is_first = self.conf.with(now, |conf| conf.is_first(name, is_absolute));
        if is_first { self.in_order(name, now, AnswerSource::Cache) } else { None }
    }

    fn in_order(&self, name: NameRef<'_>, now: Instant, source: AnswerSource) -> Option<Resolved> {
        let cache = self.cache();
        let kept = cache.in_order(name, now)?;
        Some(Resolved::new(kept.ips.to_vec(), source, Some(kept.until)))
    }

    pub(super) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn interrupted(
        &self,
        why: Interrupted,
        servers: &[SocketAddr],
        host: &str,
        started: Instant,
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
        error.with_elapsed(Some(started.elapsed()))
    }

    pub(super) fn by_system(
        &self,
        host: &str,
        name: NameRef<'_>,
        is_absolute: bool,
        bound: Bound<'_>,
        started: Instant,
    ) -> Result<Resolved> {
        // As it is on the wire, because not every system translates other scripts.
        let asked = [name.as_str(), if is_absolute { "." } else { "" }].concat();
        let found = system::lookup(&asked, bound);
        let found = found.map_err(|interrupted| self.interrupted(interrupted, &[], host, started))??;
        let mut addresses = Resolved::new(Vec::new(), AnswerSource::System, None);
        for address in found.into_iter().map(sys::canonical).filter(|address| self.wants(address.ip())) {
            match address {
                SocketAddr::V6(v6) => addresses.push((*v6.ip()).into(), v6.scope_id()),
                SocketAddr::V4(v4) => addresses.push((*v4.ip()).into(), 0),
            }
        }
        match addresses.is_empty() {
            true => Err(ResolveError::NoRecords(self.kind_name()).into_error(host)),
            false => Ok(addresses),
        }
    }

    pub(super) fn by_servers(
        &self,
        host: &str,
        name: NameRef<'_>,
        is_absolute: bool,
        bound: Bound<'_>,
        started: Instant,
    ) -> Result<Resolved> {
        let conf = self.conf.current(started);
        let mut exists = false;
        let mut trouble = None;
        for candidate in conf.candidates(name, is_absolute) {
            let found = self.known_or_asked(&candidate, self.kinds(), &conf, bound, started);
            let found = found
                .map_err(|interrupted| self.interrupted(interrupted, &self.servers(&conf), host, started))?;
            if let Some(resolved) = self.resolved(&candidate, &found) {
                return Ok(resolved);
            }
            let mut known = found.answers.iter().flat_map(|(_, kept)| kept);
            if known.any(|kept| !kept.exists) {
                continue;
            }
            // One kind of which nobody knows is enough for there to be something.
            match found.answers.iter().any(|(_, kept)| kept.is_none()) {
                true => drop(trouble.get_or_insert(found.troubles)),
                false => exists = true,
            }
        }
        match trouble {
            // It may be there for all that is known.
            Some(troubles) => Err(failed(&troubles, host, started)),
            None if exists => Err(ResolveError::NoRecords(self.kind_name()).into_error(host)),
            None => Err(ResolveError::NoSuchName.into_error(host)),
        }
    }

    /// The addresses of what was found, in order; `None` if there are none.
    fn resolved(&self, name: &HostName, found: &Found) -> Option<Resolved> {
        let source = found.server.map_or(AnswerSource::Cache, AnswerSource::Server);
        let now = Instant::now();
        // Of those who waited for the same answer, the first has put it in order.
        if let Some(resolved) = self.in_order(name.as_ref(), now, source) {
            return Some(resolved);
        }
        let kept = || found.answers.iter().flat_map(|(_, kept)| kept);
        let has = |ip| kept().any(|kept| kept.records.contains(&RecordData::Address(ip)));
        let mut ips = Vec::with_capacity(kept().map(|kept| kept.records.len()).sum());
        for record in kept().flat_map(|kept| kept.records.iter()) {
            if let RecordData::Address(ip) = record {
                let canonical = ip.to_canonical();
                // An IPv4 address in the form of IPv6 is none of IPv6, and may be there in its own form.
                if canonical == *ip || self.wants(canonical) && !has(canonical) {
                    ips.push(canonical);
                }
            }
        }
        if ips.is_empty() {
            return None;
        }
        sources::in_order(&mut ips);
        self.cache().put_in_order(name, self.kinds(), &ips, now);
        let until = kept().filter(|kept| !kept.records.is_empty()).map(|kept| kept.until).min();
        Some(Resolved::new(ips, source, until))
    }
}

/// The index of an interface by its name or number.
pub(super) fn scope(zone: &str) -> Option<u32> {
    zone.parse().ok().or_else(|| sys::index_of(zone).ok())
}
