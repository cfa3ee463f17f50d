//! When another thread blocks in its call, so that something can happen during it.

use std::sync::atomic::{AtomicI32, Ordering};

use crate::kit::eventually;

/// A thread that is about to block.
#[derive(Debug, Default)]
pub struct Entered(AtomicI32);

impl Entered {
    pub fn new() -> Entered {
        Entered::default()
    }

    /// Called by the thread immediately before the call.
    pub fn enter(&self) {
        self.0.store(thread_id(), Ordering::Release);
    }

    /// Waits until the thread blocks in the call.
    pub fn wait(&self) {
        eventually("the thread enters the call", || self.0.load(Ordering::Acquire) != 0);
        let id = self.0.load(Ordering::Acquire);
        // A lock of the allocator is waited for, too, though not for long.
        #[cfg(target_os = "linux")]
        let mut observed = 0;
        #[cfg(target_os = "linux")]
        eventually("the thread blocks", || {
            let stat = std::fs::read_to_string(format!("/proc/self/task/{id}/stat")).unwrap_or_default();
            // After the name, which can contain spaces: the state. A thread that has ended has none.
            let is_blocked = stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('S'));
            observed = if is_blocked { observed + 1 } else { 0 };
            observed >= 5
        });
        #[cfg(not(target_os = "linux"))]
        std::thread::sleep(crate::table::LIMIT / 3 * i32::signum(id).unsigned_abs());
    }
}

#[cfg(target_os = "linux")]
fn thread_id() -> i32 {
    // SAFETY: the call has no arguments and cannot fail.
    unsafe { libc::gettid() }
}

#[cfg(not(target_os = "linux"))]
fn thread_id() -> i32 {
    1
}
