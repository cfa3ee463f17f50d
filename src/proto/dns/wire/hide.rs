//! Records that are not needed, hidden from the crate that reads messages: it refuses a whole message for one record that it
//! cannot read, or whose class it does not know.

/// Record types whose data is read, or has names that may be compressed.
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
    39, // DNAME, of which the crate takes the name alone
];

/// RFC 6891, 6.1.2.
const OPT: u16 = 41;

const CLASS_IN: u16 = 1;

/// Types for private use (RFC 6895, 3.1), whose data is bytes: for records that are not needed, and for those of the type that was
/// asked for, where the crate would read their data.
pub(super) const HIDDEN: u16 = 0xff00;
pub(super) const OPAQUE: u16 = 0xff01;

/// Hides each record that is not read, and has the data of those of type `asked` read as bytes. All bytes stay in their place,
/// as compressed names may point to them. Returns the upper bits of the response code (RFC 6891, 6.1.3); `None` if the message is not whole.
pub(super) fn hide_other_records(message: &mut [u8], asked: Option<u16>) -> Option<u8> {
    let count = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    let questions = count(4)?;
    let records = u32::from(count(6)?) + u32::from(count(8)?) + u32::from(count(10)?);
    let mut at = super::HEADER;
    for _ in 0..questions {
        let kind = after_name(message, at)?;
        // The crate does not take a question of a type that it does not know.
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
            let is_asked = asked == Some(kind) && class == CLASS_IN;
            let new = if is_asked { OPAQUE } else { HIDDEN };
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

/// Where a name ends: behind its root, or behind a pointer (RFC 1035, 4.1.4).
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
