//! The text codecs against Python's, exhaustively where that is possible. Every difference is
//! listed with its reason, and a listed difference that no longer exists fails the test, too.
//!
//! One run of Python prints everything, a line per fact; what it does not print is an error there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use crate::kit::Running;
use socketry::Encoding;
use socketry::text::OnInvalid;

const SCRIPT: &str = r#"
import sys
out = []
def text(s): return ' '.join('%X' % ord(c) for c in s)
def decode(codec, b):
    try: out.append(f'd {codec}={b.hex()}={text(b.decode(codec))}')
    except UnicodeDecodeError: out.append(f"r {codec}={b.hex()}={text(b.decode(codec, 'replace'))}")
def encode(codec, c):
    try: out.append(f'e {codec}={c:X}={chr(c).encode(codec).hex()}')
    except UnicodeEncodeError: pass
for codec in ('gb2312', 'gbk', 'gb18030', 'utf-8'):
    for a in range(256):
        decode(codec, bytes([a]))
        for b in range(256): decode(codec, bytes([a, b]))
    for c in range(0x10000):
        if not 0xD800 <= c < 0xE000: encode(codec, c)
    for c in range(0x10000, 0x110000, 251): encode(codec, c)
edges = (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF)
for a in range(0xE0, 0x100):
    for b in edges:
        for c in edges:
            decode('utf-8', bytes([a, b, c]))
            for d in edges: decode('utf-8', bytes([a, b, c, d]))
for a in range(0x81, 0xFF):
    for b in range(0x30, 0x3A):
        for c in range(0x81, 0xFF, 1 if a < 0x85 else 25):
            for d in range(0x30, 0x3A): decode('gb18030', bytes([a, b, c, d]))
sys.stdout.write('\n'.join(out))
"#;

/// What Python says: by codec, and then by bytes or character.
#[derive(Default)]
struct Oracle {
    decoded: BTreeMap<String, BTreeMap<Vec<u8>, String>>,
    replaced: BTreeMap<String, BTreeMap<Vec<u8>, String>>,
    encoded: BTreeMap<String, BTreeMap<char, Vec<u8>>>,
}

fn oracle() -> Option<&'static Oracle> {
    static ORACLE: OnceLock<Oracle> = OnceLock::new();
    let mut python = crate::kit::python::python()?;
    Some(ORACLE.get_or_init(|| {
        let output = Running::start(python.args(["-c", SCRIPT])).finish();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        read(std::str::from_utf8(&output.stdout).expect("ASCII"))
    }))
}

fn read(facts: &str) -> Oracle {
    let mut oracle = Oracle::default();
    for line in facts.lines() {
        let (what, rest) = line.split_once(' ').expect("a fact");
        let [codec, from, to] = rest.split('=').collect::<Vec<_>>().try_into().expect("three fields");
        let text = |to: &str| to.split_whitespace().map(character).collect::<String>();
        match what {
            "d" => {
                oracle.decoded.entry(codec.into()).or_default().insert(bytes(from), text(to));
            }
            "r" => {
                oracle.replaced.entry(codec.into()).or_default().insert(bytes(from), text(to));
            }
            _ => {
                oracle.encoded.entry(codec.into()).or_default().insert(character(from), bytes(to));
            }
        }
    }
    oracle
}

fn character(hex: &str) -> char {
    u32::from_str_radix(hex, 16).ok().and_then(char::from_u32).expect("a character")
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |index| u8::from_str_radix(&hex[index..index + 2], 16).expect("a byte");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Everything that was tried on a codec.
fn sequences<'a>(oracle: &'a Oracle, codec: &str) -> impl Iterator<Item = &'a Vec<u8>> + use<'a> {
    let sequences: Vec<_> = oracle.decoded[codec].keys().chain(oracle.replaced[codec].keys()).collect();
    assert!(sequences.len() >= 256 + 65_536);
    sequences.into_iter()
}

/// What each side makes of one thing, or none where it refuses it: the thing, our result, Python's.
type Differences<From, To> = BTreeSet<(From, Option<To>, Option<To>)>;

