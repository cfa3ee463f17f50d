//! The two-byte tables of GB 2312, GBK, and GB 18030, which map pairs of bytes to characters of the
//! BMP and back.
//!
//! The meaning of each pair comes from `encoding_rs`. This module only defines which of its pairs
//! belong to which standard, and a form that is read with one load. Each table is built at its
//! first use and kept.

use std::sync::OnceLock;

/// The character of each pair in UTF-8, indexed by [`form_index`]. The first byte is the lowest.
/// [`LONG`] is set if there are three bytes. 0 is an unassigned pair, as no pair is U+0000.
pub(super) type Forms = [u32; 0x8000];
/// The pair of each UTF-16 unit, with the lead byte in the upper half. 0 is a character without a
/// pair.
pub(super) type Pairs = [u16; 0x1_0000];

/// A bit that is set in the form of a character that has three bytes in UTF-8, as nearly all have.
/// The others have two.
pub(super) const LONG: u32 = 1 << 31;

/// A character set, which defines the assigned pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    Gb2312,
    Gbk,
    Gb18030,
}

static FORMS: [OnceLock<Box<Forms>>; 3] = [const { OnceLock::new() }; 3];
static PAIRS: [OnceLock<Box<Pairs>>; 3] = [const { OnceLock::new() }; 3];

impl Charset {
    pub(super) fn forms(self) -> &'static Forms {
        FORMS[self as usize].get_or_init(|| match self {
            Charset::Gb18030 => forms_of_encoding_rs(),
            narrower => {
                let mut forms = boxed();
                let wider = Charset::Gb18030.forms();
                for pair in 0x8000..=0xFFFF_u16 {
                    let form = wider[form_index(pair)];
                    if narrower.has(pair, unit_of(form)) {
                        forms[form_index(pair)] = form;
                    }
                }
                forms
            }
        })
    }

    pub(super) fn pairs(self) -> &'static Pairs {
        PAIRS[self as usize].get_or_init(|| {
            let forms = self.forms();
            let mut pairs: Box<Pairs> = boxed();
            // From the last to the first, so that the first of two pairs for a character is kept.
            for pair in (0x8000..=0xFFFF_u16).rev() {
                pairs[usize::from(unit_of(forms[form_index(pair)]))] = pair;
            }
            pairs[0] = 0;
            match self {
                Charset::Gb2312 => {
                    // The second characters of the two cells on which the common tables
                    // disagree.
                    pairs[0x30FB] = 0xA1A4;
                    pairs[0x2015] = 0xA1AA;
                }
                Charset::Gbk => {}
                Charset::Gb18030 => add_one_way_pairs(&mut pairs),
            }
            pairs
        })
    }

    /// Returns `true` if this character set, one of the narrower two, has the pair. `unit` is the
    /// character of the pair in GB 18030.
    fn has(self, pair: u16, unit: u16) -> bool {
        let [lead, trail] = pair.to_be_bytes();
        match self {
            Charset::Gb2312 => match (lead.checked_sub(0xA0), trail.checked_sub(0xA0)) {
                (Some(row), Some(cell)) => gb2312_has(row, cell),
                _ => false,
            },
            Charset::Gbk => unit != 0 && gbk_has(pair, unit),
            Charset::Gb18030 => true,
        }
    }
}

/// Returns the index of a pair in [`Forms`], without the top bit, which every lead byte has.
#[inline(always)]
pub(super) fn form_index(pair: u16) -> usize {
    usize::from(pair & 0x7FFF)
}

fn form_of(unit: u16) -> u32 {
    let mut form = [0; 4];
    match char::from_u32(u32::from(unit)).map(|character| character.encode_utf8(&mut form).len()) {
        Some(3) => u32::from_le_bytes(form) | LONG,
        _ => u32::from_le_bytes(form),
    }
}

/// Returns the character of a form as a UTF-16 unit.
fn unit_of(form: u32) -> u16 {
    let bits = |byte: u8| u16::from(byte & 0x3F);
    match form.to_le_bytes() {
        [first, second, third, _] if form & LONG != 0 => {
            (u16::from(first) << 12) | (bits(second) << 6) | bits(third)
        }
        [first, second, ..] => (u16::from(first & 0x1F) << 6) | bits(second),
    }
}

