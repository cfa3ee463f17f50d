//! The threads of a pool: which of them wait, which seem to block, and how many are to be started.

use std::time::{Duration, Instant};

use super::Retry;
use crate::sys::ThreadState;

/// How long work may take before its thread counts as blocked: at least one, at most two of these.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// The number of checks in a row with only short work after which checks are half as frequent; after
/// twice that number, a quarter as frequent.
const QUIET_CHECKS: u32 = 16;
const MAX_QUIET: u32 = 2 * QUIET_CHECKS;

/// After how many checks in a row a thread counts as blocked that only computes, so that others are
/// served meanwhile.
const MAX_COMPUTING: u64 = 50;

/// How many threads are asked for their state in one check.
const MAX_ASKED: usize = 8;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) processors: usize,
    /// How many processes share them.
    pub(super) sharing: usize,
    pub(super) max: usize,
    /// How many threads do not block, or more, as long as there is work for them.
    pub(super) eager: usize,
    pub(super) total: usize,
    /// Those that wait for work, and those that were started and do not run yet.
    pub(super) waiting: usize,
    /// Those that wait until they are needed.
    pub(super) parked: usize,
    /// How many threads are to leave their parking. They count as waiting already.
    unparked: usize,
    pub(super) is_closed: bool,
    pub(super) retry: Option<Retry>,
    /// When to check whether threads block.
    pub(super) tick_at: Option<Instant>,
    /// Counts the checks.
    epoch: u64,
    /// How many checks in a row found that enough threads do not block.
    quiet: u32,
    /// How many threads took their work since the last check, and since the one before.
    fresh: usize,
    recent: usize,
    /// How much work has ended that was taken since the last check or the one before, and how much has
    /// not ended then: sums in which each check counts half as much as the next one.
    short: usize,
    long: usize,
    /// How much work has ended since the last check.
    done: usize,
    threads: Vec<Thread>,
    /// Indexes of `threads` that are free.
    free: Vec<usize>,
    /// Where the next check begins to ask.
    next_asked: usize,
}

/// A thread that has begun.
#[derive(Clone, Copy, Debug)]
struct Thread {
    /// `None` where the OS does not tell.
    state: Option<ThreadState>,
    /// The epoch in which it took its work.
    busy_since: Option<u64>,
}

impl State {
    pub(super) fn new(max: usize, processors: usize) -> State {
        State { max, processors, sharing: 1, ..State::default() }
    }

    /// How many threads wait, or will soon, as they took their work a moment ago and most work is short.
    fn live(&self) -> usize {
        let begun = if self.long > self.short { 0 } else { self.fresh + self.recent };
        self.waiting + begun
    }

    /// How many threads there can be in addition.
    pub(super) fn capacity(&self) -> usize {
        self.parked + self.max.saturating_sub(self.total)
    }

    /// Whether fewer threads than usual are available, as others block.
    pub(super) fn is_short(&self) -> bool {
        self.live() < self.eager
    }

    /// A thread that waits is parked instead, if enough others are available.
    pub(super) fn park(&mut self) -> bool {
        let is_surplus = self.waiting > 1 && self.live() > self.eager && !self.is_closed;
        if is_surplus {
            self.waiting -= 1;
            self.parked += 1;
        }
        is_surplus
    }

    /// Lets parked threads wait for work. Returns how many.
    pub(super) fn unpark(&mut self, count: usize) -> usize {
        let count = count.min(self.parked);
        self.parked -= count;
        self.unparked += count;
        self.waiting += count;
        count
    }

    /// Returns `true` if the calling thread is one that leaves its parking.
    pub(super) fn take_unparked(&mut self) -> bool {
        let is_unparked = self.unparked > 0;
        self.unparked -= usize::from(is_unparked);
        is_unparked
    }

    /// A thread begins. Returns its index.
    pub(super) fn enter(&mut self, state: Option<ThreadState>) -> usize {
        let thread = Thread { state, busy_since: None };
        match self.free.pop() {
            Some(index) => {
                self.threads[index] = thread;
                index
            }
            None => {
                self.threads.push(thread);
                self.threads.len() - 1
            }
        }
    }

