use std::borrow::Cow;
use std::fmt;

use super::{DecodeError, Decoder, EncodeError, Encoder, OnInvalid, WhatwgEncoding, utf8};

/// The maximum length in bytes up to which a check for ASCII and a copy take less time than a
/// decoder.
const SHORT: usize = 1024;

/// A text encoding: UTF-8, GB 2312, GBK, GB 18030, or an encoding of the WHATWG Encoding Standard.
///
/// Use it for peers that do not send UTF-8, such as devices, older Windows programs, and Python
/// scripts with `.encode("gb2312")`. If a byte or a character is invalid, the error has its offset,
/// and its message names the encoding. The encoding is never guessed from the bytes.
///
/// ```
/// use socketry::Encoding;
///
/// let encoding: Encoding = "gb2312".parse()?;
/// let bytes = encoding.encode("收到")?;
/// assert_eq!(*bytes, *b"\xCA\xD5\xB5\xBD");
/// assert_eq!(encoding.decode(&bytes)?, "收到");
///
/// let error = encoding.encode("朱镕基").unwrap_err();
/// assert_eq!(error.to_string(), "'镕' (U+9555) at byte 3 does not exist in gb2312");
/// # Ok::<(), socketry::Error>(())
/// ```
///
/// # Choosing an encoding
///
/// Each of the three Chinese encodings contains ASCII and the encoding in the row above it. Text
/// that is encoded with one of them can be decoded by every strict decoder of the same name.
///
/// | Encoding | Characters | Bytes per character | Decoders |
/// |---|---|---|---|
/// | [`Gb2312`](Self::Gb2312) | 7,445 (simplified, of 1980) | 2 | GB 2312, GBK, GB 18030 |
/// | [`Gbk`](Self::Gbk) | 21,791 (traditional, 镕, 囍) | 2 | Windows code page 936, Python, iconv |
/// | [`Gb18030`](Self::Gb18030) | all of Unicode (😀) | 2 or 4 | GB 18030 |
/// | [`Utf8`](Self::Utf8) | all of Unicode | 2 to 4 | UTF-8 |
///
/// If you do not know which characters a peer's "gb2312" includes, encode with `Gb2312` and decode
/// with `Gb18030`.
///
/// - **`Gb2312`** has two cells for which the common tables disagree. A1A4 is U+00B7 `·` in the
///   WHATWG Encoding Standard, and U+30FB `・` in Python and iconv. A1AA is U+2014 `—` in that
///   standard, and U+2015 `―` in Python and iconv. Both characters are encoded to the cell. The
///   cell is decoded as in the standard, as it is in GBK and GB 18030.
/// - **`Gbk`** is code page 936 with two bytes per character, the same as Python's `gbk`. The
///   mapping is one-to-one, so that decoded text is encoded to the same bytes. It does not include
///   the characters that GB 18030 added: the euro sign as A2E3, vertical punctuation A6D9–A6F3, ḿ ǹ
///   as A8BC A8BF, A989–A995, and the ideographs of FE50–FEA0. It does not include pairs for
///   private use or four-byte sequences. It does not include the single byte 0x80, which is the
///   euro sign in Windows, iconv, and the Encoding Standard, and is invalid in Python. To decode
///   all of these, use [`for_whatwg_label("gbk")`](Self::for_whatwg_label).
/// - **`Gb18030`** is the edition of 2022 as in the Encoding Standard. It decodes 0x80 as the euro
///   sign, which is encoded as A2E3, and A3A0 as a second ideographic space. It has no bytes for
///   the private-use character U+E5E5. Earlier editions used 18 private-use characters between
///   U+E78D and U+E864 for characters that now have their own code points. They are encoded as
///   those characters; for example, U+E78D is encoded as `︐` U+FE10.
///
/// # Malformed sequences
///
/// [`OnInvalid`] selects what happens to a malformed sequence: an error, U+FFFD, or omission. The
/// length of *one* malformed sequence does not depend on it:
///
/// - In UTF-8 and the encodings of the Encoding Standard, the Unicode Standard and the Encoding
///   Standard define the length.
/// - A byte that cannot begin a character is one sequence.
/// - A first byte followed by an ASCII byte that cannot follow it is one sequence, without the
///   ASCII byte. The ASCII byte is text, so that a malformed character never swallows a line ending
///   or a delimiter. The same applies to a sequence of GB 18030 whose third or fourth byte is out
///   of range.
/// - An unassigned pair whose second byte is not ASCII is one sequence of two bytes. The characters
///   after it are decoded correctly, also if a peer sends GBK instead of GB 2312. (Python decodes
///   the second byte as the beginning of the next character.)
/// - In GB 18030, an unassigned sequence of four bytes in the valid ranges is one sequence.
///
/// A byte order mark is a character like any other. It is not detected, removed, or written.
///
/// # Whole texts and streams
///
/// [`decode`](Self::decode) and [`encode`](Self::encode) convert a whole text, and borrow it if
/// possible. The `_with` methods take an [`OnInvalid`], and the `_into` methods append to a
/// reusable buffer. For a stream that arrives in pieces, use [`decoder`](Self::decoder) and
/// [`encoder`](Self::encoder). All offsets are in bytes from the beginning of the stream. A whole
/// text is a stream of one piece.
///
/// # Differences from Python
///
/// | Python | `socketry` |
/// |---|---|
/// | `text.encode("gb2312")` | `Encoding::Gb2312.encode(text)?`; also encodes `·` and `—` |
/// | `data.decode("gb2312")` | `Encoding::Gb2312.decode(data)?`; differs for A1A4 and A1AA |
/// | `"gbk"`, `"cp936"` | `Encoding::Gbk`: the same |
/// | `"gb18030"` | `Encoding::Gb18030`: the edition of 2022, which differs in 19 pairs |
/// | `errors="replace"` | [`OnInvalid::Replace`]; an unassigned pair is one `�` instead of two |
/// | `errors="ignore"` | [`OnInvalid::Ignore`] |
/// | `codecs.getincrementaldecoder(…)` | [`decoder`](Self::decoder); offsets are in the stream |
///
/// Python's `gb2312` cannot encode `·` and `—`, and decodes A1A4 and A1AA as `・` and `―` instead
/// of `·` and `—`. Python's `gb18030` is the edition of 2000.
///
/// # Performance
///
/// On one core, Chinese text is decoded from GB 2312, GBK, or GB 18030 at 0.8 to 1.5 GB/s of UTF-8,
/// more than twice as fast as with `encoding_rs`. It is encoded at 0.8 to 1.7 GB/s: 1.5 times as
/// fast as with Python's `gb2312`, twice as fast as with Python's `gbk`, and 70 to 100 times as
/// fast as with `encoding_rs`. Chinese mixed with English is decoded at half of that speed, which
/// is as fast as with `encoding_rs` or up to a quarter slower. ASCII is checked and borrowed. The
/// encodings of the Encoding Standard have the speed of `encoding_rs`, which encodes Chinese at 10
/// to 20 MB/s. `cargo bench --bench text` measures these figures.
///
/// # Memory
///
/// The tables are built from those of `encoding_rs` at the first use, which takes 2 ms, and are
/// kept. Each table has 128 KiB. GB 2312, GBK, and GB 18030 each have one table for decoding and
/// one for encoding. A table for encoding is built from the one for decoding, and the tables of GB
/// 2312 and GBK are built from the decoding table of GB 18030. The four-byte sequences of GB 18030
/// take another 205 KiB and 2 to 3 ms, when text is first encoded in GB 18030 or the first such
/// sequence is decoded. UTF-8 has no tables. The encodings of the Encoding Standard have none
/// either, except that its GBK is decoded as GB 18030.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "charset")]
#[doc(alias = "codecs")]
#[doc(alias = "codepage")]
#[doc(alias = "iconv")]
pub enum Encoding {
    /// UTF-8: all of Unicode in 1 to 4 bytes. This is the default.
    #[default]
    Utf8,
    /// GB 2312-80 in the form of EUC-CN: ASCII, and exactly 7,445 characters of two bytes.
    #[doc(alias = "EUC-CN")]
    Gb2312,
    /// GBK: ASCII, and exactly 21,791 characters of two bytes, including those of GB 2312.
    #[doc(alias = "936")]
    #[doc(alias = "cp936")]
    Gbk,
    /// GB 18030-2022: all of Unicode in 1, 2, or 4 bytes, including GBK.
    Gb18030,
    /// An encoding of the WHATWG Encoding Standard. See also [`Encoding::for_label`].
    Whatwg(WhatwgEncoding),
}