/// Where strict decoding differs.
fn decoding_differences(oracle: &Oracle, encoding: Encoding) -> Differences<Vec<u8>, String> {
    sequences(oracle, encoding.name())
        .filter_map(|bytes| {
            let ours = encoding.decode(bytes).ok().map(String::from);
            let theirs = oracle.decoded[encoding.name()].get(bytes).cloned();
            (ours != theirs).then(|| (bytes.clone(), ours, theirs))
        })
        .collect()
}

/// Where strict encoding differs.
fn encoding_differences(oracle: &Oracle, encoding: Encoding) -> Differences<char, Vec<u8>> {
    (0..0x1_0000)
        .chain((0x1_0000..0x11_0000).step_by(251))
        .filter_map(char::from_u32)
        .filter_map(|character| {
            let ours = encoding.encode(&character.to_string()).ok().map(Vec::from);
            let theirs = oracle.encoded[encoding.name()].get(&character).cloned();
            (ours != theirs).then_some((character, ours, theirs))
        })
        .collect()
}

/// The two cells of GB 2312 on which the tables in use disagree: we read them as the Web, and write
/// both spellings.
const AMBIGUOUS_CELLS: [(u16, char, char); 2] = [(0xA1A4, '·', '・'), (0xA1AA, '—', '―')];

/// The 18 pairs that GB 18030-2022 moved out of private use: the pair, Python's character, ours.
const EDITION_2022: [(u16, u16, u16); 18] = [
    (0xA6D9, 0xE78D, 0xFE10),
    (0xA6DA, 0xE78E, 0xFE12),
    (0xA6DB, 0xE78F, 0xFE11),
    (0xA6DC, 0xE790, 0xFE13),
    (0xA6DD, 0xE791, 0xFE14),
    (0xA6DE, 0xE792, 0xFE15),
    (0xA6DF, 0xE793, 0xFE16),
    (0xA6EC, 0xE794, 0xFE17),
    (0xA6ED, 0xE795, 0xFE18),
    (0xA6F3, 0xE796, 0xFE19),
    (0xFE59, 0xE81E, 0x9FB4),
    (0xFE61, 0xE826, 0x9FB5),
    (0xFE66, 0xE82B, 0x9FB6),
    (0xFE67, 0xE82C, 0x9FB7),
    (0xFE6D, 0xE832, 0x9FB8),
    (0xFE7E, 0xE843, 0x9FB9),
    (0xFE90, 0xE854, 0x9FBA),
    (0xFEA0, 0xE864, 0x9FBB),
];

fn char_from_unit(unit: u16) -> char {
    char::from_u32(unit.into()).expect("not a surrogate")
}

#[test]
fn gb2312_differs_from_python_in_two_cells() {
    let Some(oracle) = oracle() else { return };
    let expected = AMBIGUOUS_CELLS.map(|(pair, ours, theirs)| {
        (pair.to_be_bytes().to_vec(), Some(ours.to_string()), Some(theirs.to_string()))
    });
    assert_eq!(decoding_differences(oracle, Encoding::Gb2312), BTreeSet::from(expected));
    // Python reads what we write, and does not write the Web's spellings itself.
    let expected = AMBIGUOUS_CELLS.map(|(pair, ours, _)| (ours, Some(pair.to_be_bytes().to_vec()), None));
    assert_eq!(encoding_differences(oracle, Encoding::Gb2312), BTreeSet::from(expected));
}

#[test]
fn gbk_matches_python() {
    let Some(oracle) = oracle() else { return };
    assert_eq!(decoding_differences(oracle, Encoding::Gbk), BTreeSet::new());
    assert_eq!(encoding_differences(oracle, Encoding::Gbk), BTreeSet::new());
}

#[test]
fn utf_8_matches_python() {
    let Some(oracle) = oracle() else { return };
    assert_eq!(decoding_differences(oracle, Encoding::Utf8), BTreeSet::new());
    assert_eq!(encoding_differences(oracle, Encoding::Utf8), BTreeSet::new());
    for (bytes, theirs) in &oracle.replaced["utf-8"] {
        let ours = Encoding::Utf8.decode_with(bytes, OnInvalid::Replace).unwrap();
        assert_eq!(ours, *theirs, "{bytes:02X?}");
    }
}

