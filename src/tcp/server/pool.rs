//! Threads that each take the next piece of work themselves. When the last waiting thread takes one,
//! another thread is started; a thread that has waited long exits if enough others wait.

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

/// The work of a pool.
pub(super) trait Workload: Send + Sync + 'static {
    type Item;

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
    /// How many threads wait, if there is less work.
    min_waiting: usize,
    stack_size: Option<usize>,
    /// Notified when a thread exits.
    changes: Arc<Changes>,
}

#[derive(Debug)]
struct State {
    max: usize,
    total: usize,
    /// Those that wait for work, and those that were started and do not run yet.
    waiting: usize,
    is_closed: bool,
    retry: Option<Retry>,
}

#[derive(Clone, Copy, Debug)]
struct Retry {
    at: Instant,
    delay: Duration,
}

/// How many threads a pool has.
#[derive(Clone, Copy, Debug)]
pub(super) struct PoolSize {
    pub(super) total: usize,
    pub(super) waiting: usize,
}

impl Pool {
    pub(super) fn new(
        max: usize,
        min_waiting: usize,
        stack_size: Option<usize>,
        changes: Arc<Changes>,
    ) -> Pool {
        let state = State { max, total: 0, waiting: 0, is_closed: false, retry: None };
        Pool { state: Mutex::new(state), min_waiting: min_waiting.max(1), stack_size, changes }
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
    pub(super) fn start(self: &Arc<Self>, work: &Arc<impl Workload>) -> io::Result<()> {
        let member = self.add(&mut self.state());
        self.spawn(work, member)
    }

    /// Starts the thread that could not be started before, if it is time. Returns when to call this
    /// again.
    pub(super) fn retry(self: &Arc<Self>, work: &Arc<impl Workload>) -> Option<Instant> {
        let mut state = self.state();
        let retry = state.retry?;
        if state.is_closed || state.waiting > 0 || state.total >= state.max {
            state.retry = None;
            return None;
        }
        if Instant::now() < retry.at {
            return Some(retry.at);
        }
        let member = self.add(&mut state);
        drop(state);
        self.spawn_or_retry(work, member);
        self.state().retry.map(|retry| retry.at)
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
                    self.leave_waiting(work);
                    work.run(item);
                    self.pool.state().waiting += 1;
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

    /// This thread does not wait any more. If it was the last one, another is started.
    fn leave_waiting<W: Workload>(&mut self, work: &Arc<W>) {
        let mut state = self.pool.state();
        state.waiting -= 1;
        self.is_waiting = false;
        // While a start is retried, nothing else starts threads.
        let grows =
            state.waiting == 0 && state.total < state.max && !state.is_closed && state.retry.is_none();
        if grows {
            let member = self.pool.add(&mut state);
            drop(state);
            self.pool.spawn_or_retry(work, member);
        }
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
