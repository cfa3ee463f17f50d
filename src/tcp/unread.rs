//! Received bytes that were pushed back, because a call that needed more of them has failed.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that the next read returns before those of the stream. It is almost always empty, and then
/// a read checks one flag.
#[derive(Default)]
pub(super) struct Unread {
    is_any: AtomicBool,
    bytes: Mutex<Bytes>,
}

/// The bytes from `start` on. Those before it were read: removing them would move the rest with each
/// read.
#[derive(Default)]
struct Bytes {
    buffer: Vec<u8>,
    start: usize,
}

impl Unread {
    #[inline]
    pub(super) fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Acquire)
    }

    pub(super) fn len(&self) -> usize {
        if self.is_any() { self.lock().rest().len() } else { 0 }
    }

    /// Takes as many bytes as there are and fit; `None` if another thread has taken all of them.
    #[cold]
    pub(super) fn take(&self, buffer: &mut [u8]) -> Option<usize> {
        let mut bytes = self.lock();
        let count = bytes.copy_to(buffer)?;
        bytes.start += count;
        if bytes.rest().is_empty() {
            // The allocation is freed as well: an idle connection is to be small.
            *bytes = Bytes::default();
            self.is_any.store(false, Ordering::Release);
        }
        Some(count)
    }

    /// The same without taking them.
    #[cold]
    pub(super) fn peek(&self, buffer: &mut [u8]) -> Option<usize> {
        self.lock().copy_to(buffer)
    }

    /// Pushes bytes back, before those that were pushed back earlier.
    pub(super) fn put(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let mut all = self.lock();
            all.prepend(bytes);
            // Within the lock: a thread that takes all of them clears the flag after this.
            self.is_any.store(true, Ordering::Release);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Bytes> {
        // Nothing here can panic between two changes that belong together.
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bytes {
    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    fn copy_to(&self, buffer: &mut [u8]) -> Option<usize> {
        let rest = self.rest();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        (!rest.is_empty()).then_some(count)
    }

    /// Bytes that were just read fit into the space that they have left.
    fn prepend(&mut self, bytes: &[u8]) {
        match self.start.checked_sub(bytes.len()) {
            Some(start) => {
                self.buffer[start..self.start].copy_from_slice(bytes);
                self.start = start;
            }
            None => {
                self.buffer.splice(..self.start, bytes.iter().copied());
                self.start = 0;
            }
        }
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
        assert_eq!(unread.lock().buffer.capacity(), 0, "an idle connection holds no buffer");
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

    /// Removing the front of a buffer moves its rest: 16 MiB in reads of 1 KiB took 10 s.
    #[test]
    fn pushed_back_bytes_are_read_in_linear_time() {
        const SIZE: usize = 16 << 20;
        let bytes: Vec<u8> = (0..=250).cycle().take(SIZE).collect();
        let unread = Unread::default();
        unread.put(&bytes);
        let began = std::time::Instant::now();
        let (mut buffer, mut done) = ([0; 1_024], 0);
        while let Some(taken) = unread.take(&mut buffer) {
            // A part of each read is pushed back, as an incomplete character is.
            let count = if taken < buffer.len() { taken } else { taken - 3 };
            unread.put(&buffer[count..taken]);
            assert_eq!(buffer[..count], bytes[done..done + count]);
            done += count;
        }
        assert_eq!(done, SIZE);
        assert!(began.elapsed() < std::time::Duration::from_secs(4), "{:?}", began.elapsed());
    }
}
