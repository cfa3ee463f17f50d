//! The addresses of a host: from the cache, from servers, or from the system.

use std::time::Instant;

use super::telling::Found;
use super::{failed, sources};
use crate::dns::answer::{AnswerSource, Resolved};
use crate::dns::builder::{Backend, IpFamilies};
use crate::dns::failure::ResolveError;
use crate::dns::inner::Inner;
use crate::error::{Error, ErrorKind, Result};
use crate::proto::dns::name::{HostName, NameRef};
use crate::proto::dns::nsswitch::{Source, Sources};
use crate::proto::dns::records::RecordData;
use crate::proto::dns::wire::Kind;
use crate::sys;
use crate::wait::WaitLimit;

/// Whether no server can be reached.
fn is_unavailable(error: &Error) -> bool {
    matches!(error.detail(), Some(ResolveError::ServersFailed(servers))
        if servers.iter().all(|server| server.fault.is_silence()))
}

impl Inner {
    /// Looks up a name in the files, of the name servers and of the system, in the order of
    /// `nsswitch.conf`.
    pub(in crate::dns) fn find(
        &self,
        host: &str,
        name: NameRef<'_>,
        is_absolute: bool,
        limit: &WaitLimit<'_>,
        started: Instant,
    ) -> Result<Resolved> {
        let mut failure: Option<Error> = None;
        for (source, actions) in self.sources(name, started).iter() {
            let found = match source {
                Source::Files => match self.found_in_hosts(host, name, limit, started)? {
                    Some(found) => return Ok(found),
                    None if actions.not_found => break,
                    None => continue,
                },
                Source::Dns => match self.in_cache(name, is_absolute, started) {
                    Some(known) => return Ok(known),
                    None => self
                        .special(name, host)
                        .unwrap_or_else(|| self.by_servers(host, name, is_absolute, limit, started)),
                },
                Source::System => {
                    self.special(name, host).unwrap_or_else(|| self.by_system(host, name, is_absolute, limit))
                }
            };
            let Err(error) = found else { return found };
            let ends = match error.kind() {
                ErrorKind::NameNotFound => actions.not_found,
                ErrorKind::TimedOut => actions.unavailable,
                // As in glibc: nothing is there to be tried again.
                ErrorKind::NameResolution if is_unavailable(&error) => actions.unavailable,
                ErrorKind::NameResolution => actions.try_again,
                _ => true,
            };
            // That a name does not exist is not known if a source has failed.
            if failure.as_ref().is_none_or(|before| !before.is_temporary()) {
                failure = Some(error);
            }
            if ends {
                break;
            }
        }
        match failure {
            Some(error) => Err(error),
            None => {
                self.special(name, host).unwrap_or_else(|| Err(ResolveError::NoSuchName.into_error(host)))
            }
        }
    }

    /// Where a name is looked up, in order.
    #[inline]
    pub(super) fn sources(&self, name: NameRef<'_>, now: Instant) -> Sources {
        let is_own = || sys::host_name().is_some_and(|own| own.eq_ignore_ascii_case(name.as_str()));
        match (self.options.backend, &self.queries.services) {
            (Some(Backend::Dns), _) => Sources::FILES_DNS,
            (Some(Backend::System), _) => Sources::FILES_SYSTEM,
            (None, Some(services)) => services.with(now, |services| services.sources(name, is_own)),
            (None, None) if self.options.queries.servers.is_empty() => Sources::FILES_SYSTEM,
            (None, None) => Sources::FILES_DNS,
        }
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
        self.queries.refresh();
        if is_first { self.in_order(name, now, AnswerSource::Cache) } else { None }
    }

    fn in_order(&self, name: NameRef<'_>, now: Instant, source: AnswerSource) -> Option<Resolved> {
        let cache = self.queries.cache();
        let kept = cache.in_order(name, now)?;
        Some(Resolved::new(kept.ips.to_vec(), source, Some(kept.expires)))
    }

    fn by_servers(
        &self,
        host: &str,
        name: NameRef<'_>,
        is_absolute: bool,
        limit: &WaitLimit<'_>,
        started: Instant,
    ) -> Result<Resolved> {
        let current = self.queries.current(started);
        let mut exists = false;
        let mut trouble = None;
        for candidate in current.conf.candidates(name, is_absolute) {
            let found = self.known_or_asked(&candidate, self.kinds(), &current, limit, started);
            let found = found.map_err(|interrupted| {
                self.interrupted(interrupted, &self.servers(&current.conf), host, limit)
            })?;
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
