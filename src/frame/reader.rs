use std::fmt;
use std::io::{self, Read};
use std::iter::FusedIterator;

use super::failed;
use crate::error::{Operation, Result};
use crate::proto::frame::Framing;
use crate::wait::CallScope;

/// A view of a reader as frames: the read half of a connection, a file, a slice.
///
/// It is also an iterator over owned frames, which continues after the error of a frame and after a
/// timeout, and ends with the stream or after an error of the reader.
///
/// # Examples
///
/// ```
/// use socketry::Encoding;
/// use socketry::frame::{FrameReader, Lines};
///
/// let lines = FrameReader::new(&b"one\ntwo\n"[..], Lines::new(Encoding::Utf8));
/// let lines: Vec<String> = lines.collect::<Result<_, _>>()?;
/// assert_eq!(lines, ["one", "two"]);
/// # Ok::<(), socketry::Error>(())
/// ```
pub struct FrameReader<R, F> {
    reader: R,
    framing: F,
    has_failed: bool,
}

impl<R, F: Framing> FrameReader<R, F> {
    /// Creates a view of a reader from its current position.
    pub fn new(reader: R, framing: F) -> FrameReader<R, F> {
        FrameReader { reader, framing, has_failed: false }
    }

    /// Returns the framing, with its buffer.
    pub fn framing(&self) -> &F {
        &self.framing
    }

    /// Returns a reference to the reader.
    pub fn get_ref(&self) -> &R {
        &self.reader
    }

    /// Returns a mutable reference to the reader. Bytes that are read from it are missing in the
    /// frames.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Consumes the view and returns the reader. Buffered bytes are lost;
    /// [`into_parts`](Self::into_parts) keeps them.
    pub fn into_inner(self) -> R {
        self.reader
    }

    /// Consumes the view and returns the reader and the framing with its buffered bytes;
    /// [`new`](Self::new) reunites them.
    pub fn into_parts(self) -> (R, F) {
        (self.reader, self.framing)
    }
}

impl<R: Read, F: Framing> FrameReader<R, F> {
    /// Receives the next frame. Returns `None` at the end of the stream. Blocks as the reader does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`Framed::recv`](super::Framed::recv) would.
    pub fn recv(&mut self) -> Result<Option<<F::Frame as ToOwned>::Owned>> {
        Ok(self.recv_ref()?.map(ToOwned::to_owned))
    }

    /// Receives the next frame, borrowed from the buffer. Blocks as [`recv`](Self::recv) does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`Framed::recv`](super::Framed::recv) would.
    pub fn recv_ref(&mut self) -> Result<Option<&F::Frame>> {
        let FrameReader { reader, framing, has_failed } = self;
        let is_there = receive(framing, |room| {
            read(reader, room).inspect_err(|error| *has_failed = !error.is_timeout())
        })?;
        Ok(is_there.then(|| self.framing.frame()))
    }
}

impl<R: Read, F: Framing> Iterator for FrameReader<R, F> {
    type Item = Result<<F::Frame as ToOwned>::Owned>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed { None } else { self.recv().transpose() }
    }
}

impl<R: Read, F: Framing> FusedIterator for FrameReader<R, F> {}

impl<R, F: fmt::Debug> fmt::Debug for FrameReader<R, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameReader").field("framing", &self.framing).finish_non_exhaustive()
    }
}

/// Makes the next frame the current one, and reads as long as there is none. False when the stream
/// has ended.
#[inline]
pub(crate) fn receive<F: Framing>(
    framing: &mut F,
    mut read: impl FnMut(&mut [u8]) -> Result<usize>,
) -> Result<bool> {
    if framing.poll()? {
        return Ok(true);
    }
    // All reads of this call have one limit.
    let call = CallScope::enter(framing.is_empty());
    loop {
        if framing.is_eof() {
            return Ok(false);
        }
        match read(framing.spare())? {
            0 => framing.set_eof(),
            count => {
                framing.advance(count);
                call.message_begins();
            }
        }
        if framing.poll()? {
            return Ok(true);
        }
    }
}

pub(crate) fn read<R: Read>(reader: &mut R, room: &mut [u8]) -> Result<usize> {
    loop {
        match reader.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(|error| failed(Operation::Receive, error)),
        }
    }
}