impl Encoding {
    /// Returns the name in lower case: `utf-8`, `gb2312`, `gbk`, `gb18030`, or that of the
    /// [`WhatwgEncoding`].
    ///
    /// The GBK of the WHATWG Encoding Standard has the name `gbk` too.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Gb2312 => "gb2312",
            Encoding::Gbk => "gbk",
            Encoding::Gb18030 => "gb18030",
            Encoding::Whatwg(web) => web.name(),
        }
    }

    /// Decodes a whole text.
    ///
    /// Borrows the bytes if they are UTF-8, or ASCII in an encoding that contains ASCII.
    ///
    /// # Errors
    ///
    /// This returns an error if a sequence is invalid in the encoding, or if the bytes end in the
    /// middle of a character.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Encoding;
    ///
    /// assert_eq!(Encoding::Gb2312.decode(b"\xCA\xD5\xB5\xBD")?, "收到");
    /// let error = Encoding::Gb2312.decode(b"\xCA\xD5\xB5").unwrap_err();
    /// let message = "incomplete gb2312 character B5 at byte 2, the end of the text";
    /// assert_eq!(error.to_string(), message);
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "bytes.decode")]
    #[doc(alias = "MultiByteToWideChar")]
    pub fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
        self.decode_with(bytes, OnInvalid::Strict)
    }

    /// Decodes a whole text as [`decode`](Self::decode) does, and handles invalid sequences by a
    /// policy.
    ///
    /// # Errors
    ///
    /// This returns an error if the policy is [`OnInvalid::Strict`] and [`decode`](Self::decode)
    /// would.
    pub fn decode_with(self, bytes: &[u8], policy: OnInvalid) -> Result<Cow<'_, str>, DecodeError> {
        if let Some(text) = self.borrowed(bytes) {
            return Ok(Cow::Borrowed(text));
        }
        let mut text = String::new();
        self.decode_as_stream(bytes, policy, &mut text)?;
        Ok(Cow::Owned(text))
    }

    /// Decodes a whole text and appends it to a reusable buffer.
    ///
    /// # Errors
    ///
    /// This returns an error if [`decode_with`](Self::decode_with) would. In that case the buffer
    /// is unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::text::OnInvalid;
    /// use socketry::Encoding;
    ///
    /// let mut line = String::from("> ");
    /// Encoding::Gbk.decode_into(b"\xCA\xD5\xB5\xBD", OnInvalid::Strict, &mut line)?;
    /// assert!(Encoding::Gbk.decode_into(b"\xCA\xD5\xFF", OnInvalid::Strict, &mut line).is_err());
    /// assert_eq!(line, "> 收到");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn decode_into(
        self,
        bytes: &[u8],
        policy: OnInvalid,
        output: &mut String,
    ) -> Result<(), DecodeError> {
        if bytes.len() <= SHORT {
            if let Some(text) = self.borrowed(bytes) {
                output.push_str(text);
                return Ok(());
            }
        }
        self.decode_as_stream(bytes, policy, output)
    }

    fn decode_as_stream(
        self,
        bytes: &[u8],
        policy: OnInvalid,
        output: &mut String,
    ) -> Result<(), DecodeError> {
        let before = output.len();
        let mut decoder = self.decoder().with_policy(policy);
        let result = decoder
            .decode(bytes, output)
            .and_then(|()| decoder.finish(output).map_err(|error| error.with_consumed(bytes.len())));
        if result.is_err() {
            output.truncate(before);
        }
        result
    }

    /// Encodes a whole text.
    ///
    /// Borrows the text if the encoding is UTF-8, or if the text is ASCII and the encoding contains
    /// ASCII.
    ///
    /// # Errors
    ///
    /// This returns an error if the encoding does not have a character.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Encoding;
    ///
    /// assert_eq!(*Encoding::Gb2312.encode("收到")?, *b"\xCA\xD5\xB5\xBD");
    /// assert_eq!(*Encoding::Gb18030.encode("😀")?, *b"\x94\x39\xFC\x36");
    /// assert_eq!(Encoding::Gbk.encode("😀").unwrap_err().character(), '😀');
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "str.encode")]
    #[doc(alias = "WideCharToMultiByte")]
    pub fn encode(self, text: &str) -> Result<Cow<'_, [u8]>, EncodeError> {
        self.encode_with(text, OnInvalid::Strict)
    }

    /// Encodes a whole text as [`encode`](Self::encode) does, and handles characters that the
    /// encoding does not have by a policy.
    ///
    /// # Errors
    ///
    /// This returns an error if the policy is [`OnInvalid::Strict`] and [`encode`](Self::encode)
    /// would.
    pub fn encode_with(self, text: &str, policy: OnInvalid) -> Result<Cow<'_, [u8]>, EncodeError> {
        if self.is_as_it_is(text) {
            return Ok(Cow::Borrowed(text.as_bytes()));
        }
        let mut bytes = Vec::new();
        self.encode_into(text, policy, &mut bytes)?;
        Ok(Cow::Owned(bytes))
    }

    /// Encodes a whole text and appends the bytes to a reusable buffer.
    ///
    /// # Errors
    ///
    /// This returns an error if [`encode_with`](Self::encode_with) would. In that case the buffer
    /// is unchanged.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::text::OnInvalid;
    /// use socketry::Encoding;
    ///
    /// let mut line = Vec::new();
    /// Encoding::Gb2312.encode_into("收到", OnInvalid::Strict, &mut line)?;
    /// line.push(b'\n');
    /// assert!(Encoding::Gb2312.encode_into("很好😀", OnInvalid::Strict, &mut line).is_err());
    /// assert_eq!(line, b"\xCA\xD5\xB5\xBD\n");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn encode_into(self, text: &str, policy: OnInvalid, output: &mut Vec<u8>) -> Result<(), EncodeError> {
        if self.is_as_it_is(text) {
            output.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        let before = output.len();
        let mut encoder = self.encoder().with_policy(policy);
        let result = encoder.encode(text, output);
        match &result {
            Ok(()) => encoder.finish(output),
            Err(_) => output.truncate(before),
        }
        result
    }

    /// Creates a decoder for a stream that arrives in pieces.
    #[must_use]
    pub fn decoder(self) -> Decoder {
        Decoder::new(self)
    }

    /// Creates an encoder for text that arrives in pieces.
    #[must_use]
    pub fn encoder(self) -> Encoder {
        Encoder::new(self)
    }

    /// Returns the bytes as text if they are the same in UTF-8.
    fn borrowed(self, bytes: &[u8]) -> Option<&str> {
        match self {
            Encoding::Utf8 => utf8::checked(bytes),
            // The check of the standard library is faster for ASCII.
            _ if self.is_ascii(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// Returns `true` if the text has the same bytes in the encoding as in UTF-8.
    fn is_as_it_is(self, text: &str) -> bool {
        self == Encoding::Utf8 || self.is_ascii(text.as_bytes())
    }

    /// Returns `true` if all bytes are ASCII in this encoding.
    fn is_ascii(self, bytes: &[u8]) -> bool {
        match self {
            Encoding::Whatwg(web) if web.get() == encoding_rs::ISO_2022_JP => {
                encoding_rs::Encoding::iso_2022_jp_ascii_valid_up_to(bytes) == bytes.len()
            }
            Encoding::Whatwg(web) if !web.get().is_ascii_compatible() => false,
            _ => bytes.is_ascii(),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
