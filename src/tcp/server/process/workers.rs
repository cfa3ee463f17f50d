//! Options of worker processes.

use std::fmt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::children::SelfExe;
use crate::error::Result;
use crate::proto::supervision::Policy;

/// Options for worker processes, which accept connections from the same listener.
///
/// [`TcpServer::serve_workers`](crate::TcpServer::serve_workers) starts them.
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
    /// Runs `count` workers, at least 1: this program again, with the same arguments. There,
    /// [`process::worker`](super::worker) returns the [`Worker`](super::Worker).
    ///
    /// For handlers that compute, use one worker for each processor. Use more if handlers block on
    /// something within their process, such as a lock.
    ///
    /// # Errors
    ///
    /// This returns an error if the OS does not report the path of this program.
    pub fn new(count: usize) -> Result<Workers> {
        let again = SelfExe::new()?;
        Ok(Workers::with_command(count, move |_| again.command()))
    }

    /// Runs `count` workers by a command, which receives the index of the worker: this program with
    /// other arguments, or another program that calls [`process::worker`](super::worker).
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

    /// Sets the delay before a worker that exited is started again: `initial_delay`, doubled for
    /// each consecutive early exit, up to `max_delay`. An exit within 10 s is early. Defaults to
    /// 100 ms and 30 s.
    pub fn backoff(mut self, initial_delay: Duration, max_delay: Duration) -> Workers {
        (self.policy.first, self.policy.longest) = (initial_delay, max_delay);
        self
    }

    /// Sets the number of consecutive early exits after which a worker is not started again.
    /// Defaults to 10, which takes about 90 s if each worker exits at once.
    ///
    /// When no worker is left, the server returns an error. A
    /// [restart](crate::tcp::ServerHandle::restart_workers) resets the count.
    pub fn max_failed_starts(mut self, exits: u32) -> Workers {
        self.policy.short_lives = exits;
        self
    }

    /// Sets how long a worker may take from its start until it accepts connections. It is killed
    /// then. Defaults to 30 s.
    pub fn start_timeout(mut self, timeout: Duration) -> Workers {
        self.policy.start_timeout = timeout;
        self
    }

    /// Sets how long workers continue after their parent has exited, with their connections and the
    /// backlog. Defaults to 5 s.
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
