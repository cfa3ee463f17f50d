//! Threads that each take the next piece of work themselves. A few are started as soon as the last
//! waiting thread takes one; more are started only while threads block, which is checked each
//! millisecond while no thread waits. So short work runs on few threads, which is faster, and work that
//! blocks gets as many as it needs. A thread that has waited long exits if enough others wait.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::wait::sync::{Mutex, MutexGuard, thread};
use crate::wait::{Changes, WaitLimit};

/// How long a thread waits for work before it checks whether it is needed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The first delay until a thread is tried again that could not be started, and the longest.
const FIRST_RETRY: Duration = Duration::from_millis(10);
const LAST_RETRY: Duration = Duration::from_secs(1);

/// How long work may take before its thread counts as blocked: at least one, at most two of these.
const TICK: Duration = Duration::from_millis(1);

/// The work of a pool.
pub(super) trait Workload: Send + Sync + 'static {
    type Item;

    /// How many threads for each processor are started without checking whether others block.
    const THREADS_PER_PROCESSOR: usize;

    /// Blocks until there is work, within the limit. Several threads call this at the same time.
    fn next(&self, limit: &WaitLimit<'_>) -> Next<Self::Item>;

    fn run(&self, item: Self::Item);

    /// A thread could not be started. It is tried again.
    fn on_thread_error(&self, error: io::Error);
}

/// What a wait for work ended with.
#[derive(Debug)]
pub(super) enum Next<T> {
    Item(T),
    TimedOut,
    /// There will be no more work.
    Closed,
}

/// The threads of a pool.
#[derive(Debug)]
pub(super) struct Pool {
    state: Mutex<State>,
    processors: usize,
    /// How many threads wait, if there is less work.
    min_waiting: usize,
    stack_size: Option<usize>,
    /// Notified when a thread exits.
    changes: Arc<Changes>,
}

#[derive(Debug, Default)]
struct State {
    max: usize,
    /// How many threads do not block, or more, as long as there is work for them.
    eager: usize,
    total: usize,
    /// Those that wait for work, and those that were started and do not run yet.
    waiting: usize,
    is_closed: bool,
    retry: Option<Retry>,
    /// When to check whether threads block.
    tick_at: Option<Instant>,
    /// Counts the checks.
    epoch: u64,
    /// How many threads took their work since the last check, and since the one before.
    fresh: usize,
    recent: usize,
}

impl State {
    /// How many threads wait, or took their work a moment ago.
    fn live(&self) -> usize {
        self.waiting + self.fresh + self.recent
    }

    /// A thread takes work. Returns the epoch, for [`finish`](Self::finish).
    fn begin(&mut self) -> u64 {
        self.waiting -= 1;
        self.fresh += 1;
        self.epoch
    }

    fn finish(&mut self, epoch: u64) {
        self.waiting += 1;
        match self.epoch - epoch {
            0 => self.fresh -= 1,
            1 => self.recent -= 1,
            _ => {}
        }
    }

    /// Checks which threads block. Returns how many are to be started.
    fn tick(&mut self, now: Instant) -> usize {
        self.epoch += 1;
        self.recent = std::mem::take(&mut self.fresh);
        let (live, is_starved) = (self.live(), self.waiting == 0);
        self.tick_at = is_starved.then(|| now + TICK);
        let wanted = match live {
            // All of them block: the more there are, the more are started.
            0 => self.eager.max(self.total / 4),
            live => self.eager.saturating_sub(live),
        };
        if is_starved { wanted.min(self.max.saturating_sub(self.total)) } else { 0 }
    }
}

#[derive(Clone, Copy, Debug)]
struct Retry {
    at: Instant,
    delay: Duration,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PoolOptions {
    pub(super) max: usize,
    pub(super) processors: usize,
    pub(super) min_waiting: usize,
    pub(super) stack_size: Option<usize>,
}

/// How many threads a pool has.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolSize {
    pub(super) total: usize,
    pub(super) waiting: usize,
}

impl Pool {
    pub(super) fn new(options: PoolOptions, changes: Arc<Changes>) -> Pool {
        let PoolOptions { max, processors, min_waiting, stack_size } = options;
        let state = State { max, ..State::default() };
        Pool { state: Mutex::new(state), processors, min_waiting: min_waiting.max(1), stack_size, changes }
    }

