//! The cache: answers of name servers until their TTL expires.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::name::{HostName, NameRef};
use super::records::{Kind, RecordData};
use super::wire::Answer;

/// The limits of the cache: of the number of names, and of the time for which an answer is cached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) names: usize,
    pub(crate) shortest: Duration,
    pub(crate) longest: Duration,
    /// For answers without records.
    pub(crate) longest_negative: Duration,
}

/// The memory of all entries together, in bytes for each name that the cache may have.
const BYTES_PER_NAME: usize = 1_024;

/// How long the addresses of one family are used alone if the query for the other failed. RFC 9520,
/// section 3.2, requires at least 1 s.
const INCOMPLETE: Duration = Duration::from_secs(5);

/// The longest TTL of a message (RFC 1035, section 3.2.1). It keeps the sum of `now` and a TTL valid.
const MAX_TTL: Duration = Duration::from_secs(u32::MAX as u64);

/// The answer for one record type of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CacheEntry {
    pub(crate) records: Arc<[RecordData]>,
    /// False if the name does not exist.
    pub(crate) exists: bool,
    /// When its TTL expires. An entry that has expired when it is made is not cached.
    pub(crate) expires: Instant,
}

/// The addresses of a name in all requested families, sorted by RFC 6724.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SortedAddrs {
    pub(crate) ips: Box<[IpAddr]>,
    /// When the records of a family are queried again.
    pub(crate) until: Instant,
    /// When the first of the addresses expires.
    pub(crate) expires: Instant,
}

#[derive(Debug, Default)]
struct Names {
    kinds: Vec<(Kind, CacheEntry)>,
    sorted: Option<SortedAddrs>,
    /// The approximate memory of the records and addresses, in bytes.
    memory_size: usize,
}

#[derive(Debug)]
pub(crate) struct Cache {
    bounds: Bounds,
    entries: HashMap<HostName, Names>,
    /// The names in the order of their insertion; the oldest is evicted first.
    order: VecDeque<HostName>,
    memory_size: usize,
}

impl Bounds {
    /// An answer as it is cached, whether or not it is.
    pub(crate) fn entry(&self, answer: &Answer, now: Instant) -> CacheEntry {
        let expires = now.checked_add(self.ttl(answer).min(MAX_TTL)).unwrap_or(now);
        CacheEntry { records: answer.records.clone().into(), exists: answer.exists, expires }
    }

    fn ttl(&self, answer: &Answer) -> Duration {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        match (answer.records.is_empty(), answer.negative_ttl) {
            // RFC 2181, section 8: an answer with a TTL of 0 is for this lookup only, whatever the
            // minimum is.
            (false, _) if answer.ttl == 0 => Duration::ZERO,
            (false, _) => seconds(answer.ttl).max(self.shortest).min(self.longest),
            (true, Some(ttl)) => seconds(ttl).min(self.longest_negative),
            // RFC 2308, section 5: a negative answer without a SOA record is not cached.
            (true, None) => Duration::ZERO,
        }
    }
}

impl Names {
    fn measure(&self) -> usize {
        let record = |record: &RecordData| size_of::<RecordData>() + record.heap_size();
        let records = self.kinds.iter().flat_map(|(_, entry)| entry.records.iter());
        let ips = self.sorted.as_ref().map_or(0, |sorted| sorted.ips.len());
        let entries = self.kinds.len() * size_of::<(Kind, CacheEntry)>();
        entries + records.map(record).sum::<usize>() + ips * size_of::<IpAddr>()
    }
}

impl Cache {
    pub(crate) fn new(bounds: Bounds) -> Cache {
        Cache { bounds, entries: HashMap::new(), order: VecDeque::new(), memory_size: 0 }
    }

    pub(crate) fn get(&self, name: NameRef<'_>, kind: Kind, now: Instant) -> Option<&CacheEntry> {
        let (_, entry) = self.entries.get(name.as_str())?.kinds.iter().find(|(own, _)| *own == kind)?;
        (entry.expires > now).then_some(entry)
    }

    /// The sorted addresses of a name, unless they have expired.
    pub(crate) fn sorted(&self, name: NameRef<'_>, now: Instant) -> Option<&SortedAddrs> {
        self.entries.get(name.as_str())?.sorted.as_ref().filter(|sorted| sorted.until > now)
    }

    /// Adds an entry, unless it has expired.
    pub(crate) fn put(&mut self, name: &HostName, kind: Kind, entry: &CacheEntry, now: Instant) {
        if entry.expires <= now || self.bounds.names == 0 {
            return;
        }
        self.change(name, |names| {
            names.kinds.retain(|(own, _)| *own != kind);
            names.kinds.push((kind, entry.clone()));
            // They were sorted with the earlier records.
            names.sorted = None;
        });
    }

