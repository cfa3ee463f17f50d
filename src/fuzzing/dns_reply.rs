//! Responses of a name server, and the records that are accepted from them.

use std::net::IpAddr;

use super::choices::Choices;
use crate::proto::dns::fault::ResponseError;
use crate::proto::dns::host::{Host, NameBuf};
use crate::proto::dns::name::HostName;
use crate::proto::dns::records::{Kind, Mx, RecordData, Srv, Txt};
use crate::proto::dns::wire::{Answer, MAX_ALIASES, Verdict, query, validate};

pub(super) const KINDS: [Kind; 6] = [Kind::A, Kind::Aaaa, Kind::Ptr, Kind::Txt, Kind::Mx, Kind::Srv];

/// The first name is queried. The others are owner names and targets in responses.
const NAMES: [&str; 5] =
    ["www.example.com", "a.example.com", "b.example.net", "com", "xn--fsqu00a.xn--fiqs8s"];

const A: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const IN: u16 = 1;

/// A record that is encoded into a response, and that the model reads directly.
#[derive(Clone, Debug)]
struct ReplyRecord {
    owner: usize,
    kind: u16,
    class: u16,
    ttl: u32,
    target: usize,
    number: u8,
}

fn code(kind: Kind) -> u16 {
    match kind {
        Kind::A => A,
        Kind::Aaaa => 28,
        Kind::Ptr => 12,
        Kind::Txt => 16,
        Kind::Mx => 15,
        Kind::Srv => 33,
        Kind::Other(number) => number,
    }
}

fn write_name(name: &str, upper: bool, bytes: &mut Vec<u8>) {
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.bytes().map(|byte| if upper { byte.to_ascii_uppercase() } else { byte }));
    }
    bytes.push(0);
}

impl ReplyRecord {
    fn any(choices: &mut Choices<'_>, kind: Kind) -> ReplyRecord {
        ReplyRecord {
            owner: choices.below(NAMES.len()),
            kind: choices.pick(&[code(kind), CNAME, A, 28, 16, 99, code(kind), CNAME]),
            class: choices.pick(&[IN, IN, IN, 3]),
            ttl: choices.pick(&[300, 0, 1, i32::MAX as u32, 1 << 31, u32::MAX]),
            target: choices.below(NAMES.len()),
            number: choices.byte() & 3,
        }
    }

    fn write(&self, choices: &mut Choices<'_>, bytes: &mut Vec<u8>) {
        match self.owner {
            // A pointer to the question.
            0 if choices.is() => bytes.extend([0xc0, 12]),
            owner => write_name(NAMES[owner], choices.is(), bytes),
        }
        bytes.extend(self.kind.to_be_bytes());
        bytes.extend(self.class.to_be_bytes());
        bytes.extend(self.ttl.to_be_bytes());
        let mut data = Vec::new();
        match self.kind {
            A => data.extend([192, 0, 2, self.number]),
            28 => data.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, self.number]),
            16 => data.extend([1, b'a' + self.number]),
            15 => data.extend([0, self.number]),
            33 => data.extend([0, self.number, 0, 0, 0, 80]),
            SOA => {
                write_name("ns", false, &mut data);
                write_name("root", false, &mut data);
                data.extend([0; 16]);
                data.extend(u32::from(self.number).to_be_bytes());
            }
            _ => {}
        }
        if matches!(self.kind, 5 | 12 | 15 | 33) {
            write_name(NAMES[self.target], false, &mut data);
        }
        bytes.extend((data.len() as u16).to_be_bytes());
        bytes.extend(data);
    }

    fn data(&self) -> RecordData {
        let (number, host) = (self.number, NAMES[self.target].to_owned());
        match self.kind {
            A => RecordData::Address(IpAddr::from([192, 0, 2, number])),
            28 => RecordData::Address(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(number)])),
            16 => RecordData::Txt(Txt::new(vec![Box::new([b'a' + number])])),
            12 => RecordData::Name(host),
            15 => RecordData::Mx(Mx { preference: number.into(), exchange: host }),
            _ => RecordData::Srv(Srv { priority: number.into(), weight: 0, port: 80, target: host }),
        }
    }
}

