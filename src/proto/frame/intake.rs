//! The read buffer: a stream is read into it, and frames are borrowed from it.

use std::fmt;
use std::ops::Range;

/// The first spare slice is small, because most connections of a server send little.
const FIRST: usize = 8 * 1024;

/// The length of the spare slice once a read has filled the first one.
const CHUNK: usize = 64 * 1024;

/// The OS copies two to four times as fast to an address that is a multiple of this.
const ALIGNMENT: usize = 32;

/// The received bytes that are not consumed yet, in the order of the stream.
///
/// ```text
///  storage  ├─ front ─┤base──────────── chunk ────────────┤
///                 ▒▒▒▒▒                                      an incomplete frame, moved so that
///                      └─ spare, aligned                     it ends where the spare begins
/// ```
///
/// The first call of [`room`](Self::room) allocates the memory. Memory is zeroed once, when it is
/// allocated.
pub(super) struct Intake {
    storage: Vec<u8>,
    /// The aligned position at which the spare slice begins, unless a long frame is buffered.
    base: usize,
    start: usize,
    end: usize,
    /// The frame that was taken last. It is valid until the next call of `room`.
    frame: Range<usize>,
    chunk: usize,
    /// The number of bytes of the last read. Moving at most that many bytes keeps the total work
    /// proportional to the length of the stream.
    last: usize,
}

impl Intake {
    pub(super) fn new() -> Intake {
        Intake { storage: Vec::new(), base: 0, start: 0, end: 0, frame: 0..0, chunk: FIRST, last: 0 }
    }

    /// Returns the buffered bytes.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.storage[self.start..self.end]
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the allocated memory in bytes.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.storage.capacity()
    }

    /// Skips the first `count` bytes.
    #[inline]
    pub(super) fn skip(&mut self, count: usize) {
        self.start += count.min(self.len());
    }

    /// Makes the first `length` bytes the current frame and skips them.
    #[inline]
    pub(super) fn take(&mut self, length: usize) {
        let end = self.start + length.min(self.len());
        self.frame = self.start..end;
        self.start = end;
    }

    /// Returns the frame that was taken last.
    #[inline]
    pub(super) fn frame(&self) -> &[u8] {
        &self.storage[self.frame.clone()]
    }

    /// Removes and returns all buffered bytes, for an error.
    pub(super) fn take_all(&mut self) -> Vec<u8> {
        let all = self.bytes().to_vec();
        self.start = self.end;
        all
    }

    /// Returns spare space for the next read. The slice is never empty, and is aligned unless a
    /// long frame is incomplete.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.frame = 0..0;
        let held = self.len();
        if self.storage.len() < total(self.chunk) {
            self.allocate(total(self.chunk).max(held.saturating_mul(2)));
        } else if held <= self.base.min(self.last) {
            self.move_to(self.base - held);
        } else if self.storage.len() - self.end < self.chunk / 2 {
            // All buffered bytes belong to one incomplete frame.
            if held > self.storage.len() / 2 {
                self.allocate(self.storage.len().saturating_mul(2));
            } else {
                self.move_to(self.aligned_start(held));
            }
        }
        let end = (self.end + self.chunk).min(self.storage.len());
        &mut self.storage[self.end..end]
    }

    /// Adds the first `count` bytes of the spare slice to the buffered bytes.
    pub(super) fn advance(&mut self, count: usize) {
        let room = self.storage.len() - self.end;
        assert!(count <= room, "{count} bytes cannot have been read into a room of {room}");
        self.end += count;
        self.last = count;
        if count >= self.chunk {
            self.chunk = CHUNK;
        }
    }

    /// Frees memory that the buffered bytes do not need.
    pub(super) fn release(&mut self) {
        self.frame = 0..0;
        self.chunk = FIRST;
        if self.is_empty() {
            *self = Intake::new();
        } else if self.storage.len() > total(FIRST).max(self.len().saturating_mul(2)) {
            self.allocate(total(FIRST).max(self.len() + FIRST));
        }
    }

    fn allocate(&mut self, length: usize) {
        let old = std::mem::replace(&mut self.storage, vec![0; length]);
        let held = old.get(self.start..self.end).unwrap_or_default();
        let front = self.chunk / 8;
        // `align_offset` may return `usize::MAX` for "unknown". Then nothing is aligned, which is
        // only slower.
        let padding = self.storage[front..].as_ptr().align_offset(ALIGNMENT);
        self.base = front + if padding < ALIGNMENT { padding } else { 0 };
        let start =
            if held.len() <= self.base { self.base - held.len() } else { self.aligned_start(held.len()) };
        self.storage[start..start + held.len()].copy_from_slice(held);
        (self.start, self.end) = (start, start + held.len());
    }

    /// Returns the first position from which `length` bytes end at an aligned position.
    fn aligned_start(&self, length: usize) -> usize {
        (self.base % ALIGNMENT + ALIGNMENT - length % ALIGNMENT) % ALIGNMENT
    }

    fn move_to(&mut self, start: usize) {
        let held = self.len();
        if self.start != start {
            self.storage.copy_within(self.start..self.end, start);
            (self.start, self.end) = (start, start + held);
        }
    }
}

