//! Decoding of GB 2312, GBK, and GB 18030.
//!
//! ASCII and pairs are looked up, four pairs at a time if there are as many, and written to a block
//! of UTF-8. The block is then checked and appended as a whole, because appending single characters
//! takes more than twice as long. The check takes as long as the lookup, and is necessary without
//! `unsafe`.

use super::cells::{Charset, Forms, LONG, form_index};
use super::quads::quads;
use super::{Malformed, Pass, Stop, utf8};

/// The number of bytes of UTF-8 in a block.
const BLOCK: usize = 512;
/// The maximum number of bytes that one step writes. It may keep fewer.
const STEP: usize = 16;
/// From this many consecutive ASCII bytes on, ASCII is copied without a block.
const LONG_RUN: usize = 256;
/// The maximum number of ASCII bytes that are copied at a time. They fit in the L1 cache.
const LONGEST_PIECE: usize = 16 * 1024;

/// Decodes up to the first sequence that the character set does not have.
pub(super) fn decode(charset: Charset, input: &[u8], output: &mut String) -> Pass {
    let forms = charset.forms();
    let mut block = [0; BLOCK + STEP];
    let mut read = 0;
    output.reserve(input.len() + input.len() / 2);
    loop {
        let filled = fill(charset, forms, &input[read..], &mut block);
        output.push_str(utf8::checked(&block[..filled.written]).expect("the tables hold UTF-8"));
        read += filled.read;
        match filled.end {
            FillEnd::BlockIsFull => {}
            FillEnd::LongRun => read += append_ascii(&input[read..], output),
            FillEnd::Irregular => match irregular(charset, &input[read..]) {
                Irregular::Character(character, length) => {
                    output.push(character);
                    read += length;
                }
                Irregular::Stop(stop) => return Pass { read, stop },
            },
        }
    }
}

struct Filled {
    read: usize,
    written: usize,
    end: FillEnd,
}

enum FillEnd {
    BlockIsFull,
    LongRun,
    /// The input ends, or the next bytes are neither ASCII nor in the tables.
    Irregular,
}

fn fill(charset: Charset, forms: &Forms, input: &[u8], block: &mut [u8; BLOCK + STEP]) -> Filled {
    const LEADS: u64 = 0x8000_8000_8000_8000;
    const EACH: u64 = 0x8080_8080_8080_8080;
    let (mut read, mut written, mut ascii) = (0, 0, 0);
    let end = loop {
        if written >= BLOCK {
            break FillEnd::BlockIsFull;
        }
        let Some(chunk) = input[read..].first_chunk::<8>() else {
            match fill_one(forms, &input[read..], block, written) {
                Some((taken, made)) => {
                    read += taken;
                    written += made;
                    continue;
                }
                None => break FillEnd::Irregular,
            }
        };
        let bytes = u64::from_be_bytes(*chunk);
        if bytes >> 63 == 0 {
            // All eight bytes are written, and the leading ASCII bytes are kept.
            block[written..written + 8].copy_from_slice(chunk);
            let count = ((bytes & EACH).leading_zeros() / 8) as usize;
            read += count;
            written += count;
            ascii += count;
            if ascii >= LONG_RUN {
                break FillEnd::LongRun;
            }
            continue;
        }
        ascii = 0;
        if let 0x30..=0x39 = chunk[1] {
            // No pair has a digit. Four bytes of GB 18030 have one here.
            let Some(character) = whole_quad(charset, chunk) else { break FillEnd::Irregular };
            read += 4;
            written += character.encode_utf8(&mut block[written..]).len();
            continue;
        }
        let form = |shift: u32| forms[form_index((bytes >> shift) as u16)];
        let made = [form(48), form(32), form(16), form(0)];
        // Each character has three bytes. The fourth one is overwritten by the next character.
        if let Some(place) = block[written..].first_chunk_mut::<STEP>() {
            for (index, form) in made.into_iter().enumerate() {
                place[3 * index..3 * index + 4].copy_from_slice(&form.to_le_bytes());
            }
        }
        if bytes & LEADS == LEADS && made[0] & made[1] & made[2] & made[3] & LONG != 0 {
            read += 8;
            written += 12;
            continue;
        }
        // The leading pairs whose characters have three bytes are kept. There is no branch for each
        // of them, because their number is unpredictable in mixed text.
        let is_kept = |index: u32| u64::from(made[index as usize] >> 31) & (bytes >> (63 - 16 * index));
        let kept = (is_kept(0) << 3) | ((is_kept(1) & 1) << 2) | ((is_kept(2) & 1) << 1) | (is_kept(3) & 1);
        let count = (kept << 60).leading_ones() as usize;
        if count > 0 {
            read += 2 * count;
            written += 3 * count;
        } else if made[0] != 0 {
            read += 2;
            written += 2;
        } else {
            break FillEnd::Irregular;
        }
    };
    Filled { read, written, end }
}

