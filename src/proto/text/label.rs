//! Names of encodings: our own labels, and those of the Encoding Standard.

use std::fmt;
use std::str::FromStr;

use super::Encoding;
use crate::error::{Error, ErrorKind, Operation};

/// An encoding of the [WHATWG Encoding Standard](https://encoding.spec.whatwg.org/) that is not a
/// variant of [`Encoding`].
///
/// Examples are Big5, EUC-KR, Shift_JIS, windows-1252, UTF-16LE, and the GBK of that standard.
/// [`Encoding::for_label`] and [`Encoding::for_whatwg_label`] return such an encoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WhatwgEncoding(&'static encoding_rs::Encoding);

impl WhatwgEncoding {
    /// Returns the name in the standard in lower case, such as `big5`.
    pub fn name(self) -> &'static str {
        let name = self.0.name();
        WEB_NAMES.into_iter().find(|lower| lower.eq_ignore_ascii_case(name)).unwrap_or(name)
    }

    pub(super) fn get(self) -> &'static encoding_rs::Encoding {
        self.0
    }
}

impl fmt::Debug for WhatwgEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WhatwgEncoding({})", self.name())
    }
}

/// The names that have capital letters in `encoding_rs`.
const WEB_NAMES: [&str; 24] = [
    "big5",
    "euc-jp",
    "euc-kr",
    "gbk",
    "ibm866",
    "iso-2022-jp",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-8-i",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "koi8-r",
    "koi8-u",
    "shift_jis",
    "utf-16be",
    "utf-16le",
];

/// The labels with our own meaning, with `-` for `_` and space. All others are looked up in the
/// Encoding Standard.
const OUR_LABELS: [(&str, Encoding); 32] = [
    ("utf-8", Encoding::Utf8),
    ("utf8", Encoding::Utf8),
    ("u8", Encoding::Utf8),
    ("utf", Encoding::Utf8),
    ("cp65001", Encoding::Utf8),
    ("gb2312", Encoding::Gb2312),
    ("gb2312-80", Encoding::Gb2312),
    ("gb2312-1980", Encoding::Gb2312),
    ("gb-2312-80", Encoding::Gb2312),
    ("gb-2312", Encoding::Gb2312),
    ("euc-cn", Encoding::Gb2312),
    ("euccn", Encoding::Gb2312),
    ("eucgb2312-cn", Encoding::Gb2312),
    ("x-euc-cn", Encoding::Gb2312),
    ("chinese", Encoding::Gb2312),
    ("csgb2312", Encoding::Gb2312),
    ("csiso58gb231280", Encoding::Gb2312),
    ("iso-ir-58", Encoding::Gb2312),
    ("gbk", Encoding::Gbk),
    ("x-gbk", Encoding::Gbk),
    ("csgbk", Encoding::Gbk),
    ("cp936", Encoding::Gbk),
    ("936", Encoding::Gbk),
    ("ms936", Encoding::Gbk),
    ("windows-936", Encoding::Gbk),
    ("gb18030", Encoding::Gb18030),
    ("gb18030-2000", Encoding::Gb18030),
    ("gb18030-2005", Encoding::Gb18030),
    ("gb18030-2022", Encoding::Gb18030),
    ("csgb18030", Encoding::Gb18030),
    ("cp54936", Encoding::Gb18030),
    ("windows-54936", Encoding::Gb18030),
];

