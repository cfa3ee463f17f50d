use std::fmt;

use super::cells::Charset;
use super::utf16::{self, ByteOrder};
use super::web_encode::WebEncoder;
use super::{EncodeError, Encoding, OnInvalid, gb_encode};

/// Turns text, which may come in pieces, into a stream of bytes.
///
/// For most encodings each piece stands for itself; an encoder adds the place of an error in the whole text, and the
/// state of a stateful encoding (ISO-2022-JP), for which [`finish`](Self::finish) writes the way back. It is made by
/// [`Encoding::encoder`].
///
/// # Examples
///
/// ```
/// use socketry::Encoding;
///
/// let mut encoder = Encoding::Gb2312.encoder();
/// let mut bytes = Vec::new();
/// encoder.encode("收", &mut bytes)?;
/// let error = encoder.encode("到😀。", &mut bytes).unwrap_err();
/// assert_eq!((error.character(), error.offset(), error.consumed()), ('😀', 6, 7));
/// encoder.encode(&"到😀。"[error.consumed()..], &mut bytes)?;
/// encoder.finish(&mut bytes);
/// assert_eq!(bytes, b"\xCA\xD5\xB5\xBD\xA1\xA3");
/// # Ok::<(), socketry::Error>(())
/// ```
pub struct Encoder {
    encoding: Encoding,
    policy: OnInvalid,
    position: u64,
    method: Method,
}

enum Method {
    Utf8,
    Utf16(ByteOrder),
    Gb(Charset),
    Web(Box<WebEncoder>),
}

impl Encoder {
    pub(super) fn new(encoding: Encoding) -> Encoder {
        Encoder { encoding, policy: OnInvalid::Strict, position: 0, method: Method::new(encoding) }
    }

    /// Sets what to do with characters that the encoding does not have.
    ///
    /// Defaults to [`OnInvalid::Strict`].
    #[must_use]
    pub fn with_policy(self, policy: OnInvalid) -> Encoder {
        Encoder { policy, ..self }
    }

    /// The encoding it writes.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// What it does with characters that the encoding does not have.
    pub fn policy(&self) -> OnInvalid {
        self.policy
    }

    /// How many bytes of text, in UTF-8, were taken since the encoder was made or finished.
    pub fn offset(&self) -> u64 {
        self.position
    }

    /// Appends the bytes of `text` to `output`.
    ///
    /// # Errors
    ///
    /// This returns an error if the policy is [`OnInvalid::Strict`] and the encoding does not have a character. Then
    /// everything before it is in `output`, [`consumed`](EncodeError::consumed) bytes of `text` are done with, and the
    /// encoder can go on with the rest of it.
    pub fn encode(&mut self, text: &str, output: &mut Vec<u8>) -> Result<(), EncodeError> {
        let mut read = 0;
        loop {
            let rest = &text[read..];
            let Some((place, character)) = self.method.encode(rest, output) else {
                self.position += rest.len() as u64;
                return Ok(());
            };
            let offset = self.position + place as u64;
            let taken = place + character.len_utf8();
            read += taken;
            self.position += taken as u64;
            match self.policy {
                OnInvalid::Strict => return Err(EncodeError::new(self.encoding, character, offset, read)),
                OnInvalid::Replace => {
                    // Every encoding has it. By the encoder, because one with states has to be in the right one.
                    self.method.encode("?", output);
                }
                OnInvalid::Ignore => {}
            }
        }
    }

    /// Ends the text, after which the encoder is as new: appends what brings a stateful encoding back to its beginning,
    /// for all others nothing.
    pub fn finish(&mut self, output: &mut Vec<u8>) {
        if let Method::Web(web) = &mut self.method {
            web.finish(output);
            self.method = Method::new(self.encoding);
        }
        self.position = 0;
    }
}

impl Method {
    fn new(encoding: Encoding) -> Method {
        match encoding {
            Encoding::Utf8 => Method::Utf8,
            Encoding::Gb2312 => Method::Gb(Charset::Gb2312),
            Encoding::Gbk => Method::Gb(Charset::Gbk),
            Encoding::Gb18030 => Method::Gb(Charset::Gb18030),
            Encoding::Whatwg(web) if web.get() == encoding_rs::UTF_16LE => {
                Method::Utf16(ByteOrder::LittleEndian)
            }
            Encoding::Whatwg(web) if web.get() == encoding_rs::UTF_16BE => {
                Method::Utf16(ByteOrder::BigEndian)
            }
            Encoding::Whatwg(web) => Method::Web(Box::new(WebEncoder::new(web.get()))),
        }
    }

    /// Encodes up to the first character that the encoding does not have: its place and itself.
    fn encode(&mut self, text: &str, output: &mut Vec<u8>) -> Option<(usize, char)> {
        let place = match self {
            Method::Utf8 => {
                output.extend_from_slice(text.as_bytes());
                None
            }
            Method::Utf16(order) => {
                utf16::encode(*order, text, output);
                None
            }
            Method::Gb(charset) => gb_encode::encode(*charset, text, output),
            Method::Web(web) => web.encode(text, output),
        }?;
        text[place..].chars().next().map(|character| (place, character))
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("encoding", &self.encoding)
            .field("policy", &self.policy)
            .field("offset", &self.position)
            .finish()
    }
}
