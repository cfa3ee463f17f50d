//! Which datagrams of a batch are passed to the OS together.
//!
//! An OS that segments a long message into datagrams of one size (the last may be shorter) sends a
//! hundred of them at little more than the cost of one (generic segmentation offload, GSO). This
//! module decides what is segmented; the shell passes it to the OS.

use std::ops::Range;

/// The maximum number of bytes of one message: the largest datagram over IPv4 (RFC 768, RFC 791).
const LARGEST_MESSAGE: usize = 65_507;

/// The maximum number of datagrams of one message that every kernel with segmentation accepts, the
/// first value of `UDP_MAX_SEGMENTS`.
pub(crate) const BASE_SEGMENTS: usize = 64;

/// Datagrams of one size to one peer, which follow each other in the bytes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run<P> {
    pub(crate) peer: P,
    /// The size of each.
    pub(crate) size: usize,
    pub(crate) count: usize,
    /// The offset of the first one.
    pub(crate) at: usize,
    /// The index of the first one in the batch.
    pub(crate) index: usize,
}

/// What the OS segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The maximum number of datagrams of one message; 1 is no segmentation.
    pub(crate) segments: usize,
    /// The maximum size of a datagram of a segmented message.
    pub(crate) size: usize,
}

/// Why the OS has rejected a segmented message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "created where the OS segments")]
pub(crate) enum SegmentFault {
    /// The OS or the network device does not segment.
    Unsupported,
    /// There are too many datagrams, or they are too large for the path; the OS does not report which.
    Refused,
}

impl Limits {
    /// Returns how many datagrams of a size one message has at most.
    pub(crate) fn datagrams(self, size: usize) -> usize {
        if !(1..=self.size).contains(&size) {
            return 1;
        }
        self.segments.min(LARGEST_MESSAGE / size).max(1)
    }

    /// Returns the limits to try after a message of `count` datagrams of `segment` bytes was
    /// rejected. They are lower each time, down to no segmentation.
    pub(crate) fn after(self, fault: SegmentFault, count: usize, segment: usize) -> Limits {
        match fault {
            SegmentFault::Unsupported => Limits { segments: 1, ..self },
            SegmentFault::Refused if count > BASE_SEGMENTS => Limits { segments: BASE_SEGMENTS, ..self },
            SegmentFault::Refused => Limits { size: self.size.min(segment.saturating_sub(1)), ..self },
        }
    }
}

/// The progress of a plan: finished runs, in order, and finished datagrams of the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    run: usize,
    done: usize,
}

/// One message for the OS: one datagram, or several to one peer, which the OS segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GsoMessage<P> {
    pub(crate) peer: P,
    /// The size of each datagram.
    pub(crate) segment: usize,
    /// The number of datagrams.
    pub(crate) count: usize,
    /// The index of the first one in the batch.
    pub(crate) index: usize,
    /// Its bytes, as indices into the ranges of the call.
    pub(crate) parts: Range<usize>,
    /// The position of the plan after it.
    pub(crate) after: Position,
}

/// The order in which a batch is sent: by peer, and for each peer in the order of the batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'a, P> {
    runs: &'a [Run<P>],
    order: &'a [u32],
}

