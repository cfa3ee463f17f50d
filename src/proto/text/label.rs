//! The names of encodings: ours, and the Web's.

use std::fmt;
use std::str::FromStr;

use super::Encoding;
use crate::error::{Error, ErrorKind, Operation};

/// An encoding of the [Encoding Standard](https://encoding.spec.whatwg.org/) of the Web that has no name of its own in
/// [`Encoding`]: Big5, EUC-KR, Shift_JIS, windows-1252, UTF-16LE and the like, and the Web's own GBK.
///
/// It is made by [`Encoding::for_label`] or [`Encoding::for_whatwg_label`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WhatwgEncoding(&'static encoding_rs::Encoding);

impl WhatwgEncoding {
    /// The standard's name in lower case, such as `big5`.
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

/// The names that `encoding_rs` writes with capitals.
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

/// The names that mean what they say, with `-` for `_` and space. Whatever is not here is looked up as the Web does.
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
    /// The encoding of that name, where names mean what they say: `gb2312` is GB 2312 and not, as on the Web, GBK.
    ///
    /// Upper and lower case, `_` and `-`, and white space around the name make no difference. Known are:
    ///
    /// | encoding | names |
    /// |---|---|
    /// | [`Utf8`](Self::Utf8) | `utf-8`, `utf8`, `u8`, `utf`, `cp65001` |
    /// | [`Gb2312`](Self::Gb2312) | `gb2312`, `gb2312-80`, `gb2312-1980`, `gb_2312-80`, `gb_2312`, `euc-cn`, `euccn`, `eucgb2312-cn`, `x-euc-cn`, `chinese`, `csgb2312`, `csiso58gb231280`, `iso-ir-58` |
    /// | [`Gbk`](Self::Gbk) | `gbk`, `x-gbk`, `csgbk`, `cp936`, `936`, `ms936`, `windows-936` |
    /// | [`Gb18030`](Self::Gb18030) | `gb18030`, `gb18030-2000`, `gb18030-2005`, `gb18030-2022`, `csgb18030`, `cp54936`, `windows-54936` |
    /// | [`Whatwg`](Self::Whatwg) | every other label of the Encoding Standard, as the Web means it: `latin1` is windows-1252, `utf-16` is UTF-16LE |
    ///
    /// # Errors
    ///
    /// This returns an error if nobody knows the name, or if it is one of those that the Web refuses (`hz-gb-2312`,
    /// `iso-2022-cn`, …): their bytes switch between encodings by sequences that a filter sees as plain text.
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
    pub fn for_label(label: &str) -> Result<Encoding, UnknownEncoding> {
        let wanted = label.trim();
        let same = |ours: &str| {
            ours.len() == wanted.len()
                && ours.bytes().zip(wanted.bytes()).all(|(ours, wanted)| ours == folded(wanted))
        };
        if let Some((_, encoding)) = OUR_LABELS.iter().find(|(ours, _)| same(ours)) {
            return Ok(*encoding);
        }
        // The Web has labels with either; none differs from another by this alone.
        [wanted.to_owned(), wanted.replace('_', "-"), wanted.replace('-', "_")]
            .iter()
            .find_map(|spelling| by_the_web(spelling))
            .unwrap_or(Err(Reason::Unknown))
            .map_err(|reason| UnknownEncoding::new(label, reason))
    }

    /// The encoding that the Web's standard means by a label, for what comes from the Web: the charset of a page or
    /// of an HTTP header.
    ///
    /// There `gb2312` and `gbk` are both the Web's GBK: it reads everything of GB 18030, and a euro sign from 0x80, and
    /// writes what has two bytes. It is decoded as fast as [`Gb18030`](Self::Gb18030); its encoder is slow (10 to 20 MB/s).
    ///
    /// # Errors
    ///
    /// This returns an error if the standard does not have the label, or refuses it (see
    /// [`for_label`](Self::for_label)).
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Encoding;
    ///
    /// let of_the_page = Encoding::for_whatwg_label("gb2312")?;
    /// assert_eq!(of_the_page.name(), "gbk");
    /// assert_eq!(of_the_page.decode(b"\xE9F")?, "镕");
    /// assert!(Encoding::for_whatwg_label("cp936").is_err());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn for_whatwg_label(label: &str) -> Result<Encoding, UnknownEncoding> {
        by_the_web(label)
            .unwrap_or(Err(Reason::NotOfTheWeb))
            .map_err(|reason| UnknownEncoding::new(label, reason))
    }
}

/// ASCII in lower case, and one sign for the three that join the parts of a name.
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

    /// As [`Encoding::for_label`].
    fn from_str(label: &str) -> Result<Encoding, UnknownEncoding> {
        Encoding::for_label(label)
    }
}

impl TryFrom<&str> for Encoding {
    type Error = UnknownEncoding;

    /// As [`Encoding::for_label`].
    fn try_from(label: &str) -> Result<Encoding, UnknownEncoding> {
        Encoding::for_label(label)
    }
}

/// A text that should be an encoding's name and is not.
///
/// It reads as one line: `unknown encoding "gb2313": neither utf-8, gb2312, gbk or gb18030 nor a label of the Web`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {label:?}{}: {}", .reason.opening(), if *.cut { "…" } else { "" }, .reason.words())]
pub struct UnknownEncoding {
    label: Box<str>,
    cut: bool,
    reason: Reason,
}

impl UnknownEncoding {
    /// The longest part of a label that is kept, in bytes: it may come from a peer.
    const LONGEST: usize = 64;

    fn new(label: &str, reason: Reason) -> UnknownEncoding {
        let length =
            (0..=label.len().min(Self::LONGEST)).rev().find(|&length| label.is_char_boundary(length));
        let kept = &label[..length.unwrap_or(0)];
        UnknownEncoding { label: kept.into(), cut: kept.len() < label.len(), reason }
    }

    /// The text that was given, or its first 64 bytes.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether the Web's standard knows the label and refuses it for safety, rather than nobody knowing it.
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
