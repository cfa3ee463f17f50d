use std::borrow::Cow;
use std::fmt;

use super::{DecodeError, Decoder, EncodeError, Encoder, OnInvalid, WhatwgEncoding, utf8};

/// Up to so many bytes, looking whether all is ASCII and copying it takes less time than a decoder.
const SHORT: usize = 1024;

/// How text becomes bytes on the wire, and bytes text: UTF-8, the three Chinese encodings, and those of the Web.
///
/// For programs whose peers do not all speak UTF-8: devices, older Windows programs, Python scripts with
/// `.encode("gb2312")`. What is decoded or encoded is either right or an error that says which byte or which character,
/// where, and in what encoding. Nothing is guessed from the bytes.
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
/// # Which one
///
/// Each of the Chinese encodings contains ASCII and the one before it. The name is the promise: what is written in an
/// encoding is read by every strict peer that has an encoding of that name.
///
/// | | characters | bytes for each | read by |
/// |---|---|---|---|
/// | [`Gb2312`](Self::Gb2312) | 7,445 (simplified, of 1980) | 2 | readers of GB 2312, GBK and GB 18030 |
/// | [`Gbk`](Self::Gbk) | 21,791 (traditional, 镕, 囍) | 2 | Windows' code page 936, Python's `gbk`, iconv's `GBK` |
/// | [`Gb18030`](Self::Gb18030) | all of Unicode (😀) | 2 or 4 | readers of GB 18030 |
/// | [`Utf8`](Self::Utf8) | all of Unicode | 2 to 4 | the rest of the world |
///
/// A program that does not know how wide its peer's "gb2312" is writes `Gb2312`, and reads `Gb18030`.
///
/// - **`Gb2312`** has two cells on which the tables in use disagree: A1A4 is U+00B7 `·` for the Web and U+30FB `・` for
///   Python and iconv; A1AA is U+2014 `—` and U+2015 `―`. Both spellings are written to the cell; it is read as the Web
///   reads it, as GBK and GB 18030 have it, too.
/// - **`Gbk`** is code page 936 with two bytes for a character, exactly as Python's `gbk` has it, one to one:
///   whatever is read is written back as it was. Not in it are what came with GB 18030 (the euro sign as A2E3,
///   vertical punctuation A6D9–A6F3, ḿ ǹ as A8BC A8BF, A989–A995, the ideographs of FE50–FEA0), the pairs for private
///   use, and all four-byte forms; nor the single byte 0x80 that Windows, iconv and the Web take for the euro sign
///   and Python refuses. [`for_whatwg_label("gbk")`](Self::for_whatwg_label) reads all that.
/// - **`Gb18030`** is the edition of 2022 as the Web has it, down to 0x80 for the euro sign (written as A2E3), A3A0
///   as a second ideographic space, and no bytes for the private-use character U+E5E5. The 18 private-use characters by
///   which earlier editions meant what is a character of its own today (U+E78D for `︐` U+FE10, and so on to U+E864) are
///   written as that character.
///
/// # What is malformed
///
/// [`OnInvalid`] says what becomes of a malformed sequence: an error, U+FFFD, or nothing. What *one* such sequence is does
/// not depend on it:
///
/// - in UTF-8 and the Web's encodings, what the Unicode and Encoding standards say;
/// - a byte that begins no character, alone;
/// - a first byte with an ASCII byte that cannot follow it, alone: the ASCII byte is text, so that a line's end or a
///   delimiter behind a broken character is never swallowed;
/// - a pair that means nothing and whose second byte is not ASCII, both bytes: what follows stays in step, also where a
///   peer sends GBK for GB 2312 (Python takes the second byte for the beginning of the next character);
/// - in GB 18030, four bytes in form that mean nothing, all four.
///
/// A byte order mark is a character like another: it is neither looked for, nor removed, nor written.
///
/// # Whole texts and streams
///
/// [`decode`](Self::decode) and [`encode`](Self::encode) take a whole text and borrow where they can; the `_with`
/// forms take a [`OnInvalid`], the `_into` forms append to a buffer that can be used again. A stream that comes in
/// pieces, cut anywhere, is for [`decoder`](Self::decoder) and [`encoder`](Self::encoder). All of them count places
/// in the *stream*, in bytes from 0: a whole text is a stream of one piece.
///
/// # Compared with Python
///
/// | Python | here |
/// |---|---|
/// | `text.encode("gb2312")` | `Encoding::Gb2312.encode(text)?`; writes `·` and `—`, too, which Python refuses |
/// | `data.decode("gb2312")` | `Encoding::Gb2312.decode(data)?`; A1A4 and A1AA are `·` and `—` instead of `・` and `―` |
/// | `"gbk"`, `"cp936"` | `Encoding::Gbk`: the same |
/// | `"gb18030"` | `Encoding::Gb18030`: the edition of 2022 instead of 2000, which differs in 19 pairs |
/// | `errors="replace"`, `"ignore"` | [`OnInvalid::Replace`], [`OnInvalid::Ignore`]; an unassigned pair is one `�` instead of two |
/// | `codecs.getincrementaldecoder(…)` | [`decoder`](Self::decoder); its errors count from the beginning of the stream |
///
/// # What it costs
///
/// Chinese text is decoded from GB 2312, GBK or GB 18030 at 0.8 to 1.5 GB/s (of UTF-8) on one core, more than twice as
/// fast as by `encoding_rs`, and encoded at 0.8 to 1.7 GB/s, 1.5 times as fast as by Python's `gb2312`, twice as fast
/// as by its `gbk` and 70 to 100 times as fast as by `encoding_rs`. Chinese mixed with English is decoded at half of
/// that speed: as fast as by `encoding_rs`, or up to a quarter slower. ASCII is checked and borrowed.
/// `cargo bench --bench text` measures it again.
///
/// The tables for that are made from those of `encoding_rs` at the first use and kept: 2 ms, and 128 KiB for each
/// direction of each encoding, with another 128 KiB for decoding GB 18030, from which the two narrower ones are made.
/// GB 18030's four bytes take 2 to 3 ms and 205 KiB more, when it first encodes or first meets them. UTF-8 has no
/// tables. The Web's encodings have none here, but for its GBK, which is decoded as GB 18030; they run at the speed of
/// `encoding_rs`, which is 10 to 20 MB/s when it encodes Chinese.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[doc(alias = "charset")]
#[doc(alias = "codecs")]
#[doc(alias = "codepage")]
#[doc(alias = "936")]
pub enum Encoding {
    /// UTF-8, all of Unicode in 1 to 4 bytes. The default.
    #[default]
    Utf8,
    /// GB 2312-80 as EUC-CN, and ASCII: exactly 7,445 characters of two bytes.
    Gb2312,
    /// GBK, and ASCII: exactly 21,791 characters of two bytes, those of GB 2312 among them.
    Gbk,
    /// GB 18030-2022, all of Unicode in 1, 2 or 4 bytes; GBK is a part of it.
    Gb18030,
    /// An encoding of the Web, by its label: see [`Encoding::for_label`].
    Whatwg(WhatwgEncoding),
}

