//! The race of a name's addresses, on a clock of its own.

use std::time::Duration;

use super::choices::{Choices, clock};
use crate::proto::race::{MOST, Race, Step, interleave};

/// What an address does, so long after its attempt began.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Silent,
    Fails(Duration),
    Connects(Duration),
}

impl Fate {
    fn after(self) -> Option<Duration> {
        match self {
            Fate::Silent => None,
            Fate::Fails(after) | Fate::Connects(after) => Some(after),
        }
    }
}

/// It ends by its deadline with one who is connected or none, has no more under way than may be, and begins each address once.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    let delay = (choices.byte() & 3 > 0).then(|| choices.time());
    let start = clock();
    let deadline = (choices.byte() & 3 > 0).then(|| start.checked_add(choices.time())).flatten();
    let count = choices.below(40);
    let fates: Vec<Fate> = (0..count)
        .map(|_| match choices.below(8) {
            0..=3 => Fate::Silent,
            7 => Fate::Connects(choices.time()),
            _ => Fate::Fails(choices.time()),
        })
        .collect();
    let mut race = Race::new(count, delay, deadline);
    let (mut now, mut running, mut begun) = (start, Vec::new(), 0);
    let mut ended = vec![false; count];
    for _ in 0..8 * count + 8 {
        match race.poll(now) {
            Step::Begin(address) => {
                assert_eq!(address, begun, "in the order of preference");
                begun += 1;
                assert!(
                    deadline.is_none_or(|deadline| now < deadline),
                    "nothing begins when the time is over"
                );
                running.push((address, now));
                assert!(running.len() <= if delay.is_some() { MOST } else { 1 });
            }
            Step::GiveUp(address) => {
                let place = running.iter().position(|(running, _)| *running == address);
                running.remove(place.expect("who is given up was under way"));
                ended[address] = true;
            }
            Step::Won(address) => {
                assert!(matches!(fates[address], Fate::Connects(_)) && address < begun);
                assert_eq!(race.poll(now), Step::Won(address), "who has won has won");
                return;
            }
            Step::Lost => {
                assert!(running.is_empty(), "all are ended before it is lost");
                let is_over = deadline.is_some_and(|deadline| now >= deadline);
                assert!(is_over || ended.iter().all(|ended| *ended), "some have not had their turn");
                assert_eq!(race.poll(now), Step::Lost);
                return;
            }
            Step::Wait(until) => {
                assert!(until.is_none_or(|until| until > now), "it would wait for what is over");
                assert!(!running.is_empty());
                // At the latest by the deadline, and mostly when the first of those under way has an end.
                let end = |(address, since): &(usize, std::time::Instant)| {
                    since.checked_add(fates[*address].after()?)
                };
                let Some(next) = running.iter().filter_map(end).chain(until).min() else {
                    assert!(deadline.is_none(), "a wait that may never end");
                    return;
                };
                now = next.max(now);
                if choices.byte() & 7 == 7 {
                    now += Duration::from_millis(choices.byte().into());
                }
                let over: Vec<usize> = running
                    .iter()
                    .filter(|running| end(running).is_some_and(|end| end <= now))
                    .map(|(address, _)| *address)
                    .collect();
                for address in over {
                    running.retain(|(running, _)| *running != address);
                    ended[address] = true;
                    match fates[address] {
                        Fate::Connects(_) => race.handle_success(address),
                        _ => race.handle_failure(address, now),
                    }
                }
            }
        }
    }
    panic!("it does not come to an end: {race:?} of {fates:?}");
}

/// All are there, the first is the first, and two of one family follow each other only when the other has no more.
pub fn families(data: &[u8]) {
    let addresses: Vec<std::net::SocketAddr> = data
        .iter()
        .enumerate()
        .map(|(port, byte)| match byte & 1 {
            0 => ([127, 0, 0, 1], port as u16).into(),
            _ => ([0, 0, 0, 0, 0, 0, 0, 1], port as u16).into(),
        })
        .collect();
    let interleaved = interleave(&addresses);
    assert_eq!(interleaved.first(), addresses.first());
    for is_v6 in [false, true] {
        let of = |all: &[std::net::SocketAddr]| {
            all.iter().copied().filter(|one| one.is_ipv6() == is_v6).collect::<Vec<_>>()
        };
        assert_eq!(of(&interleaved), of(&addresses), "the order of each family is kept");
    }
    let twice = interleaved.windows(2).position(|pair| pair[0].is_ipv6() == pair[1].is_ipv6());
    if let Some(twice) = twice {
        let family = interleaved[twice].is_ipv6();
        assert!(
            interleaved[twice..].iter().all(|one| one.is_ipv6() == family),
            "the other family has no more"
        );
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn race_ends_by_deadline_within_attempt_limit() {
        crate::fuzzing::trial::holds("race", super::property);
    }

    #[test]
    fn interleave_alternates_address_families() {
        crate::fuzzing::trial::holds("race", super::families);
    }
}