impl Encoding {
    /// Returns the encoding with the given label.
    ///
    /// `gb2312` means GB 2312, and not GBK as in the WHATWG Encoding Standard. For the labels of
    /// that standard, see [`for_whatwg_label`](Self::for_whatwg_label).
    ///
    /// # Labels
    ///
    /// Case and surrounding white space are ignored, and `_` and `-` are the same.
    ///
    /// * [`Utf8`](Self::Utf8): `utf-8`, `utf8`, `u8`, `utf`, `cp65001`
    /// * [`Gb2312`](Self::Gb2312): `gb2312`, `gb2312-80`, `gb2312-1980`, `gb_2312-80`, `gb_2312`,
    ///   `euc-cn`, `euccn`, `eucgb2312-cn`, `x-euc-cn`, `chinese`, `csgb2312`, `csiso58gb231280`,
    ///   `iso-ir-58`
    /// * [`Gbk`](Self::Gbk): `gbk`, `x-gbk`, `csgbk`, `cp936`, `936`, `ms936`, `windows-936`
    /// * [`Gb18030`](Self::Gb18030): `gb18030`, `gb18030-2000`, `gb18030-2005`, `gb18030-2022`,
    ///   `csgb18030`, `cp54936`, `windows-54936`
    /// * [`Whatwg`](Self::Whatwg): every other label of the WHATWG Encoding Standard, with its
    ///   meaning in that standard. For example, `latin1` is windows-1252, and `utf-16` is UTF-16LE.
    ///
    /// # Errors
    ///
    /// This returns an error if the label is unknown, or if the Encoding Standard refuses it
    /// (`hz-gb-2312`, `iso-2022-cn`, and others). The bytes of the refused encodings switch between
    /// character sets by sequences that a filter takes for plain text.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Encoding;
    ///
    /// assert_eq!(Encoding::for_label("GB2312")?, Encoding::Gb2312);
    /// assert_eq!(Encoding::for_label("cp936")?, Encoding::Gbk);
    /// assert_eq!("utf8".parse(), Ok(Encoding::Utf8));
    /// assert_eq!(Encoding::for_label("shift-jis")?.name(), "shift_jis");
    ///
    /// let error = Encoding::for_label("gb2313").unwrap_err();
    /// assert_eq!(error.label(), "gb2313");
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "codecs.lookup")]
    #[doc(alias = "iconv_open")]
    pub fn for_label(label: &str) -> Result<Encoding, UnknownEncoding> {
        let wanted = label.trim();
        let same = |ours: &str| {
            ours.len() == wanted.len()
                && ours.bytes().zip(wanted.bytes()).all(|(ours, wanted)| ours == folded(wanted))
        };
        if let Some((_, encoding)) = OUR_LABELS.iter().find(|(ours, _)| same(ours)) {
            return Ok(*encoding);
        }
        // The Encoding Standard has labels with either. No two of them differ only by this.
        [wanted.to_owned(), wanted.replace('_', "-"), wanted.replace('-', "_")]
            .iter()
            .find_map(|spelling| by_the_web(spelling))
            .unwrap_or(Err(Reason::Unknown))
            .map_err(|reason| UnknownEncoding::new(label, reason))
    }

    /// Returns the encoding that a label has in the WHATWG Encoding Standard, such as the charset
    /// of a web page or of an HTTP header.
    ///
    /// In that standard, `gb2312` and `gbk` are both the GBK of the standard. It decodes all of GB
    /// 18030, and 0x80 as the euro sign. It encodes the euro sign as 0x80, and all other characters
    /// that have one or two bytes in GB 18030. Decoding is as fast as for
    /// [`Gb18030`](Self::Gb18030). Encoding is slow (10 to 20 MB/s).
    ///
    /// # Errors
    ///
    /// This returns an error if the standard does not have the label or refuses it. See also
    /// [`for_label`](Self::for_label).
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Encoding;
    ///
    /// let encoding = Encoding::for_whatwg_label("gb2312")?;
    /// assert_eq!(encoding.name(), "gbk");
    /// assert_eq!(encoding.decode(b"\xE9F")?, "镕");
    /// assert_eq!(*encoding.encode("€")?, *b"\x80");
    /// assert!(Encoding::for_whatwg_label("cp936").is_err());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn for_whatwg_label(label: &str) -> Result<Encoding, UnknownEncoding> {
        by_the_web(label)
            .unwrap_or(Err(Reason::NotOfTheWeb))
            .map_err(|reason| UnknownEncoding::new(label, reason))
    }
}

/// Converts ASCII to lower case, and `_` and space to `-`.
fn folded(byte: u8) -> u8 {
    match byte {
        b'_' | b' ' => b'-',
        byte => byte.to_ascii_lowercase(),
    }
}

fn by_the_web(label: &str) -> Option<Result<Encoding, Reason>> {
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes())?;
    Some(if encoding == encoding_rs::REPLACEMENT {
        Err(Reason::Refused)
    } else if encoding == encoding_rs::UTF_8 {
        Ok(Encoding::Utf8)
    } else if encoding == encoding_rs::GB18030 {
        Ok(Encoding::Gb18030)
    } else {
        Ok(Encoding::Whatwg(WhatwgEncoding(encoding)))
    })
}

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    /// Returns the encoding with the given label, as [`Encoding::for_label`] does.
    fn from_str(label: &str) -> Result<Encoding, UnknownEncoding> {
        Encoding::for_label(label)
    }
}

impl TryFrom<&str> for Encoding {
    type Error = UnknownEncoding;

    /// Returns the encoding with the given label, as [`Encoding::for_label`] does.
    fn try_from(label: &str) -> Result<Encoding, UnknownEncoding> {
        Encoding::for_label(label)
    }
}

/// An error for an unknown or refused label of an encoding.
///
/// The error is displayed as one line:
/// `unknown encoding "gb2313": neither utf-8, gb2312, gbk or gb18030 nor a label of the Web`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[doc(alias = "LookupError")]
#[error("{} {label:?}{}: {}", .reason.opening(), if *.cut { "…" } else { "" }, .reason.words())]
pub struct UnknownEncoding {
    label: Box<str>,
    cut: bool,
    reason: Reason,
}

impl UnknownEncoding {
    /// The maximum number of bytes that are kept of a label, which may come from a peer.
    const LONGEST: usize = 64;

    fn new(label: &str, reason: Reason) -> UnknownEncoding {
        let length =
            (0..=label.len().min(Self::LONGEST)).rev().find(|&length| label.is_char_boundary(length));
        let kept = &label[..length.unwrap_or(0)];
        UnknownEncoding { label: kept.into(), cut: kept.len() < label.len(), reason }
    }

    /// Returns the label that was passed, truncated to at most 64 bytes.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns `true` if the Encoding Standard knows the label and refuses it for security. Returns
    /// `false` if the label is unknown.
    pub fn is_refused(&self) -> bool {
        self.reason == Reason::Refused
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Unknown,
    NotOfTheWeb,
    Refused,
}

impl Reason {
    fn opening(self) -> &'static str {
        match self {
            Reason::Unknown | Reason::NotOfTheWeb => "unknown encoding",
            Reason::Refused => "refused encoding",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Reason::Unknown => "neither utf-8, gb2312, gbk or gb18030 nor a label of the Web",
            Reason::NotOfTheWeb => "not a label of the Web",
            Reason::Refused => "its bytes can hide text from a filter, so the Web does not decode it",
        }
    }
}

impl From<UnknownEncoding> for Error {
    fn from(error: UnknownEncoding) -> Error {
        Error::detailed(Operation::ParseEncoding, ErrorKind::UnknownEncoding, error)
    }
}
