//! The four-byte sequences of GB 18030, which are mapped by table in the BMP and by arithmetic
//! above it.
//!
//! ```text
//!   81..FE  30..39  81..FE  30..39     counted as the digits of one number, the *pointer*
//!      0 ..=    39,419                 characters of the BMP that have no pair
//! 189,000 ..= 1,237,575                U+10000 ..= U+10FFFF in order
//! ```

use std::sync::OnceLock;

use super::cells;

/// The number of pointers in the BMP.
const BMP: usize = 39_420;
const ASTRAL: u32 = 189_000;

/// The tables for the BMP in both directions.
#[derive(Debug)]
pub(super) struct Quads {
    /// The UTF-16 unit of each pointer, or 0.
    units: Box<[u16; BMP]>,
    /// The pointer of each UTF-16 unit plus one, or 0.
    pointers: Box<[u16; 0x1_0000]>,
}

static QUADS: OnceLock<Quads> = OnceLock::new();

pub(super) fn quads() -> &'static Quads {
    QUADS.get_or_init(|| {
        let mut quads = Quads { units: cells::boxed(), pointers: cells::boxed() };
        let decoded = cells::decoded_one_by_one((0..BMP as u32).map(quad));
        for (index, unit) in decoded.into_iter().enumerate() {
            quads.units[index] = unit;
            if unit != 0 {
                quads.pointers[usize::from(unit)] = index as u16 + 1;
            }
        }
        quads
    })
}

impl Quads {
    /// Returns the character of four bytes, each of which must be in its range.
    #[inline]
    pub(super) fn character(&self, bytes: [u8; 4]) -> Option<char> {
        let pointer = pointer(bytes);
        match self.units.get(pointer as usize) {
            Some(0) => None,
            Some(&unit) => char::from_u32(u32::from(unit)),
            None => match pointer.checked_sub(ASTRAL) {
                Some(above) => char::from_u32(above + 0x1_0000),
                None => None,
            },
        }
    }

    /// Returns the pointer of a character of the BMP.
    #[inline]
    pub(super) fn pointer(&self, unit: u16) -> Option<u32> {
        u32::from(self.pointers[usize::from(unit)]).checked_sub(1)
    }
}

/// Returns the four bytes of a character above the BMP.
#[inline]
pub(super) fn astral(character: u32) -> [u8; 4] {
    quad(character - 0x1_0000 + ASTRAL)
}

/// Returns the four bytes of a pointer.
#[inline]
pub(super) fn quad(pointer: u32) -> [u8; 4] {
    let (rest, fourth) = (pointer / 10, pointer % 10);
    let (rest, third) = (rest / 126, rest % 126);
    let (first, second) = (rest / 10, rest % 10);
    [0x81 + first as u8, 0x30 + second as u8, 0x81 + third as u8, 0x30 + fourth as u8]
}

#[inline]
fn pointer([first, second, third, fourth]: [u8; 4]) -> u32 {
    let [first, third] = [first, third].map(|byte| u32::from(byte) - 0x81);
    let [second, fourth] = [second, fourth].map(|byte| u32::from(byte) - 0x30);
    ((first * 10 + second) * 126 + third) * 10 + fourth
}
