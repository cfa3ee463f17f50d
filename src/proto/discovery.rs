//! A question to everybody and the answers to it: when it is asked, what is an answer, how many are taken. Bytes and `now`
//! in, verdicts out.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// When the question is asked, and until when answers are waited for.
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
    /// Wait for answers, no longer than that.
    Wait(Instant),
    Over,
}

impl Schedule {
    /// `times` questions, the first one now and the others each `interval` after the one before, as long as the end is not
    /// reached.
    pub(crate) fn new(times: u32, spacing: Duration, end: Instant, now: Instant) -> Schedule {
        Schedule { next: Some(now), left: times.max(1), spacing, end }
    }

    pub(crate) fn poll(&mut self, now: Instant) -> Step {
        match self.next {
            _ if now >= self.end => Step::Over,
            Some(next) if next <= now => {
                self.left -= 1;
                // One that was late is not made up for by two at once.
                self.next = if self.left > 0 { now.checked_add(self.spacing) } else { None };
                Step::Ask
            }
            Some(next) => Step::Wait(next.min(self.end)),
            None => Step::Wait(self.end),
        }
    }
}

/// Which answers were there before, and how many of whom.
#[derive(Debug)]
pub(crate) struct Heard {
    most: usize,
    most_of_one: usize,
    count: usize,
    senders: BTreeMap<SocketAddr, Vec<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    New,
    /// The same sender has said the same before, as it does when it is asked again.
    Again,
    /// The sender has said as much as one may.
    TooMuchOfOne,
    /// As many answers were taken as may be.
    Full,
}

impl Heard {
    pub(crate) fn new(most: usize, most_of_one: usize) -> Heard {
        Heard { most, most_of_one, count: 0, senders: BTreeMap::new() }
    }

    pub(crate) fn judge(&mut self, from: SocketAddr, bytes: &[u8]) -> Verdict {
        // Who finds two messages of one hash hides the second of his own.
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let hash = hasher.finish();
        let is_full = self.count >= self.most;
        match self.senders.entry(from) {
            Entry::Occupied(known) if known.get().contains(&hash) => return Verdict::Again,
            Entry::Occupied(known) if known.get().len() >= self.most_of_one => return Verdict::TooMuchOfOne,
            _ if is_full => return Verdict::Full,
            Entry::Occupied(mut known) => known.get_mut().push(hash),
            Entry::Vacant(new) => drop(new.insert(vec![hash])),
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

    fn sender(number: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], number))
    }

    #[test]
    fn reply_filter_matches_duplicates_by_sender_and_payload() {
        let mut heard = Heard::new(9, 9);
        assert_eq!(heard.judge(sender(1), b"here"), Verdict::New);
        assert_eq!(heard.judge(sender(1), b"here"), Verdict::Again);
        assert_eq!(heard.judge(sender(2), b"here"), Verdict::New, "another one");
        assert_eq!(heard.judge(sender(1), b"there"), Verdict::New, "another word");
    }

    #[test]
    fn sender_limit_leaves_capacity_for_other_senders() {
        let mut heard = Heard::new(4, 2);
        let words: [&[u8]; 4] = [b"a", b"b", b"c", b"d"];
        let verdicts = words.map(|word| heard.judge(sender(1), word));
        assert_eq!(verdicts, [Verdict::New, Verdict::New, Verdict::TooMuchOfOne, Verdict::TooMuchOfOne]);
        assert_eq!(heard.judge(sender(2), b"a"), Verdict::New);
        assert_eq!(heard.judge(sender(3), b"a"), Verdict::New);
        assert_eq!(heard.judge(sender(4), b"a"), Verdict::Full);
        assert_eq!(heard.judge(sender(2), b"b"), Verdict::Full);
        assert_eq!(heard.judge(sender(2), b"a"), Verdict::Again, "what is known is known");
    }

    proptest! {
        /// Whoever says whatever: what is kept is bounded.
        #[test]
        fn reply_filter_bounds_replies_under_flood(words in proptest::collection::vec((0..50_u16, any::<u8>()), 0..600)) {
            let mut heard = Heard::new(40, 3);
            let new = words.iter().filter(|(number, word)| heard.judge(sender(*number), &[*word]) == Verdict::New);
            let new = new.count();
            prop_assert!(new <= 40 && heard.senders.len() <= 40);
            prop_assert_eq!(heard.senders.values().map(Vec::len).sum::<usize>(), new);
            prop_assert!(heard.senders.values().all(|words| words.len() <= 3));
        }
    }
}
