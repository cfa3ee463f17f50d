//! Which worker processes there should be, on a clock of its own, with workers that come, serve and go as they like.

use std::time::{Duration, Instant};

use super::choices::{Choices, clock};
use crate::proto::supervision::{Fate, Member, Order, Policy, Supervision};

/// How long a worker may be there at most when it was killed, or has no time at all.
const GRACES: Duration = Duration::from_millis(1_200);

struct Fleet<'a> {
    choices: Choices<'a>,
    supervision: Supervision,
    places: usize,
    now: Instant,
    alive: Vec<Member>,
    started: u64,
    end: Option<Instant>,
    restarts: u32,
}

impl Fleet<'_> {
    /// Takes the orders until there is none; who is ordered must be there.
    fn obey(&mut self) {
        let mut orders = 0;
        while let Some(order) = self.supervision.poll_order(self.now) {
            orders += 1;
            assert!(orders <= 4 * (self.places + self.alive.len()) + 8, "it does not come to rest");
            match order {
                Order::Start { member, place } => {
                    assert!(self.end.is_none(), "nobody is started at the end");
                    assert!(place < self.places && member >= self.started, "a number is used once");
                    self.started = member + 1;
                    self.alive.push(member);
                    // It may be that it cannot be started.
                    if self.choices.byte() & 15 == 15 {
                        self.gone(member);
                    }
                }
                Order::Leave { member, .. } | Order::Drain { member, .. } | Order::Kill { member } => {
                    assert!(self.alive.contains(&member), "{member} is not there");
                }
                Order::Forget { member } => {
                    assert!(self.alive.contains(&member), "{member} is not there");
                    self.gone(member);
                }
                Order::Restarted { failed } => {
                    assert!(failed.is_none_or(|place| place < self.places));
                    self.restarts = self.restarts.checked_sub(1).expect("each restart ends once");
                }
            }
            assert!(self.alive.len() <= 2 * self.places, "a place has at most two");
        }
        let timeout = self.supervision.poll_timeout();
        assert!(timeout.is_none_or(|timeout| timeout > self.now), "nothing to do, and no sleep");
    }

    fn gone(&mut self, member: Member) {
        self.alive.retain(|other| *other != member);
        let fate = self.supervision.handle_gone(member, self.now);
        assert!(self.end.is_none() || fate == Fate::Left, "nobody is replaced at the end");
        assert_eq!(self.supervision.handle_gone(member, self.now), Fate::Left, "who is gone is gone");
    }

    fn event(&mut self) {
        let who = self.alive.get(usize::from(self.choices.byte()) % self.alive.len().max(1)).copied();
        match (self.choices.below(12), who) {
            (0..=2, Some(member)) => self.supervision.handle_ready(member, self.now),
            (3..=4, Some(member)) => self.gone(member),
            (5, _) => {
                let (grace, is_ending) = (self.choices.time(), self.end.is_some());
                let begins = self.supervision.begin_restart(grace);
                assert!(!begins || self.restarts == 0 && !is_ending);
                self.restarts += u32::from(begins);
            }
            (6, _) if self.choices.byte() & 3 == 0 => {
                let deadline = self.now.checked_add(self.choices.time());
                self.supervision.end(deadline, self.now);
                self.end = self.end.or(Some(self.now)).max(deadline).or(self.end);
            }
            (7, _) => {
                let (number, now) = (self.choices.number(), self.now);
                self.supervision.handle_ready(number, now);
            }
            (8..=9, _) => self.now = self.supervision.poll_timeout().unwrap_or(self.now),
            _ => self.now += self.choices.time().min(Duration::from_secs(100)),
        }
    }
}

/// Whatever happens in whatever order: it rests, orders are about those who are there, and after an end all go in its time.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    let places = 1 + choices.below(4);
    let policy = Policy {
        first: choices.time().max(Duration::from_millis(1)),
        longest: choices.time().max(Duration::from_millis(1)),
        steady: choices.time(),
        short_lives: choices.pick(&[3, 0, 1, 40, u32::MAX]),
        start_timeout: choices.time().max(Duration::from_millis(1)),
    };
    let now = clock();
    let supervision = Supervision::new(places, policy, now);
    let (alive, started, end, restarts) = (Vec::new(), 0, None, 0);
    let mut fleet = Fleet { choices, supervision, places, now, alive, started, end, restarts };
    fleet.obey();
    while !fleet.choices.is_over() {
        fleet.event();
        fleet.obey();
        assert!(!fleet.supervision.is_over() || fleet.alive.is_empty());
        assert!(!fleet.supervision.is_given_up() || fleet.alive.is_empty());
    }
    // From here on nobody says anything, and nobody goes but those who are forgotten.
    let deadline = fleet.now + Duration::from_secs(5);
    fleet.supervision.end(Some(deadline), fleet.now);
    fleet.end = Some(deadline);
    for _ in 0..8 * places + 8 {
        fleet.obey();
        let Some(next) = fleet.supervision.poll_timeout() else { break };
        fleet.now = next;
    }
    assert!(fleet.supervision.is_over() && fleet.alive.is_empty(), "{:?}", fleet.supervision);
    assert!(fleet.now <= deadline + GRACES, "{:?} too late", fleet.now - deadline);
    assert_eq!((fleet.supervision.poll_order(fleet.now), fleet.supervision.poll_timeout()), (None, None));
    assert_eq!(fleet.restarts, 0, "each restart has ended");
}

#[cfg(test)]
mod tests {
    #[test]
    fn supervision_settles_and_ends_by_deadline() {
        crate::fuzzing::trial::holds("supervision", super::property);
    }
}
