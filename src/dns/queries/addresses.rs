//! The addresses of a host: from the cache, from servers, or from the system.

use std::time::Instant;

use super::telling::Found;
use super::{failed, sources};
use crate::dns::answer::{AnswerSource, Resolved};
use crate::dns::builder::{Backend, IpFamilies};
use crate::dns::failure::ResolveError;
use crate::dns::inner::Inner;
use crate::error::Result;
use crate::proto::dns::name::{HostName, NameRef};
use crate::proto::dns::records::RecordData;
use crate::proto::dns::wire::Kind;
use crate::wait::WaitLimit;

impl Inner {
    /// Looks up a name that is in no hosts file.
    pub(in crate::dns) fn resolve(
        &self,
        host: &str,
        name: NameRef<'_>,
        is_absolute: bool,
        limit: &WaitLimit<'_>,
        started: Instant,
    ) -> Result<Resolved> {
        let backend = self.backend(name, started);
        let known = if backend == Backend::Dns { self.in_cache(name, is_absolute, started) } else { None };
        if let Some(known) = known {
            return Ok(known);
        }
        if let Some(special) = self.special(name, host) {
            return special;
        }
        match backend {
            Backend::System => self.by_system(host, name, is_absolute, limit),
            Backend::Dns => self.by_servers(host, name, is_absolute, limit, started),
        }
    }

    fn backend(&self, name: NameRef<'_>, now: Instant) -> Backend {
        if let Some(backend) = self.options.backend {
            return backend;
        }
        let is_system = match &self.queries.services {
            Some(services) => services.with(now, |services| services.has(name)),
            None => self.options.queries.servers.is_empty(),
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

    /// What was answered of a name that is asked for as it is, and still holds.
    fn in_cache(&self, name: NameRef<'_>, is_absolute: bool, now: Instant) -> Option<Resolved> {
        let is_first = self.queries.conf.with(now, |conf| conf.is_first(name, is_absolute));
        if is_first { self.in_order(name, now, AnswerSource::Cache) } else { None }
    }

    fn in_order(&self, name: NameRef<'_>, now: Instant, source: AnswerSource) -> Option<Resolved> {
        let cache = self.queries.cache();
        let kept = cache.in_order(name, now)?;
        Some(Resolved::new(kept.ips.to_vec(), source, Some(kept.until)))
    }

    fn by_servers(
        &self,
        host: &str,
        name: NameRef<'_>,
        is_absolute: bool,
        limit: &WaitLimit<'_>,
        started: Instant,
    ) -> Result<Resolved> {
        let conf = self.queries.conf.contents(started);
        let mut exists = false;
        let mut trouble = None;
        for candidate in conf.candidates(name, is_absolute) {
            let found = self.known_or_asked(&candidate, self.kinds(), &conf, limit, started);
            let found = found
                .map_err(|interrupted| self.interrupted(interrupted, &self.servers(&conf), host, limit))?;
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
            Some(troubles) => Err(failed(&troubles, host, limit)),
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
                // An IPv4 address in the form of IPv6 is none of IPv6, and may be there in its own
                // form.
                if canonical == *ip || self.wants(canonical) && !has(canonical) {
                    ips.push(canonical);
                }
            }
        }
        if ips.is_empty() {
            return None;
        }
        sources::in_order(&mut ips);
        self.queries.cache().put_in_order(name, self.kinds(), &ips, now);
        let until = kept().filter(|kept| !kept.records.is_empty()).map(|kept| kept.until).min();
        Some(Resolved::new(ips, source, until))
    }
}
