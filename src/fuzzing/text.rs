//! Text in any encoding, cut anywhere, by each policy.

use super::choices::Choices;
use crate::proto::text::{DecodeError, Decoder, Encoder, Encoding, OnInvalid};

/// What became of a stream of bytes: the text, and each fault with its place in both.
type Heard = (String, Vec<(u64, Vec<u8>, bool, usize)>);

fn fault(error: &DecodeError, text: &str) -> (u64, Vec<u8>, bool, usize) {
    (error.offset(), error.bytes().to_vec(), error.is_incomplete(), text.len())
}

/// Decodes piece after piece, and goes on behind each fault.
fn heard(mut decoder: Decoder, pieces: &[&[u8]]) -> Heard {
    let (mut text, mut faults, mut given) = (String::new(), Vec::new(), 0);
    let most = pieces.iter().map(|piece| piece.len()).sum::<usize>() + 1;
    for piece in pieces {
        given += piece.len() as u64;
        let mut rest = *piece;
        while let Err(error) = decoder.decode(rest, &mut text) {
            faults.push(fault(&error, &text));
            assert!(faults.len() <= most, "more faults than bytes");
            rest = &rest[error.consumed()..];
        }
        assert_eq!(decoder.offset(), given);
        assert!(decoder.pending() <= 3, "{decoder:?}");
    }
    if let Err(error) = decoder.finish(&mut text) {
        faults.push(fault(&error, &text));
    }
    assert_eq!((decoder.offset(), decoder.pending()), (0, 0), "as new");
    (text, faults)
}

/// A stream is the same however it is cut, the same as by one call, and no longer than three bytes for each.
fn decode(mut choices: Choices<'_>) {
    let (encoding, policy, cuts) = (choices.encoding(), choices.policy(), choices.cuts());
    let bytes = choices.rest();
    let decoder = || encoding.decoder().with_policy(policy);
    let whole = heard(decoder(), &[bytes]);
    assert_eq!(heard(decoder(), &cuts.pieces(bytes)), whole, "{encoding} {policy:?} {cuts:?}");
    let (text, faults) = whole;
    assert!(text.len() <= 3 * bytes.len() + 3, "{encoding} grows");
    let mut appended = String::from("before");
    let appending = encoding.decode_into(bytes, policy, &mut appended).map(|()| &appended["before".len()..]);
    let at_once = encoding.decode_with(bytes, policy);
    match (&at_once, appending) {
        (Ok(at_once), Ok(appended)) => {
            assert_eq!((&**at_once, appended), (&*text, &*text));
            assert_eq!(faults, []);
            comes_back(encoding, bytes, &text, policy);
        }
        (Err(error), Err(other)) => {
            assert_eq!(policy, OnInvalid::Strict);
            assert_eq!(*error, other);
            let (offset, bytes, is_incomplete, _) = &faults[0];
            assert_eq!(
                (error.offset(), error.bytes(), error.is_incomplete()),
                (*offset, &**bytes, *is_incomplete)
            );
            assert_eq!(appended, "before", "nothing is left of what failed");
        }
        other => panic!("one way is an error, the other is not: {other:?}"),
    }
}

/// Text that was decoded without a fault is that text again by way of its encoding.
fn comes_back(encoding: Encoding, bytes: &[u8], text: &str, policy: OnInvalid) {
    if policy != OnInvalid::Strict {
        return;
    }
    if let Ok(again) = encoding.encode(text) {
        if encoding == Encoding::Utf8 {
            assert_eq!(*again, *bytes);
        }
        assert_eq!(encoding.decode(&again).unwrap(), text, "{encoding} {bytes:02X?}");
    } else {
        // Some bytes of the Web's tables are read and never written; UTF-8 and GB 2312 have none of them.
        assert!(!matches!(encoding, Encoding::Utf8 | Encoding::Gb2312), "{encoding} {bytes:02X?}");
    }
}

/// Encodes piece after piece, and goes on behind each character that does not exist.
fn written(mut encoder: Encoder, pieces: &[&str]) -> (Vec<u8>, Vec<(u64, char)>) {
    let (mut bytes, mut faults, mut given) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        given += piece.len() as u64;
        let mut rest = *piece;
        while let Err(error) = encoder.encode(rest, &mut bytes) {
            faults.push((error.offset(), error.character()));
            assert!(error.consumed() > 0, "a fault takes its character");
            rest = &rest[error.consumed()..];
        }
        assert_eq!(encoder.offset(), given);
    }
    encoder.finish(&mut bytes);
    (bytes, faults)
}

/// Whether all that the encoding can write is read as it was.
pub(super) fn is_faithful(encoding: Encoding, text: &str) -> bool {
    match encoding.name() {
        // The yen sign and the overline are ASCII's places, and what is half as wide is written as the whole.
        "shift_jis" | "euc-jp" | "iso-2022-jp" => false,
        // What the first editions had in the private-use area is written as what it has become.
        "gb18030" | "gbk" => !text.contains(|c| ('\u{E78D}'..='\u{E864}').contains(&c)),
        // Two characters that GB 2312's tables give two ways.
        "gb2312" => !text.contains(['・', '―']),
        _ => true,
    }
}

/// A text is the same however it is cut, and is read as it was written.
fn encode(mut choices: Choices<'_>) {
    let (encoding, policy, mut cuts) = (choices.encoding(), choices.policy(), choices.cuts());
    let text = String::from_utf8_lossy(choices.rest());
    let (mut pieces, mut rest) = (Vec::new(), &*text);
    while !rest.is_empty() {
        let cut = cuts.next(rest.len());
        let cut = (cut..=rest.len()).find(|cut| rest.is_char_boundary(*cut)).unwrap();
        pieces.push(&rest[..cut]);
        rest = &rest[cut..];
    }
    let encoder = || encoding.encoder().with_policy(policy);
    let whole = written(encoder(), &[&text]);
    assert_eq!(written(encoder(), &pieces), whole, "{encoding} {policy:?}");
    // What is written can be read, also if it is read as another character, and also what was left out.
    assert!(encoding.decode(&whole.0).is_ok(), "{encoding} {policy:?} wrote {:02X?}", whole.0);
    match encoding.encode_with(&text, policy) {
        Ok(bytes) => {
            assert_eq!(*bytes, *whole.0);
            assert_eq!(whole.1, []);
            if policy == OnInvalid::Strict && is_faithful(encoding, &text) {
                assert_eq!(encoding.decode(&bytes).unwrap(), text, "{encoding}");
            }
        }
        Err(error) => assert_eq!((error.offset(), error.character()), whole.1[0]),
    }
}

/// A label is one encoding or none, whatever its case.
fn label(choices: Choices<'_>) {
    let label = String::from_utf8_lossy(choices.rest());
    let found = Encoding::for_label(&label);
    match (&found, Encoding::for_label(&label.to_ascii_uppercase())) {
        (Ok(one), Ok(other)) => assert_eq!(*one, other),
        (Err(error), Err(_)) => assert!(error.label().len() <= 64 && label.starts_with(error.label())),
        other => panic!("{other:?} of {label:?}"),
    }
    if let Ok(encoding) = Encoding::for_whatwg_label(&label).or(found) {
        assert!(Encoding::for_label(encoding.name()).is_ok_and(|again| again.name() == encoding.name()));
    }
}

/// Bytes of any kind as text, text as bytes, and labels.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    match choices.below(8) {
        0..=3 => decode(choices),
        4..=6 => encode(choices),
        _ => label(choices),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn decode_and_encode_are_independent_of_split() {
        crate::fuzzing::trial::holds("text", super::property);
    }
}
