//! Encoding of UTF-16, for which `encoding_rs` has no encoder because the Encoding Standard has
//! none.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    LittleEndian,
    BigEndian,
}

/// Encodes text. This cannot fail, and writes no byte order mark.
pub(super) fn encode(order: ByteOrder, text: &str, output: &mut Vec<u8>) {
    output.reserve(text.len());
    match order {
        ByteOrder::LittleEndian => output.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
        ByteOrder::BigEndian => output.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
    }
}