    /// Adds the sorted addresses of these entries of a name, unless an entry with addresses is not
    /// cached, such as one with a TTL of 0. They expire with the first entry.
    pub(crate) fn put_sorted(
        &mut self,
        name: &HostName,
        entries: &[(Kind, Option<CacheEntry>)],
        ips: &[IpAddr],
        now: Instant,
    ) {
        let cached = |kind: Kind| self.get(name.as_ref(), kind, now);
        let is_cached = |(kind, entry): &(Kind, Option<CacheEntry>)| match entry {
            Some(entry) if !entry.records.is_empty() => {
                cached(*kind).is_some_and(|own| Arc::ptr_eq(&own.records, &entry.records))
            }
            _ => true,
        };
        if !entries.iter().all(is_cached) {
            return;
        }
        let own = || entries.iter().flat_map(|(kind, _)| cached(*kind));
        let soon = now.checked_add(INCOMPLETE).filter(|_| own().count() < entries.len());
        let until = own().map(|entry| entry.expires).chain(soon).min();
        let expires = own().filter(|entry| !entry.records.is_empty()).map(|entry| entry.expires).min();
        let sorted =
            until.zip(expires).map(|(until, expires)| SortedAddrs { ips: ips.into(), until, expires });
        self.change(name, |names| names.sorted = sorted);
    }

    fn change(&mut self, name: &HostName, change: impl FnOnce(&mut Names)) {
        if !self.entries.contains_key(name.as_str()) {
            self.order.push_back(name.clone());
        }
        let names = self.entries.entry(name.clone()).or_default();
        change(names);
        let size = names.measure();
        self.memory_size = self.memory_size + size - std::mem::replace(&mut names.memory_size, size);
        let max = self.bounds.names.saturating_mul(BYTES_PER_NAME);
        while self.order.len() > self.bounds.names || self.memory_size > max {
            let Some(first) = self.order.pop_front() else { break };
            self.memory_size -= self.entries.remove(&first).map_or(0, |names| names.memory_size);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    const ENTRY: usize = size_of::<(Kind, CacheEntry)>();

    #[allow(clippy::disallowed_methods, reason = "the clock of a test needs a start")]
    fn now() -> Instant {
        Instant::now()
    }

    fn cache(names: usize) -> Cache {
        Cache::new(Bounds {
            names,
            shortest: 2 * SECOND,
            longest: 3_600 * SECOND,
            longest_negative: 60 * SECOND,
        })
    }

    fn answer(ttl: u32) -> Answer {
        let records = vec![RecordData::Address("192.0.2.1".parse().unwrap())];
        Answer { records, ttl, exists: true, negative_ttl: None, alias: None }
    }

    fn nothing(negative_ttl: Option<u32>) -> Answer {
        Answer { records: Vec::new(), ttl: u32::MAX, exists: false, negative_ttl, alias: None }
    }

    fn put(cache: &mut Cache, name: &str, answer: &Answer, now: Instant) {
        let entry = cache.bounds.entry(answer, now);
        cache.put(&HostName::found(name), Kind::A, &entry, now);
    }

    fn get<'a>(cache: &'a Cache, name: &str, now: Instant) -> Option<&'a CacheEntry> {
        cache.get(HostName::found(name).as_ref(), Kind::A, now)
    }

    /// For how long an answer is cached.
    fn kept(answer: &Answer) -> Option<Duration> {
        let (mut cache, now) = (cache(9), now());
        put(&mut cache, "a", answer, now);
        get(&cache, "a", now).map(|entry| entry.expires - now)
    }

    #[test]
    fn answer_ttl_is_clamped_and_zero_not_cached() {
        assert_eq!(kept(&answer(30)), Some(30 * SECOND));
        assert_eq!(kept(&answer(1)), Some(2 * SECOND));
        assert_eq!(kept(&answer(u32::MAX)), Some(3_600 * SECOND));
        assert_eq!(kept(&answer(0)), None);
    }

    #[test]
    fn negative_answer_is_cached_only_with_ttl() {
        assert_eq!(kept(&nothing(Some(30))), Some(30 * SECOND));
        assert_eq!(kept(&nothing(Some(9_999))), Some(60 * SECOND));
        assert_eq!(kept(&nothing(Some(0))), None);
        assert_eq!(kept(&nothing(None)), None);
    }

    #[test]
    fn longest_ttl_of_the_caller_is_valid() {
        let bounds =
            Bounds { names: 9, shortest: Duration::MAX, longest: Duration::MAX, longest_negative: SECOND };
        let now = now();
        assert_eq!(bounds.entry(&answer(30), now).expires - now, MAX_TTL);
    }

