//! What is measured: the time that passed, or the processor time of the thread that matters, which
//! neighbours disturb less.

use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    Passed,
    Processor,
}

impl Clock {
    pub(crate) const BOTH: [(Clock, &str); 2] = [(Clock::Passed, ""), (Clock::Processor, ", processor time")];

    pub(crate) fn time(self, work: impl FnOnce()) -> Duration {
        match self {
            Clock::Passed => {
                let start = Instant::now();
                work();
                start.elapsed()
            }
            Clock::Processor => {
                let start = processor_time();
                work();
                processor_time() - start
            }
        }
    }
}

/// What the calling thread has used.
fn processor_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live structure.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    assert_eq!(result, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
