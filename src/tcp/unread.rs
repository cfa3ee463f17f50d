//! What was read and given back, because it was a part of what somebody asked for.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that the next read gets before those of the stream. Empty almost always, and then it costs one look at a flag.
#[derive(Default)]
pub(super) struct Unread {
    is_any: AtomicBool,
    bytes: Mutex<Vec<u8>>,
}

impl Unread {
    #[inline]
    pub(super) fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Acquire)
    }

    pub(super) fn len(&self) -> usize {
        if self.is_any() { self.lock().len() } else { 0 }
    }

    /// Takes as many bytes as there are and fit.
    #[cold]
    pub(super) fn take(&self, buffer: &mut [u8]) -> usize {
        let mut bytes = self.lock();
        let count = self.copy(&bytes, buffer);
        bytes.drain(..count);
        if bytes.is_empty() {
            // The room goes as well: an idle connection is to be small.
            *bytes = Vec::new();
            self.is_any.store(false, Ordering::Release);
        }
        count
    }

    /// The same without taking them.
    #[cold]
    pub(super) fn peek(&self, buffer: &mut [u8]) -> usize {
        let bytes = self.lock();
        self.copy(&bytes, buffer)
    }

    /// Gives bytes back, before those that were given back earlier.
    pub(super) fn put(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.lock().splice(..0, bytes.iter().copied());
            self.is_any.store(true, Ordering::Release);
        }
    }

    fn copy(&self, bytes: &[u8], buffer: &mut [u8]) -> usize {
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        count
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        // Nothing here can panic between two changes that belong together.
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unread({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_last_is_read_first() {
        let unread = Unread::default();
        assert!(!unread.is_any());
        unread.put(b"");
        assert!(!unread.is_any());
        unread.put(b"cd");
        unread.put(b"ab");
        let mut buffer = [0; 3];
        assert_eq!((unread.peek(&mut buffer), &buffer), (3, b"abc"));
        assert_eq!((unread.take(&mut buffer), &buffer), (3, b"abc"));
        assert_eq!((unread.take(&mut buffer), buffer[0], unread.is_any()), (1, b'd', false));
    }
}
