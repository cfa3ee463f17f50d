//! Somebody asks to be told while the switch is thrown, in every order.

use std::sync::atomic::AtomicU32;

use super::*;

struct Hears(AtomicU32);

impl Told for Hears {
    fn stopped(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn callback_runs_once_when_registered_during_cancel() {
    loom::model(|| {
        let token = CancelToken::new().unwrap();
        let switch = token.clone();
        let stopping = loom::thread::spawn(move || switch.cancel());
        let hears = Arc::new(Hears(AtomicU32::new(0)));
        let told: Arc<dyn Told> = hears.clone();
        token.tell(Arc::downgrade(&told));
        stopping.join().unwrap();
        assert_eq!(hears.0.load(Ordering::Relaxed), 1);
    });
}
