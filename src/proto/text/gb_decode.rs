//! From the bytes of GB 2312, GBK and GB 18030 to text.
//!
//! What is regular (ASCII, assigned pairs) is looked up into a block of UTF-16 units, which `encoding_rs` then turns into
//! UTF-8: that needs no check afterwards that it is UTF-8, and no place in memory is written one character at a time.

use encoding_rs::mem::convert_utf16_to_str;

use super::cells::{Charset, Units, unit_index};
use super::quads::{Quads, quads};
use super::{Malformed, Pass, Stop};

/// The units of one block.
const BLOCK: usize = 512;
/// A unit takes at most three bytes of UTF-8.
const ZEROS: &str = match std::str::from_utf8(&[0; 3 * BLOCK]) {
    Ok(zeros) => zeros,
    Err(_) => panic!("zeros are UTF-8"),
};

/// Decodes up to the first sequence that the character set does not have.
pub(super) fn decode(charset: Charset, input: &[u8], output: &mut String) -> Pass {
    let units = charset.units();
    let mut block = [0; BLOCK];
    let mut read = 0;
    output.reserve(input.len() + input.len() / 2);
    loop {
        let rest = &input[read..];
        let ascii = ascii_run(rest);
        if ascii > 0 {
            output.push_str(std::str::from_utf8(&rest[..ascii]).unwrap_or_default());
            read += ascii;
            continue;
        }
        let filled = fill(units, rest, &mut block);
        append(&block[..filled.units], output);
        read += filled.read;
        if filled.is_full_or_at_ascii {
            continue;
        }
        match irregular(charset, &input[read..]) {
            Irregular::Character(character, length) => {
                output.push(character);
                read += length;
            }
            Irregular::Stop(stop) => return Pass { read, stop },
        }
    }
}

struct Filled {
    read: usize,
    units: usize,
    is_full_or_at_ascii: bool,
}

/// Looks up ASCII and assigned pairs until the block is full, a long run of ASCII comes, or something irregular.
fn fill(units: &Units, input: &[u8], block: &mut [u16; BLOCK]) -> Filled {
    let mut read = 0;
    for (count, place) in block.iter_mut().enumerate() {
        match input[read..] {
            [byte @ 0x00..=0x7F, ..] => {
                if ascii_run(&input[read..]) > 0 {
                    return Filled { read, units: count, is_full_or_at_ascii: true };
                }
                *place = u16::from(byte);
                read += 1;
            }
            [lead, trail, ..] => {
                *place = units[unit_index(u16::from_be_bytes([lead, trail]))];
                if *place == 0 {
                    return Filled { read, units: count, is_full_or_at_ascii: false };
                }
                read += 2;
            }
            _ => return Filled { read, units: count, is_full_or_at_ascii: false },
        }
    }
    Filled { read, units: BLOCK, is_full_or_at_ascii: true }
}

/// The length of the ASCII run at the beginning, if it is worth a call of its own; else 0.
fn ascii_run(input: &[u8]) -> usize {
    match input.first_chunk::<16>() {
        Some(chunk) if chunk.is_ascii() => encoding_rs::Encoding::ascii_valid_up_to(input),
        _ => 0,
    }
}

fn append(units: &[u16], output: &mut String) {
    let start = output.len();
    output.push_str(&ZEROS[..3 * units.len()]);
    let written = convert_utf16_to_str(units, &mut output[start..]);
    output.truncate(start + written);
}

enum Irregular {
    Character(char, usize),
    Stop(Stop),
}

/// What stands where there is neither ASCII nor an assigned pair.
fn irregular(charset: Charset, input: &[u8]) -> Irregular {
    match *input {
        [] => Irregular::Stop(Stop::End),
        // As the Web has it: what Windows' code page 936 sends for the euro sign.
        [0x80, ..] if charset == Charset::Gb18030 => Irregular::Character('€', 1),
        [0x80 | 0xFF, ..] => malformed(1, 1),
        [_] => Irregular::Stop(Stop::Incomplete),
        [_, 0x30..=0x39, ..] if charset == Charset::Gb18030 => four_bytes(quads(), input),
        [_, 0x00..=0x7F, ..] => malformed(1, 2),
        _ => malformed(2, 2),
    }
}

fn four_bytes(quads: &Quads, input: &[u8]) -> Irregular {
    match *input {
        [_, _] | [_, _, 0x81..=0xFE] => Irregular::Stop(Stop::Incomplete),
        [first, second, third @ 0x81..=0xFE, fourth @ 0x30..=0x39, ..] => {
            match quads.character([first, second, third, fourth]) {
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
