//! One asks for all, in every order in which threads can come to it; that somebody waits for ever
//! is a fault that `loom` finds.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::wait::CancelToken;

const FREE: &WaitLimit<'static> = &WaitLimit::unlimited();

fn wanted() -> Wanted {
    (HostName::found("host.test"), vec![Kind::A], 0)
}

/// Has so many threads fly at the same time; the first `failing` who ask are interrupted. What each
/// is told, and how often somebody has asked.
fn fly_together(threads: usize, failing: usize) -> (Vec<Result<usize, Interrupted>>, usize) {
    let flights = Arc::new(Flights::new());
    // Counters of std: they are no part of what is checked.
    let asked = Arc::new(AtomicUsize::new(0));
    let flying: Vec<_> = (0..threads)
        .map(|_| {
            let (flights, asked) = (Arc::clone(&flights), Arc::clone(&asked));
            loom::thread::spawn(move || {
                flights.fly(&wanted(), FREE, || match asked.fetch_add(1, Ordering::Relaxed) {
                    number if number < failing => Err(Interrupted::TimedOut(Arc::default())),
                    _ => Ok(7),
                })
            })
        })
        .collect();
    let told = flying.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(flights.all().is_empty(), "nothing is left in the air");
    (told, asked.load(Ordering::Relaxed))
}

#[test]
fn all_callers_receive_result() {
    loom::model(|| {
        let (told, asked) = fly_together(2, 0);
        assert!(told.iter().all(|told| *told == Ok(7)));
        assert!((1..=2).contains(&asked));
    });
}

/// Whoever waits for one who is told nothing asks in its place.
#[test]
fn waiter_becomes_leader_after_leader_is_interrupted() {
    loom::model(|| {
        let (told, asked) = fly_together(2, 1);
        assert_eq!(told.iter().filter(|told| told.is_err()).count(), 1, "{told:?}");
        assert_eq!(asked, 2);
    });
}

/// A look-up of the system's is said by a thread that then is no more.
#[test]
fn oneshot_value_reaches_waiter() {
    loom::model(|| {
        let promise = Promise::new();
        let own = Arc::clone(&promise);
        let saying = loom::thread::spawn(move || own.keep(7));
        assert_eq!(promise.wait(FREE), Ok(Some(7)));
        saying.join().unwrap();
    });
}

/// The switch is thrown at any moment around the wait, and around the moment when somebody says
/// what is waited for.
#[test]
fn cancel_ends_oneshot_wait_in_any_order() {
    for is_kept in [false, true] {
        loom::model(move || {
            let (promise, token) = (Promise::new(), CancelToken::new().unwrap());
            let (own, switch) = (Arc::clone(&promise), token.clone());
            let stopping = loom::thread::spawn(move || {
                switch.cancel();
                if is_kept {
                    own.keep(7);
                }
            });
            let told = promise.wait(&WaitLimit::unlimited().cancelled_by(Some(&token), None));
            stopping.join().unwrap();
            assert!(told == Err(Interrupted::Cancelled) || is_kept && told == Ok(Some(7)), "{told:?}");
        });
    }
}
