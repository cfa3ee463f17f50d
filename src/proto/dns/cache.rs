//! What was answered, for as long as it holds.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::name::{HostName, NameRef};
use super::records::RecordData;
use super::wire::{Answer, Kind};

/// How long answers are kept, and of how many names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) names: usize,
    pub(crate) shortest: Duration,
    pub(crate) longest: Duration,
    /// That there is nothing is not believed for longer.
    pub(crate) longest_negative: Duration,
}

/// What all names have together at most, for each that there may be, in bytes.
const BYTES_A_NAME: usize = 1_024;

/// How long addresses are enough where nobody would say whether there are others: RFC 9520, 3.2, asks for 1 s at least.
const INCOMPLETE: Duration = Duration::from_secs(5);

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) records: Arc<[RecordData]>,
    pub(crate) exists: bool,
    pub(crate) until: Instant,
}

/// The addresses of all families that are asked for, in the order in which they should be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InOrder {
    pub(crate) ips: Box<[IpAddr]>,
    /// When the records of a family are queried again.
    pub(crate) until: Instant,
    /// When the first of the addresses expires.
    pub(crate) expires: Instant,
}

#[derive(Debug, Default)]
struct Entry {
    kinds: Vec<(Kind, Kept)>,
    in_order: Option<InOrder>,
    /// About how many bytes it has.
    weight: usize,
}

#[derive(Debug)]
pub(crate) struct Cache {
    bounds: Bounds,
    entries: HashMap<HostName, Entry>,
    /// In the order in which they came; the first goes when there is no room.
    order: VecDeque<HostName>,
    weight: usize,
}

impl Bounds {
    /// How long an answer holds. Nothing that is to be kept for no time is kept.
    pub(crate) fn ttl(&self, answer: &Answer) -> Duration {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        match (answer.records.is_empty(), answer.negative_ttl) {
            // RFC 2181, 8: what holds for 0 seconds holds for the one who asked, whatever the least is.
            (false, _) if answer.ttl == 0 => Duration::ZERO,
            (false, _) => seconds(answer.ttl).max(self.shortest).min(self.longest),
            (true, Some(ttl)) => seconds(ttl).min(self.longest_negative),
            // RFC 2308, 5: without a word of how long, it is not kept.
            (true, None) => Duration::ZERO,
        }
    }
}

impl Entry {
    fn weigh(&self) -> usize {
        let record = |record: &RecordData| size_of::<RecordData>() + record.heap_size();
        let records = self.kinds.iter().flat_map(|(_, kept)| kept.records.iter());
        let ips = self.in_order.as_ref().map_or(0, |in_order| in_order.ips.len());
        records.map(record).sum::<usize>() + ips * size_of::<IpAddr>()
    }
}

impl Cache {
    pub(crate) fn new(bounds: Bounds) -> Cache {
        Cache { bounds, entries: HashMap::new(), order: VecDeque::new(), weight: 0 }
    }

    pub(crate) fn get(&self, name: NameRef<'_>, kind: Kind, now: Instant) -> Option<&Kept> {
        let (_, kept) = self.entries.get(name.as_str())?.kinds.iter().find(|(own, _)| *own == kind)?;
        (kept.until > now).then_some(kept)
    }

    /// The addresses of a name, if they still hold.
    pub(crate) fn in_order(&self, name: NameRef<'_>, now: Instant) -> Option<&InOrder> {
        self.entries.get(name.as_str())?.in_order.as_ref().filter(|in_order| in_order.until > now)
    }

    /// Keeps an answer, if it holds for any time.
    pub(crate) fn put(&mut self, name: &HostName, kind: Kind, answer: &Answer, now: Instant) {
        let ttl = self.bounds.ttl(answer);
        let Some(until) = now.checked_add(ttl) else { return };
        if ttl.is_zero() || self.bounds.names == 0 {
            return;
        }
        let kept = Kept { records: answer.records.clone().into(), exists: answer.exists, until };
        self.change(name, |entry| {
            entry.kinds.retain(|(own, _)| *own != kind);
            entry.kinds.push((kind, kept));
            // It was made of what was known before.
            entry.in_order = None;
        });
    }

    /// Keeps in which order the addresses are that were kept of these kinds, until one of them must be asked for again.
    pub(crate) fn put_in_order(&mut self, name: &HostName, kinds: &[Kind], ips: &[IpAddr], now: Instant) {
        let kept = || kinds.iter().flat_map(|kind| self.get(name.as_ref(), *kind, now));
        let is_complete = kept().count() == kinds.len();
        let soon = now.checked_add(INCOMPLETE).filter(|_| !is_complete);
        let until = kept().map(|kept| kept.until).chain(soon).min();
        // What holds for no time is not kept by this way, either.
        if kept().map(|kept| kept.records.len()).sum::<usize>() != ips.len() {
            return;
        }
        let expires = kept().filter(|kept| !kept.records.is_empty()).map(|kept| kept.until).min();
        let in_order = until.zip(expires).map(|(until, expires)| InOrder { ips: ips.into(), until, expires });
        self.change(name, |entry| entry.in_order = in_order);
    }

