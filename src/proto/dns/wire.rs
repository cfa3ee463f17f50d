//! Encoding of queries and validation of responses: RFC 1035, RFC 6891. This is the only module
//! that uses the message parser (`simple-dns`).

mod hide;

use std::collections::HashSet;

use simple_dns::rdata::{OPT, RData, TXT};
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, ResourceRecord, TYPE};

use super::fault::ResponseError;
use super::host::{Host, NameBuf};
use super::name::HostName;
use super::records::{Kind, Mx, RawRecord, RecordData, Srv, Txt};
use hide::{HIDDEN, OPAQUE, hide_other_records};

/// The answer of a response to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) records: Vec<RecordData>,
    /// The TTL in seconds: the smallest of the records and of the CNAME records that lead to them.
    pub(crate) ttl: u32,
    /// Whether the name exists. If it exists and `records` is empty, it has no records of the
    /// queried type (NODATA).
    pub(crate) exists: bool,
    /// The TTL of a negative answer in seconds, if the response has an SOA record.
    pub(crate) negative_ttl: Option<u32>,
    /// The target of the last CNAME, if the response has no data about that target.
    pub(crate) alias: Option<HostName>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not a response to this query. The lookup continues to wait.
    Unrelated,
    /// The response is truncated (TC bit). The query must be sent again over TCP.
    Truncated,
    Failure(ResponseError),
    Answer(Answer),
}

/// The UDP payload size announced with EDNS. It fits into one packet on all networks (DNS Flag Day
/// 2020).
const LARGEST_REPLY: u16 = 1_232;

/// The longest chain of aliases (CNAME) that is followed, in one response and over all responses of
/// a lookup. A loop exceeds it.
pub(crate) const MAX_ALIASES: u8 = 32;

/// Up to this number of records, duplicates are found by comparison; beyond it, with a hash set.
const FEW: usize = 16;

const HEADER: usize = 12;

impl Kind {
    fn to_wire(self) -> TYPE {
        match self {
            Kind::A => TYPE::A,
            Kind::Aaaa => TYPE::AAAA,
            Kind::Ptr => TYPE::PTR,
            Kind::Txt => TYPE::TXT,
            Kind::Mx => TYPE::MX,
            Kind::Srv => TYPE::SRV,
            Kind::Other(number) => number.into(),
        }
    }
}

/// Encodes a query. Returns `None` if the name cannot be encoded, which does not happen for a name
/// that [`Host::parse`] accepted.
pub(crate) fn query(id: u16, name: &HostName, kind: Kind, edns: bool) -> Option<Vec<u8>> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name.as_str()).ok()?;
    packet.questions.push(Question::new(name, kind.to_wire().into(), CLASS::IN.into(), false));
    if edns {
        *packet.opt_mut() = Some(OPT { opt_codes: Vec::new(), udp_packet_size: LARGEST_REPLY, version: 0 });
    }
    packet.build_bytes_vec().ok()
}

/// The question section of a query: name, type, and class. A response repeats it, possibly in other
/// case.
fn question(query: &[u8]) -> Option<&[u8]> {
    let mut end = HEADER;
    while *query.get(end)? > 0 {
        end += 1 + usize::from(query[end]);
    }
    query.get(HEADER..end + 5)
}

fn is_of(reply: &[u8], query: &[u8]) -> bool {
    let Some(sent) = question(query) else { return false };
    let Some(repeated) = reply.get(HEADER..HEADER + sent.len()) else { return false };
    let (name, rest) = sent.split_at(sent.len() - 4);
    repeated[..name.len()].eq_ignore_ascii_case(name) && repeated[name.len()..] == *rest
}

