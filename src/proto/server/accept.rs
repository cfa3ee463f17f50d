//! What to do when accept fails, so that a loop neither ends nor spins. Pure: the shell waits.

use std::time::Duration;

use crate::error::ErrorKind;

/// What an accept that failed says about the next one. [`of`](Self::of) has it from the kind of the
/// error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptFault {
    /// It concerned the connection that it should have given, and no other.
    Connection,
    /// Descriptors or memory are used up, for now.
    Resources,
    /// There is something wrong with the listener itself.
    Listener,
}

impl AcceptFault {
    /// accept(2) reports errors of the new connection, too, so an unknown error is one of these.
    pub(crate) fn of(kind: ErrorKind) -> AcceptFault {
        match kind {
            ErrorKind::ResourceExhausted => AcceptFault::Resources,
            // EBADF, EINVAL, ENOTSOCK, EFAULT, EOPNOTSUPP.
            ErrorKind::InvalidInput | ErrorKind::Unsupported => AcceptFault::Listener,
            _ => AcceptFault::Connection,
        }
    }
}

/// What follows from a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterFault {
    AcceptAgain,
    /// So long, or until a connection of one's own ends.
    Wait(Duration),
    GiveUp,
}

/// Go's `net/http` waits so, too.
const SHORTEST: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_secs(1);

/// So many connections in a row may fail without a pause: a peer that does nothing but connect and reset is no reason to
/// keep others waiting, and no licence to keep a processor busy either.
const IN_A_ROW: u32 = 32;

/// The faults since the last success.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AcceptFaults {
    connections: u32,
    resources: u32,
}

impl AcceptFaults {
    pub(crate) fn succeeded(&mut self) {
        *self = AcceptFaults::default();
    }

    pub(crate) fn failed(&mut self, fault: AcceptFault) -> AfterFault {
        match fault {
            AcceptFault::Listener => AfterFault::GiveUp,
            AcceptFault::Resources => {
                self.resources = self.resources.saturating_add(1);
                AfterFault::Wait(doubled(self.resources))
            }
            AcceptFault::Connection => {
                self.connections = self.connections.saturating_add(1);
                match self.connections % IN_A_ROW {
                    0 => AfterFault::Wait(SHORTEST),
                    _ => AfterFault::AcceptAgain,
                }
            }
        }
    }
}

fn doubled(times: u32) -> Duration {
    let factor = 1_u32.checked_shl(times - 1).unwrap_or(u32::MAX);
    SHORTEST.saturating_mul(factor).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resource_faults_back_off_until_success() {
        let mut faults = AcceptFaults::default();
        let waits: Vec<_> = (0..40).map(|_| faults.failed(AcceptFault::Resources)).collect();
        let milliseconds = [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000];
        assert_eq!(waits[..10], milliseconds.map(|ms| AfterFault::Wait(Duration::from_millis(ms))));
        assert_eq!(waits[39], AfterFault::Wait(LONGEST));
        faults.succeeded();
        assert_eq!(faults.failed(AcceptFault::Resources), AfterFault::Wait(SHORTEST));
    }

    #[test]
    fn consecutive_connection_faults_pause_at_limit() {
        let mut faults = AcceptFaults::default();
        let after: Vec<_> = (0..2 * IN_A_ROW).map(|_| faults.failed(AcceptFault::Connection)).collect();
        let pauses = after.iter().filter(|after| **after == AfterFault::Wait(SHORTEST)).count();
        assert_eq!((after[0], pauses), (AfterFault::AcceptAgain, 2));
    }

    #[test]
    fn listener_fault_gives_up() {
        assert_eq!(AcceptFaults::default().failed(AcceptFault::Listener), AfterFault::GiveUp);
    }
}