    pub(super) fn leave(&mut self, index: usize) {
        self.threads[index] = Thread { state: None, busy_since: None };
        self.free.push(index);
    }

    /// A thread takes work.
    pub(super) fn begin(&mut self, index: usize) {
        self.waiting -= 1;
        self.fresh += 1;
        self.threads[index].busy_since = Some(self.epoch);
    }

    pub(super) fn finish(&mut self, index: usize) {
        self.waiting += 1;
        self.done += 1;
        match self.threads[index].busy_since.take().map(|since| self.epoch - since) {
            Some(0) => {
                self.fresh -= 1;
                self.short += 1;
            }
            Some(1) => {
                self.recent -= 1;
                self.short += 1;
            }
            _ => {}
        }
    }

    /// Checks which threads block. Returns how many are to be started.
    pub(super) fn tick(&mut self, now: Instant) -> Growth {
        self.epoch += 1;
        self.long = self.long / 2 + self.recent;
        self.recent = std::mem::take(&mut self.fresh);
        let (live, is_starved) = (self.live(), self.waiting == 0);
        self.short /= 2;
        // Work takes less than a millisecond on average, as these threads are busy all the time.
        let is_short = std::mem::take(&mut self.done) >= self.eager * self.ticks_per_check();
        self.quiet = if is_short && live >= self.eager { MAX_QUIET.min(self.quiet + 1) } else { 0 };
        self.tick_at = is_starved.then(|| now + self.tick_delay());
        let wanted = match live {
            // All of them block: the more there are, the more are started.
            0 => self.eager.max(self.total / 4),
            live => self.eager.saturating_sub(live),
        };
        let count = if is_starved { wanted.min(self.capacity()) } else { 0 };
        if count == 0 { Growth::default() } else { self.doubtful(count) }
    }

    /// How long until the next check.
    pub(super) fn tick_delay(&self) -> Duration {
        TICK * self.ticks_per_check() as u32
    }

    fn ticks_per_check(&self) -> usize {
        1 << (self.quiet / QUIET_CHECKS)
    }

    /// Adds which of the threads that seem to block are to be asked.
    fn doubtful(&mut self, count: usize) -> Growth {
        let epoch = self.epoch;
        let is_doubtful = |thread: &&Thread| {
            let busy = thread.busy_since.map(|since| epoch - since);
            busy.is_some_and(|busy| (2..MAX_COMPUTING).contains(&busy))
        };
        let doubtful = self.threads.iter().filter(is_doubtful).count();
        let first = self.next_asked % self.threads.len().max(1);
        let (before, after) = self.threads.split_at(first);
        let asked = after.iter().chain(before).filter(is_doubtful).filter_map(|thread| thread.state);
        let asked: Vec<_> = asked.take(MAX_ASKED).collect();
        self.next_asked = first + asked.len();
        let live = self.live();
        Growth { count, needed: self.eager.saturating_sub(live), doubtful, live, asked }
    }
}

/// How many threads are to be started, if those that were asked block.
#[derive(Debug, Default)]
pub(super) struct Growth {
    count: usize,
    /// How many threads that do not block would be enough.
    needed: usize,
    doubtful: usize,
    live: usize,
    asked: Vec<ThreadState>,
}

impl Growth {
    /// Asks the threads. The pool is not locked meanwhile. Returns how many are to be started, and whether
    /// none of the others is available and all that were asked block.
    pub(super) fn confirmed(self) -> (usize, bool) {
        let running = self.asked.iter().filter(|thread| !thread.is_blocked()).count();
        // As many of the others, in proportion.
        let running = (running * self.doubtful).div_ceil(self.asked.len().max(1));
        let count = if running >= self.needed { 0 } else { self.count.saturating_sub(running).max(1) };
        (count, count > 0 && running == 0 && self.live == 0 && !self.asked.is_empty())
    }
}
