use std::fmt;
use std::ops::Range;

use super::intake::Intake;
use super::scan::{Delimiter, Scan};
use super::{FrameError, Framing, LINE_LIMIT, UnsafeDelimiter, sealed};
use crate::proto::text::{DecodeError, Decoder, Encoding, Policy};

/// Lines of text in any [`Encoding`], and text with another delimiter.
///
/// A line ends with LF; a CR before it belongs to the ending. What is received has neither, and what is sent gets
/// [`ending`](Self::ending). The stream is decoded before lines are looked for, so that UTF-16 works, too.
///
/// | what arrives | what is received |
/// |---|---|
/// | a line | its text |
/// | bytes that are not text | the lines before them; an error ([`FrameError::Text`]) for the line they are in; the lines behind it |
/// | a line over the [`max_length`](Self::max_length) | an error ([`FrameError::TooLong`]) as soon as it is; the lines behind it |
/// | the end of the stream within a line | an error that has what arrived of it ([`FrameError::EndedWithinLine`]), or by [`accept_unterminated`](Self::accept_unterminated) that line |
///
/// # Examples
///
/// ```
/// use socketry::Encoding;
/// use socketry::frame::{FrameReader, Lines};
///
/// let mut lines = FrameReader::new(&b"\xC4\xE3\xBA\xC3\r\nbye\n"[..], Lines::new(Encoding::Gb2312));
/// assert_eq!(lines.recv_ref()?, Some("你好"));
/// assert_eq!(lines.recv_ref()?, Some("bye"));
/// assert_eq!(lines.recv_ref()?, None);
/// # Ok::<(), socketry::Error>(())
/// ```
pub struct Lines {
    settings: Settings,
    /// The delimiter in UTF-8.
    scan: Scan,
    intake: Intake,
    decoder: Decoder,
    /// What has been decoded; the bytes before `start` are done with.
    text: String,
    start: usize,
    frame: Range<usize>,
    /// What stands behind the text: bytes that are none.
    fault: Option<DecodeError>,
    /// Within a line that was refused: up to its end nothing counts. The text then has no delimiter, but while
    /// [`poll_further`](Self::poll_further) works.
    is_skipping: bool,
    has_ended: bool,
    is_finished: bool,
}

#[derive(Clone, Debug)]
struct Settings {
    limit: usize,
    ending: LineEnding,
    /// The ending that is sent, or the delimiter, in the encoding.
    ending_bytes: Vec<u8>,
    /// Whether lines end with LF, or CR LF, rather than with a delimiter.
    ends_with_lf: bool,
    accepts_unterminated: bool,
}

/// What is sent behind a line. What is received may end with either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LineEnding {
    /// `"\n"`. The default.
    #[default]
    Lf,
    /// `"\r\n"`, as HTTP, SMTP and many devices want it.
    CrLf,
}

impl LineEnding {
    fn text(self) -> &'static str {
        match self {
            LineEnding::Lf => "\n",
            LineEnding::CrLf => "\r\n",
        }
    }
}

impl Lines {
    /// Lines in that encoding.
    #[must_use]
    pub fn new(encoding: Encoding) -> Lines {
        let settings = Settings {
            limit: LINE_LIMIT,
            ending: LineEnding::Lf,
            ending_bytes: Vec::new(),
            ends_with_lf: true,
            accepts_unterminated: false,
        };
        Lines::with(settings, encoding.decoder(), Delimiter::new(b"\n")).ending(LineEnding::Lf)
    }

