//! A stream gives the same frames and the same errors wherever it is cut.

use crate::kit::frames::{assert_split_independent, encoded, encodings, events, replace_unencodable};
use proptest::prelude::*;
use socketry::Encoding;
use socketry::frame::{Delimited, FixedLength, Framing, LengthPrefixed, LineEnding, Lines, TextChunks};
use socketry::text::OnInvalid;

fn debug_strings<T: std::fmt::Debug>(frames: &[T]) -> Vec<String> {
    frames.iter().map(|frame| format!("{frame:?}")).collect()
}

const TEXTS: [&str; 7] = ["", "hello", "请输入要发送的数据：", "a\rb", "镕 mixed 混合 €", "😀", "|、。0"];

#[test]
fn lines_round_trip_in_every_encoding() {
    for encoding in encodings() {
        let texts = TEXTS.map(|text| replace_unencodable(encoding, text));
        for ending in [LineEnding::Lf, LineEnding::CrLf] {
            let lines = Lines::new(encoding).ending(ending);
            let bytes = encoded::<Lines>(&lines, &texts);
            assert_eq!(
                assert_split_independent(&lines, &bytes),
                debug_strings(&texts),
                "{encoding} {ending:?}"
            );
        }
        for delimiter in ["\0", "\r\n\r\n", "\t;\t"] {
            let Ok(lines) = Lines::delimited_by(encoding, delimiter) else {
                panic!("{encoding} {delimiter:?}")
            };
            let bytes = encoded::<Lines>(&lines, &texts);
            assert_eq!(
                assert_split_independent(&lines, &bytes),
                debug_strings(&texts),
                "{encoding} {delimiter:?}"
            );
        }
    }
}

#[test]
fn lines_split_at_non_ascii_delimiter() {
    let lines = Lines::delimited_by(Encoding::Utf8, "。").unwrap();
    let heard = assert_split_independent(&lines, "你好。\r\n再见、。".as_bytes());
    assert_eq!(heard, debug_strings(&["你好", "\r\n再见、"]));
}

#[test]
fn lines_strip_only_one_cr_before_lf() {
    let heard = assert_split_independent(&Lines::new(Encoding::Utf8), b"a\r\n\r\nb\rc\n\r\r\n\n\rd\n");
    assert_eq!(heard, debug_strings(&["a", "", "b\rc", "\r", "", "\rd"]));
}

#[test]
fn lines_report_one_error_per_malformed_line() {
    let lines = Lines::new(Encoding::Gb2312);
    let heard =
        assert_split_independent(&lines, b"one\n\xC4\xE3\xFFtwo\xFF\xE9F\nthree\n\xFF\n\n\xC4\nfour\n");
    let expected = [
        "\"one\"",
        "not text: [FF] at 6",
        "\"three\"",
        "not text: [FF] at 20",
        "\"\"",
        "not text: [C4] at 23",
        "\"four\"",
    ];
    assert_eq!(heard, expected);
    let replaced = Lines::new(Encoding::Gb2312).policy(OnInvalid::Replace);
    let heard = assert_split_independent(&replaced, b"a\xFFb\n\xFF\n");
    assert_eq!(heard, debug_strings(&["a\u{FFFD}b", "\u{FFFD}"]));
    assert_eq!(
        assert_split_independent(&lines.policy(OnInvalid::Ignore), b"a\xFFb\n\xFF\n"),
        debug_strings(&["ab", ""])
    );
}

