//! Decoding of the WHATWG encodings with `encoding_rs`, which keeps incomplete characters between
//! calls and does not report their length.

use encoding_rs::{DecoderResult, ISO_2022_JP, UTF_16BE, UTF_16LE};

/// The maximum length of a character in these encodings, except for surrogate pairs of UTF-16.
const LONGEST: usize = 3;

#[derive(Debug)]
pub(super) struct WebDecoder {
    decoder: Inner,
    /// The last bytes of the stream, the newest ones at the end. `encoding_rs` reports only the
    /// place of a malformed sequence, not its bytes.
    tail: [u8; 8],
    /// The number of bytes that were passed in and whose text was not returned yet.
    pending: usize,
    /// Whether bytes after the last malformed sequence were passed in and their text was not
    /// returned yet. Only the decoders of ISO-2022-JP and UTF-16 leave such text to the next call,
    /// and only they may be called without input: without input, `encoding_rs` 0.8.35 loses the
    /// first byte of a pair in Big5, EUC-KR, and Shift_JIS.
    has_text_left: bool,
    is_iso_2022_jp: bool,
    is_utf_16: bool,
}

/// `encoding_rs::Decoder` has no `Debug`.
struct Inner(encoding_rs::Decoder);

pub(super) enum WebStop {
    End,
    /// `length` bytes are malformed. The `behind` bytes after them were passed in too.
    Malformed {
        bytes: [u8; 4],
        length: usize,
        behind: usize,
    },
}

impl WebDecoder {
    pub(super) fn new(encoding: &'static encoding_rs::Encoding) -> WebDecoder {
        WebDecoder {
            decoder: Inner(encoding.new_decoder_without_bom_handling()),
            tail: [0; 8],
            pending: 0,
            has_text_left: false,
            is_iso_2022_jp: encoding == ISO_2022_JP,
            is_utf_16: encoding == UTF_16LE || encoding == UTF_16BE,
        }
    }

    /// Returns the number of pending bytes.
    pub(super) fn pending(&self) -> usize {
        self.pending
    }

    /// Decodes up to the end or the first malformed sequence. Returns the number of bytes that were
    /// passed in, and the reason for stopping.
    ///
    /// The last bytes are passed in one by one. Those after which no text is returned are pending.
    pub(super) fn decode(&mut self, input: &[u8], output: &mut String, last: bool) -> (usize, WebStop) {
        let mut read = 0;
        if self.has_text_left {
            self.has_text_left = false;
            self.step(&[], output, false, &mut read);
        }
        let bulk = input.len().saturating_sub(LONGEST);
        if bulk > 0 {
            let stop = self.step(&input[..bulk], output, false, &mut read);
            if let WebStop::Malformed { .. } = stop {
                return (read, stop);
            }
        }
        while read < input.len() {
            let stop = self.step(&input[read..=read], output, false, &mut read);
            if let WebStop::Malformed { .. } = stop {
                return (read, stop);
            }
        }
        let stop = if last { self.step(&[], output, true, &mut read) } else { WebStop::End };
        (read, stop)
    }

    fn step(&mut self, input: &[u8], output: &mut String, last: bool, read: &mut usize) -> WebStop {
        let before = output.len();
        let mut taken = 0;
        loop {
            let rest = &input[taken..];
            // Always enough space, because Big5, EUC-KR, and Shift_JIS also lose that byte when the
            // output is full.
            let room = self.decoder.0.max_utf8_buffer_length_without_replacement(rest.len());
            output.reserve(room.unwrap_or(rest.len()));
            let (result, count) = self.decoder.0.decode_to_string_without_replacement(rest, output, last);
            taken += count;
            match result {
                DecoderResult::OutputFull => {}
                DecoderResult::InputEmpty => {
                    self.remember(input);
                    *read += taken;
                    self.count_pending(input.len(), output.len() > before);
                    return WebStop::End;
                }
                DecoderResult::Malformed(length, behind) => {
                    self.remember(&input[..taken]);
                    *read += taken;
                    let (length, behind) = (usize::from(length), usize::from(behind));
                    // Three bytes are an escape sequence of ISO-2022-JP, which has already taken
                    // effect.
                    self.pending = if behind == 3 || last { 0 } else { behind };
                    self.has_text_left = self.pending > 0 && (self.is_iso_2022_jp || self.is_utf_16);
                    let mut bytes = [0; 4];
                    let end = self.tail.len() - behind;
                    bytes[..length].copy_from_slice(&self.tail[end - length..end]);
                    return WebStop::Malformed { bytes, length, behind };
                }
            }
        }
    }

    fn count_pending(&mut self, taken: usize, something_came_out: bool) {
        // A complete escape sequence of ISO-2022-JP returns no text.
        let is_escape =
            matches!(self.tail, [.., 0x1B, b'(', b'B' | b'I' | b'J'] | [.., 0x1B, b'$', b'@' | b'B']);
        if something_came_out || (self.is_iso_2022_jp && taken > 0 && is_escape) {
            self.pending = 0;
        } else {
            self.pending = (self.pending + taken).min(LONGEST);
        }
    }

    fn remember(&mut self, bytes: &[u8]) {
        let kept = &bytes[bytes.len().saturating_sub(self.tail.len())..];
        self.tail.rotate_left(kept.len());
        let end = self.tail.len() - kept.len();
        self.tail[end..].copy_from_slice(kept);
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.encoding().name())
    }
}
