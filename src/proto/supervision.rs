//! Which worker processes there should be: starts, restarts with growing waits, one after the other in a rolling restart, and
//! an end within a time. Facts and `now` in, orders out.
//!
//! ```text
//!            start                 ready                    gone
//!  waiting ─────────► starting ─────────► serving ─────────────────────► waiting, longer each time
//!     ▲                   │ gone, late       │ leave, drain                  │ too often
//!     └───────────────────┘                  ▼                               ▼
//!                                          ending ── late ──► killed      given up
//! ```
//!
//! A place is what a worker is started for; in a rolling restart it has two for a while.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How it goes on when workers end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// How long after its end a worker is started again; twice as long for each short life after the first.
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
    /// A life of so long is no failure.
    pub(crate) steady: Duration,
    /// So many short lives in a row, and the place is given up.
    pub(crate) short_lives: u32,
    /// How long a worker may take until it serves.
    pub(crate) start_timeout: Duration,
}

/// A worker process, by a number that is never used again.
pub(crate) type Member = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Start a worker.
    Start {
        member: Member,
        place: usize,
    },
    /// Ask it to exit, and to leave the backlog to the others.
    Leave {
        member: Member,
        grace: Duration,
    },
    /// Ask it to serve the backlog and exit.
    Drain {
        member: Member,
        grace: Duration,
    },
    Kill {
        member: Member,
    },
    /// It was killed and does not exit, so it is no longer waited for.
    Forget {
        member: Member,
    },
    /// The rolling restart is over; not so if the new worker of a place did not come.
    Restarted {
        failed: Option<usize>,
    },
}

/// What follows from a worker's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its exit was requested, or its replacement runs.
    Left,
    /// Another is started after so long.
    Replaced(Duration),
    /// No other is started: too many ended soon.
    GivenUp,
}

#[derive(Debug)]
pub(crate) struct Supervision {
    policy: Policy,
    places: Vec<Place>,
    members: Vec<Known>,
    restart: Option<Restart>,
    end: Option<Instant>,
    next: Member,
    orders: VecDeque<Order>,
}

#[derive(Clone, Debug, Default)]
struct Place {
    /// The workers that serve, or start.
    current: Option<Member>,
    start_at: Option<Instant>,
    short_lives: u32,
    is_given_up: bool,
}

#[derive(Debug)]
struct Known {
    member: Member,
    place: usize,
    since: Instant,
    is_ready: bool,
    ends_by: Option<Instant>,
    killed: Option<Instant>,
}

#[derive(Debug)]
struct Restart {
    grace: Duration,
    place: usize,
    step: Step,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Begin,
    Starting(Member),
    Ending(Member),
}

/// How long a process may take to exit after it was killed.
const LONGEST_DEATH: Duration = Duration::from_secs(1);

/// Even without any time a worker may say what it did, before it is killed.
const LAST_WORD: Duration = Duration::from_millis(150);

/// A worker is told of less time than there is, so that it can end by itself before it is killed: an eighth, at most half a
/// second.
fn told(grace: Duration) -> Duration {
    grace - (grace / 8).min(Duration::from_millis(500))
}

impl Supervision {
    pub(crate) fn new(places: usize, policy: Policy, now: Instant) -> Supervision {
        let place = Place { start_at: Some(now), ..Place::default() };
        Supervision {
            policy,
            places: vec![place; places],
            members: Vec::new(),
            restart: None,
            end: None,
            next: 0,
            orders: VecDeque::new(),
        }
    }

    /// The next thing to do, if there is one now.
    pub(crate) fn poll_order(&mut self, now: Instant) -> Option<Order> {
        if self.orders.is_empty() {
            self.advance(now);
        }
        self.orders.pop_front()
    }