/// Returns `true` for the 7,445 cells of GB 2312-80, by row (区) and cell (位).
fn gb2312_has(row: u8, cell: u8) -> bool {
    match row {
        1 | 3 | 16..=54 | 56..=87 => matches!(cell, 1..=94),
        2 => matches!(cell, 17..=66 | 69..=78 | 81..=92),
        4 => matches!(cell, 1..=83),
        5 => matches!(cell, 1..=86),
        6 => matches!(cell, 1..=24 | 33..=56),
        7 => matches!(cell, 1..=33 | 49..=81),
        8 => matches!(cell, 1..=26 | 37..=73),
        9 => matches!(cell, 4..=79),
        55 => matches!(cell, 1..=89),
        _ => false,
    }
}

/// Returns `true` for the 21,791 pairs of GBK as in Windows code page 936, Python, and iconv: the
/// pairs of GB 18030 that are neither for private use nor newer than the code page.
fn gbk_has(pair: u16, unit: u16) -> bool {
    let private_use = matches!(unit, 0xE000..=0xF8FF);
    let younger = matches!(
        pair,
        0xA2E3                                          // the euro sign
        | 0xA6D9..=0xA6DF | 0xA6EC..=0xA6ED | 0xA6F3    // vertical punctuation
        | 0xA8BC | 0xA8BF                               // ḿ ǹ
        | 0xA989..=0xA995                               // 〾 and the signs that describe characters
        | 0xFE50..=0xFEA0                               // radicals and ideographs of later extensions
    );
    // WHATWG decodes the private-use pair A3A0 as a second ideographic space.
    !private_use && !younger && pair != 0xA3A0
}

fn forms_of_encoding_rs() -> Box<Forms> {
    let pairs: Vec<u16> = (0x8140..=0xFEFE_u16)
        .filter(|pair| matches!(pair.to_be_bytes()[1], 0x40..=0x7E | 0x80..=0xFE))
        .collect();
    let mut forms: Box<Forms> = boxed();
    for (pair, unit) in pairs.iter().zip(decoded_one_by_one(pairs.iter().map(|pair| pair.to_be_bytes()))) {
        forms[form_index(*pair)] = form_of(unit);
    }
    forms
}

/// Decodes each sequence with `encoding_rs` to one unit of the BMP, or to 0.
pub(super) fn decoded_one_by_one<const N: usize>(sequences: impl Iterator<Item = [u8; N]>) -> Vec<u16> {
    // One call for all, with a line per sequence. One call per sequence takes ten times as long.
    let mut lines = Vec::new();
    for sequence in sequences {
        lines.extend_from_slice(&sequence);
        lines.push(b'\n');
    }
    let (text, _) = encoding_rs::GB18030.decode_without_bom_handling(&lines);
    let one_unit = |line: &str, sequence: &[u8]| {
        let mut characters = line.chars();
        let (character, None) = (characters.next()?, characters.next()) else { return None };
        if character == char::REPLACEMENT_CHARACTER {
            // Malformed, or U+FFFD itself.
            encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(sequence)?;
        }
        u16::try_from(u32::from(character)).ok()
    };
    let sequences = lines.chunks_exact(N + 1).map(|line| &line[..N]);
    text.split_terminator('\n')
        .zip(sequences)
        .map(|(line, sequence)| one_unit(line, sequence).unwrap_or(0))
        .collect()
}

/// Adds the private-use code points of the 18 characters that GB 18030-2022 moved out of private
/// use. Both code points are encoded to the same pair.
fn add_one_way_pairs(pairs: &mut Pairs) {
    let quads = super::quads::quads();
    for unit in 0xE000..=0xF8FF_u16 {
        if pairs[usize::from(unit)] == 0 && quads.pointer(unit).is_none() {
            let mut text = [0; 3];
            let character = char::from_u32(u32::from(unit)).unwrap_or_default();
            let mut bytes = [0; 4];
            let (result, _, written) = encoding_rs::GB18030
                .new_encoder()
                .encode_from_utf8_without_replacement(character.encode_utf8(&mut text), &mut bytes, true);
            if let (encoding_rs::EncoderResult::InputEmpty, [lead, trail]) = (result, &bytes[..written]) {
                pairs[usize::from(unit)] = u16::from_be_bytes([*lead, *trail]);
            }
        }
    }
}

/// Creates an array on the heap, without a copy on the stack.
pub(super) fn boxed<T: Copy + Default, const N: usize>() -> Box<[T; N]> {
    match vec![T::default(); N].into_boxed_slice().try_into() {
        Ok(array) => array,
        Err(_) => unreachable!("the length is N"),
    }
}
