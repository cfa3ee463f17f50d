use std::fmt;
use std::io::Write;

use super::outbox::Outbox;
use crate::error::Result;
use crate::proto::frame::Framing;

/// A reply to a frame that is still borrowed, from
/// [`Framed::recv_with_reply`](super::Framed::recv_with_reply).
pub struct Reply<'a, S, F> {
    stream: &'a mut S,
    framing: &'a F,
    outbox: &'a mut Outbox,
    /// Whether another complete frame is buffered.
    more: bool,
}

impl<'a, S: Write, F: Framing> Reply<'a, S, F> {
    pub(crate) fn new(stream: &'a mut S, framing: &'a F, outbox: &'a mut Outbox, more: bool) -> Self {
        Reply { stream, framing, outbox, more }
    }

    /// Sends a frame. Blocks as [`Framed::send`](super::Framed::send) does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`Framed::send`](super::Framed::send) would.
    pub fn send(&mut self, frame: impl AsRef<F::Frame>) -> Result<()> {
        self.outbox.send(self.stream, self.framing, frame.as_ref(), !self.more)
    }

    /// Appends a frame to the pending bytes, as [`Framed::feed`](super::Framed::feed) does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`Framed::feed`](super::Framed::feed) would.
    pub fn feed(&mut self, frame: impl AsRef<F::Frame>) -> Result<()> {
        self.outbox.send(self.stream, self.framing, frame.as_ref(), false)
    }

    /// Returns true if another complete frame is buffered, so that a reply stays pending until that
    /// one is answered, too.
    pub fn has_more(&self) -> bool {
        self.more
    }
}

impl<S, F> fmt::Debug for Reply<'_, S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("pending", &self.outbox.held()).field("more", &self.more).finish()
    }
}
