//! The lead goes from thread to thread, in every order in which they can come to it; a wake-up that
//! is lost leaves somebody waiting for ever, which `loom` finds.

use std::sync::Weak;
use std::sync::atomic::AtomicU32;

use super::*;
use crate::tcp::server::serve::TcpServer;
use crate::wait::OnCancel;
use crate::wait::sync::{Condvar, Mutex};

/// Work of which there is so much; then the one who leads waits for the shutdown.
struct Works {
    left: Mutex<u32>,
    is_over: Mutex<bool>,
    changed: Condvar,
    waits: bool,
    // Of std: it is no part of what is checked.
    done: AtomicU32,
}

impl Works {
    fn new(left: u32, waits: bool) -> Arc<Works> {
        let (left, is_over) = (Mutex::new(left), Mutex::new(false));
        Arc::new(Works { left, is_over, changed: Condvar::new(), waits, done: AtomicU32::new(0) })
    }
}

impl OnCancel for Works {
    fn cancelled(&self) {
        *self.is_over.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

struct Working(Arc<Works>);

impl Duty for Working {
    type Work = ();

    fn next(&self, _: &Arc<Shared>) -> Result<Option<()>> {
        let mut left = self.0.left.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Ok(Some(()));
        }
        drop(left);
        let mut is_over = self.0.is_over.lock().unwrap();
        while self.0.waits && !*is_over {
            is_over = self.0.changed.wait(is_over).unwrap();
        }
        Ok(None)
    }

    fn perform(&self, _: &Arc<Shared>, (): ()) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }

    fn is_over(&self, _: Phase) -> bool {
        true
    }
}

/// So much work on so many threads, in every order with so many interruptions; `ends` has another
/// thread shut it down.
fn check(work: u32, threads: usize, interruptions: usize, ends: bool) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(interruptions);
    model.check(move || {
        let server = TcpServer::builder().threads(threads).bind("127.0.0.1:0").unwrap();
        let (shared, works) = (Arc::clone(&server.shared), Works::new(work, ends));
        let callback: Arc<dyn OnCancel> = works.clone();
        let callback: Weak<dyn OnCancel> = Arc::downgrade(&callback);
        shared.wake.on_cancel(callback);
        let ending = ends.then(|| {
            let shared = Arc::clone(&shared);
            loom::thread::spawn(move || shared.begin_shutdown(Duration::from_secs(1)))
        });
        shared.serve(Working(Arc::clone(&works))).unwrap();
        assert_eq!(works.done.load(Ordering::Relaxed), work, "each is done, and once");
        let state = shared.state();
        assert_eq!((state.threads, state.starting, state.is_led), (0, 0, false), "nobody is left");
        drop(state);
        if let Some(ending) = ending {
            ending.join().unwrap();
        }
    });
}

#[test]
fn two_threads_finish_all_work_and_exit() {
    check(2, 2, 2, false);
}

#[test]
fn leadership_passes_among_three_threads() {
    check(3, 3, 1, false);
}

#[test]
fn shutdown_ends_leader_and_waiting_threads() {
    check(1, 2, 2, true);
}
