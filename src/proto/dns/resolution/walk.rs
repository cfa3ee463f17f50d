//! The sources of a lookup, one after the other, and the failure that is returned after the last.

use crate::error::{Error, ErrorKind};
use crate::proto::dns::failure::ResolveError;
use crate::proto::dns::fault::ServerFault;
use crate::proto::dns::sources::{Actions, Source, Sources};

#[derive(Debug)]
pub(super) struct Walk {
    sources: Sources,
    next: usize,
    /// The actions of the current source.
    actions: Actions,
    failure: Option<Error>,
}

impl Walk {
    #[inline]
    pub(super) fn new(sources: Sources) -> Walk {
        Walk { sources, next: 0, actions: Actions::default(), failure: None }
    }

    #[inline]
    pub(super) fn next(&mut self) -> Option<Source> {
        let (source, actions) = self.sources.get(self.next)?;
        self.next += 1;
        self.actions = actions;
        Some(source)
    }

    /// Whether the lookup ends if the current source does not have the name.
    pub(super) fn not_found_ends(&self) -> bool {
        self.actions.not_found
    }

    /// Records that the current source failed. Returns whether the lookup ends with that.
    pub(super) fn failed(&mut self, error: Error) -> bool {
        let ends = match error.kind() {
            ErrorKind::NameNotFound => self.actions.not_found,
            ErrorKind::TimedOut => self.actions.unavailable,
            // As in glibc, a server that cannot be reached is unavailable.
            ErrorKind::NameResolution if is_unavailable(&error) => self.actions.unavailable,
            ErrorKind::NameResolution => self.actions.try_again,
            _ => true,
        };
        // The name may exist if a source has failed.
        if self.failure.as_ref().is_none_or(|before| !before.is_temporary()) {
            self.failure = Some(error);
        }
        ends
    }

    pub(super) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }
}

/// Whether no server could be reached.
fn is_unavailable(error: &Error) -> bool {
    let is_silent = |fault: ServerFault| matches!(fault, ServerFault::Timeout | ServerFault::Unreachable);
    matches!(error.detail(), Some(ResolveError::ServersFailed(servers))
        if servers.iter().all(|server| is_silent(server.fault)))
}
