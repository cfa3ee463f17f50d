//! Threads that each take the next piece of work themselves. A few are started as soon as the last
//! waiting thread takes one; more are started only while threads block, which is checked each
//! millisecond while no thread waits. So short work runs on few threads, which is faster, and work that
//! blocks gets as many as it needs. Threads that are not needed any more do not wait for work but are
//! parked, until others block again: if they waited, too, the OS would wake them in turn. A thread that
//! has waited long exits if enough others wait.
//!
//! Where the OS tells, a thread that runs, or waits for a processor, does not count as blocked for
//! 50 checks: on a busy machine, more threads would only share its processors.

mod state;

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use self::state::State;
use crate::sys::ThreadState;
use crate::wait::Changes;
use crate::wait::sync::{Condvar, Mutex, MutexGuard, thread};

/// How long a thread waits for work before it checks whether it is needed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The first delay until a thread is tried again that could not be started, and the longest.
const FIRST_RETRY: Duration = Duration::from_millis(10);
const LAST_RETRY: Duration = Duration::from_secs(1);

/// How much work is fetched at a time, and how many threads are started, before other things are done.
const MAX_FETCHED: usize = 4_096;
const MAX_STARTS: usize = 128;

/// How many threads are started in any case: one serves while another waits.
const MIN_EAGER: usize = 2;

