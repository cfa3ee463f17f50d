//! Encoding of the WHATWG encodings with `encoding_rs`.

use encoding_rs::EncoderResult;

/// An encoder, which keeps the state of ISO-2022-JP.
pub(super) struct WebEncoder(encoding_rs::Encoder);

impl WebEncoder {
    pub(super) fn new(encoding: &'static encoding_rs::Encoding) -> WebEncoder {
        WebEncoder(encoding.new_encoder())
    }

    /// Encodes up to the first character that the encoding does not have. Returns the offset of
    /// that character in the text, or `None` if there is none.
    ///
    /// `encoding_rs` returns to ASCII in ISO-2022-JP before such a character, for a replacement in
    /// ASCII. If nothing is written there, the next character may switch to another state
    /// immediately, and two escape sequences without text between them are malformed for a decoder.
    /// Therefore the encoder of ISO-2022-JP is never passed such a character.
    pub(super) fn encode(&mut self, text: &str, output: &mut Vec<u8>) -> Option<usize> {
        let encoding = self.0.encoding();
        let unknown = match encoding == encoding_rs::ISO_2022_JP {
            true => WebEncoder::new(encoding).step(text, &mut Vec::new(), false),
            false => None,
        };
        let known = unknown.map_or(text, |place| &text[..place]);
        self.step(known, output, false).or(unknown)
    }

    /// Writes the bytes that return a stateful encoding to its initial state.
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
                // The reported character may be U+FFFD. The one before the place where the encoder
                // stopped is the character of the text.
                EncoderResult::Unmappable(_) => {
                    let length = text[..read].chars().next_back().map_or(0, char::len_utf8);
                    return Some(read - length);
                }
            }
        }
    }
}
