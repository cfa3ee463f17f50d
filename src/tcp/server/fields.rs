//! Counters as processes send them to each other.

use super::report::ServerCounters;

impl ServerCounters {
    /// As numbers in an order that later versions keep.
    pub(super) fn to_fields(self) -> [u64; 18] {
        [
            self.accepted,
            self.active,
            self.served,
            self.drained,
            self.aborted,
            self.refused,
            self.failed,
            self.panicked,
            self.crashed,
            self.accept_errors,
            self.requests,
            self.expired,
            self.threads,
            self.idle_threads,
            self.disconnected,
            self.unknown,
            self.lingering,
            self.closed_early,
        ]
    }

    /// Of numbers in that order, of which some may be missing, or more may be there.
    pub(super) fn from_fields(fields: &[u64]) -> ServerCounters {
        let field = |number: usize| fields.get(number).copied().unwrap_or(0);
        ServerCounters {
            accepted: field(0),
            active: field(1),
            served: field(2),
            drained: field(3),
            aborted: field(4),
            refused: field(5),
            failed: field(6),
            panicked: field(7),
            crashed: field(8),
            accept_errors: field(9),
            requests: field(10),
            expired: field(11),
            threads: field(12),
            idle_threads: field(13),
            disconnected: field(14),
            unknown: field(15),
            lingering: field(16),
            closed_early: field(17),
        }
    }

    pub(super) fn plus(&self, other: &ServerCounters) -> ServerCounters {
        let (mut sum, other) = (self.to_fields(), other.to_fields());
        sum.iter_mut().zip(other).for_each(|(sum, other)| *sum = sum.saturating_add(other));
        ServerCounters::from_fields(&sum)
    }
}