impl<'a, P: Copy + Ord> Plan<'a, P> {
    /// `order` is a buffer for the plan.
    pub(crate) fn new(runs: &'a [Run<P>], order: &'a mut Vec<u32>) -> Plan<'a, P> {
        order.clear();
        order.extend((0_u32..).take(runs.len()));
        if runs.windows(2).any(|pair| pair[0].peer != pair[1].peer) {
            order.sort_unstable_by_key(|run| (runs[*run as usize].peer, *run));
        }
        Plan { runs, order }
    }

    fn run(&self, position: usize) -> Option<&'a Run<P>> {
        self.order.get(position).map(|run| &self.runs[*run as usize])
    }

    /// Fills `messages` with the messages of one call, at most `most`, and `parts` with the ranges of
    /// their bytes. All segmented messages of a call have one segment size, which is returned, and no
    /// other message is longer than that. `share_call` returns whether messages to two peers can be sent
    /// in one call. There are no messages if the plan is finished.
    pub(crate) fn call(
        &self,
        mut position: Position,
        (limits, share_call): (Limits, impl Fn(&P, &P) -> bool),
        most: usize,
        messages: &mut Vec<GsoMessage<P>>,
        parts: &mut Vec<Range<usize>>,
    ) -> Option<usize> {
        messages.clear();
        parts.clear();
        let (mut segment_size, mut longest_whole) = (None, 0);
        while messages.len() < most {
            let before = parts.len();
            let Some(message) = self.message(position, limits, parts) else { break };
            let fits = match (segment_size, message.count) {
                (None, 1) => true,
                (Some(segment_size), 1) => message.segment <= segment_size,
                (None, _) => longest_whole <= message.segment,
                (Some(segment_size), _) => message.segment == segment_size,
            };
            let shares = messages.first().is_none_or(|first| share_call(&first.peer, &message.peer));
            if !fits || !shares {
                parts.truncate(before);
                break;
            }
            if message.count > 1 {
                segment_size = Some(message.segment);
            } else {
                longest_whole = longest_whole.max(message.segment);
            }
            position = message.after;
            messages.push(message);
        }
        segment_size
    }

    /// Returns the next message, and appends the ranges of its bytes to `parts`.
    fn message(
        &self,
        mut position: Position,
        limits: Limits,
        parts: &mut Vec<Range<usize>>,
    ) -> Option<GsoMessage<P>> {
        let first = self.run(position.run)?;
        let (peer, segment, index) = (first.peer, first.size, first.index + position.done);
        // An empty datagram cannot be a segment.
        let is_segmented = (1..=limits.size).contains(&segment);
        let most = if is_segmented { limits.segments.max(1) } else { 1 };
        let before = parts.len();
        let (mut count, mut bytes) = (0, 0);
        while let Some(run) = self.run(position.run).filter(|run| run.peer == peer && count < most) {
            let is_last = run.size != segment;
            let room = match count {
                0 => most.min((LARGEST_MESSAGE / segment.max(1)).max(1)),
                _ if run.size == 0 || run.size > segment => 0,
                _ if is_last => usize::from(bytes + run.size <= LARGEST_MESSAGE),
                _ => (most - count).min(LARGEST_MESSAGE.saturating_sub(bytes) / segment),
            };
            let taken = room.min(run.count - position.done);
            if taken == 0 {
                break;
            }
            let start = run.at + position.done * run.size;
            let end = start + taken * run.size;
            match parts.last_mut().filter(|last| last.end == start && count > 0) {
                Some(last) => last.end = end,
                None => parts.push(start..end),
            }
            count += taken;
            bytes += taken * run.size;
            position.done += taken;
            if position.done == run.count {
                position = Position { run: position.run + 1, done: 0 };
            }
            if is_last {
                break;
            }
        }
        Some(GsoMessage { peer, segment, count, index, parts: before..parts.len(), after: position })
    }

    /// Returns the position after the next datagram.
    pub(crate) fn past_one(&self, position: Position) -> Position {
        match self.run(position.run) {
            Some(run) if position.done + 1 < run.count => Position { done: position.done + 1, ..position },
            Some(_) => Position { run: position.run + 1, done: 0 },
            None => position,
        }
    }

    /// Returns for each run up to a position how many of its datagrams are done.
    pub(crate) fn done(&self, position: Position) -> impl Iterator<Item = (usize, usize)> + use<'a, P> {
        let order: &'a [u32] = self.order;
        let runs: &'a [Run<P>] = self.runs;
        order.iter().enumerate().take(position.run + 1).map(move |(place, run)| {
            let run = *run as usize;
            (run, if place < position.run { runs[run].count } else { position.done })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: Limits = Limits { segments: 128, size: usize::MAX };

    /// The runs of datagrams, as a batch makes them.
    fn runs(datagrams: &[(u8, usize)]) -> Vec<Run<u8>> {
        let (mut runs, mut at): (Vec<Run<u8>>, usize) = (Vec::new(), 0);
        for (index, (peer, size)) in datagrams.iter().copied().enumerate() {
            match runs.last_mut() {
                Some(last) if (last.peer, last.size) == (peer, size) => last.count += 1,
                _ => runs.push(Run { peer, size, count: 1, at, index }),
            }
            at += size;
        }
        runs
    }

    /// The segment size of a call, and of each message its peer, size and count.
    type Call = (Option<usize>, Vec<(u8, usize, usize)>);

    /// The calls in which these datagrams are sent.
    fn calls(datagrams: &[(u8, usize)], limits: Limits) -> Vec<Call> {
        let (runs, mut order) = (runs(datagrams), Vec::new());
        let plan = Plan::new(&runs, &mut order);
        let (mut messages, mut parts, mut position, mut calls) =
            (Vec::new(), Vec::new(), Position::default(), Vec::new());
        loop {
            let segment_size =
                plan.call(position, (limits, |_: &_, _: &_| true), 64, &mut messages, &mut parts);
            let Some(last) = messages.last() else { return calls };
            position = last.after;
            calls.push((
                segment_size,
                messages.iter().map(|message| (message.peer, message.segment, message.count)).collect(),
            ));
        }
    }

    #[test]
    fn equal_sizes_group_and_shorter_datagram_ends_message() {
        let datagrams = [(1, 100), (1, 100), (1, 100), (1, 30), (1, 100)];
        assert_eq!(calls(&datagrams, ALL), [(Some(100), vec![(1, 100, 4), (1, 100, 1)])]);
    }

    #[test]
    fn longer_or_empty_datagram_is_not_grouped() {
        assert_eq!(calls(&[(1, 10), (1, 20)], ALL), [(None, vec![(1, 10, 1), (1, 20, 1)])]);
        assert_eq!(calls(&[(1, 0), (1, 0)], ALL), [(None, vec![(1, 0, 1), (1, 0, 1)])]);
        assert_eq!(calls(&[(1, 5), (1, 5), (1, 0)], ALL), [(Some(5), vec![(1, 5, 2), (1, 0, 1)])]);
    }

    #[test]
    fn datagrams_are_grouped_by_peer() {
        let datagrams = [(2, 10), (1, 10), (2, 10), (1, 10)];
        assert_eq!(calls(&datagrams, ALL), [(Some(10), vec![(1, 10, 2), (2, 10, 2)])]);
    }

    #[test]
    fn call_has_one_segment_size() {
        let datagrams = [(1, 30), (1, 30), (2, 20), (2, 20), (2, 90)];
        let expected = [(Some(30), vec![(1, 30, 2)]), (Some(20), vec![(2, 20, 2)]), (None, vec![(2, 90, 1)])];
        assert_eq!(calls(&datagrams, ALL), expected);
        // A single datagram shares the call if it is no longer than a segment.
        assert_eq!(calls(&[(1, 9), (2, 9), (2, 9)], ALL), [(Some(9), vec![(1, 9, 1), (2, 9, 2)])]);
        let expected = [(None, vec![(1, 10, 1)]), (Some(9), vec![(2, 9, 2)])];
        assert_eq!(calls(&[(1, 10), (2, 9), (2, 9)], ALL), expected);
    }

    #[test]
    fn message_stays_within_datagram_size_and_segment_limit() {
        let many = calls(&[(1, 1); 300], ALL);
        assert_eq!(many, [(Some(1), vec![(1, 1, 128), (1, 1, 128), (1, 1, 44)])]);
        let large = calls(&[(1, 8_000); 9], ALL);
        assert_eq!(large, [(Some(8_000), vec![(1, 8_000, 8), (1, 8_000, 1)])]);
        // 64,000 bytes, and 1,507 that fill it up.
        let mut datagrams = [(1, 8_000); 9];
        datagrams[8] = (1, 1_507);
        assert_eq!(calls(&datagrams, ALL), [(Some(8_000), vec![(1, 8_000, 9)])]);
        datagrams[8] = (1, 1_508);
        assert_eq!(calls(&datagrams, ALL), [(Some(8_000), vec![(1, 8_000, 8), (1, 1_508, 1)])]);
        assert_eq!(calls(&[(1, 70_000); 2], ALL), [(None, vec![(1, 70_000, 1); 2])]);
    }

    #[test]
    fn limits_shrink_after_segment_fault() {
        let limits = ALL.after(SegmentFault::Refused, 65, 100);
        assert_eq!(limits, Limits { segments: 64, size: usize::MAX });
        let limits = limits.after(SegmentFault::Refused, 64, 100);
        assert_eq!(limits, Limits { segments: 64, size: 99 });
        assert_eq!(limits.after(SegmentFault::Refused, 2, 200).size, 99, "limits only decrease");
        assert_eq!(calls(&[(1, 100); 2], limits), [(None, vec![(1, 100, 1); 2])]);
        assert_eq!(calls(&[(1, 99); 2], limits), [(Some(99), vec![(1, 99, 2)])]);
        let off = limits.after(SegmentFault::Unsupported, 2, 10);
        assert_eq!(calls(&[(1, 10); 2], off), [(None, vec![(1, 10, 1); 2])]);
        let none = Limits { segments: 1, size: 0 };
        assert_eq!(calls(&[(1, 10); 2], none), [(None, vec![(1, 10, 1); 2])]);
    }

    #[test]
    fn done_counts_datagrams_of_each_run_at_any_position() {
        let runs = runs(&[(2, 10), (1, 10), (1, 10), (1, 10)]);
        let mut order = Vec::new();
        let plan = Plan::new(&runs, &mut order);
        let done = |position| plan.done(position).collect::<Vec<_>>();
        let one = plan.past_one(Position::default());
        assert_eq!(done(one), [(1, 1)]);
        let all_of_one = plan.past_one(plan.past_one(one));
        assert_eq!(done(all_of_one), [(1, 3), (0, 0)]);
        let all = plan.past_one(all_of_one);
        assert_eq!(done(all), [(1, 3), (0, 1)]);
        assert_eq!(plan.past_one(all), all);
    }

    /// The datagrams of a message, as the OS segments it.
    fn expand(bytes: &[u8], segment: usize, count: usize) -> Vec<Vec<u8>> {
        if count == 1 { vec![bytes.to_vec()] } else { bytes.chunks(segment).map(<[u8]>::to_vec).collect() }
    }

    proptest! {
        /// Each peer receives the datagrams that it would receive from single sends, in order.
        #[test]
        fn plan_matches_individual_sends(
            datagrams in proptest::collection::vec((0_u8..4, prop_oneof![
                Just(0_usize), Just(64), Just(64), 1_usize..80, Just(8_000), Just(65_507)
            ]), 0..200),
            segments in prop_oneof![Just(1_usize), Just(2), Just(64), Just(128)],
            size in prop_oneof![Just(0_usize), Just(63), Just(64), Just(usize::MAX)],
            most in 1_usize..70,
        ) {
            let bytes: Vec<u8> = datagrams.iter().enumerate()
                .flat_map(|(index, (_, size))| (0..*size).map(move |at| (index * 31 + at) as u8))
                .collect();
            let (runs, mut order) = (runs(&datagrams), Vec::new());
            let plan = Plan::new(&runs, &mut order);
            let (mut messages, mut parts) = (Vec::new(), Vec::new());
            let (mut position, mut sent): (_, Vec<Vec<Vec<u8>>>) = (Position::default(), vec![Vec::new(); 4]);
            loop {
                let limits = Limits { segments, size };
                let segment_size = plan.call(position, (limits, |_: &_, _: &_| true), most, &mut messages, &mut parts);
                let Some(last) = messages.last() else { break };
                position = last.after;
                prop_assert!(messages.len() <= most);
                for message in &messages {
                    let message_bytes: Vec<u8> =
                        parts[message.parts.clone()].iter().flat_map(|part| bytes[part.clone()].to_vec()).collect();
                    prop_assert!(message.count <= segments.max(1));
                    if message.count > 1 {
                        prop_assert_eq!(segment_size, Some(message.segment));
                        prop_assert!(message_bytes.len() <= LARGEST_MESSAGE && message.segment <= size);
                    } else {
                        prop_assert!(segment_size.is_none_or(|segment_size| message_bytes.len() <= segment_size));
                    }
                    let expanded = expand(&message_bytes, message.segment, message.count);
                    prop_assert_eq!(expanded.len(), message.count);
                    prop_assert_eq!(datagrams[message.index], (message.peer, expanded[0].len()));
                    sent[usize::from(message.peer)].extend(expanded);
                }
            }
            let mut expected: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 4];
            let mut at = 0;
            for (peer, size) in &datagrams {
                expected[usize::from(*peer)].push(bytes[at..at + size].to_vec());
                at += size;
            }
            prop_assert_eq!(sent, expected);
        }
    }
}
