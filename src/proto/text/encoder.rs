use std::fmt;

use super::cells::Charset;
use super::utf16::{self, ByteOrder};
use super::web_encode::WebEncoder;
use super::{EncodeError, Encoding, OnInvalid, gb_encode};

/// An encoder of text that arrives in pieces.
///
/// An encoder counts the offset of an error in the whole text. It also keeps the state of a
/// stateful encoding (ISO-2022-JP), and [`finish`](Self::finish) writes the bytes that reset that
/// state. In all other encodings, each piece is encoded independently.
///
/// [`Encoding::encoder`] creates an encoder.
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
#[doc(alias = "IncrementalEncoder")]
#[doc(alias = "codecs.getincrementalencoder")]
#[doc(alias = "iconv")]
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

    /// Sets how characters that the encoding does not have are handled. The default is
    /// [`OnInvalid::Strict`].
    #[must_use]
    pub fn with_policy(self, policy: OnInvalid) -> Encoder {
        Encoder { policy, ..self }
    }

    /// Returns the encoding.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns how characters that the encoding does not have are handled.
    pub fn policy(&self) -> OnInvalid {
        self.policy
    }

    /// Returns the number of bytes of text, in UTF-8, that were encoded since the encoder was
    /// created or finished.
    pub fn offset(&self) -> u64 {
        self.position
    }

    /// Encodes `text` and appends the bytes to `output`.
    ///
    /// # Errors
    ///
    /// This returns an error if the policy is [`OnInvalid::Strict`] and the encoding does not have
    /// a character. In that case the bytes of the text before it are in `output`, and
    /// [`consumed`](EncodeError::consumed) returns where in `text` the encoder can continue.
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
                    // Every encoding has `?`. The encoder writes it, because a stateful encoding
                    // must be in the right state.
                    self.method.encode("?", output);
                }
                OnInvalid::Ignore => {}
            }
        }
    }

    /// Ends the text and resets the encoder for another text.
    ///
    /// For a stateful encoding, this appends the bytes that return to the initial state. For all
    /// other encodings, it appends nothing.
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

    /// Encodes up to the first character that the encoding does not have, and returns its offset
    /// and the character.
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
