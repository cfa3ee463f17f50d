//! Work reaches threads in every order in which they can run. `loom` finds a thread that waits
//! without end.

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::wait::sync::Condvar;

/// So much work; then the threads wait until it is closed, or exit.
struct Works {
    state: Mutex<(u32, bool)>,
    changed: Condvar,
    // Of std: it is no part of what is checked.
    done: AtomicU32,
}

impl Works {
    fn new(left: u32, is_closed: bool) -> Arc<Works> {
        let done = AtomicU32::new(0);
        Arc::new(Works { state: Mutex::new((left, is_closed)), changed: Condvar::new(), done })
    }

    fn close(&self) {
        self.state.lock().unwrap().1 = true;
        self.changed.notify_all();
    }
}

impl Workload for Works {
    type Item = ();
    type Scratch = ();

    const THREADS_PER_PROCESSOR: usize = 1;

    fn scratch(&self) {}

    fn next(&self, _: Duration, (): &mut ()) -> Next<()> {
        let mut state = self.state.lock().unwrap();
        loop {
            match *state {
                (0, true) => return Next::Closed,
                (0, false) => state = self.changed.wait(state).unwrap(),
                _ => {
                    state.0 -= 1;
                    return Next::Item(());
                }
            }
        }
    }

    fn run(&self, (): (), (): &mut ()) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn on_thread_error(&self, error: io::Error) {
        panic!("{error}");
    }
}

fn check(work: u32, threads: usize, interruptions: usize, closes_later: bool) {
    check_with(work, threads, interruptions, closes_later, None);
}

/// With `eager`, threads over that number are parked.
fn check_with(work: u32, threads: usize, interruptions: usize, closes_later: bool, eager: Option<usize>) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(interruptions);
    model.check(move || {
        let changes = Arc::new(Changes::new());
        let pool = Arc::new(Pool::new(
            PoolOptions { max: threads, processors: threads, min_waiting: 1, stack_size: None },
            Arc::clone(&changes),
        ));
        let works = Works::new(work, !closes_later);
        match eager {
            None => pool.start(&works).unwrap(),
            Some(eager) => {
                let members: Vec<_> = {
                    let mut state = pool.state();
                    state.eager = eager;
                    (0..threads).map(|_| pool.add(&mut state)).collect()
                };
                members.into_iter().for_each(|member| pool.spawn(&works, member).unwrap());
            }
        }
        let closing = closes_later.then(|| {
            let works = Arc::clone(&works);
            loom::thread::spawn(move || works.close())
        });
        let mut watch = changes.watch();
        while pool.size().total > 0 {
            watch.wait(None);
        }
        assert_eq!(works.done.load(Ordering::Relaxed), work, "each is done, and once");
        assert_eq!(pool.size().waiting, 0);
        drop(watch);
        if let Some(closing) = closing {
            closing.join().unwrap();
        }
    });
}

#[test]
fn two_threads_finish_all_work_and_exit() {
    check(2, 2, 2, false);
}

#[test]
fn three_threads_share_the_work() {
    check(3, 3, 1, false);
}

#[test]
fn closing_ends_threads_that_wait() {
    check(1, 2, 2, true);
}

#[test]
fn parked_threads_exit_when_the_work_ends() {
    check_with(2, 2, 2, false, Some(1));
    check_with(2, 2, 2, true, Some(1));
}
