//! What waits to be written.

use std::io::{self, Write};

use super::failed;
use crate::error::{Error, Operation, Result};
use crate::proto::frame::{FrameError, Framing};
use crate::wait::CallScope;

/// From so many bytes on, what is held is written.
pub(crate) const PENDING_LIMIT: usize = 64 * 1024;

/// Frames that are encoded and not written yet, or not in full.
///
/// An error of a frame means that it was not taken; an error in writing, that it was, and is held.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    /// So many of them are written.
    written: usize,
    /// The stream may hold what was written back itself.
    is_unflushed: bool,
    /// The last attempt to write ended with an error.
    has_failed: bool,
}

impl Outbox {
    /// How many bytes wait.
    pub(crate) fn held(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed
    }

    pub(crate) fn has_nothing(&self) -> bool {
        self.held() == 0 && !self.is_unflushed
    }

    /// Takes a frame, and writes what is held if it is to be written `now`, or much.
    pub(crate) fn send<S: Write, F: Framing>(
        &mut self,
        stream: &mut S,
        framing: &F,
        frame: &F::Frame,
        now: bool,
    ) -> Result<()> {
        if self.held() >= PENDING_LIMIT {
            self.make_room(stream)?;
        }
        self.push(framing, frame)?;
        if now || self.held() >= PENDING_LIMIT { self.flush(stream) } else { Ok(()) }
    }

    /// Writes everything held. An error leaves the rest, exactly, for the next call.
    pub(crate) fn flush<S: Write>(&mut self, stream: &mut S) -> Result<()> {
        if self.has_nothing() {
            return Ok(());
        }
        let written = self.write(stream);
        self.has_failed = written.is_err();
        written.map_err(|error| failed(Operation::Send, error))
    }

    /// Takes a frame.
    pub(crate) fn push<F: Framing>(&mut self, framing: &F, frame: &F::Frame) -> Result<()> {
        if self.written > self.held() {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        let encoded = framing.encode(frame, &mut self.bytes);
        encoded.map_err(|error| Error::from(error).with_operation(Operation::Send))
    }

    /// Writes what the stream accepts without blocking: `write` returns how much that is. Returns `true`
    /// if everything is written.
    pub(crate) fn flush_some(&mut self, mut write: impl FnMut(&[u8]) -> Result<usize>) -> Result<bool> {
        let held = self.held();
        if held == 0 {
            return Ok(true);
        }
        match write(&self.bytes[self.written..]) {
            Ok(count) => {
                self.written += count;
                self.has_failed = false;
                if count == held {
                    self.bytes.clear();
                    self.written = 0;
                }
                Ok(count == held)
            }
            Err(error) => {
                self.has_failed = true;
                Err(error)
            }
        }
    }

    /// How much memory it has.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives memory back.
    pub(crate) fn release(&mut self) {
        self.bytes.drain(..self.written);
        self.written = 0;
        self.bytes.shrink_to_fit();
    }

    fn write<S: Write>(&mut self, stream: &mut S) -> io::Result<()> {
        // All writes of this call have one limit.
        let _call = CallScope::enter(false);
        self.is_unflushed = true;
        while self.written < self.bytes.len() {
            match stream.write(&self.bytes[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.clear();
        self.written = 0;
        loop {
            match stream.flush() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        self.is_unflushed = false;
        Ok(())
    }

    /// An earlier flush has failed, or a peer does not read. Whoever sends on in spite of it does
    /// not fill the memory.
    #[cold]
    fn make_room<S: Write>(&mut self, stream: &mut S) -> Result<()> {
        match self.flush(stream) {
            Err(error) if error.is_timeout() && self.held() >= PENDING_LIMIT => {
                Err(FrameError::WriteBufferFull { pending: self.held(), limit: PENDING_LIMIT }.into())
            }
            Err(error) if !error.is_timeout() => Err(error),
            _ => Ok(()),
        }
    }
}