    /// Record types without records have memory, too.
    #[test]
    fn negative_entries_of_one_name_are_bounded() {
        let (mut cache, now) = (cache(1), now());
        let entry = cache.bounds.entry(&nothing(Some(30)), now);
        for kind in 256..1_000 {
            cache.put(&HostName::found("a"), Kind::Other(kind), &entry, now);
        }
        let kinds: usize = cache.entries.values().map(|names| names.kinds.len()).sum();
        assert!(kinds * ENTRY <= BYTES_PER_NAME, "{kinds} record types");
    }

    #[test]
    fn entry_is_returned_until_ttl_expires() {
        let (mut cache, now) = (cache(9), now());
        put(&mut cache, "a", &answer(30), now);
        assert!(get(&cache, "A.", now + 29 * SECOND).is_some(), "names are compared without case");
        assert!(cache.get(HostName::found("a").as_ref(), Kind::Aaaa, now).is_none());
        assert!(get(&cache, "a", now + 30 * SECOND).is_none());
        put(&mut cache, "a", &answer(30), now + 30 * SECOND);
        assert!(get(&cache, "a", now + 31 * SECOND).is_some());
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn cache_is_bounded_by_name_count() {
        let (mut cache, now) = (cache(100), now());
        for number in 0..1_000_000 {
            put(&mut cache, &number.to_string(), &answer(30), now);
        }
        assert_eq!((cache.len(), cache.order.len(), cache.entries.len()), (100, 100, 100));
        assert!(get(&cache, "999999", now).is_some() && get(&cache, "1", now).is_none());
        assert_eq!(cache.memory_size, 100 * (ENTRY + size_of::<RecordData>()));
        let mut none = Cache::new(Bounds { names: 0, ..cache.bounds });
        put(&mut none, "a", &answer(30), now);
        assert_eq!(none.len(), 0);
    }

    /// The number of names does not limit the memory of names with large records.
    #[test]
    fn cache_is_bounded_by_memory_size() {
        let (mut cache, now) = (cache(100), now());
        let large = Answer { records: vec![RecordData::Name("x".repeat(60_000))], ..answer(30) };
        for number in 0..10 {
            put(&mut cache, &number.to_string(), &large, now);
        }
        assert_eq!((cache.len(), cache.entries.len()), (1, 1), "100 KiB hold one of them");
        assert!(get(&cache, "9", now).is_some());
        put(&mut cache, "9", &answer(30), now);
        assert_eq!(cache.memory_size, ENTRY + size_of::<RecordData>(), "the replaced entry is not counted");
    }

    const ONE: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1))];

    /// For how long one sorted address is cached, with an answer for the other family or without.
    fn in_order(one: &Answer, other: Option<&Answer>) -> Option<Duration> {
        let (mut cache, now, name) = (cache(9), now(), HostName::found("a"));
        let one = cache.bounds.entry(one, now);
        let other = other.map(|other| cache.bounds.entry(other, now));
        cache.put(&name, Kind::A, &one, now);
        other.iter().for_each(|other| cache.put(&name, Kind::Aaaa, other, now));
        cache.put_sorted(&name, &[(Kind::Aaaa, other), (Kind::A, Some(one))], &ONE, now);
        let sorted = cache.sorted(name.as_ref(), now)?;
        assert_eq!(*sorted.ips, ONE);
        assert!(cache.sorted(name.as_ref(), sorted.until).is_none());
        Some(sorted.until - now)
    }

    #[test]
    fn sorted_addresses_expire_with_shortest_ttl() {
        assert_eq!(in_order(&answer(30), Some(&nothing(Some(40)))), Some(30 * SECOND));
        assert_eq!(in_order(&answer(30), Some(&nothing(Some(20)))), Some(20 * SECOND));
        assert_eq!(in_order(&answer(30), None), Some(INCOMPLETE), "the other family is not known");
        assert_eq!(in_order(&answer(3), None), Some(3 * SECOND));
        assert_eq!(in_order(&answer(0), Some(&nothing(Some(40)))), None);
        assert_eq!(in_order(&answer(0), None), None);
    }

    #[test]
    fn sorted_addresses_are_dropped_when_records_are_replaced() {
        let (mut cache, now, name) = (cache(9), now(), HostName::found("a"));
        let entry = cache.bounds.entry(&answer(30), now);
        cache.put(&name, Kind::A, &entry, now);
        let entries = [(Kind::Aaaa, None), (Kind::A, Some(entry))];
        cache.put_sorted(&name, &entries, &ONE, now);
        assert!(cache.memory_size > ENTRY + size_of::<RecordData>());
        put(&mut cache, "a", &answer(30), now);
        cache.put_sorted(&name, &entries, &ONE, now);
        assert!(cache.sorted(name.as_ref(), now).is_none(), "they are not those of the new records");
        assert_eq!(cache.memory_size, ENTRY + size_of::<RecordData>());
    }
}
