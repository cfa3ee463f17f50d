//! What of a batch goes to the system together.

use std::ops::Range;

use super::choices::Choices;
use crate::proto::udp::grouping::{BASE_SEGMENTS, Limits, Plan, Position, Run, SegmentFault};

const LARGEST: usize = 65_507;

/// Its peer, its size, and where its bytes are.
type Datagram = (u8, usize, usize);

/// Datagrams of a few peers and sizes.
fn datagrams(choices: &mut Choices<'_>) -> (Vec<Run<u8>>, Vec<Datagram>) {
    let (mut runs, mut all, mut at) = (Vec::<Run<u8>>::new(), Vec::new(), 0);
    for _ in 0..choices.below(24) {
        let (peer, size) = (
            choices.below(4) as u8,
            choices.pick(&[0, 1, 2, 64, 64, 100, 1_472, 8_000, 32_753, 32_754, 65_507, 70_000]),
        );
        let count = if choices.is() { 1 } else { choices.below(140) };
        for _ in 0..count {
            match runs.last_mut() {
                Some(last) if (last.peer, last.size) == (peer, size) => last.count += 1,
                _ => runs.push(Run { peer, size, count: 1, at, index: all.len() }),
            }
            all.push((peer, size, at));
            at += size;
        }
    }
    (runs, all)
}

/// Where the bytes of one datagram begin, which lie in one range, if it has any.
fn place(ranges: &[Range<usize>], mut offset: usize, size: usize) -> Option<usize> {
    if size == 0 {
        return None;
    }
    for range in ranges {
        if offset < range.len() {
            assert!(offset + size <= range.len(), "a datagram is cut in two");
            return Some(range.start + offset);
        }
        offset -= range.len();
    }
    panic!("a message has fewer bytes than datagrams");
}

/// Each datagram is sent once, in the order of its peer, within the limits, also if the OS rejects messages.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (runs, all) = datagrams(&mut choices);
    let mut order = vec![7; choices.below(3)];
    let plan = Plan::new(&runs, &mut order);
    let (mut messages, mut parts) = (Vec::new(), Vec::new());
    let mut limits = Limits {
        segments: choices.pick(&[128, 1, 2, 64, 0]),
        size: choices.pick(&[usize::MAX, 0, 63, 64, 1_472]),
    };
    let most = choices.pick(&[64, 1, 2, 1_024]);
    let (mut position, mut sent, mut refusals) = (Position::default(), Vec::new(), 0);
    loop {
        let segment_size =
            plan.call(position, (limits, |_: &_, _: &_| true), most, &mut messages, &mut parts);
        if messages.is_empty() {
            break;
        }
        assert!(messages.len() <= most);
        let accepted =
            if choices.byte() & 3 == 0 { choices.below(messages.len() + 1) } else { messages.len() };
        for (number, message) in messages.iter().enumerate() {
            let ranges = &parts[message.parts.clone()];
            let bytes: usize = ranges.iter().map(|range| range.len()).sum();
            assert!(
                (1..=limits.segments.max(1)).contains(&message.count)
                    && message.segment <= limits.size.max(bytes)
            );
            if message.count > 1 {
                assert!(message.segment > 0 && message.segment <= limits.size && bytes <= LARGEST);
                assert_eq!(segment_size, Some(message.segment), "a call is cut at one size");
                assert_eq!(bytes.div_ceil(message.segment), message.count, "it is cut into as many as it is");
            } else {
                assert!(
                    segment_size.is_none_or(|segment_size| message.segment <= segment_size),
                    "what is whole is not cut"
                );
            }
            let first = all[message.index];
            assert_eq!((first.0, first.1), (message.peer, message.segment), "the index is that of the first");
            if number < accepted {
                let size = |number: usize| message.segment.min(bytes - number * message.segment);
                let cut = (0..message.count).map(|number| {
                    (message.peer, place(ranges, number * message.segment, size(number)), size(number))
                });
                sent.extend(cut);
            }
        }
        if let Some(last) = messages[..accepted].last() {
            position = last.after;
        }
        let Some(refused) = messages.get(accepted) else { continue };
        refusals += 1;
        if refused.count > 1 {
            let fault = if choices.is() { SegmentFault::Refused } else { SegmentFault::Unsupported };
            let before = limits;
            limits = limits.after(fault, refused.count, refused.segment);
            assert_ne!(limits, before, "what was refused is not tried again");
            assert!(limits.segments <= before.segments.max(BASE_SEGMENTS) && limits.size <= before.size);
        } else if accepted == 0 {
            // One that cannot be sent is skipped, and counted as sent below.
            let peer = refused.peer;
            let place = parts[refused.parts.clone()].first().filter(|range| !range.is_empty());
            sent.push((peer, place.map(|range| range.start), refused.segment));
            position = plan.past_one(position);
        }
        assert!(refusals <= 2 * all.len() + 140, "it does not end");
    }
    let done: usize = plan.done(position).map(|(_, done)| done).sum();
    assert_eq!(done, all.len());
    for peer in 0..4 {
        let got: Vec<_> =
            sent.iter().filter(|(own, ..)| *own == peer).map(|(_, at, size)| (*at, *size)).collect();
        let wanted: Vec<_> = all
            .iter()
            .filter(|(own, ..)| *own == peer)
            .map(|(_, size, at)| ((*size > 0).then_some(*at), *size))
            .collect();
        assert_eq!(got, wanted, "to {peer}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn plan_sends_each_datagram_once_in_peer_order() {
        crate::fuzzing::trial::holds("grouping", super::property);
    }
}
