//! The race of a name's addresses for one connection (RFC 8305, "Happy Eyeballs"): which is tried when, and which is given up.
//! What became of attempts and `now` in, what to do out. Addresses are known by their place in the order of preference.
//!
//! ```text
//!   a ├─────────────────────────────── lost packets ──────── given up when another wins, or the time is over
//!   b │   250 ms  ├── refused ┐
//!   c │                       ├──── connected: wins
//!   d │                       │   250 ms   ├──── given up
//! ```
//!
//! * The next one begins after the delay, or at once when one has failed.
//! * Where the time is too short for all with the delay between them, it is divided among them, down to 100 ms.
//! * At most [`MOST`] are under way. When all of these are silent and there are more, the one that began first is given up: when
//!   it has had [`CHANCE`], or before, when the time that remains, divided among the others, would not suffice for them.
//! * Without a delay they are tried one after the other, each for its share of the time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::attempts;

/// How many attempts may be under way at once.
pub(crate) const MOST: usize = 6;

/// RFC 8305, 5: "The recommended minimum value is 100 milliseconds, which is referred to as the "Minimum Connection Attempt
/// Delay"."
const SHORTEST_PACE: Duration = Duration::from_millis(100);

/// A packet that was lost is sent again after a second: who has not answered after two will hardly do.
const CHANCE: Duration = Duration::from_secs(2);

/// The addresses in the order of preference: that of the list within each family, and the families in turn, beginning with that
/// of the first address.
pub(crate) fn interleave(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut ours, mut others): (Vec<SocketAddr>, Vec<SocketAddr>) =
        addresses.iter().partition(|address| address.is_ipv6() == first_is_v6);
    ours.reverse();
    others.reverse();
    let mut interleaved = Vec::with_capacity(addresses.len());
    while interleaved.len() < addresses.len() {
        interleaved.extend(ours.pop());
        interleaved.extend(others.pop());
    }
    interleaved
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Begin to connect to that address; what comes of it is told by one of the `handle`s.
    Begin(usize),
    /// Close that attempt: its time is over.
    GiveUp(usize),
    /// Wait for what comes of those under way, no longer than that.
    Wait(Option<Instant>),
    /// That one is connected, and all others are to be closed.
    Won(usize),
    /// None is connected, and none will be.
    Lost,
}

#[derive(Debug)]
pub(crate) struct Race {
    addresses: usize,
    delay: Option<Duration>,
    deadline: Option<Instant>,
    /// The first that has not begun.
    next: usize,
    /// Those under way, from the first to the last, and so from the most to the least preferred.
    running: Vec<Running>,
    /// When the next one may begin beside those under way, if it may.
    due: Option<Instant>,
    /// When the next one must begin, so that there is time for all.
    turn: Option<Instant>,
    winner: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Running {
    address: usize,
    since: Instant,
}

impl Race {
    /// So many addresses, the next one `delay` after the one before, or after its end if there is no delay.
    pub(crate) fn new(addresses: usize, delay: Option<Duration>, deadline: Option<Instant>) -> Race {
        Race { addresses, delay, deadline, next: 0, running: Vec::new(), due: None, turn: None, winner: None }
    }

    /// The next thing to do.
    pub(crate) fn poll(&mut self, now: Instant) -> Step {
        if let Some(winner) = self.winner {
            return Step::Won(winner);
        }
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            return self.give_up_first().unwrap_or(Step::Lost);
        }
        if self.next == self.addresses {
            return if self.running.is_empty() { Step::Lost } else { Step::Wait(self.deadline) };
        }
        let Some(&Running { since, .. }) = self.running.first() else {
            return self.begin(now);
        };
        let is_full = self.running.len() >= self.most();
        let due = if is_full { self.relief(since) } else { self.due };
        match due {
            Some(due) if now >= due && is_full => self.give_up_first().unwrap_or(Step::Lost),
            Some(due) if now >= due => self.begin(now),
            due => Step::Wait(earlier(due, self.deadline)),
        }
    }

    /// An attempt was refused, or could not be made.
    pub(crate) fn handle_failure(&mut self, address: usize, now: Instant) {
        let before = self.running.len();
        self.running.retain(|running| running.address != address);
        if self.running.len() < before {
            self.due = Some(now);
        }
    }

    /// An attempt is connected. Of several between two polls the most preferred is the winner.
    pub(crate) fn handle_success(&mut self, address: usize) {
        self.winner = Some(self.winner.map_or(address, |winner| winner.min(address)));
    }

    fn most(&self) -> usize {
        if self.delay.is_some() { MOST } else { 1 }
    }

    /// When the one that began first is given up for the next one, since as many as may be are under way.
    fn relief(&self, since: Instant) -> Option<Instant> {
        match self.delay {
            Some(_) => earlier(since.checked_add(CHANCE), self.turn).max(self.due),
            None => self.turn,
        }
    }

    fn give_up_first(&mut self) -> Option<Step> {
        let first = (!self.running.is_empty()).then(|| self.running.remove(0));
        first.map(|running| Step::GiveUp(running.address))
    }

    fn begin(&mut self, now: Instant) -> Step {
        let address = self.next;
        self.next += 1;
        self.running.push(Running { address, since: now });
        // This one and those after it.
        let left = self.addresses - address;
        let remaining = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        match self.delay {
            Some(delay) => {
                let share = remaining.map(|remaining| remaining / u32::try_from(left).unwrap_or(u32::MAX));
                let pace = share.map_or(delay, |share| delay.min(share.max(SHORTEST_PACE)));
                self.due = now.checked_add(pace);
                self.turn = share.and_then(|share| now.checked_add(share));
            }
            None => {
                let share = remaining.map(|remaining| {
                    let nanos = u64::try_from(remaining.as_nanos()).unwrap_or(u64::MAX);
                    Duration::from_nanos(attempts::share(nanos, left))
                });
                self.turn = share.and_then(|share| now.checked_add(share));
            }
        }
        Step::Begin(address)
    }
}

/// Of two moments, where `None` never comes.
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
