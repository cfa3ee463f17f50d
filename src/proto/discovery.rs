//! A broadcast query and its replies: when the query is sent, and which replies are returned. Bytes and
//! `now` in, verdicts out.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// When the query is sent, and until when replies are received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    next: Option<Instant>,
    left: u32,
    spacing: Duration,
    end: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Ask,
    /// Receive replies until this time.
    Wait(Instant),
    Over,
}

impl Schedule {
    /// `times` queries, the first one now and the others each `spacing` after the one before, until the end.
    pub(crate) fn new(times: u32, spacing: Duration, end: Instant, now: Instant) -> Schedule {
        Schedule { next: Some(now), left: times.max(1), spacing, end }
    }

    pub(crate) fn poll(&mut self, now: Instant) -> Step {
        match self.next {
            _ if now >= self.end => Step::Over,
            Some(next) if next <= now => {
                self.left -= 1;
                // A late query is not followed by two at the same time.
                self.next = if self.left > 0 { now.checked_add(self.spacing) } else { None };
                Step::Ask
            }
            Some(next) => Step::Wait(next.min(self.end)),
            None => Step::Wait(self.end),
        }
    }
}

/// Decides which replies of a discovery are returned. Memory is bounded by the maximum of replies.
#[derive(Debug)]
pub(crate) struct ReplyFilter {
    max_replies: usize,
    max_per_host: usize,
    count: usize,
    /// For each host the port and the hash of its replies. A host is an address: one that sends from many
    /// ports has one limit.
    hosts: BTreeMap<IpAddr, Vec<(u16, u64)>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    New,
    /// The sender has sent the same bytes before, such as to an earlier query.
    Duplicate,
    /// The host has reached its maximum.
    HostLimit,
    /// The discovery has reached its maximum.
    Full,
}

impl ReplyFilter {
    pub(crate) fn new(max_replies: usize, max_per_host: usize) -> ReplyFilter {
        ReplyFilter { max_replies, max_per_host, count: 0, hosts: BTreeMap::new() }
    }

    pub(crate) fn judge(&mut self, source: SocketAddr, bytes: &[u8]) -> Verdict {
        // A sender that finds two messages with one hash hides the second of its own.
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let reply = (source.port(), hasher.finish());
        let is_full = self.count >= self.max_replies;
        match self.hosts.entry(source.ip()) {
            Entry::Occupied(known) if known.get().contains(&reply) => return Verdict::Duplicate,
            Entry::Occupied(known) if known.get().len() >= self.max_per_host => return Verdict::HostLimit,
            _ if is_full => return Verdict::Full,
            Entry::Occupied(mut known) => known.get_mut().push(reply),
            Entry::Vacant(new) => drop(new.insert(vec![reply])),
        }
        self.count += 1;
        Verdict::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    #[allow(clippy::disallowed_methods, reason = "a clock of the test's must begin somewhere")]
    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn schedule_sends_every_query_then_waits_for_deadline() {
        let start = now();
        let mut schedule = Schedule::new(3, 250 * MS, start + 2_000 * MS, start);
        for times in 0..3 {
            let due = start + times * 250 * MS;
            if times > 0 {
                assert_eq!(schedule.poll(due - MS), Step::Wait(due));
            }
            assert_eq!(schedule.poll(due), Step::Ask);
        }
        assert_eq!(schedule.poll(start + 500 * MS), Step::Wait(start + 2_000 * MS));
        assert_eq!(schedule.poll(start + 2_000 * MS), Step::Over);
    }

    #[test]
    fn schedule_keeps_interval_after_late_query() {
        let start = now();
        let mut schedule = Schedule::new(3, 100 * MS, start + 1_000 * MS, start);
        assert_eq!(schedule.poll(start + 350 * MS), Step::Ask);
        assert_eq!(schedule.poll(start + 350 * MS), Step::Wait(start + 450 * MS));
    }

    #[test]
    fn schedule_sends_no_query_past_deadline() {
        let start = now();
        assert_eq!(Schedule::new(0, MS, start, start).poll(start), Step::Over);
        let mut schedule = Schedule::new(9, 300 * MS, start + 400 * MS, start);
        assert_eq!(schedule.poll(start), Step::Ask);
        assert_eq!(schedule.poll(start + 300 * MS), Step::Ask);
        assert_eq!(schedule.poll(start + 300 * MS), Step::Wait(start + 400 * MS));
        assert_eq!(schedule.poll(start + 400 * MS), Step::Over);
    }

    fn sender(host: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, host], port))
    }

    #[test]
    fn reply_filter_matches_duplicates_by_sender_and_payload() {
        let mut filter = ReplyFilter::new(9, 9);
        assert_eq!(filter.judge(sender(1, 1), b"here"), Verdict::New);
        assert_eq!(filter.judge(sender(1, 1), b"here"), Verdict::Duplicate);
        assert_eq!(filter.judge(sender(1, 2), b"here"), Verdict::New, "another port");
        assert_eq!(filter.judge(sender(2, 1), b"here"), Verdict::New, "another host");
        assert_eq!(filter.judge(sender(1, 1), b"there"), Verdict::New, "other bytes");
    }

    /// From one port or from many.
    #[test]
    fn host_limit_leaves_capacity_for_other_hosts() {
        for ports in [1, 4] {
            let mut filter = ReplyFilter::new(4, 2);
            let verdicts =
                [0_u8, 1, 2, 3].map(|number| filter.judge(sender(1, u16::from(number) % ports), &[number]));
            let limited = Verdict::HostLimit;
            assert_eq!(verdicts, [Verdict::New, Verdict::New, limited, limited]);
            assert_eq!(filter.judge(sender(2, 1), b"a"), Verdict::New);
            assert_eq!(filter.judge(sender(3, 1), b"a"), Verdict::New);
            assert_eq!(filter.judge(sender(4, 1), b"a"), Verdict::Full);
            assert_eq!(filter.judge(sender(2, 1), b"b"), Verdict::Full);
            assert_eq!(filter.judge(sender(2, 1), b"a"), Verdict::Duplicate, "also when it is full");
        }
    }

    proptest! {
        #[test]
        fn reply_filter_bounds_replies_under_flood(
            words in proptest::collection::vec((0..50_u8, 0..5_u16, any::<u8>()), 0..600)
        ) {
            let mut filter = ReplyFilter::new(40, 3);
            let new = words.iter().filter(|(host, port, word)| {
                filter.judge(sender(*host, *port), &[*word]) == Verdict::New
            });
            let new = new.count();
            prop_assert!(new <= 40 && filter.hosts.len() <= 40);
            prop_assert_eq!(filter.hosts.values().map(Vec::len).sum::<usize>(), new);
            prop_assert!(filter.hosts.values().all(|replies| replies.len() <= 3));
        }
    }
}
