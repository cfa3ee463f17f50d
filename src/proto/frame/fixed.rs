use super::intake::Intake;
use super::{FrameError, Framing, bytes_in_an_intake, sealed};

/// A framing of bytes in which all frames have the same length.
///
/// # Examples
///
/// ```
/// use socketry::frame::{FixedLength, FrameReader};
///
/// let mut readings = FrameReader::new(&b"\0\x17\0\x18"[..], FixedLength::new(2));
/// assert_eq!(readings.recv_ref()?, Some(&[0, 0x17][..]));
/// assert_eq!(readings.recv_ref()?, Some(&[0, 0x18][..]));
/// assert_eq!(readings.recv_ref()?, None);
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Debug)]
#[doc(alias = "readexactly")]
#[doc(alias = "read_exact")]
pub struct FixedLength {
    length: usize,
    intake: Intake,
    has_ended: bool,
}

impl FixedLength {
    /// Creates a framing with frames of `length` bytes.
    ///
    /// # Panics
    ///
    /// Panics if `length` is 0.
    #[must_use]
    pub fn new(length: usize) -> FixedLength {
        assert!(length > 0, "a frame of 0 bytes has no end");
        FixedLength { length, intake: Intake::new(), has_ended: false }
    }
}

impl sealed::Sealed for FixedLength {}

impl Framing for FixedLength {
    type Frame = [u8];

    bytes_in_an_intake!();

    fn new_like(&self) -> FixedLength {
        FixedLength::new(self.length)
    }

    fn poll(&mut self) -> Result<bool, FrameError> {
        if self.intake.len() >= self.length {
            self.intake.take(self.length);
            return Ok(true);
        }
        if self.has_ended && !self.intake.is_empty() {
            let length = Some(self.length as u64);
            return Err(FrameError::UnexpectedEof { partial: self.intake.take_all(), length });
        }
        Ok(false)
    }

    fn has_next(&mut self) -> bool {
        self.intake.len() >= self.length
    }

    fn is_empty(&self) -> bool {
        self.intake.is_empty()
    }

    fn encode(&self, frame: &[u8], output: &mut Vec<u8>) -> Result<(), FrameError> {
        if frame.len() != self.length {
            return Err(FrameError::WrongLength { length: frame.len(), expected: self.length });
        }
        output.extend_from_slice(frame);
        Ok(())
    }
}
