//! The lookup of a name at the name servers: the names of the search list, one after the other until
//! one has addresses, each from the cache or from a response.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::Query;
use crate::proto::dns::cache::{Cache, CacheEntry};
use crate::proto::dns::failure::{ResolveError, ServerError};
use crate::proto::dns::families::IpFamilies;
use crate::proto::dns::lookup::QueryResult;
use crate::proto::dns::name::{HostName, NameRef};
use crate::proto::dns::order;
use crate::proto::dns::records::{Kind, RecordData};
use crate::proto::dns::resolv_conf::ResolvConf;
use crate::proto::dns::resolved::{AnswerSource, Resolved};

#[derive(Debug)]
pub(super) struct Search {
    conf: Arc<ResolvConf>,
    families: IpFamilies,
    /// The position of the next candidate in the search list.
    position: usize,
    current: Option<Candidate>,
    /// Whether a candidate exists, though without addresses.
    exists: bool,
    /// The failures of the first candidate whose servers failed.
    errors: Option<Vec<ServerError>>,
    unsorted: Vec<IpAddr>,
}

/// A name of the search list.
#[derive(Debug)]
struct Candidate {
    name: HostName,
    entries: Vec<(Kind, Option<CacheEntry>)>,
    response: Option<Response>,
}

/// What the servers returned besides records.
#[derive(Debug)]
struct Response {
    server: Option<SocketAddr>,
    errors: Vec<ServerError>,
    is_partial: bool,
}

/// What follows for the current candidate.
pub(super) enum Found {
    /// Addresses, which are to be sorted.
    Addresses,
    /// The servers have to be queried.
    Unknown,
    /// It has no addresses, and another candidate is the current one now.
    Nothing,
    /// No candidate has addresses.
    Failed(ResolveError),
}

impl Candidate {
    fn new(name: HostName, families: IpFamilies) -> Candidate {
        let entries = families.kinds().iter().map(|kind| (*kind, None)).collect();
        Candidate { name, entries, response: None }
    }

    fn known(&self) -> impl Iterator<Item = &CacheEntry> {
        self.entries.iter().flat_map(|(_, entry)| entry)
    }

    fn source(&self) -> AnswerSource {
        let server = self.response.as_ref().and_then(|response| response.server);
        server.map_or(AnswerSource::Cache, AnswerSource::Server)
    }

    /// Whether the name does not exist, which is so for every type: RFC 2308, section 5.
    fn is_missing(&self) -> bool {
        self.known().any(|entry| !entry.exists)
    }

    fn is_incomplete(&self) -> bool {
        self.entries.iter().any(|(_, entry)| entry.is_none())
    }

    fn addresses(&self, families: IpFamilies) -> Vec<IpAddr> {
        let records = || self.known().flat_map(|entry| entry.records.iter());
        let ips = || {
            records().filter_map(|record| if let RecordData::Address(ip) = record { Some(*ip) } else { None })
        };
        if ips().all(|ip| ip.to_canonical() == ip) {
            return ips().collect();
        }
        // An IPv4-mapped address is an IPv4 address, which the A records may have, too.
        let own: HashSet<IpAddr> = ips().collect();
        let fits = |ip: &IpAddr| {
            let canonical = ip.to_canonical();
            canonical == *ip || families.includes(canonical) && !own.contains(&canonical)
        };
        ips().filter(fits).map(|ip| ip.to_canonical()).collect()
    }

    /// When the first of the addresses expires.
    fn expires(&self) -> Option<Instant> {
        self.known().filter(|entry| !entry.records.is_empty()).map(|entry| entry.expires).min()
    }
}

impl Search {
    /// A search that begins with the first candidate.
    pub(super) fn new(
        conf: Arc<ResolvConf>,
        families: IpFamilies,
        name: NameRef<'_>,
        is_absolute: bool,
    ) -> Search {
        let mut search = Search {
            conf,
            families,
            position: 0,
            current: None,
            exists: false,
            errors: None,
            unsorted: Vec::new(),
        };
        search.next_candidate(name, is_absolute);
        search
    }

    pub(super) fn configuration(&self) -> &Arc<ResolvConf> {
        &self.conf
    }

