use std::fmt;

use super::cells::Charset;
use super::web_decode::{WebDecoder, WebStop};
use super::{DecodeError, Encoding, Malformed, OnInvalid, Pass, Stop, gb_decode, utf8};

/// A decoder of a byte stream that arrives in pieces, such as the reads of a TCP connection.
///
/// An incomplete character at the end of a piece is kept until the rest arrives. The text is the
/// same wherever the stream is split. [`finish`](Self::finish) marks the end of the stream.
///
/// [`Encoding::decoder`] creates a decoder.
///
/// # Examples
///
/// ```
/// use socketry::Encoding;
///
/// let mut decoder = Encoding::Gb2312.decoder();
/// let mut text = String::new();
/// decoder.decode(b"\xCA\xD5\xB5", &mut text)?; // the second character is incomplete
/// assert_eq!((text.as_str(), decoder.pending()), ("收", 1));
/// decoder.decode(b"\xBD", &mut text)?;
/// decoder.finish(&mut text)?;
/// assert_eq!(text, "收到");
/// # Ok::<(), socketry::Error>(())
/// ```
///
/// An error has the offset of the invalid bytes in the stream and the number of consumed bytes of
/// the input, so that the caller can continue after them:
///
/// ```
/// use socketry::Encoding;
///
/// let mut decoder = Encoding::Gb2312.decoder();
/// let mut text = String::new();
/// decoder.decode(b"ok ", &mut text)?;
/// let input = b"\xCA\xD5\xFF\xB5\xBD";
/// let error = decoder.decode(input, &mut text).unwrap_err();
/// assert_eq!(error.to_string(), "byte FF at byte 5 is not gb2312");
/// decoder.decode(&input[error.consumed()..], &mut text)?;
/// assert_eq!(text, "ok 收到");
/// # Ok::<(), socketry::Error>(())
/// ```
#[doc(alias = "IncrementalDecoder")]
#[doc(alias = "codecs.getincrementaldecoder")]
#[doc(alias = "iconv")]
pub struct Decoder {
    encoding: Encoding,
    policy: OnInvalid,
    /// The number of consumed bytes of the stream, which is the offset of the first pending byte.
    position: u64,
    method: Method,
}

enum Method {
    /// A stateless pass, and the bytes that it left.
    Pass {
        decode: fn(&[u8], &mut String) -> Pass,
        carry: Carry,
    },
    Web(Box<WebDecoder>),
}

/// The beginning of an incomplete character, kept until the rest arrives.
#[derive(Clone, Copy, Debug, Default)]
struct Carry {
    bytes: [u8; 3],
    length: usize,
}

impl Carry {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn set(&mut self, bytes: &[u8]) {
        self.bytes[..bytes.len()].copy_from_slice(bytes);
        self.length = bytes.len();
    }
}

impl Decoder {
    pub(super) fn new(encoding: Encoding) -> Decoder {
        Decoder { encoding, policy: OnInvalid::Strict, position: 0, method: Method::new(encoding) }
    }

    /// Sets how malformed and incomplete sequences are handled. The default is
    /// [`OnInvalid::Strict`].
    #[must_use]
    pub fn with_policy(self, policy: OnInvalid) -> Decoder {
        Decoder { policy, ..self }
    }

    /// Returns the encoding.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns how malformed and incomplete sequences are handled.
    pub fn policy(&self) -> OnInvalid {
        self.policy
    }

    /// Returns the number of bytes of the stream that were decoded since the decoder was created or
    /// finished, including pending bytes.
    pub fn offset(&self) -> u64 {
        self.position + self.pending() as u64
    }

    /// Returns the number of pending bytes, 0 to 3, whose character is incomplete.
    pub fn pending(&self) -> usize {
        match &self.method {
            Method::Pass { carry, .. } => carry.length,
            Method::Web(web) => web.pending(),
        }
    }

    /// Decodes `input` and appends the text to `output`.
    ///
    /// The whole input is consumed. An incomplete character at its end is kept for the next call.
    ///
    /// # Errors
    ///
    /// This returns an error if the policy is [`OnInvalid::Strict`] and a sequence is invalid in
    /// the encoding. In that case the text before it is in `output`, and
    /// [`consumed`](DecodeError::consumed) returns where in `input` the decoder can continue.
    pub fn decode(&mut self, input: &[u8], output: &mut String) -> Result<(), DecodeError> {
        let mut read = 0;
        loop {
            let bad = match &mut self.method {
                Method::Pass { .. } => self.pass(input, &mut read, output),
                Method::Web(_) => self.web(input, &mut read, output, false),
            };
            match bad {
                Some(error) => self.apply(error, output)?,
                None => return Ok(()),
            }
        }
    }

    /// Ends the stream and resets the decoder for another stream.
    ///
    /// # Errors
    ///
    /// This returns an error if the policy is [`OnInvalid::Strict`] and the stream ended in the
    /// middle of a character. For this error, [`is_incomplete`](DecodeError::is_incomplete) returns
    /// `true`.
    pub fn finish(&mut self, output: &mut String) -> Result<(), DecodeError> {
        let result = self.flush(output);
        self.position = 0;
        match &mut self.method {
            Method::Pass { carry, .. } => *carry = Carry::default(),
            Method::Web(_) => self.method = Method::new(self.encoding),
        }
        result
    }

