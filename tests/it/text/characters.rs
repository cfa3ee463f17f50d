//! Which characters there are, and what becomes of those that there are not.

use std::borrow::Cow;

use socketry::Encoding;
use socketry::text::OnInvalid;

fn pair_exists(encoding: Encoding, pair: u16) -> bool {
    encoding.decode(&pair.to_be_bytes()).is_ok()
}

/// GB 2312-80 by row: the number of its signs, letters and ideographs.
#[test]
fn gb2312_has_7445_characters_in_expected_rows() {
    let rows: Vec<(u8, usize)> = (1..=94)
        .map(|row| {
            (
                row,
                (1..=94)
                    .filter(|cell| {
                        pair_exists(Encoding::Gb2312, u16::from_be_bytes([0xA0 + row, 0xA0 + cell]))
                    })
                    .count(),
            )
        })
        .collect();
    for &(row, count) in &rows {
        let expected = match row {
            1 | 3 => 94,
            2 => 72,
            4 => 83,
            5 => 86,
            6 => 48,
            7 => 66,
            8 => 63,
            9 => 76,
            55 => 89,
            16..=87 => 94,
            _ => 0,
        };
        assert_eq!(count, expected, "row {row}");
    }
    let sum = |rows: &[(u8, usize)]| rows.iter().map(|(_, count)| count).sum::<usize>();
    assert_eq!((sum(&rows[..15]), sum(&rows[15..55]), sum(&rows[55..])), (682, 3_755, 3_008));
    let everywhere = (0x8000..=0xFFFF).filter(|&pair| pair_exists(Encoding::Gb2312, pair)).count();
    assert_eq!((sum(&rows), everywhere), (7_445, 7_445), "none is outside of the rows");
}

/// Every pair means a character that goes back to the same pair, and GB 2312 is a part of GBK but
/// for its spellings.
#[test]
fn gb2312_and_gbk_pairs_round_trip() {
    for (encoding, count) in [(Encoding::Gb2312, 7_445), (Encoding::Gbk, 21_791)] {
        let mut found = 0;
        for pair in 0x8000..=0xFFFF_u16 {
            let bytes = pair.to_be_bytes();
            if let Ok(text) = encoding.decode(&bytes) {
                assert_eq!(*encoding.encode(&text).unwrap(), bytes, "{encoding} {pair:04X}");
                assert_eq!(Encoding::Gbk.decode(&bytes).unwrap(), text);
                assert_eq!(Encoding::Gb18030.decode(&bytes).unwrap(), text);
                found += 1;
            }
        }
        assert_eq!(found, count);
    }
}

#[test]
fn gb2312_encodes_both_variants_of_ambiguous_pairs() {
    assert_eq!(*Encoding::Gb2312.encode("·・—―").unwrap(), *b"\xA1\xA4\xA1\xA4\xA1\xAA\xA1\xAA");
    assert_eq!(Encoding::Gb2312.decode(b"\xA1\xA4\xA1\xAA").unwrap(), "·—");
    // In GBK the one has a pair of its own, and the other none.
    assert_eq!(*Encoding::Gbk.encode("·—―").unwrap(), *b"\xA1\xA4\xA1\xAA\xA8D");
    assert_eq!(Encoding::Gbk.encode("・").unwrap_err().character(), '・');
}

#[test]
fn gb2312_encode_error_names_unmappable_character() {
    for character in ['镕', '囍', '€', '😀', 'é', '〇', '\u{80}', '\u{FEFF}'] {
        // é is in GB 2312, among the letters of pinyin; 〇 is not.
        let result =
            Encoding::Gb2312.encode_with(&format!("a{character}b"), OnInvalid::Strict).map(Cow::into_owned);
        match character {
            'é' => assert_eq!(result.unwrap(), b"a\xA8\xA6b"),
            _ => {
                let error = result.unwrap_err();
                assert_eq!((error.character(), error.offset()), (character, 1));
                assert_eq!(error.consumed(), 1 + character.len_utf8());
            }
        }
    }
}

#[test]
fn encode_replaces_unmappable_with_question_mark() {
    let error = Encoding::Gb2312.encode("a😀b").unwrap_err();
    assert_eq!((error.character(), error.offset(), error.encoding()), ('😀', 1, Encoding::Gb2312));
    for encoding in [Encoding::Gb2312, Encoding::Gbk, Encoding::for_whatwg_label("gbk").unwrap()] {
        assert_eq!(*encoding.encode_with("a😀b", OnInvalid::Replace).unwrap(), *b"a?b");
        assert_eq!(*encoding.encode_with("a😀b", OnInvalid::Ignore).unwrap(), *b"ab");
    }
    // In a stateful encoding the question mark is written in the state that it needs.
    let japanese = Encoding::for_label("iso-2022-jp").unwrap();
    let bytes = japanese.encode_with("日😀本", OnInvalid::Replace).unwrap();
    assert_eq!(japanese.decode(&bytes).unwrap(), "日?本");
}

/// The first three bytes are UTF-8's byte order mark, and here they are one and a half characters.
#[test]
fn byte_order_mark_is_ordinary_text() {
    let bytes = b"\xEF\xBB\xBF\xAA";
    assert_eq!(Encoding::Gbk.decode(bytes).unwrap(), "锘开");
    assert_eq!(Encoding::Utf8.decode(b"\xEF\xBB\xBFa").unwrap(), "\u{FEFF}a");
    assert_eq!(*Encoding::Utf8.encode("\u{FEFF}a").unwrap(), *b"\xEF\xBB\xBFa");
    let utf_16 = Encoding::for_label("utf-16le").unwrap();
    assert_eq!(utf_16.decode(b"\xFF\xFEa\0").unwrap(), "\u{FEFF}a");
    assert_eq!(utf_16.decode(b"\xFE\xFFa\0").unwrap(), "\u{FFFE}a");
}