    /// Text with this delimiter behind each piece, where lines have their ends. A CR is text like another.
    ///
    /// # Errors
    ///
    /// This returns an error if the delimiter is empty or does not exist in the encoding, or if its bytes can be parts of
    /// other characters: a peer that looks for them in the bytes would cut a character in two, and a damaged character
    /// could swallow them.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Encoding;
    /// use socketry::frame::{FrameReader, Lines};
    ///
    /// let fields = Lines::delimited_by(Encoding::Gbk, ";")?;
    /// let mut fields = FrameReader::new(&b"\xE9F;\xBB\xF9;"[..], fields);
    /// assert_eq!(fields.recv()?.as_deref(), Some("镕"));
    /// assert_eq!(fields.recv()?.as_deref(), Some("基"));
    /// assert!(Lines::delimited_by(Encoding::Gbk, "|").is_err());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn delimited_by(encoding: Encoding, delimiter: &str) -> Result<Lines, UnsafeDelimiter> {
        UnsafeDelimiter::check(encoding, delimiter)?;
        let settings = Settings {
            ending_bytes: encoded(encoding, delimiter),
            ends_with_lf: false,
            ..Lines::new(encoding).settings
        };
        Ok(Lines::with(settings, encoding.decoder(), Delimiter::new(delimiter.as_bytes())))
    }

    fn with(settings: Settings, decoder: Decoder, delimiter: Delimiter) -> Lines {
        Lines {
            settings,
            scan: Scan::new(delimiter),
            intake: Intake::new(),
            decoder,
            text: String::new(),
            start: 0,
            frame: 0..0,
            fault: None,
            is_skipping: false,
            has_ended: false,
            is_finished: false,
        }
    }

    /// Sets how long a line may be, in bytes of UTF-8 without its end, received or sent.
    ///
    /// Defaults to 64 KiB. Memory grows to that plus what a read brings.
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Lines {
        self.settings.limit = bytes;
        self
    }

    /// Sets what is sent behind each line; both are received.
    ///
    /// Defaults to [`LineEnding::Lf`]. Where there is another delimiter, that is what is sent.
    #[must_use]
    pub fn ending(mut self, ending: LineEnding) -> Lines {
        if self.settings.ends_with_lf {
            self.settings.ending = ending;
            self.settings.ending_bytes = encoded(self.encoding(), ending.text());
        }
        self
    }

    /// Sets what to do with received bytes that are not text.
    ///
    /// Defaults to [`Policy::Strict`]. What is sent is always strict.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Lines {
        self.decoder = self.encoding().decoder().with_policy(policy);
        self
    }

    /// Takes what stands before the end of the stream for a line, also without its end.
    ///
    /// Defaults to `false`: it is an error, because the rest may be missing.
    #[must_use]
    pub fn accept_unterminated(mut self, accept: bool) -> Lines {
        self.settings.accepts_unterminated = accept;
        self
    }

    /// The encoding of the lines.
    pub fn encoding(&self) -> Encoding {
        self.decoder.encoding()
    }

    #[inline]
    fn find(&mut self) -> Option<usize> {
        self.scan.find(&self.text.as_bytes()[self.start..])
    }

    /// The length of a line whose delimiter stands behind `length` bytes.
    #[inline]
    fn content(&self, length: usize) -> usize {
        let has_cr = self.settings.ends_with_lf
            && length > 0
            && self.text.as_bytes()[self.start + length - 1] == b'\r';
        length - usize::from(has_cr)
    }

    /// So many bytes without a delimiter among them are too long a line, whatever follows.
    fn hopeless(&self) -> usize {
        let ending = if self.settings.ends_with_lf { 2 } else { self.scan.delimiter().len() };
        self.settings.limit.saturating_add(ending)
    }

    fn too_long(&self) -> FrameError {
        FrameError::TooLong { limit: self.settings.limit, length: None }
    }

    /// Passes over all the text.
    fn drop_text(&mut self) {
        self.start = self.text.len();
        self.scan.restart();
    }

    /// Passes over text within a refused line, but for what may be the beginning of the delimiter.
    fn skip_text(&mut self) {
        let kept = (self.text.len() + 1).saturating_sub(self.scan.delimiter().len()).max(self.start);
        self.start = (0..=kept).rev().find(|&place| self.text.is_char_boundary(place)).unwrap_or(0);
        self.scan.restart();
    }

    /// Passes over a line of `length` bytes and the delimiter behind it.
    #[inline]
    fn pass(&mut self, length: usize) {
        self.start += length + self.scan.delimiter().len();
        self.scan.restart();
    }

    /// What [`poll`](Framing::poll) does when there is no line in the text, or a refused one.
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
                // The delimiter does not reach across it.
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

    /// Decodes more of what has arrived. False: there is nothing.
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

    /// What stands before the end of the stream.
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
            return Err(FrameError::EndedWithinLine { partial: self.text[start..].to_owned() });
        }
        self.frame = frame;
        Ok(true)
    }
}

/// The bytes of what the encoding is known to have.
fn encoded(encoding: Encoding, text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoding.encode_into(text, Policy::Replace, &mut bytes).expect("replaced");
    bytes
}

impl sealed::Sealed for Lines {}

impl Framing for Lines {
    type Frame = str;

    fn fresh(&self) -> Lines {
        let decoder = self.encoding().decoder().with_policy(self.decoder.policy());
        Lines::with(self.settings.clone(), decoder, self.scan.delimiter().clone())
    }

    fn room(&mut self) -> &mut [u8] {
        self.frame = 0..0;
        self.intake.room()
    }

    fn advance(&mut self, count: usize) {
        self.intake.advance(count);
    }

    fn end(&mut self) {
        self.has_ended = true;
    }

    fn has_ended(&self) -> bool {
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

    fn release(&mut self) {
        self.intake.release();
        self.text.drain(..self.start);
        self.text.shrink_to_fit();
        (self.start, self.frame) = (0, 0..0);
    }

    fn encode(&self, line: &str, output: &mut Vec<u8>) -> Result<(), FrameError> {
        let loses_its_cr =
            self.settings.ends_with_lf && self.settings.ending == LineEnding::Lf && line.ends_with('\r');
        if loses_its_cr || self.scan.delimiter().cuts(line.as_bytes()) {
            return Err(FrameError::ContainsDelimiter);
        }
        if line.len() > self.settings.limit {
            return Err(FrameError::TooLong { limit: self.settings.limit, length: Some(line.len() as u64) });
        }
        self.encoding().encode_into(line, Policy::Strict, output).map_err(FrameError::Unencodable)?;
        output.extend_from_slice(&self.settings.ending_bytes);
        Ok(())
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("encoding", &self.encoding())
            .field("limit", &self.settings.limit)
            .field("held", &(self.text.len() - self.start + self.intake.len()))
            .finish_non_exhaustive()
    }
}
