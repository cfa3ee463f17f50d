//! A stream gives the same text and the same errors at the same places, wherever it is cut.

use super::kit::{BUILT_IN, Fault, decoded, encoded, encodings};
use socketry::Encoding;
use socketry::text::OnInvalid;

const POLICIES: [OnInvalid; 3] = [OnInvalid::Strict, OnInvalid::Replace, OnInvalid::Ignore];

/// Each kind of character: ASCII, two and three bytes of UTF-8, both planes, the signs of GB 2312's
/// first rows, what only GBK has, what only GB 18030 has.
const TEXTS: [&str; 8] = [
    "",
    "hello, world\r\n",
    "请输入要发送的数据：",
    "他说——“①·『收到』…”，价格￥12。",
    "mixed 混合 text 文本: a中b文c\t\r\n0123456789abcdefghijklmnopqrstuvwxyz末",
    "朱镕基，囍，〇",
    "鿫㐀한글é\u{E5E4}\u{E000}€",
    "a😀b𠀀\u{10FFFF}\u{FEFF}尾",
];

fn malformed() -> Vec<Vec<u8>> {
    let mut corpus: Vec<Vec<u8>> = [
        &b"\xFF"[..],
        b"\x80",
        b"a\xC4",
        b"\xCA\xD5\xFF\xB5\xBD",
        b"\xCA\xD5\xE9F\xB5\xBD|end",
        b"\xAA\xA1\xF8\xA1\xB0\xA1",
        b"\x81\x30\x81\x30\x81\x30\x81\x20\x81\x30 \x81\x30\x81",
        b"\x84\x31\xA4\x39\x84\x32\x81\x30\xFE\x39\xFE\x39\x90\x30\x81\x30",
        b"\x81\x30\x81\x40\x81\x30\x41\x81\x30\x81\x81\x30",
        b"\xEF\xBB\xBF\xEF\xBB\xEF",
        b"\xE0\x80\x80\xED\xA0\x80\xF0\x90\x80A\xF5\x80\xC0\xAF\xF4\x90\x80\x80\xE4\xB8",
        b"\x1B$B\x30\x21\x1B(B\x1B$\x1B\x1B$B\x1B(Ja\x1B(X\x0E\x1B$B\x30",
        b"\x3D\xD8\x00\xDE\x3D\xD8A\x00\x00\xDC\x3D\xD8\x3D\xD8\x00\xDE\x3D\xD8\x00",
        b"\x8F\xA2\xAF\x8F\xB0\xA1\x8F\x41\x8E\xB1\x8F\xA2",
    ]
    .map(<[u8]>::to_vec)
    .into();
    for text in TEXTS {
        for encoding in encodings() {
            corpus.push(encoding.encode_with(text, OnInvalid::Replace).expect("replaced").into_owned());
        }
    }
    corpus
}

#[test]
fn decoder_gives_same_result_at_any_split() {
    for encoding in encodings() {
        for bytes in malformed() {
            for policy in POLICIES {
                let whole = decoded(encoding, policy, &[&bytes]);
                for cut in 0..=bytes.len() {
                    let (front, back) = bytes.split_at(cut);
                    let parts = decoded(encoding, policy, &[front, back]);
                    assert_eq!(parts, whole, "{encoding} {policy:?} {bytes:02X?} at {cut}");
                }
                let single: Vec<&[u8]> = bytes.chunks(1).collect();
                assert_eq!(decoded(encoding, policy, &single), whole, "{encoding} {policy:?} {bytes:02X?}");
            }
        }
    }
}

#[test]
fn decode_matches_streaming_decoder() {
    for encoding in encodings() {
        for bytes in malformed() {
            let (text, faults) = decoded(encoding, OnInvalid::Strict, &[&bytes]);
            match (encoding.decode(&bytes), faults.first()) {
                (Ok(one), None) => assert_eq!(one, text),
                (Err(error), Some(first)) => {
                    let fault = Fault {
                        offset: error.offset(),
                        bytes: error.bytes().to_vec(),
                        incomplete: error.is_incomplete(),
                    };
                    assert_eq!(fault, *first);
                    assert!(error.consumed() as u64 >= error.offset() + error.bytes().len() as u64);
                    assert!(bytes[error.offset() as usize..].starts_with(error.bytes()));
                }
                (one, first) => panic!("{encoding} {bytes:02X?}: {one:?} and {first:?}"),
            }
            for policy in [OnInvalid::Replace, OnInvalid::Ignore] {
                let (text, faults) = decoded(encoding, policy, &[&bytes]);
                assert_eq!(faults, []);
                assert_eq!(encoding.decode_with(&bytes, policy).unwrap(), text);
            }
        }
    }
}

