use super::intake::Intake;
use super::{FRAME_LIMIT, FrameError, Framing, bytes_in_an_intake, sealed};

/// Frames of bytes with their length before each: a number of 1, 2, 4 or 8 bytes.
///
/// The number counts the bytes behind it, without itself, and is big-endian unless
/// [`little_endian`](Self::little_endian) says otherwise. A frame over the [`max_length`](Self::max_length) is an error as
/// soon as its number has arrived, and is passed over without being stored.
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
pub struct LengthPrefixed {
    /// How many bytes the number has.
    width: usize,
    is_little_endian: bool,
    limit: usize,
    intake: Intake,
    /// The length of the frame whose number has arrived.
    length: Option<usize>,
    /// What is still to come of a frame that was refused.
    skipped: u64,
    has_ended: bool,
}

impl LengthPrefixed {
    /// A length of one byte: frames of up to 255 bytes.
    #[must_use]
    pub fn u8() -> LengthPrefixed {
        LengthPrefixed::of(1)
    }

    /// A length of two bytes: frames of up to 65,535 bytes.
    #[must_use]
    pub fn u16() -> LengthPrefixed {
        LengthPrefixed::of(2)
    }

    /// A length of four bytes.
    #[must_use]
    pub fn u32() -> LengthPrefixed {
        LengthPrefixed::of(4)
    }

    /// A length of eight bytes.
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

    /// Makes the number little-endian: its lowest byte comes first.
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

    /// Sets how long a frame may be, in bytes without the number, received or sent.
    ///
    /// Defaults to 1 MiB, or to what the number can say if that is less. Memory grows with what arrives, not with what
    /// is announced.
    #[must_use]
    pub fn max_length(self, bytes: usize) -> LengthPrefixed {
        let largest = u64::MAX >> (64 - 8 * self.width);
        let limit = usize::try_from(largest).map_or(bytes, |largest| bytes.min(largest));
        LengthPrefixed { limit, ..self }
    }

    /// The number at the beginning of what is held.
    fn announced(&self) -> Option<u64> {
        let prefix = self.intake.bytes().get(..self.width)?;
        let shifted = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.is_little_endian {
            prefix.iter().rev().fold(0, shifted)
        } else {
            prefix.iter().fold(0, shifted)
        })
    }

    /// The length of the next frame, once it has arrived; what is over the limit is passed over.
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
        // A number over the limit is left for `poll`, which has an error to return.
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
