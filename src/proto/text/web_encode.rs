//! From text to the Web's encodings, by `encoding_rs`.

use encoding_rs::EncoderResult;

/// An encoder, which remembers the state that ISO-2022-JP is in.
pub(super) struct WebEncoder(encoding_rs::Encoder);

impl WebEncoder {
    pub(super) fn new(encoding: &'static encoding_rs::Encoding) -> WebEncoder {
        WebEncoder(encoding.new_encoder())
    }

    /// Encodes up to the first character that the encoding does not have; that one's place in the text, or none.
    ///
    /// ISO-2022-JP goes back to ASCII before such a character, for what the Web writes in its place. Where nothing is written
    /// there, the next character may leave ASCII at once, and two changes in a row are malformed to who reads them. So this one
    /// is never shown such a character.
    pub(super) fn encode(&mut self, text: &str, output: &mut Vec<u8>) -> Option<usize> {
        let encoding = self.0.encoding();
        let unknown = match encoding == encoding_rs::ISO_2022_JP {
            true => WebEncoder::new(encoding).step(text, &mut Vec::new(), false),
            false => None,
        };
        let known = unknown.map_or(text, |place| &text[..place]);
        self.step(known, output, false).or(unknown)
    }

    /// Writes what brings a stateful encoding back to its beginning.
    pub(super) fn finish(&mut self, output: &mut Vec<u8>) {
        self.step("", output, true);
    }

    fn step(&mut self, text: &str, output: &mut Vec<u8>, last: bool) -> Option<usize> {
        let mut read = 0;
        loop {
            let rest = &text[read..];
            let room = self.0.max_buffer_length_from_utf8_without_replacement(rest.len());
            output.reserve(room.unwrap_or(rest.len()));
            let (result, count) = self.0.encode_from_utf8_to_vec_without_replacement(rest, output, last);
            read += count;
            match result {
                EncoderResult::InputEmpty => return None,
                EncoderResult::OutputFull => {}
                // The character that it names may be U+FFFD; the one that it stopped behind is the text's own.
                EncoderResult::Unmappable(_) => {
                    let length = text[..read].chars().next_back().map_or(0, char::len_utf8);
                    return Some(read - length);
                }
            }
        }
    }
}