#[test]
fn encoder_gives_same_result_at_any_split() {
    for encoding in encodings() {
        for text in TEXTS {
            for policy in POLICIES {
                let whole = encoded(encoding, policy, &[text]);
                let boundaries = (0..=text.len()).filter(|&place| text.is_char_boundary(place));
                for cut in boundaries {
                    let (front, back) = text.split_at(cut);
                    assert_eq!(encoded(encoding, policy, &[front, back]), whole, "{encoding} {text} {cut}");
                }
                match (encoding.encode_with(text, policy), whole.1.first()) {
                    (Ok(bytes), None) => assert_eq!(*bytes, whole.0[..]),
                    (Err(error), Some(&(offset, character))) => {
                        assert_eq!((error.offset(), error.character()), (offset, character));
                    }
                    (one, first) => panic!("{encoding} {text}: {one:?} and {first:?}"),
                }
            }
        }
    }
}

#[test]
fn encodable_text_round_trips() {
    for text in TEXTS {
        for encoding in encodings() {
            if let Ok(bytes) = encoding.encode(text) {
                assert_eq!(encoding.decode(&bytes).unwrap(), text, "{encoding}");
            }
        }
        let all_of_unicode = ["utf-8", "gb18030", "utf-16le", "utf-16be"];
        for label in all_of_unicode {
            assert!(Encoding::for_label(label).unwrap().encode(text).is_ok(), "{label} {text}");
        }
    }
    assert!(Encoding::Gb2312.encode(TEXTS[3]).is_ok());
    assert!(Encoding::Gbk.encode(TEXTS[5]).is_ok() && Encoding::Gb2312.encode(TEXTS[5]).is_err());
}

/// Blocks, runs of ASCII and characters that are cut by them have their edges at lengths that no
/// one thought of.
#[test]
fn ascii_runs_of_any_length_round_trip() {
    for encoding in BUILT_IN {
        for ascii in (0..70).chain([510, 511, 512, 513, 1022, 1023, 1024, 1025, 16_383, 16_384]) {
            let run = "x".repeat(ascii);
            let text = format!("{run}中{run}文文{run}。{run}");
            let bytes = encoding.encode(&text).unwrap();
            assert!(encoding.decode(&bytes).unwrap() == text, "{encoding} {ascii}");
            let text = format!("中{}", "文a".repeat(ascii));
            let bytes = encoding.encode(&text).unwrap();
            assert!(encoding.decode(&bytes).unwrap() == text, "{encoding} {ascii}");
        }
    }
}

/// The caller goes on behind the error, and an ASCII delimiter is never part of one.
#[test]
fn malformed_character_never_consumes_ascii_byte() {
    for encoding in [Encoding::Gb2312, Encoding::Gbk] {
        for lead in 0x80..=0xFF {
            for ascii in 0..0x80 {
                let text =
                    encoding.decode_with(&[lead, ascii, b'\n'], OnInvalid::Replace).unwrap().into_owned();
                if encoding.decode(&[lead, ascii]).is_err() {
                    assert_eq!(text, format!("\u{FFFD}{}\n", char::from(ascii)), "{encoding} {lead:02X}");
                }
            }
        }
    }
}

#[test]
fn gb2312_unassigned_pair_is_one_malformed_sequence() {
    let of_gbk = Encoding::Gbk.encode("囍迎门").unwrap();
    assert_eq!(Encoding::Gb2312.decode_with(&of_gbk, OnInvalid::Replace).unwrap(), "\u{FFFD}迎门");
    let error = Encoding::Gb2312.decode(&of_gbk).unwrap_err();
    assert_eq!(error.to_string(), "bytes 87 D6 at byte 0 are not gb2312");
}