/// Validates a message received over UDP or TCP as the response to a query.
pub(crate) fn validate(reply: &[u8], query: &[u8], name: &HostName, kind: Kind) -> Verdict {
    let (Some(header), Some(sent)) = (reply.get(..HEADER), query.get(..HEADER)) else {
        return Verdict::Unrelated;
    };
    let (flags, code) = (header[2], header[3] & 0x0f);
    let questions = u16::from_be_bytes([header[4], header[5]]);
    let is_reply = header[..2] == sent[..2] && flags & 0x80 != 0;
    // Some servers that return FORMERR do not repeat the question.
    let repeats = questions == 1 && is_of(reply, query) || questions == 0 && code == 1;
    if !is_reply || !repeats {
        return Verdict::Unrelated;
    }
    if flags & 0x02 != 0 {
        return Verdict::Truncated;
    }
    let failure = match code {
        0 | 3 => None,
        1 => Some(ResponseError::FormErr),
        2 => Some(ResponseError::ServFail),
        4 => Some(ResponseError::NotImplemented),
        5 => Some(ResponseError::Refused),
        other => Some(ResponseError::Other(other)),
    };
    if let Some(failure) = failure {
        return Verdict::Failure(failure);
    }
    // The parser rejects a message in which the reserved Z bit (RFC 1035, section 4.1.1) is set.
    let mut copy = reply.to_vec();
    copy[3] &= !0x40;
    let raw = if let Kind::Other(number) = kind { Some(number) } else { None };
    match hide_other_records(&mut copy, raw) {
        None => Verdict::Failure(ResponseError::Malformed),
        // BADVERS and other extended response codes.
        Some(upper @ 1..) => {
            Verdict::Failure(ResponseError::Extended(u16::from(upper) << 4 | u16::from(code)))
        }
        Some(0) => match Packet::parse(&copy) {
            Ok(packet) => read(&packet, name, kind, code == 3),
            Err(_) => Verdict::Failure(ResponseError::Malformed),
        },
    }
}

fn read(packet: &Packet<'_>, name: &HostName, kind: Kind, is_missing: bool) -> Verdict {
    let mut owner = name.clone();
    let mut ttl = u32::MAX;
    let mut is_alias = false;
    for hop in 0..=MAX_ALIASES {
        let own = packet
            .answers
            .iter()
            .filter(|record| is_named(&record.name, &owner) && record.class == CLASS::IN);
        let (mut records, mut seen) = (Vec::new(), HashSet::new());
        let mut alias = None;
        for record in own {
            match data(&record.rdata, kind) {
                Some(found) => {
                    ttl = ttl.min(seconds(record.ttl));
                    if is_new(&found, &records, &mut seen) {
                        records.push(found);
                    }
                }
                None => {
                    if let RData::CNAME(target) = &record.rdata {
                        alias = Some((alias_of(&target.0, kind), seconds(record.ttl)));
                    }
                }
            }
        }
        match alias {
            _ if !records.is_empty() => {
                return Verdict::Answer(Answer {
                    records,
                    ttl,
                    exists: true,
                    negative_ttl: None,
                    alias: None,
                });
            }
            Some(_) if hop == MAX_ALIASES => return Verdict::Failure(ResponseError::CnameLoop),
            Some((None, _)) => return Verdict::Failure(ResponseError::InvalidCname),
            Some((Some(target), alias_ttl)) => {
                ttl = ttl.min(alias_ttl);
                owner = target;
                is_alias = true;
            }
            None => break,
        }
    }
    let negative_ttl = packet.name_servers.iter().find_map(|record| match &record.rdata {
        // RFC 2308, section 5: the smaller of the TTL and the MINIMUM field.
        RData::SOA(soa) => Some(seconds(record.ttl).min(soa.minimum)),
        _ => None,
    });
    let has_authority = packet.has_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    let recurses = packet.has_flags(PacketFlag::RECURSION_AVAILABLE);
    let is_empty = packet.answers.is_empty() && negative_ttl.is_none();
    if is_empty && !is_missing && !has_authority && !recurses {
        return Verdict::Failure(ResponseError::NotAuthoritative);
    }
    // If the response has no data about the target of an alias, the target is queried next.
    let alias = (is_alias && !is_missing && negative_ttl.is_none()).then_some(owner);
    // A negative answer for the target of an alias expires with the alias at the latest.
    let negative_ttl = negative_ttl.map(|own| own.min(ttl));
    Verdict::Answer(Answer { records: Vec::new(), ttl, exists: !is_missing, negative_ttl, alias })
}

/// RFC 2181, section 8: a TTL with the most significant bit set is treated as 0.
fn seconds(ttl: u32) -> u32 {
    if ttl > i32::MAX as u32 { 0 } else { ttl }
}

fn is_named(found: &Name<'_>, name: &HostName) -> bool {
    let mut rest = name.as_str();
    let mut labels = found.as_bytes();
    let is_prefix = labels.by_ref().all(|label| {
        let Some((own, behind)) = rest.as_bytes().split_at_checked(label.len()) else { return false };
        // A label must be followed by a dot or by the end of the name. A dot within a label is not
        // a separator.
        let is_label = !label.contains(&b'.') && matches!(behind.first(), None | Some(b'.'));
        let is_own = own.eq_ignore_ascii_case(label) && is_label;
        rest = rest.get((label.len() + 1).min(rest.len())..).unwrap_or_default();
        is_own
    });
    is_prefix && rest.is_empty()
}

