use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Stoppable;

static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn count(_: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// Signals to every thread of this process without end. Their handler is installed without
/// `SA_RESTART`, so that each interrupts a system call that blocks.
#[derive(Debug)]
pub struct SignalStorm {
    _thread: Stoppable,
}

impl SignalStorm {
    /// Sends `SIGUSR1` to each thread after each `pause`.
    pub fn start(pause: Duration) -> SignalStorm {
        // SAFETY: an all-zero `sigaction` is valid, and the handler only adds to an atomic.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = count as extern "C" fn(libc::c_int) as usize;
            libc::sigemptyset(&raw mut action.sa_mask);
            assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
        }
        let _thread = Stoppable::start(move |is_stopped| {
            while !is_stopped.load(Ordering::Relaxed) {
                interrupt_all();
                std::thread::sleep(pause);
            }
        });
        SignalStorm { _thread }
    }

    /// Returns how many signals were handled so far, in this process.
    pub fn handled(&self) -> u64 {
        HANDLED.load(Ordering::Relaxed)
    }
}

#[cfg(target_os = "linux")]
fn interrupt_all() {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return };
    for thread in threads.flatten() {
        if let Some(id) = thread.file_name().to_str().and_then(|id| id.parse::<libc::pid_t>().ok()) {
            // SAFETY: the call has no memory arguments; a thread that has ended is an error.
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), id, libc::SIGUSR1) };
        }
    }
}

/// Without a list of the threads, the OS chooses one that does not block the signal.
#[cfg(not(target_os = "linux"))]
fn interrupt_all() {
    // SAFETY: the call has no memory arguments.
    unsafe { libc::kill(libc::getpid(), libc::SIGUSR1) };
}
