//! UTF-8, checked by the standard library.

use std::str;

use super::{Malformed, Pass, Stop};

/// What is checked and copied at a time: small enough to be still in the first cache when it is copied.
const BLOCK: usize = 16 * 1024;

/// Decodes up to the first sequence that is not UTF-8. A malformed sequence is what the Unicode Standard calls a maximal
/// subpart, as for Python and the Web.
pub(super) fn decode(input: &[u8], output: &mut String) -> Pass {
    output.reserve(input.len());
    let mut read = 0;
    while read < input.len() {
        let block = &input[read..block_end(input, read)];
        match str::from_utf8(block) {
            Ok(text) => {
                output.push_str(text);
                read += text.len();
            }
            Err(error) => {
                let valid = &block[..error.valid_up_to()];
                output.push_str(str::from_utf8(valid).unwrap_or_default());
                read += valid.len();
                let stop = match error.error_len() {
                    Some(length) => Stop::Malformed(Malformed::of(length as u8)),
                    None => Stop::Incomplete,
                };
                return Pass { read, stop };
            }
        }
    }
    Pass { read, stop: Stop::End }
}

/// Where a block that starts at `start` ends without cutting a character, if the input is UTF-8 there.
fn block_end(input: &[u8], start: usize) -> usize {
    let Some(behind) = input.get(start + BLOCK - 3..=start + BLOCK) else {
        return input.len();
    };
    let is_continuation = |byte: &&u8| matches!(byte, 0x80..=0xBF);
    match behind.iter().rev().take_while(is_continuation).count() {
        // Not UTF-8; the check will say where.
        4 => start + BLOCK,
        cut => start + BLOCK - cut,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block that ended within a character would make that character look incomplete.
    #[test]
    fn a_block_never_ends_within_a_character() {
        for text in ["a", "é", "国", "😀"] {
            for shift in 0..4 {
                let text = "x".repeat(shift) + &text.repeat(3 * BLOCK / text.len());
                let mut output = String::new();
                let pass = decode(text.as_bytes(), &mut output);
                assert_eq!(pass, Pass { read: text.len(), stop: Stop::End });
                assert!(output == text);
            }
        }
    }

    #[test]
    fn a_long_run_of_continuation_bytes_is_malformed_where_it_begins() {
        let mut input = vec![b'a'; BLOCK - 2];
        input.resize(2 * BLOCK, 0x80);
        let pass = decode(&input, &mut String::new());
        assert_eq!(pass, Pass { read: BLOCK - 2, stop: Stop::Malformed(Malformed::of(1)) });
    }
}