/// The size of the storage for a chunk and the space in front of it.
fn total(chunk: usize) -> usize {
    chunk / 8 + ALIGNMENT + chunk
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").field("held", &self.len()).field("memory", &self.storage.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills `count` bytes of the spare slice with the next numbers.
    fn fill(intake: &mut Intake, next: &mut u8, count: usize) {
        for byte in &mut intake.room()[..count] {
            *byte = *next;
            *next = next.wrapping_add(1);
        }
        intake.advance(count);
    }

    fn is_aligned(intake: &mut Intake) -> bool {
        intake.room().as_ptr().align_offset(ALIGNMENT) == 0
    }

    #[test]
    fn read_buffer_allocates_on_first_spare() {
        let mut intake = Intake::new();
        assert_eq!((intake.capacity(), intake.bytes()), (0, &b""[..]));
        assert_eq!(intake.room().len(), FIRST);
        intake.release();
        assert_eq!(intake.capacity(), 0);
    }

    #[test]
    fn spare_grows_after_full_read() {
        let mut intake = Intake::new();
        let mut next = 0;
        fill(&mut intake, &mut next, FIRST - 1);
        intake.skip(FIRST);
        assert_eq!(intake.room().len(), FIRST);
        fill(&mut intake, &mut next, FIRST);
        intake.skip(FIRST);
        assert_eq!(intake.room().len(), CHUNK);
    }

    #[test]
    fn spare_is_aligned_for_any_pending_length() {
        for left in [0, 1, 31, 32, 33, 63, 500, 1000, 1024] {
            let (mut intake, mut next) = (Intake::new(), 0);
            for _ in 0..3 {
                fill(&mut intake, &mut next, 5000);
                intake.skip(intake.len() - left);
                assert!(is_aligned(&mut intake), "{left}");
                let expected = next.wrapping_sub(left as u8);
                assert_eq!(intake.bytes().first().copied(), (left > 0).then_some(expected), "{left}");
                assert_eq!(intake.len(), left);
            }
        }
    }

    #[test]
    fn pending_bytes_survive_moves_and_shrink() {
        let (mut intake, mut next, mut first) = (Intake::new(), 0, 0_u8);
        for step in 0..3000_usize {
            let count = (step * 7919 % 5000).min(intake.room().len());
            fill(&mut intake, &mut next, count);
            if step % 50 == 0 {
                intake.release();
            }
            let skip = if step % 20 == 0 { intake.len() } else { intake.len() / 9 };
            let expected: Vec<u8> = (0..intake.len()).map(|n| first.wrapping_add(n as u8)).collect();
            assert!(intake.bytes() == expected, "step {step}");
            first = first.wrapping_add(skip as u8);
            intake.skip(skip);
        }
    }

    /// A frame of a million bytes takes at most twice its length in memory, plus two chunks.
    #[test]
    fn long_frame_memory_is_bounded_and_shrinks() {
        let (mut intake, mut next) = (Intake::new(), 0);
        while intake.len() < 1_000_000 {
            let count = intake.room().len().min(1 + intake.len() / 3);
            fill(&mut intake, &mut next, count);
            assert!(intake.capacity() <= 2 * intake.len() + 2 * total(CHUNK), "{intake:?}");
        }
        // Less than half of the memory is in use. The rest is reused before more is allocated.
        let most = intake.capacity();
        for _ in 0..20 {
            intake.skip(intake.len() - 300_000);
            while intake.len() < 400_000 {
                let count = intake.room().len();
                fill(&mut intake, &mut next, count);
            }
            assert_eq!(intake.capacity(), most);
        }
        intake.skip(intake.len() - 10);
        intake.release();
        assert!(intake.capacity() <= total(FIRST));
        assert_eq!(intake.bytes().last().copied(), Some(next.wrapping_sub(1)));
    }
}
