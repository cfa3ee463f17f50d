//! A search for the delimiter in the received bytes that continues where the last one stopped.

use memchr::memmem::Finder;

/// The delimiter of frames, prepared for searching.
#[derive(Clone, Debug)]
pub(super) struct Delimiter {
    bytes: Box<[u8]>,
    first: u8,
    /// `None` for a single byte, for which `memchr` is faster.
    finder: Option<Finder<'static>>,
    /// The lengths of the prefixes of the delimiter that, at the end of a frame, would let it be
    /// found too early: "a" for "aa".
    overlaps: Box<[usize]>,
}

impl Delimiter {
    /// # Panics
    ///
    /// Panics if there are no bytes.
    pub(super) fn new(bytes: &[u8]) -> Delimiter {
        assert!(!bytes.is_empty(), "a delimiter cannot be empty");
        let overlaps = (1..bytes.len()).filter(|&length| bytes.starts_with(&bytes[length..])).collect();
        let finder = (bytes.len() > 1).then(|| Finder::new(bytes).into_owned());
        Delimiter { bytes: bytes.into(), first: bytes[0], finder, overlaps }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        match &self.finder {
            None => memchr::memchr(self.first, bytes),
            Some(finder) => finder.find(bytes),
        }
    }

    /// Returns `true` if a frame with the delimiter after it would be split at another place than
    /// its end.
    pub(super) fn cuts(&self, frame: &[u8]) -> bool {
        self.find(frame).is_some()
            || self.overlaps.iter().any(|&length| frame.ends_with(&self.bytes[..length]))
    }
}

/// The search for the next delimiter in a buffer that grows at its end.
#[derive(Debug)]
pub(super) struct Scan {
    delimiter: Delimiter,
    /// The number of buffered bytes at which no delimiter can begin.
    scanned: usize,
    found: Option<usize>,
}

impl Scan {
    pub(super) fn new(delimiter: Delimiter) -> Scan {
        Scan { delimiter, scanned: 0, found: None }
    }

    #[inline]
    pub(super) fn delimiter(&self) -> &Delimiter {
        &self.delimiter
    }

    /// Returns the position of the first delimiter in `held`, which must begin with the bytes of
    /// the last call.
    #[inline]
    pub(super) fn find(&mut self, held: &[u8]) -> Option<usize> {
        if self.found.is_none() {
            self.found = self.delimiter.find(&held[self.scanned..]).map(|place| self.scanned + place);
            if self.found.is_none() {
                // The last bytes may be the beginning of the delimiter.
                self.scanned = self.scanned.max((held.len() + 1).saturating_sub(self.delimiter.len()));
            }
        }
        self.found
    }

    /// Starts a new search at the beginning of the buffer.
    #[inline]
    pub(super) fn restart(&mut self) {
        self.scanned = 0;
        self.found = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_locates_delimiter_as_bytes_arrive() {
        for (delimiter, held, place) in [
            ("\n", "ab\ncd", Some(2)),
            ("\r\n", "a\r\r\n", Some(2)),
            ("aab", "aaab", Some(1)),
            ("xyz", "xyxy", None),
        ] {
            let mut scan = Scan::new(Delimiter::new(delimiter.as_bytes()));
            let found = (0..=held.len()).find_map(|length| scan.find(&held.as_bytes()[..length]));
            assert_eq!(found, place, "{delimiter:?} in {held:?}");
        }
    }

    /// The definition: in a frame with the delimiter after it, the first delimiter is that one.
    #[test]
    fn delimiter_cuts_matches_exhaustive_search() {
        let words = |length: u32| {
            (0..3_usize.pow(length)).map(move |mut n| {
                let letter = |_| {
                    let letter = b"abc"[n % 3];
                    n /= 3;
                    letter
                };
                (0..length).map(letter).collect::<Vec<u8>>()
            })
        };
        for delimiter in (1..=4).flat_map(words) {
            let needle = Delimiter::new(&delimiter);
            for frame in (0..=5).flat_map(words) {
                let sent = [&frame[..], &delimiter[..]].concat();
                let first = sent.windows(delimiter.len()).position(|window| window == delimiter);
                assert_eq!(needle.cuts(&frame), first != Some(frame.len()), "{frame:?} {delimiter:?}");
            }
        }
    }
}
