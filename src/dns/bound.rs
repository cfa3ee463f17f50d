//! What bounds a lookup, and how it ends early.

use std::sync::Arc;
use std::time::Instant;

use super::failure::ServerError;
use crate::sys::CancelToken;

/// What bounds a look-up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bound<'a> {
    pub(super) deadline: Option<Instant>,
    pub(super) token: Option<&'a CancelToken>,
    /// A second one, of somebody else.
    pub(super) also: Option<&'a CancelToken>,
}

/// Why a look-up ended before it had come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    /// And what became of each server until then, if this look-up has asked any itself.
    TimedOut(Arc<[ServerError]>),
    Cancelled,
}

impl<'a> Bound<'a> {
    pub(super) fn tokens(&self) -> impl Iterator<Item = &'a CancelToken> {
        self.token.into_iter().chain(self.also)
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.tokens().any(CancelToken::is_cancelled)
    }
}