#[test]
fn decode_into_and_encode_into_keep_buffer_on_error() {
    let mut text = String::from("before");
    assert!(Encoding::Gbk.decode_into(b"\xCA\xD5\xFF", OnInvalid::Strict, &mut text).is_err());
    assert_eq!(text, "before");
    let mut bytes = b"before".to_vec();
    assert!(Encoding::Gbk.encode_into("收😀", OnInvalid::Strict, &mut bytes).is_err());
    assert_eq!(bytes, b"before");
}

#[test]
fn decoder_pending_counts_undecoded_bytes() {
    let web = |label| Encoding::for_whatwg_label(label).unwrap();
    for (encoding, bytes, expected) in [
        (Encoding::Gb18030, &b"a\x81\x30\x81\x30b"[..], &[0, 1, 2, 3, 0, 0][..]),
        (Encoding::Utf8, b"\xF0\x9F\x98\x80", &[1, 2, 3, 0]),
        (web("utf-16le"), b"a\0\x3D\xD8\x00\xDE", &[1, 0, 1, 2, 3, 0]),
        (web("euc-jp"), b"\x8F\xB0\xA1a\xB0\xA1", &[1, 2, 0, 0, 1, 0]),
        (web("iso-2022-jp"), b"a\x1B$B\x30\x21\x1B(Bb", &[0, 1, 2, 0, 1, 0, 1, 2, 0, 0]),
        (web("windows-1252"), b"a\xE9", &[0, 0]),
    ] {
        for (index, expected) in expected.iter().enumerate() {
            let mut decoder = encoding.decoder();
            decoder.decode(&bytes[..=index], &mut String::new()).unwrap();
            assert_eq!(decoder.pending(), *expected, "{encoding} {index}");
        }
    }
}

/// Of `81 30 81 20` only the first byte is malformed. The two behind it had come before and wait to
/// be read again, which the end of the stream must not forget.
#[test]
fn finish_decodes_bytes_pending_after_error() {
    let mut decoder = Encoding::Gb18030.decoder();
    let mut text = String::new();
    decoder.decode(b"\x81\x30\x81", &mut text).unwrap();
    let error = decoder.decode(b" ", &mut text).unwrap_err();
    assert_eq!((error.offset(), error.bytes(), error.consumed()), (0, &b"\x81"[..], 0));
    assert_eq!((decoder.offset(), decoder.pending()), (3, 2));
    let error = decoder.finish(&mut text).unwrap_err();
    assert_eq!((error.offset(), error.bytes(), error.is_incomplete()), (2, &b"\x81"[..], true));
    assert_eq!(text, "0");
}

/// Found by chance: three bytes that begin as an escape sequence of ISO-2022-JP does and are none.
#[test]
fn iso_2022_jp_rejects_invalid_escape_sequence() {
    let encoding = Encoding::for_whatwg_label("iso-2022-jp").unwrap();
    let (text, faults) = decoded(encoding, OnInvalid::Strict, &[b"a\x1B\x81\x1B"]);
    assert_eq!(text, "a");
    let offsets: Vec<(u64, bool)> = faults.iter().map(|fault| (fault.offset, fault.incomplete)).collect();
    assert_eq!(offsets, [(1, false), (2, false), (3, true)]);
}

/// Found by fuzzing: ISO-2022-JP went back to ASCII before what was left out, and away from it
/// again at once, which is malformed to who reads it.
#[test]
fn iso_2022_jp_output_is_valid_after_skipped_character() {
    let encoding = Encoding::for_whatwg_label("iso-2022-jp").unwrap();
    let japanese = encoding.encode("亜亜").unwrap().into_owned();
    for policy in [OnInvalid::Ignore, OnInvalid::Strict] {
        for missing in ["亜😀亜", "亜😀\u{1B}亜", "😀亜亜"] {
            let (bytes, faults) = encoded(encoding, policy, &[missing]);
            assert_eq!(bytes, japanese, "{policy:?} {missing:?}");
            assert_eq!(faults.is_empty(), policy == OnInvalid::Ignore);
            assert_eq!(encoding.decode(&bytes).unwrap(), "亜亜");
        }
    }
    let (bytes, _) = encoded(encoding, OnInvalid::Replace, &["亜😀亜"]);
    assert_eq!(encoding.decode(&bytes).unwrap(), "亜?亜");
}
