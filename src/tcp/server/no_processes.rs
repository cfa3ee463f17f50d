//! A server without processes: none of what `processes.rs` has.

use super::report::ServerCounters;

#[derive(Default)]
pub(super) struct Processes {}

impl Processes {
    pub(super) fn total(&self, own: ServerCounters) -> ServerCounters {
        own
    }

    pub(super) fn on_end(&self, _: impl FnOnce() -> ServerCounters) {}
}
