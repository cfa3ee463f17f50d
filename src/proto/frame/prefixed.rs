use super::intake::Intake;
use super::{FRAME_LIMIT, FrameError, Framing, bytes_in_an_intake, sealed};

/// A framing of bytes in which a length prefix of 1, 2, 4, or 8 bytes precedes each frame.
///
/// The prefix is the number of bytes after it, without the prefix itself. It is big-endian by
/// default; see [`little_endian`](Self::little_endian). A frame that is longer than
/// [`max_length`](Self::max_length) is an error as soon as its prefix is received. Such a frame is
/// skipped without being stored.
///
/// # Examples
///
/// ```
/// use socketry::frame::{FrameReader, LengthPrefixed};
///
/// let mut frames = FrameReader::new(&b"\0\x05hello\0\0"[..], LengthPrefixed::u16());
/// assert_eq!(frames.recv_ref()?, Some(&b"hello"[..]));
/// assert_eq!(frames.recv_ref()?, Some(&b""[..]));
/// assert_eq!(frames.recv_ref()?, None);
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "struct.pack")]
#[doc(alias = "struct.unpack")]
#[doc(alias = "LengthDelimitedCodec")]
pub struct LengthPrefixed {
    /// The number of bytes of the prefix.
    width: usize,
    is_little_endian: bool,
    limit: usize,
    intake: Intake,
    /// The length of the next frame, once its prefix is received.
    length: Option<usize>,
    /// The number of bytes of a rejected frame that are not skipped yet.
    skipped: u64,
    has_ended: bool,
}

impl LengthPrefixed {
    /// Creates a framing with a length prefix of 1 byte, for frames of at most 255 bytes.
    #[must_use]
    pub fn u8() -> LengthPrefixed {
        LengthPrefixed::of(1)
    }

    /// Creates a framing with a length prefix of 2 bytes, for frames of at most 65,535 bytes.
    #[must_use]
    pub fn u16() -> LengthPrefixed {
        LengthPrefixed::of(2)
    }

    /// Creates a framing with a length prefix of 4 bytes.
    #[must_use]
    pub fn u32() -> LengthPrefixed {
        LengthPrefixed::of(4)
    }

    /// Creates a framing with a length prefix of 8 bytes.
    #[must_use]
    pub fn u64() -> LengthPrefixed {
        LengthPrefixed::of(8)
    }

    fn of(width: usize) -> LengthPrefixed {
        LengthPrefixed {
            width,
            is_little_endian: false,
            limit: FRAME_LIMIT,
            intake: Intake::new(),
            length: None,
            skipped: 0,
            has_ended: false,
        }
        .max_length(FRAME_LIMIT)
    }

    /// Sets the byte order of the prefix to little-endian. The default is big-endian.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::frame::{Framing, LengthPrefixed};
    ///
    /// let mut bytes = Vec::new();
    /// LengthPrefixed::u32().little_endian().encode(b"hello", &mut bytes)?;
    /// assert_eq!(bytes, b"\x05\0\0\0hello");
    /// # Ok::<(), socketry::frame::FrameError>(())
    /// ```
    #[must_use]
    pub fn little_endian(self) -> LengthPrefixed {
        LengthPrefixed { is_little_endian: true, ..self }
    }

    /// Sets the maximum length of a frame, received or sent, in bytes without the prefix.
    ///
    /// The default is 1 MiB. The limit is never higher than the largest number that the prefix can
    /// represent. The buffer grows with the received bytes, not with the length in the prefix.
    #[must_use]
    pub fn max_length(self, bytes: usize) -> LengthPrefixed {
        let largest = u64::MAX >> (64 - 8 * self.width);
        let limit = usize::try_from(largest).map_or(bytes, |largest| bytes.min(largest));
        LengthPrefixed { limit, ..self }
    }

    /// Returns the number in the prefix at the beginning of the buffer, if it is complete.
    fn announced(&self) -> Option<u64> {
        let prefix = self.intake.bytes().get(..self.width)?;
        let shifted = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.is_little_endian {
            prefix.iter().rev().fold(0, shifted)
        } else {
            prefix.iter().fold(0, shifted)
        })
    }

    /// Returns the length of the next frame, once its prefix is received. Skips a frame that is
    /// over the limit.
    fn next_length(&mut self) -> Result<Option<usize>, FrameError> {
        if self.skipped > 0 {
            let here = self.skipped.min(self.intake.len() as u64);
            self.intake.skip(here as usize);
            self.skipped -= here;
        }
        if self.length.is_none() {
            let Some(length) = self.announced() else { return Ok(None) };
            self.intake.skip(self.width);
            if length > self.limit as u64 {
                self.skipped = length;
                return Err(FrameError::TooLong { limit: self.limit, length: Some(length) });
            }
            self.length = Some(length as usize);
        }
        Ok(self.length)
    }
}

impl sealed::Sealed for LengthPrefixed {}

impl Framing for LengthPrefixed {
    type Frame = [u8];

    bytes_in_an_intake!();

    fn new_like(&self) -> LengthPrefixed {
        LengthPrefixed {
            limit: self.limit,
            is_little_endian: self.is_little_endian,
            ..LengthPrefixed::of(self.width)
        }
    }

    fn poll(&mut self) -> Result<bool, FrameError> {
        let length = self.next_length()?;
        if let Some(length) = length.filter(|&length| self.intake.len() >= length) {
            self.intake.take(length);
            self.length = None;
            return Ok(true);
        }
        if self.has_ended && (length.is_some() || !self.intake.is_empty()) {
            self.length = None;
            let length = length.map(|length| length as u64);
            return Err(FrameError::UnexpectedEof { partial: self.intake.take_all(), length });
        }
        Ok(false)
    }

    fn has_next(&mut self) -> bool {
        // A length over the limit is left to `poll`, which returns the error.
        let is_here = |announced: u64| {
            let behind = (self.intake.len() - self.width) as u64;
            announced <= self.limit as u64 && announced <= behind
        };
        match self.length {
            Some(length) => self.intake.len() >= length,
            None => self.skipped == 0 && self.announced().is_some_and(is_here),
        }
    }

    fn is_empty(&self) -> bool {
        self.intake.is_empty() && self.length.is_none() && self.skipped == 0
    }

    fn encode(&self, frame: &[u8], output: &mut Vec<u8>) -> Result<(), FrameError> {
        let length = frame.len() as u64;
        if frame.len() > self.limit {
            return Err(FrameError::TooLong { limit: self.limit, length: Some(length) });
        }
        if self.is_little_endian {
            output.extend_from_slice(&length.to_le_bytes()[..self.width]);
        } else {
            output.extend_from_slice(&length.to_be_bytes()[8 - self.width..]);
        }
        output.extend_from_slice(frame);
        Ok(())
    }
}
