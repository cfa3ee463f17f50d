//! Looking for the delimiter in what has arrived, without looking twice.

use memchr::memmem::Finder;

/// The bytes between two frames.
#[derive(Clone, Debug)]
pub(super) struct Delimiter {
    bytes: Box<[u8]>,
    first: u8,
    /// None for a single byte, which has a faster way.
    finder: Option<Finder<'static>>,
    /// The lengths of those beginnings that, at the end of a frame, let the delimiter be found too early: "a" for "aa".
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

    /// Whether a frame, followed by the delimiter, would be cut at another place than its end.
    pub(super) fn cuts(&self, frame: &[u8]) -> bool {
        self.find(frame).is_some()
            || self.overlaps.iter().any(|&length| frame.ends_with(&self.bytes[..length]))
    }
}

/// Where the next delimiter is, in bytes that grow at the end.
#[derive(Debug)]
pub(super) struct Scan {
    delimiter: Delimiter,
    /// So many of the bytes held cannot be the beginning of a delimiter.
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

    /// Where the first delimiter begins in `held`, which begins with what it began with at the last call.
    #[inline]
    pub(super) fn find(&mut self, held: &[u8]) -> Option<usize> {
        if self.found.is_none() {
            self.found = self.delimiter.find(&held[self.scanned..]).map(|place| self.scanned + place);
            if self.found.is_none() {
                // Its beginning may stand at the end.
                self.scanned = self.scanned.max((held.len() + 1).saturating_sub(self.delimiter.len()));
            }
        }
        self.found
    }

    /// What is held begins anew.
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

    /// The definition: the first delimiter in the frame with the delimiter behind it is that one.
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
