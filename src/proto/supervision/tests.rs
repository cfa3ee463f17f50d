use super::*;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);
const GRACE: Duration = Duration::from_secs(8);

fn policy() -> Policy {
    Policy {
        first: 100 * MS,
        longest: 300 * MS,
        steady: 10_000 * MS,
        short_lives: 3,
        start_timeout: 2_000 * MS,
    }
}

/// A supervision on a clock of the test's.
struct Fleet {
    supervision: Supervision,
    now: Instant,
}

impl Fleet {
    #[allow(clippy::disallowed_methods, reason = "a clock of the test's must begin somewhere")]
    fn of(places: usize) -> Fleet {
        let now = Instant::now();
        Fleet { supervision: Supervision::new(places, policy(), now), now }
    }

    /// With all of them serving.
    fn serving(places: usize) -> Fleet {
        let mut fleet = Fleet::of(places);
        for member in 0..places as Member {
            assert_eq!(fleet.order(), Some(Order::Start { member, place: member as usize }));
        }
        (0..places as Member).for_each(|member| fleet.ready(member));
        assert_eq!(fleet.order(), None);
        fleet
    }

    fn order(&mut self) -> Option<Order> {
        self.supervision.poll_order(self.now)
    }

    fn ready(&mut self, member: Member) {
        self.supervision.handle_ready(member, self.now);
    }