/// The records that answer the question, after following the aliases.
fn answered(records: &[ReplyRecord], kind: Kind) -> Result<Vec<RecordData>, ResponseError> {
    let mut owner = 0;
    for _ in 0..=MAX_ALIASES {
        let own = || records.iter().filter(|record| record.owner == owner && record.class == IN);
        let mut found = Vec::new();
        for record in own().filter(|record| record.kind == code(kind)) {
            if !found.contains(&record.data()) {
                found.push(record.data());
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
        let Some(alias) = own().rfind(|record| record.kind == CNAME) else { return Ok(Vec::new()) };
        owner = alias.target;
    }
    Err(ResponseError::CnameLoop)
}

fn head(query: &[u8], flags: [u8; 2], counts: [u16; 3]) -> Vec<u8> {
    let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
    let mut bytes = query[..end].to_vec();
    bytes[2..4].copy_from_slice(&flags);
    bytes[4..6].copy_from_slice(&[0, 1]);
    for (at, count) in counts.iter().enumerate() {
        bytes[6 + 2 * at..8 + 2 * at].copy_from_slice(&count.to_be_bytes());
    }
    bytes
}

/// An arbitrary response to a query. In most cases, its header and question are valid.
pub(super) fn any_reply(choices: &mut Choices<'_>, query: &[u8], kind: Kind) -> Vec<u8> {
    let mut choice = choices.clone();
    let shape = choices.below(8);
    let code = choices.pick(&[0, 0, 0, 0, 3, 2, 1, 5, 9]);
    let flags = [0x80 | choices.pick(&[0x05, 0x01, 0x04, 0x07]), 0x80 & choices.byte() | code];
    let count = choices.below(4) as u16;
    match shape {
        0 => choices.take(usize::from(choice.byte())).to_vec(),
        1 => {
            let mut bytes = head(query, flags, [count, 1, 1]);
            bytes.extend_from_slice(choices.take(40));
            bytes
        }
        _ => {
            let mut bytes = head(query, flags, [count, u16::from(count == 0), 0]);
            for _ in 0..count {
                ReplyRecord::any(choices, kind).write(choices, &mut bytes);
            }
            if count == 0 {
                let number = choices.byte();
                let soa = ReplyRecord { owner: 3, kind: SOA, class: IN, ttl: 60, target: 0, number };
                soa.write(choices, &mut bytes);
            }
            bytes
        }
    }
}

/// The longest message over TCP.
const MAX_MESSAGE: usize = 65_535;

/// Only records of the queried type are accepted, within limits.
fn check_bounds(reply: &[u8], query: &[u8], kind: Kind, verdict: &Verdict) {
    if *verdict == Verdict::Unrelated {
        return;
    }
    assert!(reply[..2] == query[..2] && reply[2] & 0x80 != 0, "a response to another query was accepted");
    let Verdict::Answer(Answer { records, ttl, exists, negative_ttl, alias }) = verdict else { return };
    // A record has at least eleven bytes: the root name, TYPE, CLASS, TTL, and RDLENGTH.
    assert!(records.len() * 11 <= reply.len());
    assert!(
        records.is_empty() || *ttl <= i32::MAX as u32 && *exists && alias.is_none() && negative_ttl.is_none()
    );
    let is_host =
        |host: &str| host.is_empty() || matches!(Host::parse(host, &mut NameBuf::new()), Ok(Host::Name(..)));
    for (index, record) in records.iter().enumerate() {
        let is_queried = match (record, kind) {
            (RecordData::Address(ip), Kind::A) => ip.is_ipv4(),
            (RecordData::Address(ip), Kind::Aaaa) => ip.is_ipv6(),
            (RecordData::Name(host), Kind::Ptr) => is_host(host),
            (RecordData::Mx(mx), Kind::Mx) => is_host(&mx.exchange),
            (RecordData::Srv(srv), Kind::Srv) => is_host(&srv.target),
            (RecordData::Txt(txt), Kind::Txt) => {
                txt.strings().map(|string| 1 + string.len()).sum::<usize>() <= reply.len()
            }
            _ => false,
        };
        assert!(is_queried, "{record:?} has another type");
        assert!(index > 20 || !records[..index].contains(record), "{record:?} is returned twice");
    }
}

fn any_message(mut choices: Choices<'_>, query_: &[u8], name: &HostName, kind: Kind) {
    let flags = [choices.byte(), choices.byte()];
    let counts = [0; 3].map(|_: u16| u16::from(choices.byte()) << choices.pick(&[0, 0, 0, 5, 8]));
    let reply = match choices.below(5) {
        0 => choices.rest().to_vec(),
        // The same bytes repeated, up to the longest message.
        4 => {
            let mut reply = head(query_, flags, counts);
            let length = MAX_MESSAGE - usize::from(choices.byte());
            let unit = choices.rest().to_vec();
            while !unit.is_empty() && reply.len() < length {
                reply.extend_from_slice(&unit[..unit.len().min(length - reply.len())]);
            }
            reply
        }
        cut => {
            let mut reply = head(query_, flags, counts);
            if cut == 1 {
                reply.truncate(choices.below(reply.len() + 1));
            }
            reply.extend_from_slice(choices.rest());
            reply
        }
    };
    let verdict = validate(&reply, query_, name, kind);
    check_bounds(&reply, query_, kind, &verdict);
    // A response to this query is not accepted for another query.
    let (other_name, other_kind) =
        (HostName::found(NAMES[1]), KINDS[(KINDS.iter().position(|own| *own == kind).unwrap() + 1) % 6]);
    let (id, is_without_question) =
        (u16::from_be_bytes([query_[0], query_[1]]), reply.get(4..6) == Some(&[0, 0]));
    let others = [(id ^ 1, name, kind), (id, &other_name, kind), (id, name, other_kind)];
    for (number, (id, name, kind)) in others.into_iter().enumerate() {
        let other = query(id, name, kind, true).unwrap();
        if verdict != Verdict::Unrelated && (number == 0 || !is_without_question) {
            assert_eq!(validate(&reply, &other, name, kind), Verdict::Unrelated);
        }
    }
}

fn written_message(mut choices: Choices<'_>, query: &[u8], name: &HostName, kind: Kind) {
    let (count, times) = (choices.below(14), choices.pick(&[1, 1, 1, 1, 20, 400]));
    let distinct: Vec<_> = (0..count).map(|_| ReplyRecord::any(&mut choices, kind)).collect();
    let mut reply = head(query, [0x81, 0x80], [0; 3]);
    let mut records = Vec::new();
    for record in distinct.iter().cycle().take(count * times) {
        let length = reply.len();
        record.write(&mut choices, &mut reply);
        if reply.len() > MAX_MESSAGE {
            reply.truncate(length);
            break;
        }
        records.push(record.clone());
    }
    reply[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
    let verdict = validate(&reply, query, name, kind);
    check_bounds(&reply, query, kind, &verdict);
    match (verdict, answered(&records, kind)) {
        (Verdict::Answer(answer), Ok(expected)) => assert_eq!(answer.records, expected, "{records:?}"),
        (Verdict::Failure(failure), Err(expected)) => assert_eq!(failure, expected, "{records:?}"),
        other => panic!("{other:?} of {records:?}"),
    }
}

/// Messages with arbitrary bytes, and messages with well-formed records, which are compared with a
/// model.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (kind, is_written, edns) = (choices.pick(&KINDS), choices.is(), choices.is());
    let name = HostName::found(NAMES[0]);
    let query = query(0x1234, &name, kind, edns).unwrap();
    if is_written {
        written_message(choices, &query, &name, kind)
    } else {
        any_message(choices, &query, &name, kind)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn response_validation_matches_model() {
        crate::fuzzing::trial::holds("dns_reply", super::property);
    }
}
