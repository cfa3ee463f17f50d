mod reading;

use std::fmt;
use std::ops::Range;

use super::intake::Intake;
use super::scan::{Delimiter, Scan};
use super::{LINE_LIMIT, UnsafeDelimiter};
use crate::proto::text::{DecodeError, Decoder, Encoding, OnInvalid};

/// Lines of text in any [`Encoding`], and text with another delimiter.
///
/// A line ends with LF; a CR before it belongs to the ending. What is received has neither, and what is sent gets
/// [`ending`](Self::ending). The stream is decoded before lines are looked for, so that UTF-16 works, too.
///
/// | what arrives | what is received |
/// |---|---|
/// | a line | its text |
/// | bytes that are not text | the lines before them; an error ([`FrameError::Text`]) for the line they are in; the lines behind it |
/// | a line over the [`max_length`](Self::max_length) | an error ([`FrameError::TooLong`]) as soon as no ending can save it, two bytes beyond; the lines behind it |
/// | the end of the stream within a line | an error that has what arrived of it ([`FrameError::UnexpectedEof`]), or by [`accept_unterminated`](Self::accept_unterminated) that line |
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
    /// Defaults to 64 KiB. Memory grows to twice that, plus what a read brings.
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

    /// Sets what is sent behind each line; both are received.
    ///
    /// Defaults to [`LineEnding::Lf`]. Where there is another delimiter, that is what is sent.
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

    /// Sets what to do with received bytes that are not text.
    ///
    /// Defaults to [`OnInvalid::Strict`]. What is sent is always strict.
    #[must_use]
    pub fn policy(mut self, policy: OnInvalid) -> Lines {
        self.decoder = self.encoding().decoder().with_policy(policy);
        self
    }

    /// Takes what stands before the end of the stream for a line, also without its end.
    ///
    /// Defaults to `false`: it is an error, because the rest may be missing.
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
    /// let error = FrameReader::new(&b"the en"[..], Lines::new(Encoding::Utf8)).recv().unwrap_err();
    /// let Some(FrameError::UnexpectedEof { partial, .. }) = error.detail() else { panic!("{error}") };
    /// assert_eq!(partial, b"the en");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[must_use]
    pub fn accept_unterminated(mut self, accept: bool) -> Lines {
        self.settings.accepts_unterminated = accept;
        self
    }

    /// The encoding of the lines.
    pub fn encoding(&self) -> Encoding {
        self.decoder.encoding()
    }
}

/// The bytes of what the encoding is known to have.
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
            .field("held", &(self.text.len() - self.start + self.intake.len()))
            .finish_non_exhaustive()
    }
}