impl Encoding {
    /// The name in lower case: `utf-8`, `gb2312`, `gbk`, `gb18030`, or the Web's.
    ///
    /// The Web's own GBK is `gbk`, too.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "utf-8",
            Encoding::Gb2312 => "gb2312",
            Encoding::Gbk => "gbk",
            Encoding::Gb18030 => "gb18030",
            Encoding::Whatwg(web) => web.name(),
        }
    }

    /// The text of these bytes, all of them.
    ///
    /// Borrows where nothing is to be changed: UTF-8, and ASCII in the encodings that contain it.
    ///
    /// # Errors
    ///
    /// This returns an error if a sequence is not text of the encoding, or if the bytes end within a character.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Encoding;
    ///
    /// assert_eq!(Encoding::Gb2312.decode(b"\xCA\xD5\xB5\xBD")?, "收到");
    /// let error = Encoding::Gb2312.decode(b"\xCA\xD5\xB5").unwrap_err();
    /// assert_eq!(error.to_string(), "incomplete gb2312 character B5 at byte 2, the end of the text");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "bytes.decode")]
    pub fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
        self.decode_with(bytes, OnInvalid::Strict)
    }

    /// The text of these bytes, with what is not text treated by a policy; else as [`decode`](Self::decode).
    ///
    /// # Errors
    ///
    /// This returns an error if the policy is [`OnInvalid::Strict`] and [`decode`](Self::decode) would.
    pub fn decode_with(self, bytes: &[u8], policy: OnInvalid) -> Result<Cow<'_, str>, DecodeError> {
        if let Some(text) = self.borrowed(bytes) {
            return Ok(Cow::Borrowed(text));
        }
        let mut text = String::new();
        self.decode_as_stream(bytes, policy, &mut text)?;
        Ok(Cow::Owned(text))
    }

    /// Appends the text of these bytes to a buffer, which a caller can use again.
    ///
    /// # Errors
    ///
    /// This returns an error if [`decode_with`](Self::decode_with) would; then the buffer is as before.
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

    /// The bytes of this text, all of it.
    ///
    /// Borrows where nothing is to be changed: UTF-8, and ASCII in the encodings that contain it.
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
    pub fn encode(self, text: &str) -> Result<Cow<'_, [u8]>, EncodeError> {
        self.encode_with(text, OnInvalid::Strict)
    }

    /// The bytes of this text, with what the encoding does not have treated by a policy; else as
    /// [`encode`](Self::encode).
    ///
    /// # Errors
    ///
    /// This returns an error if the policy is [`OnInvalid::Strict`] and [`encode`](Self::encode) would.
    pub fn encode_with(self, text: &str, policy: OnInvalid) -> Result<Cow<'_, [u8]>, EncodeError> {
        if self.is_as_it_is(text) {
            return Ok(Cow::Borrowed(text.as_bytes()));
        }
        let mut bytes = Vec::new();
        self.encode_into(text, policy, &mut bytes)?;
        Ok(Cow::Owned(bytes))
    }

    /// Appends the bytes of this text to a buffer, which a caller can use again.
    ///
    /// # Errors
    ///
    /// This returns an error if [`encode_with`](Self::encode_with) would; then the buffer is as before.
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

    /// A decoder for a stream that comes in pieces.
    #[must_use]
    pub fn decoder(self) -> Decoder {
        Decoder::new(self)
    }

    /// An encoder for text that comes in pieces.
    #[must_use]
    pub fn encoder(self) -> Encoder {
        Encoder::new(self)
    }

    /// The bytes as they are, where they are the text.
    fn borrowed(self, bytes: &[u8]) -> Option<&str> {
        match self {
            Encoding::Utf8 => utf8::checked(bytes),
            // On ASCII the standard library's check is the faster one.
            _ if self.is_ascii(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// Whether the text's own bytes are those of the encoding.
    fn is_as_it_is(self, text: &str) -> bool {
        self == Encoding::Utf8 || self.is_ascii(text.as_bytes())
    }

    /// Whether all bytes are ASCII and mean ASCII.
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
