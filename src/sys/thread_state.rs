//! Whether a thread of this process blocks, or runs and waits for a processor at most.

/// A thread of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadState {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    id: u32,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl ThreadState {
    /// The calling thread. `None` if `/proc` is not mounted.
    pub(crate) fn of_current() -> Option<ThreadState> {
        let path = std::fs::read_link("/proc/thread-self").ok()?;
        let id = path.file_name()?.to_str()?.parse().ok()?;
        Some(ThreadState { id })
    }

    /// Returns `true` if the thread blocks, or if that is unknown.
    pub(crate) fn is_blocked(self) -> bool {
        let stat = std::fs::read(format!("/proc/self/task/{}/stat", self.id));
        // The name in parentheses can contain anything; the state follows it (proc_pid_stat(5)).
        let state = stat.ok().and_then(|stat| {
            let end = stat.iter().rposition(|byte| *byte == b')')?;
            stat.get(end + 2).copied()
        });
        state != Some(b'R')
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl ThreadState {
    /// The calling thread. `None`: there is no safe crate for it.
    pub(crate) fn of_current() -> Option<ThreadState> {
        None
    }

    pub(crate) fn is_blocked(self) -> bool {
        true
    }
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn thread_that_sleeps_is_blocked_and_one_that_computes_is_not() {
        let ends = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (sender, states) = channel();
            let (release, released) = channel::<()>();
            let of_sleeping = sender.clone();
            scope.spawn(move || {
                of_sleeping.send(ThreadState::of_current().unwrap()).unwrap();
                let _ = released.recv();
            });
            let sleeping = states.recv().unwrap();
            let ends = &ends;
            scope.spawn(move || {
                sender.send(ThreadState::of_current().unwrap()).unwrap();
                while !ends.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
            let computing = states.recv().unwrap();
            let start = Instant::now();
            while !sleeping.is_blocked() {
                assert!(start.elapsed() < Duration::from_secs(20));
            }
            assert!(!computing.is_blocked());
            ends.store(true, Ordering::Relaxed);
            drop(release);
        });
        assert!(ThreadState { id: u32::MAX }.is_blocked(), "unknown");
    }
}
