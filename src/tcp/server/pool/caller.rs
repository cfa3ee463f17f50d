//! A thread that the pool has not started, and counts.

use std::sync::Arc;

use super::{Member, Pool};

impl Pool {
    /// Counts the calling thread, so that the pool does not end before it.
    pub(in crate::tcp::server) fn join_caller(self: &Arc<Self>) -> Member {
        self.state().total += 1;
        Member { pool: Arc::clone(self), is_waiting: false, index: None }
    }
}
