use std::process::ExitStatus;

use crate::error::{Error, ErrorKind, Operation};

/// What a server of processes refuses, or ends with; the [`detail`](crate::Error::detail) of an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The process was started to serve, and has begun to do what its parent does: `main` does not look at its role first.
    #[error(
        "this process was started as a {role}, and has not called `process::{role}`, as `main` must at first"
    )]
    UnclaimedRole {
        /// `worker` or `connection`.
        role: &'static str,
    },
    /// There are no worker processes to be restarted.
    #[error("this server has no workers")]
    NoWorkers,
    /// The workers are being restarted already.
    #[error("the workers are being restarted already")]
    RestartUnderWay,
    /// The new worker of a place ended, or did not serve in time; those that were not replaced yet go on.
    #[error("worker {worker} did not begin to serve; those that were not replaced yet go on")]
    RestartFailed {
        /// The number of the worker.
        worker: usize,
    },
    /// No worker is left, because each has ended too often and too soon.
    #[error("all workers have ended too often{}", Last(.last))]
    TooManyFailures {
        /// How the last one ended, if it could be started.
        last: Option<ExitStatus>,
    },
    /// What the parent says is not understood: it is another program.
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
