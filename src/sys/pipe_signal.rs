//! Holding `SIGPIPE` back from a call that has no flag for it.

use nix::sys::signal::{SigSet, SigmaskHow, Signal, raise};

/// The time in which a broken pipe raises no signal in this thread, whatever the program has made of `SIGPIPE`.
pub(super) struct Quiet {
    /// The mask of the thread, where it was changed.
    before: Option<SigSet>,
}

fn pipe() -> SigSet {
    SigSet::from(Signal::SIGPIPE)
}

impl Quiet {
    pub(super) fn begin() -> Quiet {
        let before = pipe().thread_swap_mask(SigmaskHow::SIG_BLOCK);
        // Where the program holds it back by itself, there is nothing to do, and what waits is the program's.
        Quiet { before: before.ok().filter(|before| !before.contains(Signal::SIGPIPE)) }
    }

    /// Takes the signal away that a call has raised. It is raised once more, which makes no second one of it, so that there is
    /// one to take and the call does not wait; what was sent to the whole process stays.
    #[cold]
    pub(super) fn discard(&self) {
        if self.before.is_some() && raise(Signal::SIGPIPE).is_ok() {
            let _ = pipe().wait();
        }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = before.thread_set_mask();
        }
    }
}
