use std::fmt;

use super::intake::Intake;
use super::{FrameError, Framing, sealed};
use crate::proto::text::{DecodeError, Decoder, Encoding, OnInvalid};

/// A framing of text without message boundaries, in chunks that never split a character.
///
/// The peer may receive a text in several chunks, or together with the next one. This framing is
/// for programs that display text or parse it themselves. A chunk is the text of at most one read,
/// which is at most 64 KiB of received bytes.
///
/// # Examples
///
/// ```
/// use socketry::Encoding;
/// use socketry::frame::{FrameReader, TextChunks};
///
/// let mut text = FrameReader::new(&b"\xC4\xE3\xBA\xC3"[..], TextChunks::new(Encoding::Gb2312));
/// assert_eq!(text.recv_ref()?, Some("你好"));
/// assert_eq!(text.recv_ref()?, None);
/// # Ok::<(), socketry::Error>(())
/// ```
#[doc(alias = "TextIOWrapper")]
#[doc(alias = "StreamReader")]
pub struct TextChunks {
    intake: Intake,
    decoder: Decoder,
    text: String,
    fault: Option<DecodeError>,
    has_ended: bool,
    is_finished: bool,
}

impl TextChunks {
    /// Creates a framing of text in the given encoding.
    #[must_use]
    pub fn new(encoding: Encoding) -> TextChunks {
        TextChunks {
            intake: Intake::new(),
            decoder: encoding.decoder(),
            text: String::new(),
            fault: None,
            has_ended: false,
            is_finished: false,
        }
    }

    /// Sets how invalid received bytes are handled.
    ///
    /// The default is [`OnInvalid::Strict`], which returns an error and continues with the text
    /// after the invalid bytes. Text that is sent is always handled strictly.
    #[must_use]
    pub fn policy(self, policy: OnInvalid) -> TextChunks {
        TextChunks { decoder: self.encoding().decoder().with_policy(policy), ..self }
    }

    /// Returns the encoding of the text.
    pub fn encoding(&self) -> Encoding {
        self.decoder.encoding()
    }
}

impl sealed::Sealed for TextChunks {}

impl Framing for TextChunks {
    type Frame = str;

    fn new_like(&self) -> TextChunks {
        TextChunks::new(self.encoding()).policy(self.decoder.policy())
    }

    fn spare(&mut self) -> &mut [u8] {
        self.text.clear();
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

    fn poll(&mut self) -> Result<bool, FrameError> {
        self.text.clear();
        loop {
            if let Some(fault) = self.fault.take() {
                return Err(FrameError::Text(fault));
            }
            let result = if !self.intake.is_empty() {
                let result = self.decoder.decode(self.intake.bytes(), &mut self.text);
                let done = result.as_ref().err().map_or(self.intake.len(), DecodeError::consumed);
                self.intake.skip(done);
                result
            } else if self.has_ended && !self.is_finished {
                self.is_finished = true;
                self.decoder.finish(&mut self.text)
            } else {
                return Ok(false);
            };
            self.fault = result.err();
            if !self.text.is_empty() {
                return Ok(true);
            }
        }
    }

    #[inline]
    fn frame(&self) -> &str {
        &self.text
    }

    /// Always `false`, because the current chunk contains all received text.
    fn has_next(&mut self) -> bool {
        false
    }

    fn is_empty(&self) -> bool {
        self.intake.is_empty() && self.fault.is_none() && self.decoder.pending() == 0
    }

    fn shrink(&mut self) {
        self.intake.release();
        self.text = String::new();
    }

    fn encode(&self, text: &str, output: &mut Vec<u8>) -> Result<(), FrameError> {
        self.encoding().encode_into(text, OnInvalid::Strict, output).map_err(FrameError::Unencodable)
    }
}

impl fmt::Debug for TextChunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextChunks").field("encoding", &self.encoding()).finish_non_exhaustive()
    }
}
