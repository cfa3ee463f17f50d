//! The bytes that can be parts of a longer character and are therefore unsafe as delimiters.

use super::Encoding;

impl Encoding {
    /// Returns the place that this ASCII byte can have in a character of several bytes.
    ///
    /// Returns `None` if the byte always is the ASCII character itself.
    pub(crate) fn place_within_a_character(self, ascii: u8) -> Option<&'static str> {
        const SECOND: &str = "the second byte";
        let place = match (self.name(), ascii) {
            ("gb18030", b'0'..=b'9') => "the second or fourth byte",
            // In the Encoding Standard, the decoder of GBK is that of GB 18030.
            ("gbk", b'0'..=b'9') if self != Encoding::Gbk => "the second or fourth byte",
            ("gbk" | "gb18030" | "big5" | "shift_jis", 0x40..=0x7E) => SECOND,
            ("euc-kr", b'A'..=b'Z' | b'a'..=b'z') => SECOND,
            ("iso-2022-jp", 0x0E | 0x0F | 0x1B | 0x21..=0x7E) => "a byte",
            _ => return None,
        };
        Some(place)
    }

    /// Returns `true` if the bytes of a character of several bytes are never found across two other
    /// characters.
    pub(crate) fn is_synchronized(self) -> bool {
        match self {
            Encoding::Utf8 => true,
            Encoding::Gb2312 | Encoding::Gbk | Encoding::Gb18030 => false,
            Encoding::Whatwg(web) => {
                !matches!(web.name(), "gbk" | "big5" | "shift_jis" | "euc-kr" | "euc-jp" | "iso-2022-jp")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::text::OnInvalid;

    const ALL: [&str; 12] = [
        "utf-8",
        "gb2312",
        "gbk",
        "gb18030",
        "big5",
        "shift_jis",
        "euc-kr",
        "euc-jp",
        "windows-1252",
        "koi8-r",
        "utf-16le",
        "ibm866",
    ];

    fn encodings() -> impl Iterator<Item = Encoding> {
        let web_gbk = Encoding::for_whatwg_label("gbk").unwrap();
        ALL.into_iter().map(|label| Encoding::for_label(label).unwrap()).chain([web_gbk])
    }

    /// Tries all pairs for ASCII bytes that, after another byte, decode with it to one character
    /// that is not ASCII.
    #[test]
    fn ascii_trail_bytes_match_exhaustive_decode() {
        for encoding in encodings().filter(|encoding| !encoding.name().starts_with("utf-16")) {
            for ascii in 0..0x80_u8 {
                let decode =
                    |bytes: &[u8]| encoding.decode_with(bytes, OnInvalid::Replace).unwrap().into_owned();
                let is_within = (0x80..=0xFF_u8).any(|lead| {
                    let pair = decode(&[lead, ascii]);
                    let four = decode(&[lead, b'0', lead, ascii]);
                    !pair.ends_with(char::from(ascii))
                        || (!four.contains('\u{FFFD}') && four.chars().count() == 1)
                });
                let place = encoding.place_within_a_character(ascii);
                assert_eq!(place.is_some(), is_within, "{encoding} {ascii:02X}");
            }
        }
    }

    #[test]
    fn line_endings_are_never_inside_characters() {
        let iso_2022_jp = Encoding::for_label("iso-2022-jp").unwrap();
        for encoding in encodings().chain([iso_2022_jp]) {
            for safe in b"\n\r\0\t " {
                assert_eq!(encoding.place_within_a_character(*safe), None, "{encoding} {safe:02X}");
            }
        }
    }
}
