use super::*;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

/// What an address does, in milliseconds after its attempt began.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Silent,
    Fails(u32),
    Connects(u32),
}
use Outcome::*;

/// What came of a race on a clock of the test's, in milliseconds since it began.
#[derive(Debug, Default, PartialEq)]
struct Run {
    begun: Vec<(usize, u32)>,
    given_up: Vec<(usize, u32)>,
    most_at_once: usize,
    won: Option<usize>,
    end: u32,
}

impl Run {
    fn times(&self) -> Vec<u32> {
        self.begun.iter().map(|(_, at)| *at).collect()
    }
}

#[allow(clippy::disallowed_methods, reason = "a clock of the test's must begin somewhere")]
fn clock() -> Instant {
    Instant::now()
}

/// Runs a race to its end. What happens in one millisecond is told together.
fn run(outcomes: &[Outcome], delay: Option<u32>, deadline: Option<u32>) -> Run {
    let start = clock();
    let at = |millis: u32| start + millis * MS;
    let mut race = Race::new(outcomes.len(), delay.map(|delay| delay * MS), deadline.map(at));
    let (mut now, mut running, mut seen) = (0, Vec::<(usize, u32)>::new(), Run::default());
    loop {
        seen.end = now;
        match race.poll(at(now)) {
            Step::Begin(address) => {
                seen.begun.push((address, now));
                running.push((address, now));
                seen.most_at_once = seen.most_at_once.max(running.len());
            }
            Step::GiveUp(address) => {
                assert!(
                    running.iter().any(|(running, _)| *running == address),
                    "{address} was not under way"
                );
                running.retain(|(running, _)| *running != address);
                seen.given_up.push((address, now));
            }
            Step::Won(address) => {
                seen.won = Some(address);
                return seen;
            }
            Step::Lost => return seen,
            Step::Wait(until) => {
                let end_of = |(address, since): &(usize, u32)| match outcomes[*address] {
                    Silent => None,
                    Fails(after) | Connects(after) => Some(since + after),
                };
                let millis = |until: Instant| until.duration_since(start).as_micros().div_ceil(1_000) as u32;
                let next = running.iter().filter_map(end_of).chain(until.map(millis)).min();
                now = next.expect("a wait that ends");
                let over: Vec<_> =
                    running.iter().filter(|running| end_of(running) == Some(now)).copied().collect();
                // From the last to the first, because it must not matter.
                for (address, _) in over.into_iter().rev() {
                    running.retain(|(running, _)| *running != address);
                    match outcomes[address] {
                        Connects(_) => race.handle_success(address),
                        _ => race.handle_failure(address, at(now)),
                    }
                }
            }
        }
    }
}

fn addresses(text: &str) -> Vec<SocketAddr> {
    text.split_whitespace().map(|address| SocketAddr::new(address.parse().unwrap(), 80)).collect()
}

/// RFC 8305, 4: "Whichever address family is first in the list should be followed by an address of the other address family;
/// that is, if the first address in the sorted list is IPv6, then the first IPv4 address should be moved up in the list to be
/// second in the list."
#[test]
fn interleave_alternates_families() {
    for (list, preferred) in [
        ("::1 ::2 ::3 1.0.0.1 1.0.0.2", "::1 1.0.0.1 ::2 1.0.0.2 ::3"),
        ("1.0.0.1 1.0.0.2 ::1", "1.0.0.1 ::1 1.0.0.2"),
        ("::1 1.0.0.1 1.0.0.2 1.0.0.3", "::1 1.0.0.1 1.0.0.2 1.0.0.3"),
        ("1.0.0.2 1.0.0.1", "1.0.0.2 1.0.0.1"),
        ("::1", "::1"),
        ("", ""),
    ] {
        assert_eq!(interleave(&addresses(list)), addresses(preferred), "{list}");
    }
}

/// RFC 8305, 5: "In order to avoid unreasonable network load, connection attempts SHOULD NOT be made simultaneously.  Instead,
/// one connection attempt to a single address is started first, followed by the others in the list, one at a time."
#[test]
fn attempts_start_one_per_delay() {
    let run = run(&[Silent, Silent, Silent, Connects(30)], Some(250), Some(10_000));
    assert_eq!(run.begun, [(0, 0), (1, 250), (2, 500), (3, 750)]);
    assert_eq!((run.won, run.end), (Some(3), 780));
}

/// RFC 8305, 5: "Starting a new connection attempt does not affect previous attempts, as multiple connection attempts may occur
/// in parallel."
#[test]
fn earlier_attempt_can_win_after_later_start() {
    let run = run(&[Connects(600), Silent, Silent], Some(250), Some(10_000));
    assert_eq!((run.begun.len(), run.won, run.end), (3, Some(0), 600));
    assert_eq!(run.given_up, []);
}

/// RFC 8305, 5: "Any address that was not yet attempted as a connection SHOULD be ignored."
#[test]
fn no_attempt_starts_after_connect() {
    let run = run(&[Connects(249), Silent, Silent], Some(250), Some(10_000));
    assert_eq!((run.begun.len(), run.won, run.end), (1, Some(0), 249));
}