    fn next_candidate(&mut self, name: NameRef<'_>, is_absolute: bool) {
        let next = self.conf.candidate(name, is_absolute, &mut self.position);
        self.current = next.map(|name| Candidate::new(name, self.families));
    }

    /// Takes from the cache what it has of the current candidate. Returns whether these are sorted
    /// addresses, which are put in `found`.
    pub(super) fn fill(&mut self, cache: &Cache, now: Instant, found: &mut Resolved) -> bool {
        let Some(candidate) = &mut self.current else { return false };
        // Another lookup of the same name may have sorted the addresses already.
        if let Some(sorted) = cache.sorted(candidate.name.as_ref(), now) {
            found.set(&sorted.ips, candidate.source(), sorted.expires);
            return true;
        }
        for (kind, entry) in candidate.entries.iter_mut().filter(|(_, entry)| entry.is_none()) {
            *entry = cache.get(candidate.name.as_ref(), *kind, now).cloned();
        }
        false
    }

    /// Decides what follows for the current candidate. Without the cache, because an answer may have
    /// thousands of addresses.
    pub(super) fn evaluate(&mut self, name: NameRef<'_>, is_absolute: bool) -> Found {
        let Some(candidate) = &mut self.current else { return Found::Failed(self.failure()) };
        if candidate.response.is_none() && candidate.is_incomplete() && !candidate.is_missing() {
            return Found::Unknown;
        }
        self.unsorted = candidate.addresses(self.families);
        if !self.unsorted.is_empty() {
            return Found::Addresses;
        }
        if !candidate.is_missing() {
            let is_incomplete = candidate.is_incomplete();
            match candidate.response.take() {
                // If the servers failed for one type, the name may have addresses of that type.
                Some(response) if is_incomplete => drop(self.errors.get_or_insert(response.errors)),
                _ => self.exists = true,
            }
        }
        self.next_candidate(name, is_absolute);
        Found::Nothing
    }

    fn failure(&mut self) -> ResolveError {
        match self.errors.take() {
            // The name may exist.
            Some(errors) => ResolveError::of_servers(errors),
            None if self.exists => ResolveError::NoRecords(self.families.address_name()),
            None => ResolveError::NoSuchName,
        }
    }

    /// The query for what the cache does not have of the current candidate.
    pub(super) fn query(&self) -> Option<Query> {
        let candidate = self.current.as_ref()?;
        let missing = candidate.entries.iter().filter(|(_, entry)| entry.is_none());
        Some(Query {
            name: candidate.name.clone(),
            kinds: missing.map(|(kind, _)| *kind).collect(),
            has_cached: candidate.expires().is_some(),
        })
    }

    pub(super) fn handle_result(&mut self, result: QueryResult) {
        let Some(candidate) = &mut self.current else { return };
        for (kind, entry) in &mut candidate.entries {
            let new = result.entries.iter().find(|(own, _)| own == kind).and_then(|(_, entry)| entry.clone());
            *entry = new.or(entry.take());
        }
        let QueryResult { errors, server, is_partial, .. } = result;
        candidate.response = Some(Response { server, errors, is_partial });
    }

    /// The addresses whose order depends on the addresses of this host.
    pub(super) fn unsorted(&self) -> &[IpAddr] {
        let needs_sources = order::needs_sources(&self.unsorted);
        &self.unsorted[..if needs_sources { self.unsorted.len().min(order::MAX_SORTED) } else { 0 }]
    }

    /// Sorts the addresses of the current candidate, and caches their order.
    pub(super) fn sort(
        &mut self,
        sources: &[Option<IpAddr>],
        cache: &mut Cache,
        now: Instant,
    ) -> Option<Resolved> {
        let candidate = self.current.as_ref()?;
        let mut ips = std::mem::take(&mut self.unsorted);
        order::sort_addresses(&mut ips, sources);
        // A lookup that ended early may have missed a family that the next one finds.
        if !candidate.response.as_ref().is_some_and(|response| response.is_partial) {
            cache.put_sorted(&candidate.name, &candidate.entries, &ips, now);
        }
        Some(Resolved::new(ips, candidate.source(), candidate.expires()))
    }
}