    fn gone(&mut self, member: Member) -> Fate {
        self.supervision.handle_gone(member, self.now)
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    /// How long it sleeps if nothing happens.
    fn sleeps(&self) -> Option<Duration> {
        self.supervision.poll_timeout().map(|moment| moment.saturating_duration_since(self.now))
    }
}

#[test]
fn no_timeout_while_all_workers_serve() {
    let fleet = Fleet::serving(3);
    assert_eq!(fleet.sleeps(), None);
    assert!(!fleet.supervision.is_over() && !fleet.supervision.is_given_up());
}

#[test]
fn early_exits_back_off_until_max_failures() {
    let mut fleet = Fleet::serving(1);
    for (member, wait) in [100, 200, 300].into_iter().enumerate() {
        let wait = wait * MS;
        assert_eq!(fleet.gone(member as Member), Fate::Replaced(wait));
        fleet.wait(wait - MS);
        assert_eq!((fleet.order(), fleet.sleeps()), (None, Some(MS)));
        fleet.wait(MS);
        assert_eq!(fleet.order(), Some(Order::Start { member: member as Member + 1, place: 0 }));
    }
    assert_eq!(fleet.gone(3), Fate::GivenUp);
    assert!(fleet.supervision.is_given_up());
    assert_eq!((fleet.order(), fleet.sleeps()), (None, None));
}

#[test]
fn stable_worker_exit_is_not_a_failure() {
    let mut fleet = Fleet::serving(1);
    for member in 0..9 {
        fleet.wait(10_000 * MS);
        assert_eq!(fleet.gone(member), Fate::Replaced(100 * MS));
        fleet.wait(100 * MS);
        assert_eq!(fleet.order(), Some(Order::Start { member: member + 1, place: 0 }));
        fleet.ready(member + 1);
    }
}

#[test]
fn unready_worker_is_killed_then_forgotten() {
    let mut fleet = Fleet::of(1);
    assert_eq!(fleet.order(), Some(Order::Start { member: 0, place: 0 }));
    assert_eq!(fleet.sleeps(), Some(2_000 * MS));
    fleet.wait(2_000 * MS);
    assert_eq!(fleet.order(), Some(Order::Kill { member: 0 }));
    assert_eq!((fleet.order(), fleet.sleeps()), (None, Some(LONGEST_DEATH)));
    fleet.wait(LONGEST_DEATH);
    assert_eq!(fleet.order(), Some(Order::Forget { member: 0 }));
    assert_eq!(fleet.gone(0), Fate::Replaced(100 * MS));
}

#[test]
fn restart_replaces_workers_sequentially() {
    let mut fleet = Fleet::serving(2);
    assert!(fleet.supervision.begin_restart(GRACE));
    assert!(!fleet.supervision.begin_restart(GRACE), "one at a time");
    for (old, new) in [(0, 2), (1, 3)] {
        assert_eq!(fleet.order(), Some(Order::Start { member: new, place: old as usize }));
        assert_eq!(fleet.order(), None, "the old one serves until the new one does");
        fleet.ready(new);
        let shortened = GRACE - 500 * MS;
        assert_eq!(fleet.order(), Some(Order::Leave { member: old, grace: shortened }));
        assert_eq!((fleet.order(), fleet.sleeps()), (None, Some(GRACE)));
        assert_eq!(fleet.gone(old), Fate::Left);
    }
    assert_eq!(fleet.order(), Some(Order::Restarted { failed: None }));
    assert_eq!((fleet.order(), fleet.sleeps()), (None, None));
    assert!(fleet.supervision.begin_restart(GRACE), "and another time");
}

#[test]
fn restart_kills_old_worker_at_deadline() {
    let mut fleet = Fleet::serving(1);
    fleet.supervision.begin_restart(GRACE);
    fleet.order();
    fleet.ready(1);
    fleet.order();
    fleet.wait(GRACE);
    assert_eq!(fleet.order(), Some(Order::Kill { member: 0 }));
    assert_eq!(fleet.gone(0), Fate::Left);
    assert_eq!(fleet.order(), Some(Order::Restarted { failed: None }));
}

#[test]
fn restart_fails_and_keeps_old_workers_if_new_one_exits() {
    let mut fleet = Fleet::serving(2);
    fleet.supervision.begin_restart(GRACE);
    assert_eq!(fleet.order(), Some(Order::Start { member: 2, place: 0 }));
    assert_eq!(fleet.gone(2), Fate::Left);
    assert_eq!(fleet.order(), Some(Order::Restarted { failed: Some(0) }));
    assert_eq!((fleet.order(), fleet.sleeps()), (None, None));
    assert_eq!(fleet.gone(0), Fate::Replaced(100 * MS), "it is watched as before");
}

#[test]
fn new_worker_takes_over_if_old_exits_during_restart() {
    let mut fleet = Fleet::serving(1);
    fleet.supervision.begin_restart(GRACE);
    assert_eq!(fleet.order(), Some(Order::Start { member: 1, place: 0 }));
    assert_eq!(fleet.gone(0), Fate::Left, "the new one takes its place");
    fleet.ready(1);
    assert_eq!(fleet.order(), Some(Order::Restarted { failed: None }));
}

#[test]
fn worker_is_started_again_if_both_exit_during_restart() {
    let mut fleet = Fleet::serving(1);
    fleet.supervision.begin_restart(GRACE);
    fleet.order();
    assert_eq!(fleet.gone(0), Fate::Left);
    assert_eq!(fleet.gone(1), Fate::Replaced(100 * MS));
    assert_eq!(fleet.order(), Some(Order::Restarted { failed: Some(0) }));
    fleet.wait(100 * MS);
    assert_eq!(fleet.order(), Some(Order::Start { member: 2, place: 0 }));
}

#[test]
fn restart_revives_failed_place_and_resets_failures() {
    let mut fleet = Fleet::serving(2);
    for wait in [100, 200, 300] {
        let member = fleet.supervision.places[1].current.unwrap();
        assert_eq!(fleet.gone(member), Fate::Replaced(wait * MS));
        fleet.wait(wait * MS);
        assert!(matches!(fleet.order(), Some(Order::Start { place: 1, .. })));
    }
    let member = fleet.supervision.places[1].current.unwrap();
    assert_eq!(fleet.gone(member), Fate::GivenUp);
    assert!(!fleet.supervision.is_given_up(), "the other one serves");
    fleet.supervision.begin_restart(GRACE);
    assert_eq!(fleet.order(), Some(Order::Start { member: 5, place: 0 }));
    fleet.ready(5);
    fleet.order();
    fleet.gone(0);
    assert_eq!(fleet.order(), Some(Order::Start { member: 6, place: 1 }));
    fleet.ready(6);
    assert_eq!(fleet.order(), Some(Order::Restarted { failed: None }));
    assert_eq!(fleet.gone(6), Fate::Replaced(100 * MS), "its short lives begin anew, too");
}

/// Even who has no time at all may say what it did.
#[test]
fn zero_timeout_leaves_time_for_final_report() {
    let mut fleet = Fleet::serving(1);
    fleet.supervision.begin_restart(Duration::ZERO);
    fleet.order();
    fleet.ready(1);
    assert_eq!(fleet.order(), Some(Order::Leave { member: 0, grace: Duration::ZERO }));
    assert_eq!((fleet.order(), fleet.sleeps()), (None, Some(LAST_WORD)));
    fleet.gone(0);
    assert_eq!(fleet.order(), Some(Order::Restarted { failed: None }));
    fleet.supervision.end(Some(fleet.now), fleet.now);
    assert_eq!(fleet.order(), Some(Order::Drain { member: 1, grace: Duration::ZERO }));
    assert_eq!((fleet.order(), fleet.sleeps()), (None, Some(LAST_WORD)));
}

#[test]
fn shutdown_drains_then_kills_and_starts_none() {
    let mut fleet = Fleet::serving(2);
    assert_eq!(fleet.gone(1), Fate::Replaced(100 * MS));
    fleet.supervision.begin_restart(GRACE);
    let deadline = fleet.now + 800 * MS;
    fleet.supervision.end(Some(deadline), fleet.now);
    assert_eq!(fleet.order(), Some(Order::Restarted { failed: Some(0) }));
    assert_eq!(fleet.order(), Some(Order::Drain { member: 0, grace: 700 * MS }));
    assert_eq!((fleet.order(), fleet.sleeps()), (None, Some(800 * MS)));
    fleet.wait(800 * MS);
    assert_eq!(fleet.order(), Some(Order::Kill { member: 0 }));
    assert!(!fleet.supervision.is_over());
    assert_eq!(fleet.gone(0), Fate::Left);
    assert!(fleet.supervision.is_over());
    assert_eq!((fleet.order(), fleet.sleeps()), (None, None));
}

#[test]
fn shutdown_does_not_wait_for_unstarted_worker() {
    let mut fleet = Fleet::of(2);
    assert_eq!(fleet.order(), Some(Order::Start { member: 0, place: 0 }));
    fleet.supervision.end(Some(fleet.now + GRACE), fleet.now);
    assert_eq!(fleet.order(), Some(Order::Drain { member: 0, grace: GRACE - 500 * MS }));
    assert_eq!(fleet.order(), None, "the second is not started");
    fleet.gone(0);
    assert!(fleet.supervision.is_over());
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Ready(usize),
    Gone(usize),
    Wait(u64),
    Restart,
    End,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..6_usize).prop_map(Event::Ready),
        4 => (0..6_usize).prop_map(Event::Gone),
        6 => (0..3_000_u64).prop_map(Event::Wait),
        1 => Just(Event::Restart),
        1 => Just(Event::End),
    ];
    proptest::collection::vec(event, 0..80)
}

