use std::process::ExitStatus;

use crate::error::{Error, ErrorKind, Operation};

/// An error of a server with processes: the [`detail`](crate::Error::detail) of its error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The process was started as a worker or child, and acts as a parent: `main` does not claim
    /// its role first.
    #[error(
        "this process was started as a {role}, and has not called `process::{role}`, as `main` must at first"
    )]
    UnclaimedRole {
        /// The role: `worker` or `connection`.
        role: &'static str,
    },
    /// The server has no worker processes to restart.
    #[error("this server has no workers")]
    NoWorkers,
    /// A restart is in progress.
    #[error("the workers are being restarted already")]
    RestartUnderWay,
    /// A new worker exited, or did not accept connections in time. Workers that were not replaced
    /// yet continue.
    #[error("worker {worker} did not begin to serve; those that were not replaced yet go on")]
    RestartFailed {
        /// The index of the worker.
        worker: usize,
    },
    /// No worker is left, because each exited early too often.
    #[error("all workers have ended too often{}", Last(.last))]
    TooManyFailures {
        /// The exit status of the last one, if it could be started.
        last: Option<ExitStatus>,
    },
    /// The parent sent an unsupported control message: it is another program.
    #[error("unsupported control message from parent")]
    UnknownParent,
}

impl ProcessError {
    pub(super) fn into_error(self, operation: Operation) -> Error {
        let kind = match self {
            ProcessError::UnclaimedRole { .. } | ProcessError::NoWorkers | ProcessError::UnknownParent => {
                ErrorKind::InvalidInput
            }
            _ => ErrorKind::Other,
        };
        Error::detailed(operation, kind, self)
    }
}

struct Last<'a>(&'a Option<ExitStatus>);

impl std::fmt::Display for Last<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(status) => write!(f, ", the last one with {status}"),
            None => f.write_str(", the last one could not be started"),
        }
    }
}
