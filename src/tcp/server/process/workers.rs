//! What a server of worker processes is told.

use std::fmt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::children::Again;
use crate::error::Result;
use crate::proto::supervision::Policy;

/// Processes that accept connections from the same listener, each with threads of its own; for
/// [`TcpServer::serve_workers`](crate::TcpServer::serve_workers).
///
/// # Examples
///
/// ```
/// use socketry::process::Workers;
/// use std::time::Duration;
///
/// let workers = Workers::new(4)?
///     .backoff(Duration::from_millis(100), Duration::from_secs(30))
///     .start_timeout(Duration::from_secs(10));
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "processes are started by `TcpServer::serve_workers`"]
pub struct Workers {
    pub(super) count: usize,
    pub(super) command: Arc<dyn Fn(usize) -> Command + Send + Sync>,
    pub(super) policy: Policy,
    pub(super) grace: Duration,
}

impl Workers {
    /// So many workers, 0 counts as 1, each this program again with the same arguments. There
    /// [`process::worker`](super::worker) gives the [`Worker`](super::Worker).
    ///
    /// For handlers that compute, as many as there are processors; more if handlers wait for something in the process, such as
    /// a lock.
    ///
    /// # Errors
    ///
    /// This returns an error if the system cannot tell where this program is.
    pub fn new(count: usize) -> Result<Workers> {
        let again = Again::new()?;
        Ok(Workers::with_command(count, move |_| again.command()))
    }

    /// So many workers by a command of one's own, which gets the worker's number, counted from 0: this program with other
    /// arguments, or another program that calls [`process::worker`](super::worker).
    pub fn with_command(count: usize, command: impl Fn(usize) -> Command + Send + Sync + 'static) -> Workers {
        Workers {
            count: count.max(1),
            command: Arc::new(command),
            policy: Policy {
                first: Duration::from_millis(100),
                longest: Duration::from_secs(30),
                steady: Duration::from_secs(10),
                short_lives: 10,
                start_timeout: Duration::from_secs(30),
            },
            grace: Duration::from_secs(5),
        }
    }

    /// Sets how long after its end a worker is started again: `first`, and twice as long for each short life in a row, up to
    /// `longest`. A life of 10 s is not short. Defaults to 100 ms and 30 s.
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Workers {
        (self.policy.first, self.policy.longest) = (first, longest);
        self
    }

    /// Sets how many lives in a row may be short before no other worker is started in that place. Defaults to 10, which are
    /// over after a minute and a half if each ends at once. When no worker is left the server ends with an error; a
    /// [restart](crate::tcp::ServerHandle::restart_workers) begins anew.
    pub fn max_failed_starts(mut self, short_lives: u32) -> Workers {
        self.policy.short_lives = short_lives;
        self
    }

    /// Sets how long a worker may take from its start until it accepts connections; one that takes longer is killed. Defaults
    /// to 30 s.
    pub fn start_timeout(mut self, timeout: Duration) -> Workers {
        self.policy.start_timeout = timeout;
        self
    }

    /// Sets how long workers whose parent is gone, killed perhaps, go on with the connections that they have, and with those
    /// that wait. Defaults to 5 s.
    pub fn orphan_timeout(mut self, timeout: Duration) -> Workers {
        self.grace = timeout;
        self
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers")
            .field("count", &self.count)
            .field("policy", &self.policy)
            .field("orphan_timeout", &self.grace)
            .finish_non_exhaustive()
    }
}