#[test]
fn lines_continue_after_malformed_text_per_encoding() {
    for (label, bytes) in [
        ("utf-8", &b"a\xE4\xB8\nb\xF0\x9F\x98\n\xED\xA0\x80\nc\n"[..]),
        ("gb18030", b"a\x81\x30\x81 \nb\n\x81\x30\n\xFF\xFF\n\x84\x31\xA4\x39c\n"),
        ("utf-16le", b"a\0\x00\xDC\n\0b\0\n\0\x3D\xD8\n\0c\0\n\0"),
        ("shift_jis", b"a\x81\n\x81\x40\nb\xFF\n"),
        ("big5", b"a\xA4\n\xA4\xFF\nb\n"),
    ] {
        let lines = Lines::new(Encoding::for_label(label).unwrap());
        let heard = assert_split_independent(&lines, bytes);
        assert!(heard.iter().any(|event| event.starts_with("not text")), "{label}: {heard:?}");
        assert!(heard.iter().any(|event| event.starts_with('"')), "{label}: {heard:?}");
    }
}

/// `a` FF `b` must not become the delimiter `ab`.
#[test]
fn delimiter_does_not_span_malformed_bytes() {
    let lines = Lines::delimited_by(Encoding::Utf8, "\r\n").unwrap();
    let heard = assert_split_independent(&lines, b"x\r\xFF\ny\r\nz\r\n");
    assert_eq!(heard, ["not text: [FF] at 2", "\"z\""]);
}

#[test]
fn eof_within_line_is_error_with_partial_text() {
    let lines = Lines::new(Encoding::Gbk);
    let heard = assert_split_independent(&lines, b"one\ntw\xE9F\r");
    assert_eq!(
        heard,
        ["\"one\"", "stream ended in the middle of a frame (6 bytes received): tw\\xe9\\x95\\x95\\r"]
    );
    let heard = assert_split_independent(&lines, b"one\ntw\xE9");
    assert_eq!(heard, ["\"one\"", "not text: [E9] at 6"]);
    let lenient = lines.new_like().accept_unterminated(true);
    assert_eq!(assert_split_independent(&lenient, b"one\ntw\xE9F\r"), debug_strings(&["one", "tw镕"]));
    assert_eq!(assert_split_independent(&lenient, b"one\n"), debug_strings(&["one"]));
    assert_eq!(assert_split_independent(&lenient, b""), debug_strings::<&str>(&[]));
}

#[test]
fn byte_frames_round_trip() {
    let frames: [&[u8]; 5] = [b"", b"a", b"\n\r\xFF\x01", b"0123456789", b"a"];
    for delimiter in [&b"\0"[..], b"\0\0", b"ab", b"aab", b"\r\n"] {
        let framing = Delimited::new(delimiter);
        let sendable: Vec<&[u8]> =
            frames.into_iter().filter(|frame| framing.encode(frame, &mut Vec::new()).is_ok()).collect();
        assert!(sendable.len() >= 3, "{delimiter:?}");
        let bytes = encoded::<Delimited>(&framing, &sendable);
        assert_eq!(assert_split_independent(&framing, &bytes), debug_strings(&sendable), "{delimiter:?}");
    }
    for framing in [
        LengthPrefixed::u8(),
        LengthPrefixed::u16(),
        LengthPrefixed::u32().little_endian(),
        LengthPrefixed::u64(),
        LengthPrefixed::u64().little_endian(),
    ] {
        let bytes = encoded::<LengthPrefixed>(&framing, &frames);
        assert_eq!(assert_split_independent(&framing, &bytes), debug_strings(&frames), "{framing:?}");
    }
    let heard = assert_split_independent(&FixedLength::new(3), b"abcdefgh");
    let ended = "stream ended in the middle of a frame (2 of 3 bytes received): gh";
    assert_eq!(heard, ["[97, 98, 99]", "[100, 101, 102]", ended]);
}

