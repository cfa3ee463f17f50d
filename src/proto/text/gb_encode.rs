//! Encoding of GB 2312, GBK, and GB 18030.

use super::cells::{Charset, Pairs};
use super::quads::{self, quads};

/// The number of bytes in a block.
const BLOCK: usize = 1024;
/// The maximum number of bytes that one step writes. It may keep fewer.
const STEP: usize = 16;
/// From this many consecutive ASCII bytes on, ASCII is copied without a block.
const LONG_RUN: usize = 256;
/// The maximum number of ASCII bytes that are copied at a time. They fit in the L1 cache.
const LONGEST_PIECE: usize = 16 * 1024;

/// Encodes up to the first character that the character set does not have. Returns the offset of
/// that character in the text, or `None` if there is none.
pub(super) fn encode(charset: Charset, text: &str, output: &mut Vec<u8>) -> Option<usize> {
    let pairs = charset.pairs();
    let mut block = [0; BLOCK + STEP];
    let mut read = 0;
    output.reserve(text.len());
    while read < text.len() {
        let filled = fill(charset, pairs, &text[read..], &mut block);
        output.extend_from_slice(&block[..filled.written]);
        read += filled.read;
        match filled.end {
            FillEnd::BlockIsFull => {}
            FillEnd::LongRun => read += append_ascii(&text.as_bytes()[read..], output),
            FillEnd::NoSuchCharacter => return Some(read),
        }
    }
    None
}

struct Filled {
    read: usize,
    written: usize,
    end: FillEnd,
}

enum FillEnd {
    /// The block is full, or the text ends.
    BlockIsFull,
    LongRun,
    NoSuchCharacter,
}

fn fill(charset: Charset, pairs: &Pairs, text: &str, block: &mut [u8; BLOCK + STEP]) -> Filled {
    const EACH: u128 = 0x8080_8080_8080_8080_8080_8080_8080_8080;
    const ASSIGNED: u64 = 0x8000_8000_8000_8000;
    let input = text.as_bytes();
    let (mut read, mut written, mut ascii) = (0, 0, 0);
    let end = loop {
        if written >= BLOCK {
            break FillEnd::BlockIsFull;
        }
        if let Some(chunk) = input[read..].first_chunk::<16>() {
            if chunk[0] >= 0xE0 {
                ascii = 0;
                // Encodes four characters of three bytes. The leading ones that are such characters
                // and have a pair are kept.
                let one = three_bytes(chunk, 0);
                let two = three_bytes(chunk, 3);
                let three = three_bytes(chunk, 6);
                let four = three_bytes(chunk, 9);
                let first = pairs[unit_of(one)];
                let second = pairs[unit_of(two)];
                let third = pairs[unit_of(three)];
                let fourth = pairs[unit_of(four)];
                let joint = (u64::from(first) << 48)
                    | (u64::from(second) << 32)
                    | (u64::from(third) << 16)
                    | u64::from(fourth);
                block[written..written + 8].copy_from_slice(&joint.to_be_bytes());
                let odd = (one ^ 0xE0) | (two ^ 0xE0) | (three ^ 0xE0) | (four ^ 0xE0);
                if odd & 0xF0 == 0 && joint & ASSIGNED == ASSIGNED {
                    read += 12;
                    written += 8;
                    continue;
                }
                // There is no branch for each character, because their number is unpredictable in
                // mixed text.
                let is_kept = |bytes: u32, pair: u16| u32::from(bytes & 0xF0 == 0xE0 && pair != 0);
                let kept = (is_kept(one, first) << 3)
                    | (is_kept(two, second) << 2)
                    | (is_kept(three, third) << 1)
                    | is_kept(four, fourth);
                let count = (kept << 28).leading_ones() as usize;
                if count > 0 {
                    read += 3 * count;
                    written += 2 * count;
                    continue;
                }
            } else if chunk[0] < 0x80 {
                // All sixteen bytes are written, and the leading ASCII bytes are kept.
                let count = ((u128::from_be_bytes(*chunk) & EACH).leading_zeros() / 8) as usize;
                block[written..written + 16].copy_from_slice(chunk);
                read += count;
                written += count;
                ascii += count;
                if ascii >= LONG_RUN {
                    break FillEnd::LongRun;
                }
                continue;
            }
        }
        let Some(character) = text[read..].chars().next() else { break FillEnd::BlockIsFull };
        match one(charset, pairs, character) {
            Some(Bytes { bytes, length }) => {
                block[written..written + 4].copy_from_slice(&bytes);
                read += character.len_utf8();
                written += length;
            }
            None => break FillEnd::NoSuchCharacter,
        }
    };
    Filled { read, written, end }
}

/// Returns three bytes of UTF-8 with the first one lowest, and the byte after them.
#[inline(always)]
fn three_bytes(chunk: &[u8; 16], start: usize) -> u32 {
    u32::from_le_bytes([chunk[start], chunk[start + 1], chunk[start + 2], chunk[start + 3]])
}

/// Returns the UTF-16 unit of three bytes. The result is meaningless for other bytes.
#[inline(always)]
fn unit_of(bytes: u32) -> usize {
    (((bytes & 0x0F) << 12) | ((bytes >> 2) & 0x0FC0) | ((bytes >> 16) & 0x3F)) as usize
}

/// The 1, 2, or 4 bytes of a character.
struct Bytes {
    bytes: [u8; 4],
    length: usize,
}

fn one(charset: Charset, pairs: &Pairs, character: char) -> Option<Bytes> {
    let code = u32::from(character);
    if code < 0x80 {
        return Some(Bytes { bytes: [code as u8, 0, 0, 0], length: 1 });
    }
    let unit = u16::try_from(code).ok();
    let pair = unit.map_or(0, |unit| pairs[usize::from(unit)]);
    if pair != 0 {
        let [lead, trail] = pair.to_be_bytes();
        return Some(Bytes { bytes: [lead, trail, 0, 0], length: 2 });
    }
    let bytes = match (charset, unit) {
        (Charset::Gb18030, Some(unit)) => quads().pointer(unit).map(quads::quad)?,
        (Charset::Gb18030, None) => quads::astral(code),
        _ => return None,
    };
    Some(Bytes { bytes, length: 4 })
}

/// Appends the ASCII bytes at the beginning of the input, and returns their number.
fn append_ascii(input: &[u8], output: &mut Vec<u8>) -> usize {
    let (mut read, mut size) = (0, LONG_RUN);
    while read < input.len() {
        let block = &input[read..input.len().min(read + size)];
        if !block.is_ascii() {
            let run = encoding_rs::Encoding::ascii_valid_up_to(block);
            output.extend_from_slice(&block[..run]);
            return read + run;
        }
        output.extend_from_slice(block);
        read += block.len();
        size = (2 * size).min(LONGEST_PIECE);
    }
    read
}
