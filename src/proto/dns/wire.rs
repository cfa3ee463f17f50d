//! Queries and what is made of the replies: RFC 1035, RFC 6891. The only module that knows the crate that reads messages.

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
    /// For how many seconds it holds; of all that led to it the least.
    pub(crate) ttl: u32,
    /// Whether there is such a name. If so and there are no records, it has none of the kind.
    pub(crate) exists: bool,
    /// For how long it holds that there is none, if the zone says so.
    pub(crate) negative_ttl: Option<u32>,
    /// The name that is meant, of which the reply has nothing.
    pub(crate) alias: Option<HostName>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Not a response to this query. The lookup continues to wait.
    Unrelated,
    /// It did not fit, and is to be had over TCP.
    Truncated,
    Failure(ResponseError),
    Answer(Answer),
}

/// What fits a datagram everywhere: the DNS flag day of 2020.
const LARGEST_REPLY: u16 = 1_232;

/// How many aliases in a row are followed, in one response and in all of them. A chain without end is longer.
pub(crate) const MAX_ALIASES: u8 = 32;

/// Up to this number of records, each is compared with all others; beyond it, by its hash.
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

/// A query; `None` for a name that cannot be written, which none is that was read as one.
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

/// The question of a query as it stands on the wire, which a reply has again; its case need not be the same.
fn question(query: &[u8]) -> Option<&[u8]> {
    let mut end = HEADER;
    while *query.get(end)? > 0 {
        end += 1 + usize::from(query[end]);
    }
    query.get(HEADER..end + 5)
}

fn is_of(reply: &[u8], query: &[u8]) -> bool {
    let Some(asked) = question(query) else { return false };
    let Some(again) = reply.get(HEADER..HEADER + asked.len()) else { return false };
    let (name, rest) = asked.split_at(asked.len() - 4);
    again[..name.len()].eq_ignore_ascii_case(name) && again[name.len()..] == *rest
}

/// What a datagram, or a message over TCP, is to a query.
pub(crate) fn validate(reply: &[u8], query: &[u8], name: &HostName, kind: Kind) -> Verdict {
    let (Some(header), Some(asked)) = (reply.get(..HEADER), query.get(..HEADER)) else {
        return Verdict::Unrelated;
    };
    let (flags, code) = (header[2], header[3] & 0x0f);
    let questions = u16::from_be_bytes([header[4], header[5]]);
    let is_reply = header[..2] == asked[..2] && flags & 0x80 != 0;
    // Some servers that do not understand a query do not repeat it either.
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
    // The bit that RFC 1035 keeps for later makes the crate refuse the whole message.
    let mut copy = reply.to_vec();
    copy[3] &= !0x40;
    let raw = if let Kind::Other(number) = kind { Some(number) } else { None };
    match hide_other_records(&mut copy, raw) {
        None => Verdict::Failure(ResponseError::Malformed),
        // BADVERS and others that do not fit the header.
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
        // RFC 2308, 5: the lesser of the two.
        RData::SOA(soa) => Some(seconds(record.ttl).min(soa.minimum)),
        _ => None,
    });
    let has_authority = packet.has_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    let recurses = packet.has_flags(PacketFlag::RECURSION_AVAILABLE);
    let is_empty = packet.answers.is_empty() && negative_ttl.is_none();
    if is_empty && !is_missing && !has_authority && !recurses {
        return Verdict::Failure(ResponseError::NotAuthoritative);
    }
    // A server that says nothing of what an alias leads to is asked for that.
    let alias = (is_alias && !is_missing && negative_ttl.is_none()).then_some(owner);
    // That there is nothing behind an alias is known for no longer than the alias.
    let negative_ttl = negative_ttl.map(|own| own.min(ttl));
    Verdict::Answer(Answer { records: Vec::new(), ttl, exists: !is_missing, negative_ttl, alias })
}

/// RFC 2181, 8: a number with the first bit set is 0.
fn seconds(ttl: u32) -> u32 {
    if ttl > i32::MAX as u32 { 0 } else { ttl }
}

fn is_named(found: &Name<'_>, name: &HostName) -> bool {
    let mut rest = name.as_str();
    let mut labels = found.as_bytes();
    let is_prefix = labels.by_ref().all(|label| {
        let Some((own, behind)) = rest.as_bytes().split_at_checked(label.len()) else { return false };
        // The end of the name, or a dot before the next label.
        // A dot within a label is none between two.
        let is_label = !label.contains(&b'.') && matches!(behind.first(), None | Some(b'.'));
        let is_own = own.eq_ignore_ascii_case(label) && is_label;
        rest = rest.get((label.len() + 1).min(rest.len())..).unwrap_or_default();
        is_own
    });
    is_prefix && rest.is_empty()
}

/// Whether a record is not among those before. A response may have thousands.
fn is_new(record: &RecordData, records: &[RecordData], seen: &mut HashSet<RecordData>) -> bool {
    if records.len() < FEW {
        return !records.contains(record);
    }
    if seen.is_empty() {
        seen.extend(records.iter().cloned());
    }
    seen.insert(record.clone())
}

/// The text of a name that has nothing but printable ASCII, and no dot within a label.
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

/// The name behind an alias, if a caller could look it up: a name that is not a host name is neither queried nor accepted. Names
/// of addresses may have a slash (RFC 2317, 4).
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
    // What is no name of a host would go from here to where names are trusted: a file, a page, a terminal. The root is the
    // host of those who have none (RFC 7505, RFC 2782).
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

/// Whether a record has the queried type. The type of hidden records can be queried, too.
fn is_of_type(data: &RData<'_>, number: u16) -> bool {
    let own = u16::from(data.type_code());
    own == OPAQUE || own == number && number != HIDDEN
}

/// The data of a record on the wire, with its names written out.
fn bytes(data: &RData<'_>) -> Option<Vec<u8>> {
    /// The root's name, type, class, TTL and length.
    const BEFORE: usize = HEADER + 1 + 2 + 2 + 4 + 2;
    let mut packet = Packet::new_reply(0);
    packet.answers.push(ResourceRecord::new(Name::new("").ok()?, CLASS::IN, 0, data.clone()));
    let mut bytes = packet.build_bytes_vec().ok()?;
    (bytes.len() >= BEFORE).then(|| bytes.split_off(BEFORE))
}

/// The strings of a TXT record, each behind its length: RFC 1035, 3.3.14. The crate that reads messages gives them only as
/// attributes, and without those that are none; so they are taken from the record as it writes it.
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