#[test]
fn frame_over_max_length_is_error_and_next_follows() {
    let too_long = "frame is longer than the limit of 4 bytes";
    let lines = Lines::new(Encoding::Gb2312).max_length(4);
    let heard = assert_split_independent(
        &lines,
        b"abcd\nabcde\nabcd\r\nabcd\rx\nlong\xFFer\n\xC4\xE3\xC4\xE3\n\nok\nabcde",
    );
    let expected = [
        "\"abcd\"",
        too_long,
        "\"abcd\"",
        too_long,
        "not text: [FF] at 28",
        too_long,
        "\"\"",
        "\"ok\"",
        too_long,
    ];
    assert_eq!(heard, expected);

    let delimited = Delimited::new("--").max_length(4);
    let heard = assert_split_independent(&delimited, b"abcd--abcde--a-------b--abcdefghi-x--c--");
    let a = "[97, 45, 45, 45, 45, 45]";
    assert!(!heard.contains(&a.to_owned()));
    assert_eq!(heard.last().map(String::as_str), Some("[99]"));
    assert_eq!(heard.iter().filter(|event| *event == too_long).count(), 2, "{heard:?}");

    let text = Lines::delimited_by(Encoding::Utf8, "--").unwrap().max_length(4);
    let heard = assert_split_independent(&text, "abcd--abcde--你好啊-x--a--".as_bytes());
    assert_eq!(heard, ["\"abcd\"", too_long, too_long, "\"a\""]);

    let prefixed = LengthPrefixed::u8().max_length(4);
    let heard = assert_split_independent(&prefixed, b"\x04abcd\x05abcde\x00\x06abcdef\x01a\xFFcut");
    let of = |length| format!("frame of {length} bytes is longer than the limit of 4");
    assert_eq!(heard, ["[97, 98, 99, 100]", &of(5), "[]", &of(6), "[97]", &of(255)]);
}

#[test]
fn eof_within_frame_is_error_with_partial_bytes() {
    let heard = assert_split_independent(&LengthPrefixed::u16(), b"\0\x01a\0\x05bc");
    assert_eq!(heard, ["[97]", "stream ended in the middle of a frame (2 of 5 bytes received): bc"]);
    let heard = assert_split_independent(&LengthPrefixed::u16(), b"\0\x01a\x07");
    assert_eq!(heard, ["[97]", "stream ended in the middle of a frame (1 byte received): \\x07"]);
    let heard = assert_split_independent(&Delimited::new(";"), b"a;bc");
    assert_eq!(heard, ["[97]", "stream ended in the middle of a frame (2 bytes received): bc"]);
}

/// The pieces differ, their text does not.
#[test]
fn text_chunks_never_split_a_character() {
    let bytes = b"\xC4\xE3\xBA\xC3, \xFFabc\xC4\xE3\xBA";
    for cut in 0..=bytes.len() {
        let (front, back) = bytes.split_at(cut);
        let heard = events(TextChunks::new(Encoding::Gb2312), &[front, back]);
        let text: String = heard.iter().map(|event| event.trim_matches('"')).collect();
        assert_eq!(text, "你好, not text: [FF] at 6abc你not text: [BA] at 12", "{cut}");
    }
    let singles: Vec<&[u8]> = bytes.chunks(1).collect();
    let replaced = TextChunks::new(Encoding::Gb2312).policy(OnInvalid::Replace);
    assert_eq!(events(replaced, &singles).concat().replace('"', ""), "你好, \u{FFFD}abc你\u{FFFD}");
}

/// Found by fuzzing: the end of a frame that was refused before was promised as the end of one to
/// come.
#[test]
fn has_next_ignores_end_of_oversized_frame() {
    let mut framing = Delimited::new(";").max_length(4);
    let mut heard = Vec::new();
    crate::kit::frames::feed(&mut framing, b"far too long", &mut heard);
    assert_eq!(heard, ["frame is longer than the limit of 4 bytes"]);
    framing.spare()[0] = b';';
    framing.advance(1);
    assert!(!framing.has_next());
    assert_eq!(framing.poll(), Ok(false));
}