#[test]
fn utf_16_labels_encode_as_utf_16() {
    let (little, big) = (Encoding::for_label("utf-16le").unwrap(), Encoding::for_label("utf-16be").unwrap());
    assert_eq!(*little.encode("a中😀").unwrap(), *b"a\0\x2D\x4E\x3D\xD8\x00\xDE");
    assert_eq!(*big.encode("a中😀").unwrap(), *b"\0a\x4E\x2D\xD8\x3D\xDE\x00");
}

#[test]
fn decode_and_encode_borrow_unchanged_text() {
    for encoding in [Encoding::Utf8, Encoding::Gb2312, Encoding::Gbk, Encoding::Gb18030] {
        assert!(matches!(encoding.decode(b"ascii"), Ok(Cow::Borrowed("ascii"))));
        assert!(matches!(encoding.encode("ascii"), Ok(Cow::Borrowed(b"ascii"))));
    }
    assert!(matches!(Encoding::Utf8.decode("中".as_bytes()), Ok(Cow::Borrowed("中"))));
    assert!(matches!(Encoding::for_label("big5").unwrap().decode(b"ascii"), Ok(Cow::Borrowed("ascii"))));
    // ASCII bytes are not ASCII everywhere.
    assert_eq!(Encoding::for_label("utf-16le").unwrap().decode(b"-N").unwrap(), "中");
    assert_eq!(Encoding::for_label("iso-2022-jp").unwrap().decode(b"\x1B$B0!\x1B(B").unwrap(), "亜");
}

/// All of Unicode, in both directions, is what `encoding_rs` has.
#[test]
fn gb18030_matches_encoding_rs() {
    let mut encoder = encoding_rs::GB18030.new_encoder();
    let astral = (0x1_0000..=0x10_FFFF).step_by(61).chain([0x10_FFFF]);
    for character in (0..=0xFFFF).chain(astral).filter_map(char::from_u32) {
        let text = character.to_string();
        let mut theirs = [0; 8];
        let (result, _, length) = encoder.encode_from_utf8_without_replacement(&text, &mut theirs, false);
        match Encoding::Gb18030.encode(&text) {
            Ok(ours) => {
                assert_eq!(*ours, theirs[..length], "{character:?}");
                let (theirs, _) = encoding_rs::GB18030.decode_without_bom_handling(&ours);
                assert_eq!(Encoding::Gb18030.decode(&ours).unwrap(), theirs, "{character:?}");
            }
            Err(_) => {
                assert_eq!(character, '\u{E5E5}');
                assert_eq!(result, encoding_rs::EncoderResult::Unmappable(character));
            }
        }
    }
    // Around the ends of what four bytes can mean: what means nothing is passed over as a whole.
    for (bytes, length) in [
        (b"\x84\x31\xA4\x39", 0),
        (b"\x84\x31\xA5\x30", 4),
        (b"\x8F\x39\xFE\x39", 4),
        (b"\x90\x30\x81\x30", 0),
        (b"\xE3\x32\x9A\x35", 0),
        (b"\xE3\x32\x9A\x36", 4),
        (b"\xFE\x39\xFE\x39", 4),
    ] {
        let ours = Encoding::Gb18030.decode(bytes);
        assert_eq!(ours.map_or_else(|error| error.bytes().len(), |_| 0), length, "{bytes:02X?}");
        let (theirs, _) = encoding_rs::GB18030.decode_without_bom_handling(bytes);
        assert_eq!(Encoding::Gb18030.decode_with(bytes, OnInvalid::Replace).unwrap(), theirs, "{bytes:02X?}");
    }
    for pair in 0..=0xFFFF_u16 {
        let bytes = pair.to_be_bytes();
        let (theirs, _) = encoding_rs::GB18030.decode_without_bom_handling(&bytes);
        assert_eq!(Encoding::Gb18030.decode_with(&bytes, OnInvalid::Replace).unwrap(), theirs, "{pair:04X}");
    }
}

/// Every character that an encoding has comes back, but for those that are written as another, each
/// of which is named.
#[test]
fn encodable_characters_round_trip_except_known_ones() {
    let renamed: Vec<(u32, u32)> = [(0xE78D, 0xFE10), (0xE78E, 0xFE12), (0xE78F, 0xFE11)]
        .into_iter()
        .chain((0xE790..=0xE796).zip(0xFE13..=0xFE19))
        .chain(
            [0xE81E, 0xE826, 0xE82B, 0xE82C, 0xE832, 0xE843, 0xE854, 0xE864].into_iter().zip(0x9FB4..=0x9FBB),
        )
        .collect();
    assert_eq!(renamed.len(), 18);
    for (encoding, expected) in [
        (Encoding::Gb2312, vec![(0x2015, 0x2014), (0x30FB, 0xB7)]),
        (Encoding::Gbk, vec![]),
        (Encoding::Gb18030, renamed),
        (Encoding::Utf8, vec![]),
    ] {
        let mut others = Vec::new();
        // The planes beyond the first two have arithmetic of their own that does not differ from
        // one to the next.
        for character in (0..0x2_0000).filter_map(char::from_u32) {
            let mut text = [0; 4];
            let text = character.encode_utf8(&mut text);
            let Ok(bytes) = encoding.encode(text) else { continue };
            let back = encoding.decode(&bytes).expect("what was encoded");
            if back != *text {
                others.push((u32::from(character), back.chars().map(u32::from).sum()));
            }
        }
        assert_eq!(others, expected, "{encoding}");
    }
}
