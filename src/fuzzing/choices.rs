//! Bytes as decisions, taken from the front. When they are used up every decision is the first one, so that any input is one.

use std::time::{Duration, Instant};

use crate::proto::text::{Encoding, OnInvalid};

#[derive(Clone, Debug)]
pub(super) struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Choices<'a> {
        Choices { rest: bytes }
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.take(8).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Less than `count`, which is at most 256.
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count.max(1)
    }

    pub(super) fn is(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(super) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// A time, from nothing to all that there is, short ones oftener.
    pub(super) fn time(&mut self) -> Duration {
        let number = u32::from(self.byte());
        match self.below(16) {
            0 => Duration::ZERO,
            1 => Duration::from_nanos(u64::from(number)),
            2 => Duration::from_secs(u64::from(number)),
            3 => Duration::from_secs(u64::from(number) << 24),
            4 => Duration::MAX,
            5..=9 => Duration::from_millis(u64::from(number)),
            _ => Duration::from_millis(u64::from(number) * 40),
        }
    }

    /// At most so many bytes.
    pub(super) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn encoding(&mut self) -> Encoding {
        const ALL: [&str; 20] = [
            "gb2312",
            "gbk",
            "gb18030",
            "utf-8",
            "big5",
            "shift_jis",
            "euc-kr",
            "euc-jp",
            "iso-2022-jp",
            "utf-16le",
            "utf-16be",
            "windows-1252",
            "koi8-r",
            "ibm866",
            "iso-8859-8-i",
            "x-user-defined",
            "gbk",
            "gb18030",
            "gb2312",
            "utf-8",
        ];
        let label = self.pick(&ALL);
        let is_webs = self.byte() & 0x0f == 0;
        let encoding = if is_webs { Encoding::for_whatwg_label(label) } else { Encoding::for_label(label) };
        encoding.unwrap()
    }

    pub(super) fn policy(&mut self) -> OnInvalid {
        self.pick(&[OnInvalid::Strict, OnInvalid::Replace, OnInvalid::Ignore])
    }

    /// How a stream is cut: all into single bytes, or into pieces of any lengths.
    pub(super) fn cuts(&mut self) -> Cuts {
        let longest = self.pick(&[1, 1, 2, 3, 5, 17, 300]);
        Cuts { longest, state: u32::from(self.byte()) << 1 | 1 }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Cuts {
    longest: usize,
    state: u32,
}

impl Cuts {
    pub(super) fn single_bytes() -> Cuts {
        Cuts { longest: 1, state: 1 }
    }

    /// Where the next cut is in the rest of a stream.
    pub(super) fn next(&mut self, rest: usize) -> usize {
        self.state = self.state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        (1 + (self.state >> 16) as usize % self.longest).min(rest)
    }

    pub(super) fn pieces(mut self, mut bytes: &[u8]) -> Vec<&[u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(self.next(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}

/// A clock that goes only when it is moved.
pub(super) fn clock() -> Instant {
    Instant::now()
}
