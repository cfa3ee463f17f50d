//! The cache returns each answer until its TTL expires, and has at most the configured number of
//! names.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::choices::{Choices, clock};
use crate::proto::dns::cache::{Bounds, Cache};
use crate::proto::dns::name::HostName;
use crate::proto::dns::records::{Kind, RecordData};
use crate::proto::dns::wire::Answer;

const SECOND: Duration = Duration::from_secs(1);

/// A name, record type, and answer that were put into the cache, and the time.
type Put = (String, Kind, Answer, Instant);

fn answer(choices: &mut Choices<'_>) -> Answer {
    let address = |_| RecordData::Address(IpAddr::from([192, 0, 2, 1]));
    let records: Vec<RecordData> = match choices.below(4) {
        0 => Vec::new(),
        1 => vec![RecordData::Name("x".repeat(choices.below(256) * 40))],
        _ => (0..choices.below(5)).map(address).collect(),
    };
    Answer {
        records,
        ttl: choices.pick(&[30, 0, 1, 10, 7_200, u32::MAX]),
        exists: choices.is(),
        negative_ttl: choices.pick(&[None, Some(0), Some(5), Some(u32::MAX)]),
        alias: None,
    }
}

/// A lookup returns only entries that were put and have not expired. The number of names is
/// limited, and the last name that was put is among them.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    let bounds = Bounds {
        names: choices.below(9),
        shortest: choices.pick(&[Duration::ZERO, SECOND, 20 * SECOND]),
        longest: choices.pick(&[3_600 * SECOND, 10 * SECOND, Duration::MAX]),
        longest_negative: choices.pick(&[60 * SECOND, Duration::ZERO]),
    };
    let (mut cache, mut now, mut put) = (Cache::new(bounds), clock(), Vec::<Put>::new());
    // Putting a name again does not change when it is evicted.
    let mut names = BTreeSet::new();
    let most = bounds.longest.max(bounds.longest_negative);
    while !choices.is_over() {
        let name = HostName::found(&choices.below(12).to_string());
        let kind = choices.pick(&[Kind::A, Kind::Aaaa]);
        match choices.below(8) {
            0..=3 => {
                let answer = answer(&mut choices);
                cache.put(&name, kind, &bounds.entry(&answer, now), now);
                let is_new = names.insert(name.clone());
                put.retain(|(own, own_kind, ..)| {
                    (&**own, *own_kind) != (name.as_str(), kind)
                        || answer.ttl == 0
                        || answer.records.is_empty()
                });
                put.push((name.to_string(), kind, answer.clone(), now));
                let weight = answer.records.len() * 64
                    + answer
                        .records
                        .iter()
                        .map(|record| match record {
                            RecordData::Name(name) => name.len(),
                            _ => 0,
                        })
                        .sum::<usize>();
                let is_kept = !answer.records.is_empty() && answer.ttl > 0 && !bounds.longest.is_zero();
                if is_new && is_kept && bounds.names > 0 && weight < bounds.names * 1_024 / 2 {
                    let found = cache.get(name.as_ref(), kind, now).expect("the entry that was just put");
                    assert_eq!(*found.records, *answer.records);
                    assert!(
                        found.expires - now >= bounds.shortest.min(bounds.longest),
                        "the entry expires before the minimum TTL"
                    );
                }
            }
            4 => {
                let ips = vec![IpAddr::from([192, 0, 2, 1]); choices.below(6)];
                // Those of the cache, or others.
                let entries = [Kind::Aaaa, Kind::A].map(|kind| {
                    let other = bounds.entry(&answer(&mut choices), now);
                    let own = cache.get(name.as_ref(), kind, now).cloned();
                    (kind, if choices.is() { own } else { Some(other) })
                });
                names.insert(name.clone());
                cache.put_sorted(&name, &entries, &ips, now);
            }
            5 if choices.byte() == 0 => cache = Cache::new(bounds),
            _ => now += choices.time().min(100_000 * SECOND),
        }
        assert!(cache.len() <= bounds.names);
        for number in 0..12 {
            let name = HostName::found(&number.to_string());
            for kind in [Kind::A, Kind::Aaaa] {
                let Some(kept) = cache.get(name.as_ref(), kind, now) else { continue };
                assert!(kept.expires > now && kept.expires - now <= most);
                let is_known = |(own, own_kind, answer, at): &Put| {
                    *own == name.as_str()
                        && *own_kind == kind
                        && *answer.records == *kept.records
                        && kept.expires > *at
                };
                assert!(put.iter().any(is_known), "an entry of {name} that was never put");
            }
            if let Some(sorted) = cache.sorted(name.as_ref(), now) {
                assert!(sorted.until > now && sorted.until - now <= most.max(5 * SECOND));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn cache_respects_expiry_and_capacity() {
        crate::fuzzing::trial::holds("cache", super::property);
    }
}
