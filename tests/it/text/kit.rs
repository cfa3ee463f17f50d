//! A small kit for the tests of the codecs: a stream played piece by piece, with everything that
//! happened on the way.

use socketry::Encoding;
use socketry::text::OnInvalid;

pub(crate) const BUILT_IN: [Encoding; 4] =
    [Encoding::Utf8, Encoding::Gb2312, Encoding::Gbk, Encoding::Gb18030];

/// Ours, the Web's GBK, and one of each kind that `encoding_rs` decodes: multi-byte, UTF-16,
/// stateful, single-byte.
pub(crate) fn encodings() -> Vec<Encoding> {
    let web = [
        "gbk",
        "big5",
        "shift_jis",
        "euc-kr",
        "euc-jp",
        "utf-16le",
        "utf-16be",
        "iso-2022-jp",
        "windows-1252",
    ];
    BUILT_IN.into_iter().chain(web.map(|label| Encoding::for_whatwg_label(label).expect("a label"))).collect()
}

/// An error as the stream sees it, whatever piece it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) incomplete: bool,
}

/// Decodes a stream piece by piece and goes on behind every error.
pub(crate) fn decoded(encoding: Encoding, policy: OnInvalid, pieces: &[&[u8]]) -> (String, Vec<Fault>) {
    let mut decoder = encoding.decoder().with_policy(policy);
    let (mut text, mut faults, mut given) = (String::new(), Vec::new(), 0);
    let fault = |error: &socketry::text::DecodeError| Fault {
        offset: error.offset(),
        bytes: error.bytes().to_vec(),
        incomplete: error.is_incomplete(),
    };
    for piece in pieces {
        let mut rest = *piece;
        while let Err(error) = decoder.decode(rest, &mut text) {
            assert!(!error.is_incomplete());
            faults.push(fault(&error));
            rest = &rest[error.consumed()..];
            given += error.consumed() as u64;
            assert_eq!(decoder.offset(), given);
        }
        given += rest.len() as u64;
        assert_eq!(decoder.offset(), given);
        assert!(decoder.pending() <= 3);
    }
    let pending = decoder.pending();
    match decoder.finish(&mut text) {
        Ok(()) if policy == OnInvalid::Strict => assert_eq!(pending, 0, "{encoding} {pieces:02X?}"),
        Ok(()) => {}
        Err(error) => {
            assert!(error.is_incomplete() && pending > 0, "{encoding} {pieces:02X?} {error}");
            faults.push(fault(&error));
        }
    }
    assert_eq!((decoder.offset(), decoder.pending()), (0, 0), "as new");
    (text, faults)
}

/// Encodes text piece by piece and goes on behind every error: the bytes, and each character with
/// its offset.
pub(crate) fn encoded(encoding: Encoding, policy: OnInvalid, pieces: &[&str]) -> (Vec<u8>, Vec<(u64, char)>) {
    let mut encoder = encoding.encoder().with_policy(policy);
    let (mut bytes, mut faults, mut given) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        let mut rest = *piece;
        while let Err(error) = encoder.encode(rest, &mut bytes) {
            faults.push((error.offset(), error.character()));
            rest = &rest[error.consumed()..];
            given += error.consumed() as u64;
            assert_eq!(encoder.offset(), given);
        }
        given += rest.len() as u64;
        assert_eq!(encoder.offset(), given);
    }
    encoder.finish(&mut bytes);
    assert_eq!(encoder.offset(), 0, "as new");
    (bytes, faults)
}