/// Python's codec is of the edition of 2000; later ones moved characters from private use to their
/// places in Unicode.
#[test]
fn gb18030_differs_from_python_only_as_listed() {
    let Some(oracle) = oracle() else { return };
    let of_2000 = oracle.decoded["gb18030"][&vec![0xA6, 0xD9]] == "\u{E78D}";
    let mut decoding = BTreeSet::new();
    let mut encoding = BTreeSet::new();
    // The Web reads one pair as a second ideographic space, and has no bytes for its private-use
    // character.
    decoding.insert((vec![0xA3, 0xA0], Some("\u{3000}".into()), Some("\u{E5E5}".into())));
    encoding.insert(('\u{E5E5}', None, Some(vec![0xA3, 0xA0])));
    // The Web reads 0x80 as the euro sign of Windows' code page.
    decoding.insert((vec![0x80], Some("€".into()), None));
    for other in 0..=0xFF {
        let (text, behind) = match other {
            ..0x80 => (char::from(other).to_string(), Some(char::from(other).to_string())),
            0x80 => ("€".into(), None),
            _ => continue,
        };
        decoding.insert((vec![0x80, other], Some(format!("€{text}")), None));
        if let Some(before) = behind {
            decoding.insert((vec![other, 0x80], Some(format!("{before}€")), None));
        }
    }
    if of_2000 {
        // The edition of 2005 put ḿ on its pair and the private-use character on its four bytes.
        let (pair, quad) = (vec![0xA8, 0xBC], vec![0x81, 0x35, 0xF4, 0x37]);
        decoding.insert((pair.clone(), Some("ḿ".into()), Some("\u{E7C7}".into())));
        decoding.insert((quad.clone(), Some("\u{E7C7}".into()), Some("ḿ".into())));
        encoding.insert(('ḿ', Some(pair.clone()), Some(quad.clone())));
        encoding.insert(('\u{E7C7}', Some(quad), Some(pair)));
        for (pair, theirs, ours) in EDITION_2022 {
            let pair = pair.to_be_bytes().to_vec();
            let (theirs, ours) = (char_from_unit(theirs), char_from_unit(ours));
            decoding.insert((pair.clone(), Some(ours.into()), Some(theirs.into())));
            encoding.insert((ours, Some(pair), oracle.encoded["gb18030"].get(&ours).cloned()));
        }
    }
    let found = decoding_differences(oracle, Encoding::Gb18030);
    assert_eq!(found.difference(&decoding).collect::<Vec<_>>(), Vec::<&_>::new(), "not listed");
    assert_eq!(decoding.difference(&found).collect::<Vec<_>>(), Vec::<&_>::new(), "listed and stale");
    let found = encoding_differences(oracle, Encoding::Gb18030);
    assert_eq!(found.difference(&encoding).collect::<Vec<_>>(), Vec::<&_>::new(), "not listed");
    assert_eq!(encoding.difference(&found).collect::<Vec<_>>(), Vec::<&_>::new(), "listed and stale");
}

/// An unassigned pair whose second byte is not ASCII is one malformed sequence, so that what
/// follows stays in step; Python passes over one byte and reads the second again.
#[test]
fn replace_differs_from_python_on_unassigned_pairs() {
    let Some(oracle) = oracle() else { return };
    for encoding in [Encoding::Gb2312, Encoding::Gbk, Encoding::Gb18030] {
        let (mut same, mut in_step) = (0, 0);
        for (bytes, theirs) in &oracle.replaced[encoding.name()] {
            if bytes.len() > 2 || (encoding == Encoding::Gb18030 && bytes.contains(&0x80)) {
                continue;
            }
            let ours = encoding.decode_with(bytes, OnInvalid::Replace).unwrap();
            if encoding == Encoding::Gb18030 && matches!(bytes[..], [0xFF, b'0'..=b'9']) {
                // Python takes the digit for the second of four bytes, although no character begins
                // with FF.
                assert_eq!((&ours[..3], theirs.as_str()), ("\u{FFFD}", "\u{FFFD}"), "{bytes:02X?}");
            } else if matches!(bytes[..], [0x81..=0xFE, 0x80..=0xFF]) {
                assert_eq!((&*ours, theirs.as_str()), ("\u{FFFD}", "\u{FFFD}\u{FFFD}"), "{bytes:02X?}");
                in_step += 1;
            } else {
                assert_eq!(ours, *theirs, "{encoding} {bytes:02X?}");
                same += 1;
            }
        }
        assert!(same > 100 && in_step > 100, "{encoding}: {same} {in_step}");
    }
}
