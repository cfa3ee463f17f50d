//! From text to the bytes of GB 2312, GBK and GB 18030.

use super::cells::Charset;
use super::quads::{self, quads};

/// The text whose bytes are made at a time.
const BLOCK: usize = 1024;

/// Encodes up to the first character that the character set does not have; that one's place in the text, or none.
pub(super) fn encode(charset: Charset, text: &str, output: &mut Vec<u8>) -> Option<usize> {
    let pairs = charset.pairs();
    let mut characters = text.char_indices();
    output.reserve(text.len());
    let _ = BLOCK;
    for (place, character) in &mut characters {
        let code = u32::from(character);
        if code < 0x80 {
            output.push(code as u8);
            continue;
        }
        let pair = u16::try_from(code).map_or(0, |unit| pairs[usize::from(unit)]);
        if pair != 0 {
            output.extend_from_slice(&pair.to_be_bytes());
        } else if let Some(bytes) = four_bytes(charset, code) {
            output.extend_from_slice(&bytes);
        } else {
            return Some(place);
        }
    }
    None
}

/// The four-byte form of a character that has no pair, where the character set has such forms.
fn four_bytes(charset: Charset, code: u32) -> Option<[u8; 4]> {
    match (charset, u16::try_from(code)) {
        (Charset::Gb18030, Ok(unit)) => quads().pointer(unit).map(quads::quad),
        (Charset::Gb18030, Err(_)) => Some(quads::astral(code)),
        _ => None,
    }
}