proptest! {
    /// Whatever happens in whatever order: orders are about those who were started and are there, it never has something to
    /// do all the time, a place has at most two, and after an end all go in its time.
    #[test]
    fn orders_and_workers_stay_bounded_for_any_events(places in 1..4_usize, events in events()) {
        let mut fleet = Fleet::of(places);
        let mut alive: Vec<Member> = Vec::new();
        let mut end = None;
        for event in events {
            match event {
                Event::Ready(index) => if let Some(&member) = alive.get(index) { fleet.ready(member) },
                Event::Gone(index) => if index < alive.len() { let member = alive.remove(index); fleet.gone(member); },
                Event::Wait(millis) => fleet.wait(Duration::from_millis(millis)),
                Event::Restart => drop(fleet.supervision.begin_restart(GRACE)),
                Event::End => if end.is_none() {
                    end = Some(fleet.now + GRACE);
                    fleet.supervision.end(end, fleet.now);
                },
            }
            let mut orders = 0;
            while let Some(order) = fleet.order() {
                orders += 1;
                prop_assert!(orders < 40, "it does not come to rest");
                match order {
                    Order::Start { member, .. } => { prop_assert!(end.is_none()); alive.push(member) }
                    Order::Leave { member, .. } | Order::Drain { member, .. } | Order::Kill { member } =>
                        prop_assert!(alive.contains(&member)),
                    Order::Forget { member } => { alive.retain(|other| *other != member); fleet.gone(member); }
                    Order::Restarted { .. } => {}
                }
            }
            prop_assert!(alive.len() <= places + 1);
            prop_assert_ne!(fleet.sleeps(), Some(Duration::ZERO), "nothing to do, and no sleep");
        }
        // From here on nobody says anything, and who is killed goes.
        for _ in 0..200 {
            let Some(sleep) = fleet.sleeps() else { break };
            fleet.wait(sleep);
            while let Some(order) = fleet.order() {
                if let Order::Kill { member } | Order::Forget { member } = order {
                    fleet.gone(member);
                }
            }
            // One that was killed before and is there still is forgotten after a while.
            if end.is_some_and(|end| fleet.now >= end + LONGEST_DEATH) {
                prop_assert!(fleet.supervision.is_over());
            }
        }
        prop_assert_eq!(fleet.sleeps(), None, "at last it rests");
    }
}