    fn flush(&mut self, output: &mut String) -> Result<(), DecodeError> {
        if self.pending() > 0 {
            // A byte that an earlier error left to be read again may precede the incomplete
            // character.
            self.decode(&[], output)?;
        }
        match &mut self.method {
            Method::Pass { carry, .. } => {
                let carry = *carry;
                if carry.length > 0 {
                    let error = DecodeError::incomplete(self.encoding, self.position, carry.bytes());
                    self.apply(error, output)?;
                }
            }
            Method::Web(_) => {
                let mut read = 0;
                while let Some(error) = self.web(&[], &mut read, output, true) {
                    self.apply(error, output)?;
                }
            }
        }
        Ok(())
    }

    fn apply(&self, error: DecodeError, output: &mut String) -> Result<(), DecodeError> {
        match self.policy {
            OnInvalid::Strict => return Err(error),
            OnInvalid::Replace => output.push(char::REPLACEMENT_CHARACTER),
            OnInvalid::Ignore => {}
        }
        Ok(())
    }

    /// Decodes `input` from `read` to its end or to the first malformed sequence, which is skipped.
    fn pass(&mut self, input: &[u8], read: &mut usize, output: &mut String) -> Option<DecodeError> {
        let Method::Pass { decode, carry } = &mut self.method else { return None };
        // The incomplete character is extended byte by byte until it is complete.
        let mut given = 0;
        while carry.length > 0 {
            let mut joint = [0; 8];
            let fresh = &input[*read..(*read + given).min(input.len())];
            joint[..carry.length].copy_from_slice(carry.bytes());
            joint[carry.length..][..fresh.len()].copy_from_slice(fresh);
            let joint = &joint[..carry.length + fresh.len()];
            let pass = decode(joint, output);
            let (done, malformed) = match pass.stop {
                Stop::End => (pass.read, None),
                Stop::Malformed(malformed) => (pass.read + usize::from(malformed.length), Some(malformed)),
                Stop::Incomplete
                    if fresh.len() < given || (pass.read == 0 && *read + given == input.len()) =>
                {
                    // The end of the input.
                    *read += fresh.len();
                    carry.set(joint);
                    return None;
                }
                Stop::Incomplete if pass.read == 0 => {
                    given += 1;
                    continue;
                }
                Stop::Incomplete => (pass.read, None),
            };
            let start = self.position + pass.read as u64;
            self.position += done as u64;
            // Bytes that were examined and not used are returned to the input, the last ones first.
            let left = joint.len() - done;
            let fresh_left = left.min(fresh.len());
            *read += fresh.len() - fresh_left;
            carry.set(&joint[done..joint.len() - fresh_left]);
            given = 0;
            if let Some(malformed) = malformed {
                return Some(DecodeError::malformed(
                    self.encoding,
                    start,
                    *read,
                    &joint[pass.read..],
                    malformed,
                ));
            }
        }
        let pass = decode(&input[*read..], output);
        let start = self.position + pass.read as u64;
        *read += pass.read;
        self.position = start;
        let rest = &input[*read..];
        match pass.stop {
            Stop::End => None,
            Stop::Incomplete => {
                carry.set(rest);
                *read = input.len();
                None
            }
            Stop::Malformed(malformed) => {
                let length = usize::from(malformed.length);
                *read += length;
                self.position += length as u64;
                Some(DecodeError::malformed(self.encoding, start, *read, rest, malformed))
            }
        }
    }

    /// The same as `pass`, with `encoding_rs`.
    fn web(
        &mut self,
        input: &[u8],
        read: &mut usize,
        output: &mut String,
        last: bool,
    ) -> Option<DecodeError> {
        let Method::Web(web) = &mut self.method else { return None };
        let offset = self.position + web.pending() as u64;
        let (taken, stop) = web.decode(&input[*read..], output, last);
        *read += taken;
        let seen = offset + taken as u64;
        self.position = seen - web.pending() as u64;
        match stop {
            WebStop::End => None,
            WebStop::Malformed { bytes, length, behind } => {
                let start = seen - behind as u64 - length as u64;
                let bytes = &bytes[..length];
                Some(if last {
                    DecodeError::incomplete(self.encoding, start, bytes)
                } else {
                    let malformed = Malformed::of(length as u8);
                    DecodeError::malformed(self.encoding, start, *read, bytes, malformed)
                })
            }
        }
    }
}

impl Method {
    fn new(encoding: Encoding) -> Method {
        let decode: fn(&[u8], &mut String) -> Pass = match encoding {
            Encoding::Utf8 => utf8::decode,
            Encoding::Gb2312 => |input, output| gb_decode::decode(Charset::Gb2312, input, output),
            Encoding::Gbk => |input, output| gb_decode::decode(Charset::Gbk, input, output),
            Encoding::Gb18030 => |input, output| gb_decode::decode(Charset::Gb18030, input, output),
            // In the Encoding Standard, the decoder of GBK is that of GB 18030.
            Encoding::Whatwg(web) if web.get() == encoding_rs::GBK => {
                |input, output| gb_decode::decode(Charset::Gb18030, input, output)
            }
            Encoding::Whatwg(web) => return Method::Web(Box::new(WebDecoder::new(web.get()))),
        };
        Method::Pass { decode, carry: Carry::default() }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("encoding", &self.encoding)
            .field("policy", &self.policy)
            .field("offset", &self.offset())
            .field("pending", &self.pending())
            .finish()
    }
}
