//! Threads that take the turn, one of which gives up, in every order.

use super::*;

#[test]
fn turn_reaches_every_waiter() {
    loom::model(|| {
        let turn = loom::sync::Arc::new(Turn::new(0));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let turn = loom::sync::Arc::clone(&turn);
                loom::thread::spawn(move || {
                    *turn.take(&WaitLimit::unlimited()).expect("an unlimited wait") += 1;
                })
            })
            .collect();
        drop(turn.try_take());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(*turn.try_take().unwrap(), 2);
    });
}

/// A thread whose deadline has passed takes a free turn, and never keeps a notification from
/// another one.
#[test]
fn expired_waiter_loses_no_notification() {
    loom::model(|| {
        let turn = loom::sync::Arc::new(Turn::new(0));
        let (one, two) = (loom::sync::Arc::clone(&turn), loom::sync::Arc::clone(&turn));
        let patient = loom::thread::spawn(move || {
            *one.take(&WaitLimit::unlimited()).expect("an unlimited wait") += 1;
        });
        let hasty = loom::thread::spawn(move || drop(two.take(&WaitLimit::no_wait())));
        drop(turn.try_take());
        patient.join().unwrap();
        hasty.join().unwrap();
        assert_eq!(*turn.try_take().unwrap(), 1);
    });
}
