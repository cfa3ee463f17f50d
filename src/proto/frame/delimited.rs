use super::intake::Intake;
use super::scan::{Delimiter, Scan};
use super::{FrameError, Framing, LINE_LIMIT, bytes_in_an_intake, sealed};

/// A framing of bytes in which a delimiter follows each frame.
///
/// The delimiter is searched for in the bytes, and must not occur within a frame. In an encoding
/// with characters of several bytes, it must not occur within a character either. For text, use
/// [`Lines`](super::Lines).
///
/// # Examples
///
/// ```
/// use socketry::frame::{Delimited, FrameReader};
///
/// let mut frames = FrameReader::new(&b"GET\0\0key\0"[..], Delimited::new("\0"));
/// assert_eq!(frames.recv_ref()?, Some(&b"GET"[..]));
/// assert_eq!(frames.recv_ref()?, Some(&b""[..]));
/// assert_eq!(frames.recv_ref()?, Some(&b"key"[..]));
/// assert_eq!(frames.recv_ref()?, None);
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "readuntil")]
#[doc(alias = "read_until")]
pub struct Delimited {
    limit: usize,
    scan: Scan,
    intake: Intake,
    /// Whether the rest of a rejected frame is skipped. Its delimiter is not buffered yet.
    is_skipping: bool,
    has_ended: bool,
}

impl Delimited {
    /// Creates a framing with the given delimiter, of one or more bytes.
    ///
    /// # Panics
    ///
    /// Panics if `delimiter` is empty.
    #[must_use]
    pub fn new(delimiter: impl AsRef<[u8]>) -> Delimited {
        Delimited::with(Delimiter::new(delimiter.as_ref()), LINE_LIMIT)
    }

    fn with(delimiter: Delimiter, limit: usize) -> Delimited {
        let scan = Scan::new(delimiter);
        Delimited { limit, scan, intake: Intake::new(), is_skipping: false, has_ended: false }
    }

    /// Sets the maximum length of a frame, received or sent, in bytes without the delimiter.
    ///
    /// The default is 64 KiB. The buffer grows to at most four times this limit, or to 72 KiB if
    /// that is larger.
    #[must_use]
    pub fn max_length(self, bytes: usize) -> Delimited {
        Delimited { limit: bytes, ..self }
    }

    fn too_long(&self) -> FrameError {
        FrameError::TooLong { limit: self.limit, length: None }
    }
}

impl sealed::Sealed for Delimited {}

impl Framing for Delimited {
    type Frame = [u8];

    bytes_in_an_intake!();

    fn new_like(&self) -> Delimited {
        Delimited::with(self.scan.delimiter().clone(), self.limit)
    }

    fn poll(&mut self) -> Result<bool, FrameError> {
        let delimiter = self.scan.delimiter().len();
        while let Some(length) = self.scan.find(self.intake.bytes()) {
            self.scan.restart();
            self.intake.take(length);
            self.intake.skip(delimiter);
            if std::mem::take(&mut self.is_skipping) {
                continue;
            }
            return if length <= self.limit { Ok(true) } else { Err(self.too_long()) };
        }
        if self.is_skipping {
            // The last bytes may be the beginning of the delimiter.
            let kept = if self.has_ended { 0 } else { delimiter - 1 };
            self.intake.skip(self.intake.len().saturating_sub(kept));
            self.scan.restart();
            return Ok(false);
        }
        if self.intake.len() >= self.limit.saturating_add(delimiter) {
            self.is_skipping = true;
            return Err(self.too_long());
        }
        if self.has_ended && !self.intake.is_empty() {
            self.scan.restart();
            return Err(FrameError::UnexpectedEof { partial: self.intake.take_all(), length: None });
        }
        Ok(false)
    }

    fn has_next(&mut self) -> bool {
        // While a rejected frame is skipped, the next delimiter is that frame's end.
        !self.is_skipping && self.scan.find(self.intake.bytes()).is_some_and(|length| length <= self.limit)
    }

    fn is_empty(&self) -> bool {
        self.intake.is_empty() && !self.is_skipping
    }

    fn encode(&self, frame: &[u8], output: &mut Vec<u8>) -> Result<(), FrameError> {
        if self.scan.delimiter().cuts(frame) {
            return Err(FrameError::ContainsDelimiter);
        }
        if frame.len() > self.limit {
            return Err(FrameError::TooLong { limit: self.limit, length: Some(frame.len() as u64) });
        }
        output.extend_from_slice(frame);
        output.extend_from_slice(self.scan.delimiter().bytes());
        Ok(())
    }
}
