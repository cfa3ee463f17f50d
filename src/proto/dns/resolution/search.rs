//! The lookup of a name at the name servers: the names of the search list, one after the other until
//! one has addresses, each from the cache or from a response.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::Query;
use crate::proto::dns::cache::{Cache, CacheEntry, SortedAddrs};
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
    /// What the servers returned, if they were queried.
    response: Option<(Option<SocketAddr>, Vec<ServerError>)>,
}

/// What the cache has of the current candidate.
pub(super) enum Found {
    Addresses(Resolved),
    /// Addresses whose order depends on the addresses of this host.
    Unsorted,
    /// The servers have to be queried.
    Unknown,
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
        let server = self.response.as_ref().and_then(|(server, _)| *server);
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
        let has = |ip| self.known().any(|entry| entry.records.contains(&RecordData::Address(ip)));
        let mut ips = Vec::with_capacity(self.known().map(|entry| entry.records.len()).sum());
        for record in self.known().flat_map(|entry| entry.records.iter()) {
            if let RecordData::Address(ip) = record {
                let canonical = ip.to_canonical();
                // An IPv4-mapped address is an IPv4 address, which the A records may have, too.
                if canonical == *ip || families.includes(canonical) && !has(canonical) {
                    ips.push(canonical);
                }
            }
        }
        ips
    }

    /// When the first of the addresses expires.
    fn expires(&self) -> Option<Instant> {
        self.known().filter(|entry| !entry.records.is_empty()).map(|entry| entry.expires).min()
    }
}

impl SortedAddrs {
    pub(super) fn resolved(&self, source: AnswerSource) -> Resolved {
        Resolved::new(self.ips.to_vec(), source, Some(self.expires))
    }
}

impl Search {
    pub(super) fn new(conf: Arc<ResolvConf>, families: IpFamilies) -> Search {
        Search {
            conf,
            families,
            position: 0,
            current: None,
            exists: false,
            errors: None,
            unsorted: Vec::new(),
        }
    }

    pub(super) fn configuration(&self) -> &ResolvConf {
        &self.conf
    }

    /// Takes from the cache what it has of the current candidate, and continues with the next one if
    /// it has no addresses.
    pub(super) fn look(
        &mut self,
        name: NameRef<'_>,
        is_absolute: bool,
        cache: &mut Cache,
        now: Instant,
    ) -> Found {
        loop {
            let mut candidate = match self.current.take() {
                Some(candidate) => candidate,
                None => match self.conf.candidate(name, is_absolute, &mut self.position) {
                    Some(name) => Candidate::new(name, self.families),
                    None => return Found::Failed(self.failure()),
                },
            };
            // Another lookup of the same name may have sorted the addresses already.
            if let Some(sorted) = cache.sorted(candidate.name.as_ref(), now) {
                return Found::Addresses(sorted.resolved(candidate.source()));
            }
            for (kind, entry) in candidate.entries.iter_mut().filter(|(_, entry)| entry.is_none()) {
                *entry = cache.get(candidate.name.as_ref(), *kind, now).cloned();
            }
            if candidate.response.is_none() && candidate.is_incomplete() && !candidate.is_missing() {
                self.current = Some(candidate);
                return Found::Unknown;
            }
            self.unsorted = candidate.addresses(self.families);
            if !self.unsorted.is_empty() {
                let needs_sources = order::needs_sources(&self.unsorted);
                self.current = Some(candidate);
                return match needs_sources {
                    true => Found::Unsorted,
                    false => self.sort(&[], cache, now).map_or(Found::Unsorted, Found::Addresses),
                };
            }
            if candidate.is_missing() {
                continue;
            }
            // If the servers failed for one type, the name may have addresses of that type.
            match candidate.response {
                Some((_, errors)) if candidate.entries.iter().any(|(_, entry)| entry.is_none()) => {
                    self.errors.get_or_insert(errors);
                }
                _ => self.exists = true,
            }
        }
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
        candidate.response = Some((result.server, result.errors));
    }

    pub(super) fn unsorted(&self) -> &[IpAddr] {
        &self.unsorted[..self.unsorted.len().min(order::MAX_SORTED)]
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
        cache.put_sorted(&candidate.name, self.families.kinds(), &ips, now);
        Some(Resolved::new(ips, candidate.source(), candidate.expires()))
    }
}
