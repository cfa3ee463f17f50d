//! The counters of a server.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one server, other than those of its [table](super::table::ConnectionTable).
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) refused: Counter,
    pub(super) failed: Counter,
    pub(super) panicked: Counter,
    pub(super) crashed: Counter,
    pub(super) unknown: Counter,
    pub(super) accept_errors: Counter,
    pub(super) requests: Counter,
    pub(super) expired: Counter,
    pub(super) disconnected: Counter,
    pub(super) closed_early: Counter,
}
