use std::io::Write;

use super::outbox::Outbox;

/// A stream and what waits to be written to it, which is written at last when both are dropped.
pub(super) struct Wire<S> {
    /// Taken when the stream is given back.
    stream: Option<S>,
    pub(super) outbox: Outbox,
    /// How to do that: known since something was sent, because only then the stream is known to be
    /// a writer.
    flush: Option<fn(&mut Outbox, &mut S)>,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S) -> Wire<S> {
        Wire { stream: Some(stream), outbox: Outbox::default(), flush: None }
    }

    #[inline]
    pub(super) fn stream(&self) -> &S {
        self.stream.as_ref().unwrap_or_else(|| unreachable!("{TAKEN}"))
    }

    #[inline]
    pub(super) fn stream_mut(&mut self) -> &mut S {
        self.stream.as_mut().unwrap_or_else(|| unreachable!("{TAKEN}"))
    }

    pub(super) fn into_stream(mut self) -> S {
        self.stream.take().unwrap_or_else(|| unreachable!("{TAKEN}"))
    }
}

const TAKEN: &str = "the stream is taken by whoever consumes the wire";

impl<S: Write> Wire<S> {
    /// Both, for something to be sent.
    #[inline]
    pub(super) fn parts(&mut self) -> (&mut S, &mut Outbox) {
        self.flush = Some(|outbox, stream| drop(outbox.flush(stream)));
        (self.stream.as_mut().unwrap_or_else(|| unreachable!("{TAKEN}")), &mut self.outbox)
    }
}

impl<S> Drop for Wire<S> {
    fn drop(&mut self) {
        // A peer that did not read before is not waited for again.
        if let (Some(flush), Some(stream), true) =
            (self.flush, &mut self.stream, self.outbox.held() > 0 && !self.outbox.has_failed())
        {
            flush(&mut self.outbox, stream);
        }
    }
}