/// The work of a pool.
pub(super) trait Workload: Send + Sync + 'static {
    type Item;

    /// What a thread keeps from one item to the next.
    type Scratch;

    /// How many threads for each processor are started without checking whether others block.
    const THREADS_PER_PROCESSOR: usize;

    fn scratch(&self) -> Self::Scratch;

    /// Blocks until there is work, at most for `timeout`. Several threads call this at the same time.
    fn next(&self, timeout: Duration, scratch: &mut Self::Scratch) -> Next<Self::Item>;

    fn run(&self, item: Self::Item, scratch: &mut Self::Scratch);

    /// Takes work that is ready, at most so much, for threads that are about to be started. They get it
    /// from [`next`](Self::next).
    fn fetch(&self, _max: usize) {}

    /// How much work was fetched that no thread has taken.
    fn fetched(&self) -> usize {
        0
    }

    /// Has threads that wait in [`next`](Self::next) take what was fetched.
    fn share_fetched(&self) {}

    /// Called by the thread that waits for the end, whenever something has changed. Returns when to call
    /// this again.
    fn on_timer(&self) -> Option<Instant> {
        None
    }

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
    /// How many threads wait, if there is less work.
    min_waiting: usize,
    stack_size: Option<usize>,
    /// Notified when a parked thread is needed, or none any more.
    unparked: Condvar,
    /// Notified when a thread exits.
    changes: Arc<Changes>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
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
        Pool {
            state: Mutex::new(State::new(max, processors)),
            min_waiting: min_waiting.max(1),
            stack_size,
            unparked: Condvar::new(),
            changes,
        }
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

    /// Sets how many processes serve the same connections. Called before the first thread is started.
    #[allow(dead_code, reason = "only a server of processes shares them")]
    pub(super) fn share_processors(&self, processes: usize) {
        self.state().sharing = processes;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn size(&self) -> PoolSize {
        let state = self.state();
        PoolSize { total: state.total, waiting: state.waiting + state.parked }
    }

    /// Starts the first thread.
    pub(super) fn start<W: Workload>(self: &Arc<Self>, work: &Arc<W>) -> io::Result<()> {
        let mut state = self.state();
        state.eager = (W::THREADS_PER_PROCESSOR * state.processors / state.sharing).max(MIN_EAGER);
        let member = self.add(&mut state);
        drop(state);
        self.spawn(work, member)
    }

    /// Starts threads if it is time: those that could not be started before, and more while threads
    /// block. Returns when to call this again.
    pub(super) fn grow(self: &Arc<Self>, work: &Arc<impl Workload>) -> Option<Instant> {
        loop {
            let fetched = work.fetched();
            let mut state = self.state();
            let missing = fetched.saturating_sub(state.waiting);
            let is_enough = missing == 0 && (state.is_closed || state.waiting > 0);
            if is_enough || state.capacity() == 0 {
                (state.retry, state.tick_at) = (None, None);
                return None;
            }
            let now = Instant::now();
            // How many are started, and for how many more there may be work.
            let (mut count, crowd) = match (state.retry, state.tick_at) {
                (Some(retry), _) if now < retry.at => return Some(retry.at),
                (Some(_), _) => (1, 0),
                (None, _) if missing > 0 => (missing, 0),
                (None, Some(at)) if now < at => return Some(at),
                (None, Some(_)) => {
                    let growth = state.tick(now);
                    drop(state);
                    let (count, all_block) = growth.confirmed();
                    state = self.state();
                    let crowd = if all_block { MAX_FETCHED } else { count };
                    if state.is_closed { (0, 0) } else { (count, crowd) }
                }
                (None, None) => return None,
            };
            if count > 0 && crowd > 0 {
                let max = state.capacity().saturating_sub(fetched).min(crowd);
                drop(state);
                work.fetch(max);
                state = self.state();
                let fetched = work.fetched();
                if fetched > 0 && state.waiting > 0 {
                    drop(state);
                    work.share_fetched();
                    state = self.state();
                }
                count = count.max(fetched.saturating_sub(state.waiting));
            }
            let count = count.min(MAX_STARTS).min(state.capacity());
            let count = count - self.unpark(&mut state, count);
            let members: Vec<_> = (0..count).map(|_| self.add(&mut state)).collect();
            drop(state);
            for member in members {
                if !self.spawn_or_retry(work, member) {
                    // The others would fail, too: they are retried one at a time.
                    break;
                }
            }
            if work.fetched() > 0 {
                // The caller has other things to do between.
                return Some(now);
            }
        }
    }

    /// Has parked threads wait for work again. Returns how many.
    fn unpark(&self, state: &mut State, count: usize) -> usize {
        let count = state.unpark(count);
        (0..count).for_each(|_| self.unparked.notify_one());
        count
    }

    fn add(self: &Arc<Self>, state: &mut State) -> Member {
        state.total += 1;
        state.waiting += 1;
        Member { pool: Arc::clone(self), is_waiting: true, index: None }
    }

    fn spawn<W: Workload>(self: &Arc<Self>, work: &Arc<W>, member: Member) -> io::Result<()> {
        let work = Arc::clone(work);
        let mut builder = thread::Builder::new().name("socketry-server".to_owned());
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        builder.spawn(move || member.work(&work)).map(drop)
    }

    fn spawn_or_retry(self: &Arc<Self>, work: &Arc<impl Workload>, member: Member) -> bool {
        let error = match self.spawn(work, member) {
            Ok(()) => {
                self.state().retry = None;
                return true;
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
        false
    }
}

/// A thread of the pool, which is counted until this is dropped, also when it panics.
#[derive(Debug)]
pub(super) struct Member {
    pool: Arc<Pool>,
    is_waiting: bool,
    /// Of the thread in the pool, once it has begun.
    index: Option<usize>,
}

impl Member {
    fn work<W: Workload>(mut self, work: &Arc<W>) {
        let mut scratch = work.scratch();
        let index = self.pool.state().enter(ThreadState::of_current());
        self.index = Some(index);
        loop {
            match work.next(IDLE_TIMEOUT, &mut scratch) {
                Next::Item(item) => {
                    self.leave_waiting(work, index);
                    work.run(item, &mut scratch);
                    if !self.finish(index) {
                        return;
                    }
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
                    self.pool.unparked.notify_all();
                    return;
                }
            }
        }
    }

    /// This thread has done its work: it waits for more, or is parked first. Returns `false` if it is not
    /// needed any more.
    fn finish(&mut self, index: usize) -> bool {
        let pool = &self.pool;
        let mut state = pool.state();
        state.finish(index);
        if !state.park() {
            self.is_waiting = true;
            return true;
        }
        let until = Instant::now() + IDLE_TIMEOUT;
        loop {
            if state.take_unparked() {
                self.is_waiting = true;
                return true;
            }
            let remaining = until.saturating_duration_since(Instant::now());
            if state.is_closed || remaining.is_zero() {
                state.parked -= 1;
                let is_needed = state.waiting + state.parked < pool.min_waiting && !state.is_closed;
                state.waiting += usize::from(is_needed);
                self.is_waiting = is_needed;
                return is_needed;
            }
            let parked = pool.unparked.wait_timeout(state, remaining);
            state = parked.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// This thread does not wait any more. If it was the last one, another is started, or it is checked
    /// soon whether the others block.
    fn leave_waiting<W: Workload>(&mut self, work: &Arc<W>, index: usize) {
        let mut state = self.pool.state();
        state.begin(index);
        self.is_waiting = false;
        let is_last = state.waiting == 0 && state.capacity() > 0 && !state.is_closed;
        // While a start is retried, or a check is due, nothing else starts threads.
        if !is_last || state.retry.is_some() || state.tick_at.is_some() {
            return;
        }
        if state.is_short() && self.pool.unpark(&mut state, 1) == 1 {
            return;
        }
        if state.total < state.eager {
            let member = self.pool.add(&mut state);
            drop(state);
            self.pool.spawn_or_retry(work, member);
        } else {
            state.tick_at = Some(Instant::now() + state.tick_delay());
            drop(state);
            self.pool.changes.notify();
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        state.total -= 1;
        state.waiting -= usize::from(self.is_waiting);
        if let Some(index) = self.index {
            state.leave(index);
        }
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