/// Whether a stream is between two frames, after each byte.
#[test]
fn is_empty_is_true_only_between_frames() {
    fn between<F: Framing>(mut framing: F, bytes: &[u8]) -> String {
        let mut heard = Vec::new();
        let mut after = |byte: &u8| {
            crate::kit::frames::feed(&mut framing, &[*byte], &mut heard);
            if framing.is_empty() { '|' } else { '.' }
        };
        bytes.iter().map(&mut after).collect()
    }
    let limited = Lines::new(Encoding::Gb2312).max_length(2);
    assert_eq!(between(limited, b"\nab\n\xC4\xE3\n\xFF\n\xC4\nlong\n"), "|..|..|.|.|....|");
    assert_eq!(between(TextChunks::new(Encoding::Gb2312), b"a\xC4\xE3\xFF\xC4b"), "|.||.|");
    assert_eq!(between(Delimited::new("--").max_length(2), b"--a--long--"), ".|..|.....|");
    assert_eq!(between(Delimited::new(";").max_length(1), b"a;long;"), ".|....|");
    assert_eq!(between(LengthPrefixed::u16().max_length(2), b"\0\0\0\x02ab\0\x03abc"), ".|...|....|");
    assert_eq!(between(FixedLength::new(2), b"abc"), ".|.");
}

fn pieces<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn random_lines_survive_random_splits(
        texts in prop::collection::vec("[^\n]{0,60}", 0..20),
        encoding in prop::sample::select(encodings()),
        is_crlf in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let lines = Lines::new(encoding).ending(if is_crlf { LineEnding::CrLf } else { LineEnding::Lf });
        let texts: Vec<String> = texts
            .iter()
            .map(|text| replace_unencodable(encoding, text.trim_end_matches('\r')))
            .filter(|text| lines.encode(text, &mut Vec::new()).is_ok())
            .collect();
        let bytes = encoded::<Lines>(&lines, &texts);
        prop_assert_eq!(events(lines, &pieces(&bytes, &cuts)), debug_strings(&texts));
    }

    #[test]
    fn random_frames_survive_random_splits(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        little in any::<bool>(),
    ) {
        for framing in [LengthPrefixed::u8(), LengthPrefixed::u16(), LengthPrefixed::u32(), LengthPrefixed::u64()] {
            let framing = if little { framing.little_endian() } else { framing };
            let bytes = encoded::<LengthPrefixed>(&framing, &frames);
            prop_assert_eq!(events(framing, &pieces(&bytes, &cuts)), debug_strings(&frames));
        }
        let zeros = Delimited::new([0, 0]);
        let frames: Vec<Vec<u8>> =
            frames.into_iter().filter(|frame| zeros.encode(frame, &mut Vec::new()).is_ok()).collect();
        let bytes = encoded::<Delimited>(&zeros, &frames);
        prop_assert_eq!(events(zeros, &pieces(&bytes, &cuts)), debug_strings(&frames));
    }

    /// Whatever comes in: the same events in one piece and in many, no panic, no end without an
    /// end.
    #[test]
    fn random_bytes_give_same_events_at_random_splits(
        bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(0_u8), b'a'..b'd', any::<u8>()], 0..300),
        encoding in prop::sample::select(encodings()),
        limit in 0..20_usize,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let cut = pieces(&bytes, &cuts);
        let lines = || Lines::new(encoding).max_length(limit);
        prop_assert_eq!(events(lines(), &cut), events(lines(), &[&bytes]));
        let lines = || Lines::delimited_by(encoding, "\n\r").unwrap().max_length(limit).accept_unterminated(true);
        prop_assert_eq!(events(lines(), &cut), events(lines(), &[&bytes]));
        let frames = || Delimited::new("aab").max_length(limit);
        prop_assert_eq!(events(frames(), &cut), events(frames(), &[&bytes]));
        let frames = || LengthPrefixed::u8().max_length(limit);
        prop_assert_eq!(events(frames(), &cut), events(frames(), &[&bytes]));
        prop_assert_eq!(events(FixedLength::new(limit + 1), &cut), events(FixedLength::new(limit + 1), &[&bytes]));
    }
}
