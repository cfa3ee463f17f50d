//! Single-flight in every order of its threads. `loom` finds a thread that waits forever.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::wait::CancelToken;

const FREE: &WaitLimit<'static> = &WaitLimit::unlimited();

fn key() -> Key {
    (HostName::found("host.test"), vec![Kind::A], 0)
}

/// Runs the given number of threads, of which the first `failing` leaders are interrupted. Returns
/// the outcomes, and the number of leaders.
fn run_together(threads: usize, failing: usize) -> (Vec<Result<usize, Interrupted>>, usize) {
    let flights = Arc::new(SingleFlight::new());
    // A counter of std, which is no part of the model.
    let leaders = Arc::new(AtomicUsize::new(0));
    let running: Vec<_> = (0..threads)
        .map(|_| {
            let (flights, leaders) = (Arc::clone(&flights), Arc::clone(&leaders));
            loom::thread::spawn(move || {
                flights.run(
                    &key(),
                    FREE,
                    || match leaders.fetch_add(1, Ordering::Relaxed) {
                        number if number < failing => Err(Interrupted::TimedOut(Arc::default())),
                        _ => Ok(7),
                    },
                    |_| true,
                )
            })
        })
        .collect();
    let outcomes = running.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(flights.all().is_empty(), "no query is left");
    (outcomes, leaders.load(Ordering::Relaxed))
}

#[test]
fn all_callers_receive_result() {
    loom::model(|| {
        let (outcomes, leaders) = run_together(2, 0);
        assert!(outcomes.iter().all(|outcomes| *outcomes == Ok(7)));
        assert!((1..=2).contains(&leaders));
    });
}

/// A waiting thread takes the place of a leader that is interrupted.
#[test]
fn waiter_becomes_leader_after_leader_is_interrupted() {
    loom::model(|| {
        let (outcomes, leaders) = run_together(2, 1);
        assert_eq!(outcomes.iter().filter(|outcomes| outcomes.is_err()).count(), 1, "{outcomes:?}");
        assert_eq!(leaders, 2);
    });
}

/// As for a lookup by the OS.
#[test]
fn oneshot_value_reaches_waiter() {
    loom::model(|| {
        let oneshot = Oneshot::new();
        let own = Arc::clone(&oneshot);
        let setting = loom::thread::spawn(move || own.set(7));
        assert_eq!(oneshot.wait(FREE), Ok(Some(7)));
        setting.join().unwrap();
    });
}

/// The token is cancelled at any time around the wait, and around the setting of the value.
#[test]
fn cancel_ends_oneshot_wait_in_any_order() {
    for is_set in [false, true] {
        loom::model(move || {
            let (oneshot, token) = (Oneshot::new(), CancelToken::new().unwrap());
            let (own, other) = (Arc::clone(&oneshot), token.clone());
            let cancelling = loom::thread::spawn(move || {
                other.cancel();
                if is_set {
                    own.set(7);
                }
            });
            let outcomes = oneshot.wait(&WaitLimit::unlimited().cancelled_by(Some(&token), None));
            cancelling.join().unwrap();
            assert!(
                outcomes == Err(Interrupted::Cancelled) || is_set && outcomes == Ok(Some(7)),
                "{outcomes:?}"
            );
        });
    }
}
