mod reading;

use std::fmt;
use std::ops::Range;

use super::intake::Intake;
use super::scan::{Delimiter, Scan};
use super::{LINE_LIMIT, UnsafeDelimiter};
use crate::proto::text::{DecodeError, Decoder, Encoding, OnInvalid};

/// A framing of lines of text in any [`Encoding`], or of text with another delimiter.
///
/// A line ends with LF, or with CR LF. Received lines do not include the line ending, and
/// [`ending`](Self::ending) is appended to each line that is sent. The stream is decoded before
/// lines are searched for, so that UTF-16 works too.
///
/// # Invalid lines
///
/// An error concerns one line, and the lines before and after it are received.
///
/// * If a line has bytes that are invalid in the encoding, [`FrameError::Text`] is returned for it.
/// * If a line is longer than [`max_length`](Self::max_length), [`FrameError::TooLong`] is returned
///   for it. This happens at the latest when two bytes more than the limit are received without a
///   line ending.
/// * If the stream ends in the middle of a line, [`FrameError::UnexpectedEof`] is returned with the
///   received part. With [`accept_unterminated`](Self::accept_unterminated), that part is a line.
///
/// [`FrameError::Text`]: super::FrameError::Text
/// [`FrameError::TooLong`]: super::FrameError::TooLong
/// [`FrameError::UnexpectedEof`]: super::FrameError::UnexpectedEof
///
/// # Examples
///
/// ```
/// use socketry::Encoding;
/// use socketry::frame::{FrameReader, Lines};
///
/// let stream = &b"\xC4\xE3\xBA\xC3\r\nbye\n"[..];
/// let mut lines = FrameReader::new(stream, Lines::new(Encoding::Gb2312));
/// assert_eq!(lines.recv_ref()?, Some("你好"));
/// assert_eq!(lines.recv_ref()?, Some("bye"));
/// assert_eq!(lines.recv_ref()?, None);
/// # Ok::<(), socketry::Error>(())
/// ```
#[doc(alias = "makefile")]
#[doc(alias = "readline")]
#[doc(alias = "LinesCodec")]
pub struct Lines {
    settings: Settings,
    /// The delimiter in UTF-8.
    scan: Scan,
    intake: Intake,
    decoder: Decoder,
    /// The decoded text. The bytes before `start` are consumed.
    text: String,
    start: usize,
    frame: Range<usize>,
    /// The invalid bytes that follow the decoded text.
    fault: Option<DecodeError>,
    /// Whether the rest of a rejected line is skipped. The text then has no delimiter, except while
    /// [`poll_further`](Self::poll_further) runs.
    is_skipping: bool,
    has_ended: bool,
    is_finished: bool,
}

#[derive(Clone, Debug)]
struct Settings {
    limit: usize,
    ending: LineEnding,
    /// The line ending to send, or the delimiter, in the encoding.
    ending_bytes: Vec<u8>,
    /// Whether lines end with LF or CR LF instead of a delimiter.
    ends_with_lf: bool,
    accepts_unterminated: bool,
}

/// The line ending that is sent after each line. Received lines may end with either.
#[doc(alias = "newline")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LineEnding {
    /// `"\n"`. This is the default.
    #[default]
    Lf,
    /// `"\r\n"`, as HTTP, SMTP, and many devices require it.
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
    /// Creates a framing of lines in the given encoding.
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

    /// Creates a framing of text in which the given delimiter follows each frame instead of a line
    /// ending.
    ///
    /// A CR before the delimiter is part of the text.
    ///
    /// # Errors
    ///
    /// This returns an error if the delimiter is empty or does not exist in the encoding, or if its
    /// bytes can be parts of other characters. A peer that searches for such bytes would split a
    /// character, and a malformed character could swallow them.
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

    /// Sets the maximum length of a line, received or sent, in bytes of UTF-8 without the line
    /// ending.
    ///
    /// The default is 64 KiB. Memory use grows to about twice this limit, plus the buffers for one
    /// read.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Encoding;
    /// use socketry::frame::{FrameReader, Lines};
    ///
    /// let lines = Lines::new(Encoding::Utf8).max_length(4);
    /// let mut lines = FrameReader::new(&b"much too long\nok\n"[..], lines);
    /// let error = lines.recv().unwrap_err();
    /// assert_eq!(error.to_string(), "receive: frame is longer than the limit of 4 bytes");
    /// assert_eq!(lines.recv()?.as_deref(), Some("ok"));
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[must_use]
    pub fn max_length(mut self, bytes: usize) -> Lines {
        self.settings.limit = bytes;
        self
    }

    /// Sets the line ending that is sent after each line. Both endings are accepted in received
    /// lines.
    ///
    /// The default is [`LineEnding::Lf`]. This has no effect on a framing from
    /// [`delimited_by`](Self::delimited_by), which sends its delimiter.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Encoding;
    /// use socketry::frame::{Framing, LineEnding, Lines};
    ///
    /// let lines = Lines::new(Encoding::Gb2312).ending(LineEnding::CrLf);
    /// let mut bytes = Vec::new();
    /// lines.encode("收到", &mut bytes)?;
    /// assert_eq!(bytes, b"\xCA\xD5\xB5\xBD\r\n");
    /// # Ok::<(), socketry::frame::FrameError>(())
    /// ```
    #[must_use]
    pub fn ending(mut self, ending: LineEnding) -> Lines {
        if self.settings.ends_with_lf {
            self.settings.ending = ending;
            self.settings.ending_bytes = encoded(self.encoding(), ending.text());
        }
        self
    }

    /// Sets how invalid received bytes are handled.
    ///
    /// The default is [`OnInvalid::Strict`]. Text that is sent is always handled strictly.
    #[must_use]
    pub fn policy(mut self, policy: OnInvalid) -> Lines {
        self.decoder = self.encoding().decoder().with_policy(policy);
        self
    }

    /// Sets whether a last line without a line ending is accepted.
    ///
    /// The default is `false`, and such a line is an error, because the rest of it may be missing.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Encoding;
    /// use socketry::frame::{FrameError, FrameReader, Lines};
    ///
    /// let lines = Lines::new(Encoding::Utf8).accept_unterminated(true);
    /// assert_eq!(FrameReader::new(&b"the end"[..], lines).recv()?.as_deref(), Some("the end"));
    ///
    /// let mut lines = FrameReader::new(&b"the en"[..], Lines::new(Encoding::Utf8));
    /// let error = lines.recv().unwrap_err();
    /// let Some(FrameError::UnexpectedEof { partial, .. }) = error.detail() else {
    ///     panic!("{error}")
    /// };
    /// assert_eq!(partial, b"the en");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[must_use]
    pub fn accept_unterminated(mut self, accept: bool) -> Lines {
        self.settings.accepts_unterminated = accept;
        self
    }

    /// Returns the encoding of the lines.
    pub fn encoding(&self) -> Encoding {
        self.decoder.encoding()
    }
}

/// Encodes text whose characters all exist in the encoding.
fn encoded(encoding: Encoding, text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    encoding.encode_into(text, OnInvalid::Replace, &mut bytes).expect("replaced");
    bytes
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("encoding", &self.encoding())
            .field("limit", &self.settings.limit)
            .field("pending", &(self.text.len() - self.start + self.intake.len()))
            .finish_non_exhaustive()
    }
}
