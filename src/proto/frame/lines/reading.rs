//! Splitting text into lines, and encoding lines.

use super::super::{FrameError, Framing, sealed};
use super::{LineEnding, Lines};
use crate::proto::text::{DecodeError, Encoding, OnInvalid};

impl Lines {
    #[inline]
    fn find(&mut self) -> Option<usize> {
        self.scan.find(&self.text.as_bytes()[self.start..])
    }

    /// Returns the length of the line, without its CR, whose delimiter is after `length` bytes.
    #[inline]
    fn content(&self, length: usize) -> usize {
        let has_cr = self.settings.ends_with_lf
            && length > 0
            && self.text.as_bytes()[self.start + length - 1] == b'\r';
        length - usize::from(has_cr)
    }

    /// Returns the number of bytes from which text without a delimiter is too long, whatever
    /// follows.
    fn hopeless(&self) -> usize {
        let ending = if self.settings.ends_with_lf { 2 } else { self.scan.delimiter().len() };
        self.settings.limit.saturating_add(ending)
    }

    fn too_long(&self) -> FrameError {
        FrameError::TooLong { limit: self.settings.limit, length: None }
    }

    /// Skips all decoded text.
    fn drop_text(&mut self) {
        self.start = self.text.len();
        self.scan.restart();
    }

    /// Skips the text of a rejected line, except for bytes that may be the beginning of the
    /// delimiter.
    fn skip_text(&mut self) {
        let kept = (self.text.len() + 1).saturating_sub(self.scan.delimiter().len()).max(self.start);
        self.start = (0..=kept).rev().find(|&place| self.text.is_char_boundary(place)).unwrap_or(0);
        self.scan.restart();
    }

    /// Skips a line of `length` bytes and its delimiter.
    #[inline]
    fn pass(&mut self, length: usize) {
        self.start += length + self.scan.delimiter().len();
        self.scan.restart();
    }

    /// The slow path of [`poll`](Framing::poll): the decoded text has no complete line, or the next
    /// line is too long.
    fn poll_further(&mut self) -> Result<bool, FrameError> {
        loop {
            if let Some(length) = self.find() {
                let content = self.content(length);
                let start = self.start;
                self.pass(length);
                if std::mem::take(&mut self.is_skipping) {
                    continue;
                }
                if content > self.settings.limit {
                    return Err(self.too_long());
                }
                self.frame = start..start + content;
                return Ok(true);
            }
            if self.is_skipping {
                self.skip_text();
            } else if self.text.len() - self.start >= self.hopeless() {
                self.is_skipping = true;
                return Err(self.too_long());
            }
            if let Some(fault) = self.fault.take() {
                // A delimiter cannot extend across invalid bytes.
                self.drop_text();
                if !std::mem::replace(&mut self.is_skipping, true) {
                    return Err(FrameError::Text(fault));
                }
            }
            if !self.decode() {
                return if self.has_ended { self.last() } else { Ok(false) };
            }
        }
    }

    /// Decodes more received bytes. Returns `false` if there are none.
    fn decode(&mut self) -> bool {
        self.text.drain(..self.start);
        (self.start, self.frame) = (0, 0..0);
        let result = if !self.intake.is_empty() {
            let result = self.decoder.decode(self.intake.bytes(), &mut self.text);
            let done = result.as_ref().err().map_or(self.intake.len(), DecodeError::consumed);
            self.intake.skip(done);
            result
        } else if self.has_ended && !self.is_finished {
            self.is_finished = true;
            self.decoder.finish(&mut self.text)
        } else {
            return false;
        };
        self.fault = result.err();
        true
    }

    /// Handles the text before the end of the stream, which has no line ending.
    fn last(&mut self) -> Result<bool, FrameError> {
        let (start, end) = (self.start, self.text.len());
        self.drop_text();
        if start == end || self.is_skipping {
            return Ok(false);
        }
        let ends_with_cr = self.settings.ends_with_lf && self.text.ends_with('\r');
        let frame = start..end - usize::from(ends_with_cr);
        if frame.len() > self.settings.limit {
            return Err(self.too_long());
        }
        if !self.settings.accepts_unterminated {
            return Err(FrameError::UnexpectedEof { partial: self.text[start..].into(), length: None });
        }
        self.frame = frame;
        Ok(true)
    }
}

impl sealed::Sealed for Lines {}

impl Framing for Lines {
    type Frame = str;

    fn new_like(&self) -> Lines {
        let decoder = self.encoding().decoder().with_policy(self.decoder.policy());
        Lines::with(self.settings.clone(), decoder, self.scan.delimiter().clone())
    }

    fn spare(&mut self) -> &mut [u8] {
        self.frame = 0..0;
        self.intake.room()
    }

    fn advance(&mut self, count: usize) {
        self.intake.advance(count);
    }

    fn set_eof(&mut self) {
        self.has_ended = true;
    }

    fn is_eof(&self) -> bool {
        self.has_ended
    }

    #[inline]
    fn poll(&mut self) -> Result<bool, FrameError> {
        if let Some(length) = self.find() {
            let content = self.content(length);
            if content <= self.settings.limit {
                self.frame = self.start..self.start + content;
                self.pass(length);
                return Ok(true);
            }
        }
        self.poll_further()
    }

    #[inline]
    fn frame(&self) -> &str {
        &self.text[self.frame.clone()]
    }

    #[inline]
    fn has_next(&mut self) -> bool {
        let found = self.find();
        found.is_some_and(|length| self.content(length) <= self.settings.limit)
    }

    fn is_empty(&self) -> bool {
        let nothing_is_decoded = self.start == self.text.len() && self.fault.is_none() && !self.is_skipping;
        nothing_is_decoded && self.intake.is_empty() && self.decoder.pending() == 0
    }

    fn shrink(&mut self) {
        self.intake.release();
        self.text.drain(..self.start);
        self.text.shrink_to_fit();
        (self.start, self.frame) = (0, 0..0);
    }

    #[inline]
    fn encode(&self, line: &str, output: &mut Vec<u8>) -> Result<(), FrameError> {
        let loses_its_cr =
            self.settings.ends_with_lf && self.settings.ending == LineEnding::Lf && line.ends_with('\r');
        if loses_its_cr || self.scan.delimiter().cuts(line.as_bytes()) {
            return Err(FrameError::ContainsDelimiter);
        }
        if line.len() > self.settings.limit {
            return Err(FrameError::TooLong { limit: self.settings.limit, length: Some(line.len() as u64) });
        }
        output.reserve(line.len() + self.settings.ending_bytes.len());
        match self.encoding() {
            Encoding::Utf8 => output.extend_from_slice(line.as_bytes()),
            encoding => {
                encoding.encode_into(line, OnInvalid::Strict, output).map_err(FrameError::Unencodable)?
            }
        }
        match &*self.settings.ending_bytes {
            // Usually one byte, for which `push` is faster than a copy.
            &[byte] => output.push(byte),
            ending => output.extend_from_slice(ending),
        }
        Ok(())
    }
}