    /// Changes the maximum number of threads. Threads over a lower maximum exit when they are idle.
    pub(super) fn set_max(&self, max: usize) {
        let mut state = self.state();
        let is_higher = max > state.max;
        state.max = max;
        if is_higher && state.total > 0 && state.waiting == 0 && state.retry.is_none() {
            // The thread that waits for the end of the server starts one.
            state.retry = Some(Retry { at: Instant::now(), delay: FIRST_RETRY });
            drop(state);
            self.changes.notify();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn size(&self) -> PoolSize {
        let state = self.state();
        PoolSize { total: state.total, waiting: state.waiting }
    }

    /// Starts the first thread.
    pub(super) fn start<W: Workload>(self: &Arc<Self>, work: &Arc<W>) -> io::Result<()> {
        let mut state = self.state();
        state.eager = W::THREADS_PER_PROCESSOR * self.processors;
        let member = self.add(&mut state);
        drop(state);
        self.spawn(work, member)
    }

    /// Starts threads if it is time: those that could not be started before, and more while threads
    /// block. Returns when to call this again.
    pub(super) fn grow(self: &Arc<Self>, work: &Arc<impl Workload>) -> Option<Instant> {
        loop {
            let mut state = self.state();
            if state.is_closed || state.waiting > 0 || state.total >= state.max {
                (state.retry, state.tick_at) = (None, None);
                return None;
            }
            let now = Instant::now();
            let count = match (state.retry, state.tick_at) {
                (Some(retry), _) if now < retry.at => return Some(retry.at),
                (Some(_), _) => 1,
                (None, Some(at)) if now < at => return Some(at),
                (None, Some(_)) => state.tick(now),
                (None, None) => return None,
            };
            let members: Vec<_> = (0..count).map(|_| self.add(&mut state)).collect();
            drop(state);
            for member in members {
                self.spawn_or_retry(work, member);
            }
        }
    }

    fn add(self: &Arc<Self>, state: &mut State) -> Member {
        state.total += 1;
        state.waiting += 1;
        Member { pool: Arc::clone(self), is_waiting: true }
    }

    fn spawn<W: Workload>(self: &Arc<Self>, work: &Arc<W>, member: Member) -> io::Result<()> {
        let work = Arc::clone(work);
        let mut builder = thread::Builder::new().name("socketry-server".to_owned());
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        builder.spawn(move || member.work(&work)).map(drop)
    }

    fn spawn_or_retry(self: &Arc<Self>, work: &Arc<impl Workload>, member: Member) {
        let error = match self.spawn(work, member) {
            Ok(()) => {
                self.state().retry = None;
                return;
            }
            Err(error) => error,
        };
        let mut state = self.state();
        let delay = state.retry.map_or(FIRST_RETRY, |retry| (2 * retry.delay).min(LAST_RETRY));
        state.retry = Some(Retry { at: Instant::now() + delay, delay });
        drop(state);
        // The thread that waits for the end of the server retries.
        self.changes.notify();
        work.on_thread_error(error);
    }
}

/// A thread of the pool, which is counted until this is dropped, also when it panics.
#[derive(Debug)]
pub(super) struct Member {
    pool: Arc<Pool>,
    is_waiting: bool,
}

impl Member {
    fn work<W: Workload>(mut self, work: &Arc<W>) {
        loop {
            match work.next(&WaitLimit::timeout(IDLE_TIMEOUT)) {
                Next::Item(item) => {
                    let epoch = self.leave_waiting(work);
                    work.run(item);
                    self.pool.state().finish(epoch);
                    self.is_waiting = true;
                }
                Next::TimedOut => {
                    let mut state = self.pool.state();
                    if state.waiting > self.pool.min_waiting {
                        state.waiting -= 1;
                        self.is_waiting = false;
                        return;
                    }
                }
                Next::Closed => {
                    self.pool.state().is_closed = true;
                    return;
                }
            }
        }
    }

    /// This thread does not wait any more. If it was the last one, another is started, or it is checked
    /// soon whether the others block.
    fn leave_waiting<W: Workload>(&mut self, work: &Arc<W>) -> u64 {
        let mut state = self.pool.state();
        let epoch = state.begin();
        self.is_waiting = false;
        let is_last = state.waiting == 0 && state.total < state.max && !state.is_closed;
        // While a start is retried, or a check is due, nothing else starts threads.
        if !is_last || state.retry.is_some() || state.tick_at.is_some() {
            return epoch;
        }
        if state.total < state.eager {
            let member = self.pool.add(&mut state);
            drop(state);
            self.pool.spawn_or_retry(work, member);
        } else {
            state.tick_at = Some(Instant::now() + TICK);
            drop(state);
            self.pool.changes.notify();
        }
        epoch
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.total -= 1;
        state.waiting -= usize::from(self.is_waiting);
        drop(state);
        self.pool.changes.notify();
    }
}

#[cfg(all(unix, feature = "process"))]
mod caller;

#[cfg(test)]
mod tests;

#[cfg(all(test, socketry_loom))]
mod model;