/// Decodes one character near the end of the input. Returns the number of bytes read, and of bytes
/// written.
fn fill_one(
    forms: &Forms,
    input: &[u8],
    block: &mut [u8; BLOCK + STEP],
    written: usize,
) -> Option<(usize, usize)> {
    match *input {
        [byte @ 0x00..=0x7F, ..] => {
            block[written] = byte;
            Some((1, 1))
        }
        [lead, trail, ..] => {
            let form = forms[form_index(u16::from_be_bytes([lead, trail]))];
            block[written..written + 4].copy_from_slice(&form.to_le_bytes());
            let length = if form & LONG != 0 { 3 } else { 2 };
            (form != 0).then_some((2, length))
        }
        _ => None,
    }
}

/// Returns the character of four bytes if they are a sequence of GB 18030.
fn whole_quad(charset: Charset, chunk: &[u8; 8]) -> Option<char> {
    match *chunk {
        [first @ 0x81..=0xFE, second @ 0x30..=0x39, third @ 0x81..=0xFE, fourth @ 0x30..=0x39, ..]
            if charset == Charset::Gb18030 =>
        {
            quads().character([first, second, third, fourth])
        }
        _ => None,
    }
}

/// Appends the ASCII bytes at the beginning of the input, and returns their number.
///
/// The decoder of windows-1252 copies and checks in one pass. It writes more than one byte for each
/// byte that is not ASCII, so that the length shows whether there was one. In that case the block
/// is removed again. A block is never longer than the ASCII before it, which limits the wasted
/// work.
fn append_ascii(input: &[u8], output: &mut String) -> usize {
    let mut decoder = encoding_rs::WINDOWS_1252.new_decoder_without_bom_handling();
    let (mut read, mut size) = (0, LONG_RUN);
    while read < input.len() {
        let block = &input[read..input.len().min(read + size)];
        let before = output.len();
        output.reserve(block.len());
        let (result, taken) = decoder.decode_to_string_without_replacement(block, output, false);
        if result != encoding_rs::DecoderResult::InputEmpty || output.len() - before != taken {
            output.truncate(before);
            let run = encoding_rs::Encoding::ascii_valid_up_to(block);
            output.push_str(utf8::checked(&block[..run]).expect("ASCII is UTF-8"));
            return read + run;
        }
        read += taken;
        size = (2 * size).min(LONGEST_PIECE);
    }
    read
}

enum Irregular {
    Character(char, usize),
    Stop(Stop),
}

/// Decodes bytes that are neither ASCII nor an assigned pair.
fn irregular(charset: Charset, input: &[u8]) -> Irregular {
    match *input {
        [] => Irregular::Stop(Stop::End),
        // As in the Encoding Standard: Windows code page 936 encodes the euro sign as 0x80.
        [0x80, ..] if charset == Charset::Gb18030 => Irregular::Character('€', 1),
        [0x80 | 0xFF, ..] => malformed(1, 1),
        [_] => Irregular::Stop(Stop::Incomplete),
        [_, 0x30..=0x39, ..] if charset == Charset::Gb18030 => four_bytes(input),
        [_, 0x00..=0x7F, ..] => malformed(1, 2),
        _ => malformed(2, 2),
    }
}

fn four_bytes(input: &[u8]) -> Irregular {
    match *input {
        [_, _] | [_, _, 0x81..=0xFE] => Irregular::Stop(Stop::Incomplete),
        [first, second, third @ 0x81..=0xFE, fourth @ 0x30..=0x39, ..] => {
            match quads().character([first, second, third, fourth]) {
                Some(character) => Irregular::Character(character, 4),
                None => malformed(4, 4),
            }
        }
        [_, _, 0x81..=0xFE, ..] => malformed(1, 4),
        _ => malformed(1, 3),
    }
}

fn malformed(length: u8, seen: u8) -> Irregular {
    Irregular::Stop(Stop::Malformed(Malformed { length, seen }))
}