    /// When there may be something to do although nothing has happened.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let starts = self.places.iter().filter_map(|place| place.start_at);
        let ends = self.members.iter().filter_map(|member| self.next_step_against(member));
        starts.chain(ends).min()
    }

    /// When it is killed, or forgotten, if it does nothing.
    fn next_step_against(&self, member: &Known) -> Option<Instant> {
        match (member.killed, member.ends_by) {
            (Some(killed), _) => killed.checked_add(LONGEST_DEATH),
            (None, Some(end)) => Some(end),
            (None, None) if !member.is_ready => member.since.checked_add(self.policy.start_timeout),
            (None, None) => None,
        }
    }

    fn advance(&mut self, now: Instant) {
        let is_due = |moment: Option<Instant>| moment.is_some_and(|moment| moment <= now);
        for place in 0..self.places.len() {
            if is_due(self.places[place].start_at) {
                let member = self.start(place, now);
                self.places[place].current = Some(member);
            }
        }
        for index in 0..self.members.len() {
            if is_due(self.next_step_against(&self.members[index])) {
                let known = &mut self.members[index];
                let member = known.member;
                let was_killed = known.killed.replace(now).is_some();
                self.orders.push_back(if was_killed {
                    Order::Forget { member }
                } else {
                    Order::Kill { member }
                });
            }
        }
        if self.restart.as_ref().is_some_and(|restart| restart.step == Step::Begin) {
            self.restart_place(now);
        }
    }

    fn start(&mut self, place: usize, now: Instant) -> Member {
        let member = self.next;
        self.next += 1;
        self.places[place].start_at = None;
        let known = Known { member, place, since: now, is_ready: false, ends_by: None, killed: None };
        self.members.push(known);
        self.orders.push_back(Order::Start { member, place });
        member
    }

    /// A worker has reported that it serves.
    pub(crate) fn handle_ready(&mut self, member: Member, now: Instant) {
        let Some(known) = self.members.iter_mut().find(|known| known.member == member) else { return };
        known.is_ready = true;
        let place = known.place;
        let Some(restart) = &mut self.restart else { return };
        if restart.step != Step::Starting(member) {
            return;
        }
        let grace = restart.grace;
        match self.places[place].current.replace(member) {
            Some(old) if old != member => {
                restart.step = Step::Ending(old);
                self.orders.push_back(Order::Leave { member: old, grace: told(grace) });
                self.must_end_by(old, now.checked_add(grace.max(LAST_WORD)));
            }
            _ => self.restart_next(),
        }
    }

    fn must_end_by(&mut self, member: Member, end: Option<Instant>) {
        if let Some(known) = self.members.iter_mut().find(|known| known.member == member) {
            known.ends_by = [known.ends_by, end].into_iter().flatten().min();
        }
    }

    /// A worker process has ended, or could not be started.
    pub(crate) fn handle_gone(&mut self, member: Member, now: Instant) -> Fate {
        let Some(index) = self.members.iter().position(|known| known.member == member) else {
            return Fate::Left;
        };
        let known = self.members.swap_remove(index);
        let step = self.restart.as_ref().map(|restart| &restart.step);
        let was_expected = step == Some(&Step::Ending(member));
        let has_failed = step == Some(&Step::Starting(member));
        if was_expected {
            self.restart_next();
        } else if has_failed {
            self.orders.push_back(Order::Restarted { failed: Some(known.place) });
            self.restart = None;
        }
        let was_current = self.places[known.place].current == Some(member);
        if was_current {
            self.places[known.place].current = None;
        }
        // The one that was to take over has not come, and the one before may be gone as well.
        let is_empty = has_failed && self.places[known.place].current.is_none();
        let another_comes = matches!(&self.restart, Some(Restart { place, step: Step::Starting(_), .. }) if *place == known.place);
        if self.end.is_some() || another_comes || !(was_current || is_empty) {
            return Fate::Left;
        }
        self.replace(&known, now)
    }

    fn replace(&mut self, known: &Known, now: Instant) -> Fate {
        let Policy { first, longest, steady, short_lives, .. } = self.policy;
        let place = &mut self.places[known.place];
        if now.saturating_duration_since(known.since) >= steady {
            place.short_lives = 0;
        }
        place.short_lives += 1;
        if place.short_lives > short_lives {
            place.is_given_up = true;
            return Fate::GivenUp;
        }
        let growth = 1_u32.checked_shl(place.short_lives - 1).unwrap_or(u32::MAX);
        let wait = first.saturating_mul(growth).min(longest);
        place.start_at = now.checked_add(wait);
        Fate::Replaced(wait)
    }

    /// Begins to replace one worker after the other; false if that goes on already, or all are ending.
    pub(crate) fn begin_restart(&mut self, grace: Duration) -> bool {
        let is_free = self.restart.is_none() && self.end.is_none();
        if is_free {
            self.restart = Some(Restart { grace, place: 0, step: Step::Begin });
        }
        is_free
    }

    fn restart_place(&mut self, now: Instant) {
        let Some(restart) = &self.restart else { return };
        let place = restart.place;
        if place == self.places.len() {
            self.restart = None;
            self.orders.push_back(Order::Restarted { failed: None });
            return;
        }
        self.places[place].short_lives = 0;
        self.places[place].is_given_up = false;
        let member = self.start(place, now);
        if let Some(restart) = &mut self.restart {
            restart.step = Step::Starting(member);
        }
    }

    fn restart_next(&mut self) {
        if let Some(restart) = &mut self.restart {
            restart.place += 1;
            restart.step = Step::Begin;
        }
    }

    /// Ends all workers by that time.
    pub(crate) fn end(&mut self, deadline: Option<Instant>, now: Instant) {
        if let Some(restart) = self.restart.take() {
            self.orders
                .push_back(Order::Restarted { failed: Some(restart.place.min(self.places.len() - 1)) });
        }
        // What was about to be started is not.
        let unstarted = |order: &Order| match *order {
            Order::Start { member, .. } => Some(member),
            _ => None,
        };
        let never: Vec<Member> = self.orders.iter().filter_map(unstarted).collect();
        self.orders.retain(|order| unstarted(order).is_none());
        self.members.retain(|known| !never.contains(&known.member));
        self.places.iter_mut().for_each(|place| place.start_at = None);
        // Without an end that the clock can tell it is far away.
        let end = deadline.or_else(|| now.checked_add(Duration::from_secs(365 * 24 * 3_600)));
        self.end = end;
        let grace = end.map_or(Duration::ZERO, |end| told(end.saturating_duration_since(now)));
        let killed_at = end.max(now.checked_add(LAST_WORD));
        for index in 0..self.members.len() {
            let known = &mut self.members[index];
            known.ends_by = [known.ends_by, killed_at].into_iter().flatten().min();
            self.orders.push_back(Order::Drain { member: known.member, grace });
        }
    }

    /// Whether all were to end and have.
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some() && self.members.is_empty()
    }

    /// Whether no worker serves, and none will.
    pub(crate) fn is_given_up(&self) -> bool {
        self.members.is_empty() && self.places.iter().all(|place| place.is_given_up)
    }
}

#[cfg(test)]
#[path = "supervision/tests.rs"]
mod tests;