/// Whether `records` does not contain the record yet. A response may have thousands of records.
fn is_new(record: &RecordData, records: &[RecordData], seen: &mut HashSet<RecordData>) -> bool {
    if records.len() < FEW {
        return !records.contains(record);
    }
    if seen.is_empty() {
        seen.extend(records.iter().cloned());
    }
    seen.insert(record.clone())
}

/// Converts a name to text. Returns `None` if a label contains a dot or anything but printable
/// ASCII.
fn text(name: &Name<'_>) -> Option<String> {
    let mut text = String::new();
    for label in name.as_bytes() {
        let label = std::str::from_utf8(label).ok()?;
        if !label.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.') {
            return None;
        }
        text += if text.is_empty() { "" } else { "." };
        text += label;
    }
    Some(text)
}

/// Returns the target of an alias if a caller could look it up. A target that is not a host name is
/// neither queried nor accepted. Names in a reverse zone may contain a slash (RFC 2317, section 4).
fn alias_of(target: &Name<'_>, kind: Kind) -> Option<HostName> {
    let text = text(target)?;
    let spelled = if kind == Kind::Ptr { text.replace('/', "-") } else { text.clone() };
    match Host::parse(&spelled, &mut NameBuf::new()) {
        Ok(Host::Name(name, _)) if !name.is_localhost() && !name.is_special_use() => {
            Some(HostName::found(&text))
        }
        _ => None,
    }
}

fn data(data: &RData<'_>, kind: Kind) -> Option<RecordData> {
    // A name that is not a host name is rejected, because callers write it to files, web pages, and
    // terminals. The root is valid: it means that no host provides the service (RFC 7505,
    // RFC 2782).
    let name = |name: &Name<'_>| {
        let name = text(name)?;
        (name.is_empty() || matches!(Host::parse(&name, &mut NameBuf::new()), Ok(Host::Name(..))))
            .then_some(name)
    };
    Some(match (data, kind) {
        (RData::A(a), Kind::A) => RecordData::Address(std::net::Ipv4Addr::from(a.address).into()),
        (RData::AAAA(a), Kind::Aaaa) => RecordData::Address(std::net::Ipv6Addr::from(a.address).into()),
        (RData::PTR(ptr), Kind::Ptr) => RecordData::Name(name(&ptr.0)?),
        (RData::MX(mx), Kind::Mx) => {
            RecordData::Mx(Mx { preference: mx.preference, exchange: name(&mx.exchange)? })
        }
        (RData::SRV(srv), Kind::Srv) => RecordData::Srv(Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: name(&srv.target)?,
        }),
        (RData::TXT(txt), Kind::Txt) => RecordData::Txt(Txt::new(strings(txt)?)),
        (data, Kind::Other(number)) if is_of_type(data, number) => {
            RecordData::Raw(RawRecord { data: bytes(data)? })
        }
        _ => return None,
    })
}

/// Whether a record has the queried type. [`HIDDEN`] and [`OPAQUE`] are valid types to query, too.
fn is_of_type(data: &RData<'_>, number: u16) -> bool {
    let own = u16::from(data.type_code());
    own == OPAQUE || own == number && number != HIDDEN
}

/// The RDATA of a record, with uncompressed names.
fn bytes(data: &RData<'_>) -> Option<Vec<u8>> {
    /// The header, the root name, TYPE, CLASS, TTL, and RDLENGTH.
    const BEFORE: usize = HEADER + 1 + 2 + 2 + 4 + 2;
    let mut packet = Packet::new_reply(0);
    packet.answers.push(ResourceRecord::new(Name::new("").ok()?, CLASS::IN, 0, data.clone()));
    let mut bytes = packet.build_bytes_vec().ok()?;
    (bytes.len() >= BEFORE).then(|| bytes.split_off(BEFORE))
}

/// The strings of a TXT record, each preceded by its length: RFC 1035, section 3.3.14. The parser
/// returns them only as key-value attributes and omits strings that are not attributes, so they are
/// read from the encoded record.
fn strings(txt: &TXT<'_>) -> Option<Vec<Box<[u8]>>> {
    let bytes = bytes(&RData::TXT(txt.clone()))?;
    let mut rest = &bytes[..];
    let mut strings = Vec::new();
    while let Some((length, behind)) = rest.split_first() {
        let (string, after) = behind.split_at_checked(usize::from(*length))?;
        strings.push(string.into());
        rest = after;
    }
    Some(strings)
}

#[cfg(test)]
mod tests;
