//! What was read and given back, because it was a part of what somebody asked for.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that the next read gets before those of the stream. Empty almost always, and then it costs
/// one look at a flag.
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

    /// Takes as many bytes as there are and fit; `None` if another thread has had them meanwhile.
    #[cold]
    pub(super) fn take(&self, buffer: &mut [u8]) -> Option<usize> {
        let mut bytes = self.lock();
        let count = self.copy(&bytes, buffer)?;
        bytes.drain(..count);
        if bytes.is_empty() {
            // The room goes as well: an idle connection is to be small.
            *bytes = Vec::new();
            self.is_any.store(false, Ordering::Release);
        }
        Some(count)
    }

    /// The same without taking them.
    #[cold]
    pub(super) fn peek(&self, buffer: &mut [u8]) -> Option<usize> {
        let bytes = self.lock();
        self.copy(&bytes, buffer)
    }

    /// Gives bytes back, before those that were given back earlier.
    pub(super) fn put(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let mut all = self.lock();
            all.splice(..0, bytes.iter().copied());
            // Within the lock: somebody who takes them all says so after this, and not before.
            self.is_any.store(true, Ordering::Release);
        }
    }

    fn copy(&self, bytes: &[u8], buffer: &mut [u8]) -> Option<usize> {
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        (!bytes.is_empty()).then_some(count)
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
    fn pushback_buffer_reads_last_pushed_first() {
        let unread = Unread::default();
        assert!(!unread.is_any());
        unread.put(b"");
        assert!(!unread.is_any());
        unread.put(b"cd");
        unread.put(b"ab");
        let mut buffer = [0; 3];
        assert_eq!((unread.peek(&mut buffer), &buffer), (Some(3), b"abc"));
        assert_eq!((unread.take(&mut buffer), &buffer), (Some(3), b"abc"));
        assert_eq!((unread.take(&mut buffer), buffer[0], unread.is_any()), (Some(1), b'd', false));
        assert_eq!(unread.lock().capacity(), 0, "an idle connection holds no buffer");
    }

    /// Two threads may have seen that there is something, of which the first took all: that is not
    /// the end of the stream.
    #[test]
    fn pushback_buffer_returns_none_when_empty() {
        let unread = Unread::default();
        assert_eq!((unread.take(&mut [0; 3]), unread.peek(&mut [0; 3])), (None, None));
        unread.put(b"a");
        assert_eq!(unread.take(&mut []), Some(0), "no room");
    }
}