    fn change(&mut self, name: &HostName, change: impl FnOnce(&mut Entry)) {
        if !self.entries.contains_key(name.as_str()) {
            self.order.push_back(name.clone());
        }
        let entry = self.entries.entry(name.clone()).or_default();
        change(entry);
        let weight = entry.weigh();
        self.weight = self.weight + weight - std::mem::replace(&mut entry.weight, weight);
        let most = self.bounds.names.saturating_mul(BYTES_A_NAME);
        while self.order.len() > self.bounds.names || self.weight > most {
            let Some(first) = self.order.pop_front() else { break };
            self.weight -= self.entries.remove(&first).map_or(0, |entry| entry.weight);
        }
    }

    pub(crate) fn clear(&mut self) {
        *self = Cache::new(self.bounds);
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[allow(clippy::disallowed_methods, reason = "a clock of the test's must begin somewhere")]
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
        cache.put(&HostName::found(name), Kind::A, answer, now);
    }

    fn get<'a>(cache: &'a Cache, name: &str, now: Instant) -> Option<&'a Kept> {
        cache.get(HostName::found(name).as_ref(), Kind::A, now)
    }

    /// How long an answer is kept.
    fn kept(answer: &Answer) -> Option<Duration> {
        let (mut cache, now) = (cache(9), now());
        put(&mut cache, "a", answer, now);
        get(&cache, "a", now).map(|kept| kept.until - now)
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
    fn entry_is_returned_until_ttl_expires() {
        let (mut cache, now) = (cache(9), now());
        put(&mut cache, "a", &answer(30), now);
        assert!(get(&cache, "A.", now + 29 * SECOND).is_some(), "a name is a name");
        assert!(cache.get(HostName::found("a").as_ref(), Kind::Aaaa, now).is_none());
        assert!(get(&cache, "a", now + 30 * SECOND).is_none());
        put(&mut cache, "a", &answer(30), now + 30 * SECOND);
        assert!(get(&cache, "a", now + 31 * SECOND).is_some());
        assert_eq!(cache.len(), 1);
        cache.clear();
        assert_eq!((get(&cache, "a", now), cache.len(), cache.weight), (None, 0, 0));
    }

    #[test]
    fn cache_is_bounded_by_name_count() {
        let (mut cache, now) = (cache(100), now());
        for number in 0..1_000_000 {
            put(&mut cache, &number.to_string(), &answer(30), now);
        }
        assert_eq!((cache.len(), cache.order.len(), cache.entries.len()), (100, 100, 100));
        assert!(get(&cache, "999999", now).is_some() && get(&cache, "1", now).is_none());
        assert_eq!(cache.weight, 100 * size_of::<RecordData>());
        let mut none = Cache::new(Bounds { names: 0, ..cache.bounds });
        put(&mut none, "a", &answer(30), now);
        assert_eq!(none.len(), 0);
    }

    /// A few names with as much as a message can hold are not worth all the others' room.
    #[test]
    fn cache_is_bounded_by_memory_size() {
        let (mut cache, now) = (cache(100), now());
        let large = Answer { records: vec![RecordData::Name("x".repeat(60_000))], ..answer(30) };
        for number in 0..10 {
            put(&mut cache, &number.to_string(), &large, now);
        }
        assert_eq!((cache.len(), cache.entries.len()), (1, 1), "100 KiB are enough for one");
        assert!(get(&cache, "9", now).is_some());
        put(&mut cache, "9", &answer(30), now);
        assert_eq!(cache.weight, size_of::<RecordData>(), "what is replaced weighs nothing");
    }

    const ONE: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1))];
    const BOTH: [Kind; 2] = [Kind::Aaaa, Kind::A];

    /// How long the order of one address is kept, and what is known of the other family.
    fn in_order(one: &Answer, other: Option<&Answer>) -> Option<Duration> {
        let (mut cache, now, name) = (cache(9), now(), HostName::found("a"));
        put(&mut cache, "a", one, now);
        if let Some(other) = other {
            cache.put(&name, Kind::Aaaa, other, now);
        }
        cache.put_in_order(&name, &BOTH, &ONE, now);
        let in_order = cache.in_order(name.as_ref(), now)?;
        assert_eq!(*in_order.ips, ONE);
        assert!(cache.in_order(name.as_ref(), in_order.until).is_none());
        Some(in_order.until - now)
    }

    #[test]
    fn sorted_addresses_expire_with_shortest_ttl() {
        assert_eq!(in_order(&answer(30), Some(&nothing(Some(40)))), Some(30 * SECOND));
        assert_eq!(in_order(&answer(30), Some(&nothing(Some(20)))), Some(20 * SECOND));
        assert_eq!(in_order(&answer(30), None), Some(INCOMPLETE), "nobody said whether there are others");
        assert_eq!(in_order(&answer(3), None), Some(3 * SECOND));
        assert_eq!(in_order(&answer(0), Some(&nothing(Some(40)))), None);
        assert_eq!(in_order(&answer(0), None), None);
    }

    #[test]
    fn sorted_addresses_are_dropped_when_records_are_replaced() {
        let (mut cache, now, name) = (cache(9), now(), HostName::found("a"));
        put(&mut cache, "a", &answer(30), now);
        cache.put_in_order(&name, &BOTH, &ONE, now);
        assert!(cache.weight > size_of::<RecordData>());
        put(&mut cache, "a", &answer(30), now);
        assert!(cache.in_order(name.as_ref(), now).is_none());
        assert_eq!(cache.weight, size_of::<RecordData>());
    }
}
