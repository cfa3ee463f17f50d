//! Waits and limits: retries, reconnects, faults of accept, a discovery, who may come in.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::choices::{Choices, clock};
use crate::proto::attempts::share;
use crate::proto::discovery::{ReplyFilter, Schedule, Step as Ask, Verdict};
use crate::proto::reconnect::{Rounds, Step};
use crate::proto::retry::Retry;
use crate::proto::server::accept::{AcceptFault, AcceptFaults, AfterFault};
use crate::proto::server::admission::{Admission, Admitted, Peer, Verdict as Admits};

const SHORTEST: Duration = Duration::from_millis(10);

fn retry(choices: &mut Choices<'_>) -> Retry {
    let float = |choices: &mut Choices<'_>| f64::from_bits(choices.number());
    let retry = Retry::new().attempts(choices.pick(&[4, 0, 1, 2, 40, u32::MAX]));
    let retry = retry.initial_delay(choices.time()).max_delay(choices.time());
    let retry = if choices.is() { retry.multiplier(float(choices)) } else { retry };
    if choices.is() { retry.jitter(float(choices)) } else { retry }
}

/// There are as many waits as attempts, none is longer than it may be, and without jitter they grow.
fn retries(mut choices: Choices<'_>) {
    let retry = retry(&mut choices);
    // The jitter makes it twice as long at most.
    let longest =
        Duration::try_from_secs_f64(retry.longest_wait().as_secs_f64() * 2.0).unwrap_or(Duration::MAX);
    let mut before = Duration::ZERO;
    for attempt in (0..50).chain([i32::MAX as u32, u32::MAX - 1]) {
        let wait = retry.wait(attempt, choices.number());
        assert_eq!(wait.is_some(), attempt < retry.most_attempts());
        assert!(wait.is_none_or(|wait| wait <= longest.saturating_add(LEAST)), "{wait:?} {retry:?}");
        let steady = retry.jitter(0.0).pause(attempt, choices.number());
        assert!(
            steady >= before && steady <= retry.longest_wait().saturating_add(LEAST),
            "{steady:?} {retry:?}"
        );
        before = steady;
    }
    assert!(
        retry.total_delay() >= retry.jitter(0.0).pause(0, 0).min(retry.longest_wait())
            || retry.total_delay() == Duration::MAX
    );
}

/// What a float of seconds may be wrong by, for a century of them.
const LEAST: Duration = Duration::from_micros(1);

/// Two rounds are never closer together than the shortest wait, unless a connection was long; and failures have an end.
fn reconnects(mut choices: Choices<'_>) {
    let retry = retry(&mut choices);
    let (mut rounds, mut now) = (Rounds::new(retry), clock());
    let (mut ended, mut failed): (Option<std::time::Instant>, u32) = (None, 0);
    for _ in 0..200 {
        match rounds.poll(now, choices.number()) {
            Step::Over => {
                assert_eq!(rounds.poll(now, 0), Step::Over, "what is over stays over");
                return;
            }
            Step::Wait(until) => {
                assert!(until > now, "it would wait for what is over");
                now = if choices.byte() & 3 == 0 { now + (until - now) / 2 } else { until };
                continue;
            }
            Step::Connect => assert!(ended.is_none_or(|ended| now - ended >= SHORTEST), "it spins"),
        }
        assert!(failed < retry.most_attempts().max(1));
        match choices.below(8) {
            0 => rounds.handle_stopped(),
            1..=3 => {
                failed = 0;
                rounds.handle_connected(now);
                let lasts = choices.time().min(Duration::from_secs(1 << 24));
                now += lasts;
                ended = (lasts < retry.longest_wait().max(SHORTEST)).then_some(now);
            }
            four => {
                failed += 1;
                rounds.handle_failed(four > 4, now, choices.number());
                ended = Some(now);
            }
        }
    }
}

/// An accept that fails again and again waits at least now and then, and never for longer than a second.
fn accepts(mut choices: Choices<'_>) {
    let (mut faults, mut in_a_row) = (AcceptFaults::default(), 0);
    while !choices.is_over() {
        let fault = choices.pick(&[AcceptFault::Connection, AcceptFault::Resources, AcceptFault::Listener]);
        match (fault, faults.failed(fault)) {
            (AcceptFault::Listener, after) => assert_eq!(after, AfterFault::GiveUp),
            (_, AfterFault::Wait(wait)) => {
                assert!((Duration::from_millis(5)..=Duration::from_secs(1)).contains(&wait));
                in_a_row = 0;
            }
            (AcceptFault::Connection, AfterFault::AcceptAgain) => in_a_row += 1,
            (fault, after) => panic!("{after:?} after {fault:?}"),
        }
        assert!(in_a_row < 32, "it spins");
        if choices.byte() & 15 == 0 {
            faults.succeeded();
            in_a_row = 0;
        }
    }
}

