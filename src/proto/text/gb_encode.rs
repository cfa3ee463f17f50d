//! From text to the bytes of GB 2312, GBK and GB 18030.

use super::cells::{Charset, Pairs};
use super::quads::{self, quads};

/// The bytes that are made at a time.
const BLOCK: usize = 1024;
/// The most that one step writes, not all of which it keeps.
const STEP: usize = 16;
/// So much ASCII in a row leaves the block for a way of its own.
const LONG_RUN: usize = 256;
/// So much of it at a time, which stays in the first cache.
const LONGEST_PIECE: usize = 16 * 1024;

/// Encodes up to the first character that the character set does not have; that one's place in the text, or none.
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
    /// Or the text is over.
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
                // As if there were four characters of three bytes; as many are kept as there are, with a pair each.
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
                // Without a branch for each, because in mixed text their number cannot be foreseen.
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
                // All sixteen are written and as many kept as are ASCII.
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

/// Three bytes of UTF-8, the first lowest, and whatever is behind them.
#[inline(always)]
fn three_bytes(chunk: &[u8; 16], start: usize) -> u32 {
    u32::from_le_bytes([chunk[start], chunk[start + 1], chunk[start + 2], chunk[start + 3]])
}

/// The character of these as a UTF-16 unit, if they are one.
#[inline(always)]
fn unit_of(bytes: u32) -> usize {
    (((bytes & 0x0F) << 12) | ((bytes >> 2) & 0x0FC0) | ((bytes >> 16) & 0x3F)) as usize
}

/// A character's bytes, of which there are 1, 2 or 4.
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

/// Appends the ASCII at the beginning of the input; how much it was.
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
