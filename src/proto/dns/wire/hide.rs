//! Hides records that are not needed from the message parser. The parser rejects a whole message if
//! it cannot parse one record or does not know its class.

/// Record types whose data is parsed, or may contain compressed names.
const READ: [u16; 10] = [
    1,  // A
    2,  // NS
    5,  // CNAME
    6,  // SOA
    12, // PTR
    15, // MX
    16, // TXT
    28, // AAAA
    33, // SRV
    39, // DNAME, parsed as a name only
];

/// RFC 6891, section 6.1.2.
const OPT: u16 = 41;

const CLASS_IN: u16 = 1;

/// Types for private use (RFC 6895, section 3.1), whose data the parser returns as bytes.
/// [`HIDDEN`] replaces the type of records that are not needed, and [`OPAQUE`] the queried type if
/// the parser would parse its data.
pub(super) const HIDDEN: u16 = 0xff00;
pub(super) const OPAQUE: u16 = 0xff01;

/// Hides each record that is not parsed, and marks the records of type `queried` so that their data
/// is returned as bytes. No byte is moved, because compressed names may point to any of them.
/// Returns the upper bits of the response code (RFC 6891, section 6.1.3), or `None` if the message
/// is incomplete.
pub(super) fn hide_other_records(message: &mut [u8], queried: Option<u16>) -> Option<u8> {
    let count = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    let questions = count(4)?;
    let records = u32::from(count(6)?) + u32::from(count(8)?) + u32::from(count(10)?);
    let mut at = super::HEADER;
    for _ in 0..questions {
        let kind = after_name(message, at)?;
        // The parser rejects a question with an unknown type.
        message.get_mut(kind..kind + 2)?.copy_from_slice(&1_u16.to_be_bytes());
        at = kind + 4;
    }
    let mut upper_code = 0;
    for _ in 0..records {
        let fixed = after_name(message, at)?;
        let [t, y, c, l, ttl, _, _, _, high, low] = *message.get(fixed..fixed + 10)?.first_chunk()?;
        let (kind, class) = (u16::from_be_bytes([t, y]), u16::from_be_bytes([c, l]));
        if kind == OPT {
            upper_code = ttl;
        }
        if !READ.contains(&kind) || class != CLASS_IN {
            let is_queried = queried == Some(kind) && class == CLASS_IN;
            let new = if is_queried { OPAQUE } else { HIDDEN };
            message.get_mut(fixed..fixed + 2)?.copy_from_slice(&new.to_be_bytes());
            message.get_mut(fixed + 2..fixed + 4)?.copy_from_slice(&CLASS_IN.to_be_bytes());
        }
        at = fixed + 10 + usize::from(u16::from_be_bytes([high, low]));
        if at > message.len() {
            return None;
        }
    }
    Some(upper_code)
}

/// The position after a name, which ends with the root label or with a pointer (RFC 1035,
/// section 4.1.4).
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += match *message.get(at)? {
            0 => return Some(at + 1),
            length @ 1..0x40 => 1 + usize::from(length),
            0xc0.. => return Some(at + 2),
            0x40..0xc0 => return None,
        };
    }
}
