//! UTF-16 on its way out: `encoding_rs` has no encoder for it, because the Web has no use for one.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    LittleEndian,
    BigEndian,
}

/// Every character has a form, so that this cannot fail. No byte order mark is written.
pub(super) fn encode(order: ByteOrder, text: &str, output: &mut Vec<u8>) {
    output.reserve(text.len());
    match order {
        ByteOrder::LittleEndian => output.extend(text.encode_utf16().flat_map(u16::to_le_bytes)),
        ByteOrder::BigEndian => output.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
    }
}