/// Nobody waits for the delay behind one that has failed, and the delay is counted anew from there.
#[test]
fn failure_starts_next_attempt_immediately() {
    let run = run(&[Fails(10), Fails(0), Silent, Connects(5)], Some(250), Some(10_000));
    assert_eq!(run.times(), [0, 10, 10, 260]);
    assert_eq!((run.won, run.end), (Some(3), 265));
}

/// As one that is refused while others are under way: they go on.
#[test]
fn later_failure_starts_next_and_keeps_earlier_attempts() {
    let run = run(&[Connects(400), Fails(20), Silent, Silent], Some(250), Some(10_000));
    assert_eq!(run.times(), [0, 250, 270]);
    assert_eq!((run.won, run.end), (Some(0), 400));
}

#[test]
fn most_preferred_connected_address_wins() {
    let run = run(&[Fails(500), Connects(450), Connects(200), Silent], Some(250), Some(10_000));
    assert_eq!(run.times(), [0, 250, 500]);
    assert_eq!((run.won, run.end), (Some(1), 700));
    let mut race = Race::new(3, Some(MS), None);
    let start = clock();
    assert_eq!(race.poll(start), Step::Begin(0));
    assert_eq!(race.poll(start + MS), Step::Begin(1));
    assert_eq!(race.poll(start + 2 * MS), Step::Begin(2));
    race.handle_success(2);
    race.handle_success(1);
    race.handle_failure(0, start + 3 * MS);
    assert_eq!(race.poll(start + 3 * MS), Step::Won(1));
}

/// RFC 8305, 5: "More specifically, a subsequent connection MUST NOT be started within 10 milliseconds of the previous
/// attempt.  The recommended minimum value is 100 milliseconds, which is referred to as the "Minimum Connection Attempt Delay"."
/// The time is divided among all, as far as that allows.
#[test]
fn short_deadline_divides_delay_down_to_100_ms() {
    let six = run(&[Silent; 6], Some(250), Some(1_000));
    assert_eq!(six.times(), [0, 167, 334, 501, 668, 834]);
    assert_eq!((six.won, six.end, six.given_up.len()), (None, 1_000, 6));
    assert!(six.given_up.iter().all(|(_, at)| *at == 1_000));
    // Where there is time enough the delay is what was asked for.
    assert_eq!(run(&[Silent; 4], Some(250), Some(1_000)).times(), [0, 250, 500, 750]);
    // Nor is it made longer.
    assert_eq!(run(&[Silent; 6], Some(10), Some(1_000)).times(), [0, 10, 20, 30, 40, 50]);
    // No more than ten begin in a second.
    let twenty = run(&[Silent; 20], Some(250), Some(1_000));
    assert_eq!(twenty.times(), [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
    assert_eq!((twenty.most_at_once, twenty.end), (6, 1_000));
}

/// When six are silent, the first of them makes room: after two seconds, or when the others would have no time.
#[test]
fn six_silent_attempts_do_not_block_the_seventh() {
    let run_of_nine = run(&[&[Silent; 8][..], &[Connects(20)]].concat(), Some(250), Some(10_000));
    assert_eq!(run_of_nine.times(), [0, 250, 500, 750, 1_000, 1_250, 2_000, 2_250, 2_500]);
    assert_eq!(run_of_nine.given_up, [(0, 2_000), (1, 2_250), (2, 2_500)]);
    assert_eq!((run_of_nine.most_at_once, run_of_nine.won, run_of_nine.end), (6, Some(8), 2_520));
    // Without a deadline, too: the system's own would be two minutes for each.
    let endless = run(&[&[Silent; 6][..], &[Connects(20)]].concat(), Some(250), None);
    assert_eq!((endless.times()[6], endless.won, endless.end), (2_000, Some(6), 2_020));
    // Those that remain share what remains, (2,000 − 1,250) / 3 each.
    let short = run(&[Silent; 8], Some(250), Some(2_000));
    assert_eq!(short.times()[5..], [1_250, 1_500, 1_750]);
    assert_eq!(short.given_up[..2], [(0, 1_500), (1, 1_750)]);
    let hurried = run(&[Silent; 8], Some(100), Some(2_000));
    assert_eq!(hurried.times()[5..], [500, 1_000, 1_500]);
    // Nobody is given up before the next is due.
    let slow = run(&[Silent; 8], Some(2_000), Some(60_000));
    assert_eq!(slow.times(), [0, 2_000, 4_000, 6_000, 8_000, 10_000, 12_000, 14_000]);
    assert_eq!(slow.given_up[..2], [(0, 12_000), (1, 14_000)]);
    // One that fails makes room at once, and nobody is given up for it.
    let lucky = run(&[&[Silent; 5][..], &[Fails(50), Connects(10)]].concat(), Some(250), Some(10_000));
    assert_eq!((lucky.times()[6], lucky.given_up.len(), lucky.end), (1_300, 0, 1_310));
}

/// The table of curl's `unit2600`: how many begin, how long it takes until all have failed, how many are under way at once.
#[test]
fn failed_races_follow_curl_unit2600_cases() {
    for (fails, count, delay, begun, end, at_once) in [
        (250, 1, 150, 1, 250, 1),
        (250, 2, 150, 2, 400, 2),
        (500, 1, 150, 1, 500, 1),
        (400, 4, 50, 4, 550, 4),
        // The seventh begins when the first has failed: curl would give it up before.
        (500, 9, 20, 9, 1_040, 6),
    ] {
        let run = run(&vec![Fails(fails); count], Some(delay), Some(60_000));
        let seen = (run.begun.len(), run.end, run.most_at_once, run.won);
        assert_eq!(seen, (begun, end, at_once, None), "{count} that fail after {fails}, {delay} apart");
    }
}

/// The table of Go's `TestDialParallel`, with its delay of 300 ms: who wins, and when.
#[test]
fn race_matches_go_test_dial_parallel() {
    let many = [vec![Fails(0); 1_000], vec![Connects(0)]].concat();
    for (name, outcomes, won, end) in [
        ("these should just work on the first try", &[Connects(0), Connects(0)][..], Some(0), 0),
        ("primary is slow; fallback should kick in", &[Silent, Connects(0)], Some(1), 300),
        ("skip a refused one of the first family", &[Fails(0), Silent, Connects(0)], Some(2), 300),
        ("skip a refused one of the other family", &[Silent, Fails(0), Connects(0)], Some(2), 300),
        ("primary refused, fallback without delay", &[Fails(0), Connects(0)], Some(1), 0),
        ("everything is refused", &[Fails(0), Fails(0)], None, 0),
        ("nothing to do; fail instantly", &[], None, 0),
        ("tons of addresses do not trip the deadline", &many, Some(1_000), 0),
    ] {
        let run = run(outcomes, Some(300), Some(10_000));
        assert_eq!((run.won, run.end), (won, end), "{name}");
    }
}

/// Without a delay each has its share of the time, at least two seconds, and the next begins only after its end.
#[test]
fn attempts_are_sequential_without_delay() {
    let run_of_three = run(&[Silent, Fails(100), Connects(100)], None, Some(9_000));
    assert_eq!(run_of_three.begun, [(0, 0), (1, 3_000), (2, 3_100)]);
    assert_eq!(
        (run_of_three.given_up, run_of_three.won, run_of_three.most_at_once),
        (vec![(0, 3_000)], Some(2), 1)
    );
    let short = run(&[Silent; 3], None, Some(3_000));
    assert_eq!((short.times(), short.end), (vec![0, 2_000], 3_000), "the third has no turn");
    let endless = run(&[Fails(130_000), Connects(1)], None, None);
    assert_eq!((endless.times(), endless.won), (vec![0, 130_000], Some(1)), "the system's own time");
}

#[test]
fn no_attempt_starts_after_deadline() {
    let run = run(&[Connects(0)], Some(250), Some(0));
    assert_eq!(run, Run::default());
}

/// Who was given up and is told of all the same hurries nobody.
#[test]
fn failure_of_inactive_attempt_is_ignored() {
    let start = clock();
    let mut race = Race::new(3, Some(250 * MS), None);
    assert_eq!(race.poll(start), Step::Begin(0));
    race.handle_failure(2, start + MS);
    assert_eq!(race.poll(start + MS), Step::Wait(Some(start + 250 * MS)));
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Silent), (0..4_000_u32).prop_map(Fails), (0..4_000_u32).prop_map(Connects)]
}

