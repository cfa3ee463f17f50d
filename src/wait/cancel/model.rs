//! A callback is registered while the token is cancelled, in every order.

use std::sync::atomic::AtomicU32;

use super::*;

struct Counts(AtomicU32);

impl OnCancel for Counts {
    fn cancelled(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn callback_runs_once_when_registered_during_cancel() {
    loom::model(|| {
        let token = CancelToken::new().unwrap();
        let other = token.clone();
        let stopping = loom::thread::spawn(move || other.cancel());
        let counts = Arc::new(Counts(AtomicU32::new(0)));
        let callback: Arc<dyn OnCancel> = counts.clone();
        token.on_cancel(Arc::downgrade(&callback));
        stopping.join().unwrap();
        assert_eq!(counts.0.load(Ordering::Relaxed), 1);
    });
}
