//! The codecs on bytes, texts and cuts that nobody thought of.

use super::kit::{decoded, encoded, encodings};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use socketry::Encoding;
use socketry::text::OnInvalid;

fn any_encoding() -> impl Strategy<Value = Encoding> {
    select(encodings())
}

fn any_policy() -> impl Strategy<Value = OnInvalid> {
    select(vec![OnInvalid::Strict, OnInvalid::Replace, OnInvalid::Ignore])
}

/// Bytes of the kinds that decoders tell apart, far oftener than chance would have them.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    let interesting = select(
        b"\x00\x1B$(BJI@0959aA|\x7F\x80\x81\x8E\x8F\x90\xA0\xA1\xB0\xBF\xC3\xD8\xDC\xE3\xFE\xFF".to_vec(),
    );
    vec(prop_oneof![3 => interesting, 1 => any::<u8>(), 2 => 0xA1..=0xFE_u8], 0..64)
}

/// Text of all planes with the common ranges common.
fn any_text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => proptest::char::range('\u{4E00}', '\u{9FA5}'),
        3 => proptest::char::range(' ', '~'),
        1 => proptest::char::range('\u{3000}', '\u{30FF}'),
        1 => any::<char>(),
    ];
    vec(character, 0..40).prop_map(String::from_iter)
}

/// The pieces of a sequence that is cut at these places.
fn split_ranges(length: usize, cuts: &[prop::sample::Index]) -> Vec<std::ops::Range<usize>> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(length + 1)).chain([0, length]).collect();
    places.sort_unstable();
    places.windows(2).map(|ends| ends[0]..ends[1]).collect()
}

/// More by the variable that `proptest` has for it, for a search that nobody waits for.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1_500)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn decoder_output_is_independent_of_splits(
        encoding in any_encoding(),
        policy in any_policy(),
        bytes in any_bytes(),
        cuts in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let pieces: Vec<&[u8]> = split_ranges(bytes.len(), &cuts).into_iter().map(|piece| &bytes[piece]).collect();
        let whole = decoded(encoding, policy, &[&bytes]);
        prop_assert_eq!(&decoded(encoding, policy, &pieces), &whole);
        match encoding.decode_with(&bytes, policy) {
            Ok(text) => {
                prop_assert_eq!(text, whole.0);
                prop_assert!(whole.1.is_empty());
            }
            Err(error) => prop_assert_eq!(error.offset(), whole.1[0].offset),
        }
    }

    /// UTF-8, GB 18030 and the Web's own are what `encoding_rs` says, malformed sequences included.
    #[test]
    fn decode_with_replace_matches_encoding_rs(label in select(vec![
        "utf-8", "gb18030", "gbk", "big5", "shift_jis", "euc-kr", "euc-jp", "utf-16le", "utf-16be", "iso-2022-jp",
        "windows-1252", "koi8-r",
    ]), bytes in any_bytes()) {
        let theirs = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
        let ours = Encoding::for_whatwg_label(label).unwrap();
        let (text, _) = theirs.decode_without_bom_handling(&bytes);
        prop_assert_eq!(ours.decode_with(&bytes, OnInvalid::Replace).unwrap(), text);
    }

    /// What is held back is exactly what the text lacks.
    #[test]
    fn decoder_pending_is_the_incomplete_suffix(encoding in any_encoding(), bytes in any_bytes()) {
        let mut decoder = encoding.decoder();
        let mut text = String::new();
        if decoder.decode(&bytes, &mut text).is_ok() {
            let (complete, pending) = bytes.split_at(bytes.len() - decoder.pending());
            prop_assert_eq!(encoding.decode(complete).map(String::from), Ok(text));
            prop_assert_eq!(encoding.decode(&bytes).is_err(), !pending.is_empty());
        }
    }

    #[test]
    fn encoder_is_split_independent_and_round_trips(
        encoding in any_encoding(),
        policy in any_policy(),
        text in any_text(),
        cuts in vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let boundaries: Vec<usize> = text.char_indices().map(|(place, _)| place).chain([text.len()]).collect();
        let pieces: Vec<&str> = split_ranges(boundaries.len() - 1, &cuts)
            .into_iter()
            .map(|piece| &text[boundaries[piece.start]..boundaries[piece.end]])
            .collect();
        let whole = encoded(encoding, policy, &[&text]);
        prop_assert_eq!(&encoded(encoding, policy, &pieces), &whole);
        if let Ok(bytes) = encoding.encode(&text) {
            prop_assert_eq!(&*bytes, &whole.0[..]);
            // The Japanese encodings write the yen sign as a backslash and half a width as a whole
            // one; GB 18030 writes private-use characters of its earlier editions as what they have
            // become, see `characters.rs`.
            let one_way = match encoding.name() {
                "shift_jis" | "euc-jp" | "iso-2022-jp" => true,
                "gb18030" | "gbk" => text.contains(|c| ('\u{E78D}'..='\u{E864}').contains(&c)),
                _ => false,
            };
            let expected = match encoding {
                Encoding::Gb2312 => text.replace('・', "·").replace('―', "—"),
                _ => text.clone(),
            };
            if !one_way {
                prop_assert_eq!(encoding.decode(&bytes).map(String::from), Ok(expected));
            }
        }
    }
}