proptest! {
    /// Whatever happens: it ends, and in time; nobody begins twice or out of turn; no more than six are under way; and who wins
    /// is connected.
    #[test]
    fn any_race_ends_by_deadline(
        outcomes in proptest::collection::vec(any_outcome(), 0..30),
        delay in proptest::option::of(10..2_000_u32),
        deadline in 0..20_000_u32,
    ) {
        let run = run(&outcomes, delay, Some(deadline));
        prop_assert!(run.end <= deadline);
        prop_assert!(run.begun.iter().map(|(address, _)| *address).eq(0..run.begun.len()));
        let most = if delay.is_some() { MOST } else { 1 };
        prop_assert!(run.most_at_once <= most);
        match run.won {
            Some(won) => prop_assert!(matches!(outcomes[won], Connects(_))),
            None => prop_assert!(run.end == deadline || run.begun.len() == outcomes.len()),
        }
        if let Some(delay) = delay {
            // Beside others one begins no sooner than its delay allows, unless somebody has failed.
            let failed = outcomes.iter().any(|outcome| matches!(outcome, Fails(_)));
            let gaps = run.times().windows(2).map(|pair| pair[1] - pair[0]).min();
            prop_assert!(failed || gaps.is_none_or(|gap| gap >= delay.min(100)));
        }
    }

    /// Where nobody hurries them, all have their turn, if that is a tenth of a second for each.
    #[test]
    fn every_address_is_tried_given_100_ms_each(count in 1..60_u32, delay in 10..2_000_u32, spare in 0..5_000_u32) {
        let run = run(&vec![Silent; count as usize], Some(delay), Some(count * 100 + spare));
        prop_assert_eq!(run.begun.len(), count as usize);
    }
}
