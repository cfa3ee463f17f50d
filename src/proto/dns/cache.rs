//! What was answered, for as long as it holds.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::name::HostName;
use super::wire::{Answer, Kind, RecordData};

/// How long answers are kept, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) entries: usize,
    pub(crate) shortest: Duration,
    pub(crate) longest: Duration,
    /// That there is nothing is not believed for longer.
    pub(crate) longest_negative: Duration,
}

/// How many kinds there are.
const KINDS: usize = Kind::Srv as usize + 1;

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) records: std::sync::Arc<[RecordData]>,
    pub(crate) exists: bool,
    pub(crate) until: Instant,
}

#[derive(Debug)]
pub(crate) struct Cache {
    bounds: Bounds,
    /// Of each kind by itself, so that a name is looked for without a copy of it.
    entries: [HashMap<HostName, Kept>; KINDS],
    /// In the order in which they came; the first goes when there is no room.
    order: VecDeque<(HostName, Kind)>,
}

impl Cache {
    pub(crate) fn new(bounds: Bounds) -> Cache {
        Cache { bounds, entries: Default::default(), order: VecDeque::new() }
    }

    pub(crate) fn get(&self, name: &HostName, kind: Kind, now: Instant) -> Option<&Kept> {
        self.entries[kind as usize].get(name).filter(|kept| kept.until > now)
    }

    /// Keeps an answer, if it holds for any time.
    pub(crate) fn put(&mut self, key: (HostName, Kind), answer: &Answer, now: Instant) {
        let Bounds { entries, shortest, longest, longest_negative } = self.bounds;
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let ttl = match (answer.records.is_empty(), answer.negative_ttl) {
            // RFC 2181: what holds for 0 seconds holds for the one who asked, whatever the least is.
            (false, _) if answer.ttl == 0 => return,
            (false, _) => seconds(answer.ttl).max(shortest).min(longest),
            (true, Some(ttl)) => seconds(ttl).min(longest_negative),
            // RFC 2308, 5: without a word of how long, it is not kept.
            (true, None) => return,
        };
        let Some(until) = now.checked_add(ttl) else { return };
        if ttl.is_zero() || entries == 0 {
            return;
        }
        let kept = Kept { records: answer.records.clone().into(), exists: answer.exists, until };
        if self.entries[key.1 as usize].insert(key.0.clone(), kept).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > entries {
            let Some(first) = self.order.pop_front() else { break };
            self.entries[first.1 as usize].remove(&first.0);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.entries.iter_mut().for_each(HashMap::clear);
        self.order.clear();
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

    fn cache(entries: usize) -> Cache {
        Cache::new(Bounds {
            entries,
            shortest: 2 * SECOND,
            longest: 3_600 * SECOND,
            longest_negative: 60 * SECOND,
        })
    }

    fn key(name: &str) -> (HostName, Kind) {
        (HostName::found(name), Kind::A)
    }

    fn answer(ttl: u32) -> Answer {
        let records = vec![RecordData::Address("192.0.2.1".parse().unwrap())];
        Answer { records, ttl, exists: true, negative_ttl: None, alias: None }
    }

    fn nothing(negative_ttl: Option<u32>) -> Answer {
        Answer { records: Vec::new(), ttl: u32::MAX, exists: false, negative_ttl, alias: None }
    }

    /// How long an answer is kept.
    fn kept(answer: &Answer) -> Option<Duration> {
        let (mut cache, now) = (cache(9), now());
        cache.put(key("a"), answer, now);
        cache.get(&HostName::found("a"), Kind::A, now).map(|kept| kept.until - now)
    }

    #[test]
    fn an_answer_holds_as_long_as_it_says_within_bounds() {
        assert_eq!(kept(&answer(30)), Some(30 * SECOND));
        assert_eq!(kept(&answer(1)), Some(2 * SECOND));
        assert_eq!(kept(&answer(u32::MAX)), Some(3_600 * SECOND));
        assert_eq!(kept(&answer(0)), None);
    }

    #[test]
    fn that_there_is_nothing_is_believed_if_it_says_for_how_long() {
        assert_eq!(kept(&nothing(Some(30))), Some(30 * SECOND));
        assert_eq!(kept(&nothing(Some(9_999))), Some(60 * SECOND));
        assert_eq!(kept(&nothing(Some(0))), None);
        assert_eq!(kept(&nothing(None)), None);
    }

    #[test]
    fn it_is_there_until_its_time_is_over() {
        let (mut cache, now) = (cache(9), now());
        cache.put(key("a"), &answer(30), now);
        assert!(cache.get(&HostName::found("A."), Kind::A, now + 29 * SECOND).is_some(), "a name is a name");
        assert!(cache.get(&HostName::found("a"), Kind::Aaaa, now).is_none());
        assert!(cache.get(&HostName::found("a"), Kind::A, now + 30 * SECOND).is_none());
        cache.put(key("a"), &answer(30), now + 30 * SECOND);
        assert!(cache.get(&HostName::found("a"), Kind::A, now + 31 * SECOND).is_some());
        cache.clear();
        assert_eq!((cache.get(&HostName::found("a"), Kind::A, now), cache.len()), (None, 0));
    }

    #[test]
    fn a_million_names_are_as_many_as_may_be() {
        let (mut cache, now) = (cache(100), now());
        for number in 0..1_000_000 {
            cache.put(key(&number.to_string()), &answer(30), now);
        }
        assert_eq!((cache.len(), cache.order.len()), (100, 100));
        let has = |name| cache.get(&HostName::found(name), Kind::A, now).is_some();
        assert!(has("999999") && !has("1"));
        assert_eq!(cache.entries.iter().map(HashMap::len).sum::<usize>(), 100);
        let mut none = Cache::new(Bounds { entries: 0, ..cache.bounds });
        none.put(key("a"), &answer(30), now);
        assert_eq!(none.len(), 0);
    }
}