/// It asks as often as it may, with time between, and is over at the end.
fn discovery(mut choices: Choices<'_>) {
    let (start, times, spacing) = (clock(), choices.byte().into(), choices.time());
    let end = start + choices.time().min(Duration::from_secs(1 << 24));
    let (mut schedule, mut now) = (Schedule::new(times, spacing, end, start), start);
    let (mut asked, mut last) = (0_u32, None);
    for _ in 0..2 * u64::from(times) + 300 {
        match schedule.poll(now) {
            Ask::Over => return assert!(now >= end),
            Ask::Ask => {
                asked += 1;
                assert!(asked <= times.max(1) && now < end);
                assert!(last.is_none_or(|last| now - last >= spacing), "two at once");
                last = Some(now);
            }
            Ask::Wait(until) => {
                assert!(until > now && until <= end);
                let late = choices.time().min(Duration::from_secs(9));
                now = if choices.byte() & 3 == 0 { until + late } else { until };
            }
        }
    }
    panic!("it does not come to an end: {schedule:?}");
}

/// Who says what however often: no more is kept than may be, of one and of all, and what is known is known.
fn answers(mut choices: Choices<'_>) {
    let (most, most_of_one) = (choices.below(12), choices.below(5));
    let (mut heard, mut known) = (ReplyFilter::new(most, most_of_one), BTreeMap::<u16, Vec<u8>>::new());
    while !choices.is_over() {
        let (sender, word) = (u16::from(choices.byte() & 15), choices.byte() & 7);
        let count: usize = known.values().map(Vec::len).sum();
        let own = known.entry(sender).or_default();
        let expected = match own.len() {
            _ if own.contains(&word) => Verdict::Duplicate,
            // Of whom nothing was taken yet, it is not known that it is too much.
            own if own >= most_of_one && own > 0 => Verdict::HostLimit,
            _ if count >= most => Verdict::Full,
            _ => Verdict::New,
        };
        assert_eq!(
            heard.judge(SocketAddr::from(([10, 0, (sender >> 8) as u8, sender as u8], 1)), &[word]),
            expected
        );
        if expected == Verdict::New {
            own.push(word);
        }
    }
}

/// No more connections are admitted than the limits allow, and a release makes room.
fn admission(mut choices: Choices<'_>) {
    let (most, most_per_peer) = (choices.below(9), choices.is().then(|| choices.below(4)));
    let mut admission = Admission::new(most, most_per_peer);
    let mut inside: Vec<(Peer, Admitted)> = Vec::new();
    while !choices.is_over() {
        let number = choices.byte();
        let peer = Peer::from(match number & 3 {
            0 => IpAddr::from([10, 0, 0, number >> 6]),
            1 => IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0x0a00, u16::from(number >> 6)]),
            _ => IpAddr::from([0x2001, 0xdb8, 0, u16::from(number >> 6), 0, 0, 0, u16::from(number)]),
        });
        if number & 4 == 0 && !inside.is_empty() {
            admission.release(inside.remove(usize::from(number) % inside.len()).1);
        } else {
            let own = inside.iter().filter(|(own, _)| *own == peer).count();
            let (is_full, is_peer_full) =
                (inside.len() >= most, most_per_peer.is_some_and(|most| own >= most));
            let verdict = match number & 8 == 0 {
                true => admission.admit(peer),
                false if admission.reserve() => {
                    let verdict = admission.admit_reserved(peer);
                    if !matches!(verdict, Admits::Admitted(_)) {
                        admission.cancel_reservation();
                    }
                    verdict
                }
                false => Admits::Full,
            };
            match verdict {
                Admits::Admitted(admitted) => {
                    assert!(!is_full && !is_peer_full);
                    inside.push((peer, admitted));
                }
                Admits::Full => assert!(is_full),
                Admits::PeerFull => assert!(is_peer_full && !is_full),
            }
        }
        assert_eq!((admission.admitted(), admission.is_full()), (inside.len(), inside.len() >= most));
    }
}

/// A share is no more than there is, and no less than a fair chance if there is one.
fn shares(mut choices: Choices<'_>) {
    let (remaining, left) = (choices.number(), choices.number() as usize);
    let share = share(remaining, left);
    assert!(share <= remaining && (share >= 2_000_000_000 || share == remaining));
}

/// Each of the schedules.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    match choices.below(8) {
        0 => retries(choices),
        1 | 2 => reconnects(choices),
        3 => accepts(choices),
        4 => discovery(choices),
        5 => answers(choices),
        6 => admission(choices),
        _ => shares(choices),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn schedules_and_admission_respect_limits() {
        crate::fuzzing::trial::holds("schedules", super::property);
    }
}
