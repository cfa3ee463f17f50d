use super::*;
use proptest::prelude::*;
use simple_dns::rdata::{A, CNAME, SOA};
use simple_dns::{CharacterString, RCODE};

fn name(text: &str) -> HostName {
    HostName::found(text)
}

/// A query for `host.test`, and a reply with 192.0.2.1.
fn query_and_reply() -> (Vec<u8>, Vec<u8>) {
    let asked = query(0x1234, &name("host.test"), Kind::A, true).unwrap();
    let parsed = Packet::parse(&asked).unwrap();
    let mut reply = Packet::new_reply(0x1234);
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    reply.questions = parsed.questions.clone();
    let data = RData::A(A { address: 0xc000_0201 });
    reply.answers.push(ResourceRecord::new(Name::new_unchecked("host.test"), CLASS::IN, 60, data));
    let reply = reply.build_bytes_vec_compressed().unwrap();
    (asked, reply)
}

fn validated(reply: &[u8], asked: &[u8]) -> Verdict {
    validate(reply, asked, &name("host.test"), Kind::A)
}

#[test]
fn query_encodes_recursive_question_and_edns() {
    let plain = query(0x1234, &name("host.test"), Kind::Aaaa, false).unwrap();
    let expected = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04host\x04test\x00\x00\x1c\x00\x01";
    assert_eq!(plain, expected);
    // RFC 6891, 6.1.2: the root, type 41, the size, and nothing more.
    let with = query(0x1234, &name("host.test"), Kind::Aaaa, true).unwrap();
    assert_eq!(with[plain.len()..], *b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
    assert_eq!(with[11], 1, "one additional record");
}

#[test]
fn reply_decodes_whole_and_rejects_any_truncation() {
    let (asked, reply) = query_and_reply();
    let Verdict::Answer(answer) = validated(&reply, &asked) else { panic!() };
    assert_eq!(answer.records, [RecordData::Address("192.0.2.1".parse().unwrap())]);
    assert_eq!((answer.ttl, answer.exists), (60, true));
    for end in 0..reply.len() {
        let judgement = validated(&reply[..end], &asked);
        let is_none = matches!(judgement, Verdict::Unrelated | Verdict::Failure(ResponseError::Malformed));
        assert!(is_none, "cut at {end}: {judgement:?}");
    }
}

/// Of the header and the question every bit counts, but the case of letters and what is for later.
#[test]
fn reply_with_flipped_bit_is_not_accepted() {
    let (asked, reply) = query_and_reply();
    let question_end = HEADER + question(&asked).unwrap().len();
    for byte in 0..question_end {
        for bit in 0..8 {
            let mut wrong = reply.clone();
            wrong[byte] ^= 1 << bit;
            let is_letter =
                byte > HEADER && byte < question_end - 5 && wrong[byte].eq_ignore_ascii_case(&reply[byte]);
            // Opcode, AA, RD, RA, Z, AD and CD; and how many records there are, which the reader sees to.
            let is_no_matter = is_letter
                || byte == 2 && (0x7d >> bit) & 1 != 0
                || byte == 3 && bit >= 4
                || (6..12).contains(&byte);
            if !is_no_matter {
                assert!(
                    !matches!(validated(&wrong, &asked), Verdict::Answer(Answer { exists: true, .. })),
                    "byte {byte}, bit {bit}"
                );
            }
        }
    }
}

proptest! {
    /// Whatever comes: it is validated, and what is not ours is not believed.
    #[test]
    fn validate_handles_arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (asked, _) = query_and_reply();
        let _ = validated(&bytes, &asked);
    }

    /// Behind a good header anything may stand.
    #[test]
    fn validate_handles_arbitrary_records(tail in proptest::collection::vec(any::<u8>(), 0..600), counts in any::<[u8; 6]>()) {
        let (asked, reply) = query_and_reply();
        let end = HEADER + question(&asked).unwrap().len();
        let mut bytes = reply[..end].to_vec();
        bytes[6..12].copy_from_slice(&counts);
        bytes.extend(tail);
        let _ = validated(&bytes, &asked);
    }
}

/// A reply of such records to the query of [`query_and_reply`], with that code.
fn reply(
    code: RCODE,
    flags: PacketFlag,
    records: &[(&str, u32, RData<'static>)],
    soa: Option<(u32, u32)>,
) -> Vec<u8> {
    let (asked, _) = query_and_reply();
    let mut reply = Packet::new_reply(0x1234);
    reply.set_flags(flags);
    *reply.rcode_mut() = code;
    reply.questions = Packet::parse(&asked).unwrap().questions;
    let record = |(owner, ttl, data): &(&str, u32, RData<'static>)| {
        ResourceRecord::new(Name::new_unchecked(owner).into_owned(), CLASS::IN, *ttl, data.clone())
    };
    reply.answers = records.iter().map(record).collect();
    if let Some((ttl, minimum)) = soa {
        let root = || Name::new_unchecked("test").into_owned();
        let soa = SOA { mname: root(), rname: root(), serial: 1, refresh: 1, retry: 1, expire: 1, minimum };
        reply.name_servers.push(ResourceRecord::new(root(), CLASS::IN, ttl, RData::SOA(soa)));
    }
    reply.build_bytes_vec_compressed().unwrap()
}

fn address(last: u8) -> RData<'static> {
    RData::A(A { address: 0xc000_0200 + u32::from(last) })
}

fn alias(to: &str) -> RData<'static> {
    RData::CNAME(CNAME(Name::new_unchecked(to).into_owned()))
}

const RECURSIVE: PacketFlag = PacketFlag::RECURSION_AVAILABLE;

#[track_caller]
fn answer(reply: &[u8]) -> Answer {
    match validated(reply, &query_and_reply().0) {
        Verdict::Answer(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn cname_chain_is_followed_up_to_limit() {
    for aliases in [MAX_ALIASES, MAX_ALIASES + 1] {
        let name = |hop: u8| if hop == 0 { "host.test".to_owned() } else { format!("{hop}.test") };
        let names: Vec<String> = (0..=aliases).map(name).collect();
        let mut records: Vec<_> = names.windows(2).map(|two| (two[0].as_str(), 60, alias(&two[1]))).collect();
        records.push((&names[usize::from(aliases)], 60, address(1)));
        let reply = reply(RCODE::NoError, RECURSIVE, &records, None);
        match aliases {
            MAX_ALIASES => assert_eq!(answer(&reply).records.len(), 1),
            _ => assert_eq!(
                validated(&reply, &query_and_reply().0),
                Verdict::Failure(ResponseError::CnameLoop)
            ),
        }
    }
}

/// RFC 2308, 5, and no longer than the alias that leads to nothing.
#[test]
fn negative_ttl_is_smallest_of_soa_and_cname() {
    let negative = |records: &[(&str, u32, RData<'static>)], ttl, minimum| {
        let answer = answer(&reply(RCODE::NoError, RECURSIVE, records, Some((ttl, minimum))));
        assert!(answer.exists && answer.records.is_empty() && answer.alias.is_none(), "{answer:?}");
        answer.negative_ttl
    };
    assert_eq!(negative(&[], 30, 300), Some(30));
    assert_eq!(negative(&[], 300, 30), Some(30));
    assert_eq!(negative(&[("host.test", 20, alias("other.test"))], 30, 300), Some(20));
}

/// An alias to a name that there is not, or of which the zone says that it has nothing, is not asked for again.
#[test]
fn cname_target_is_returned_unless_nxdomain() {
    let records = [("host.test", 20, alias("other.test"))];
    let found = answer(&reply(RCODE::NoError, RECURSIVE, &records, None));
    assert_eq!(found.alias, Some(name("other.test")));
    let found = answer(&reply(RCODE::NameError, RECURSIVE, &records, None));
    assert_eq!((found.exists, found.alias), (false, None));
}

#[test]
fn duplicate_and_foreign_class_records_are_dropped() {
    let records =
        [("host.test", 60, address(1)), ("host.test", 60, address(2)), ("host.test", 60, address(1))];
    let reply = reply(RCODE::NoError, RECURSIVE, &records, None);
    assert_eq!(answer(&reply).records.len(), 2);
    let (asked, mut reply) = query_and_reply();
    // Behind the question: the owner, which is two bytes, the type, and the class.
    let class = HEADER + question(&asked).unwrap().len() + 2 + 2;
    assert_eq!(reply[class..class + 2], [0, 1]);
    reply[class + 1] = 3;
    assert!(answer(&reply).records.is_empty());
}

/// One that neither knows nor asks others says nothing by saying nothing; one that is in charge says that there is nothing.
#[test]
fn empty_reply_needs_authoritative_or_recursive_server() {
    let none: [(&str, u32, RData<'static>); 0] = [];
    let reply = |flags| reply(RCODE::NoError, flags, &none, None);
    assert!(answer(&reply(PacketFlag::AUTHORITATIVE_ANSWER)).exists);
    assert!(answer(&reply(RECURSIVE)).exists);
    let lame = validated(&reply(PacketFlag::empty()), &query_and_reply().0);
    assert_eq!(lame, Verdict::Failure(ResponseError::NotAuthoritative));
}

/// Also those that are no attributes of DNS-SD, which has no name in front of the equals sign.
#[test]
fn txt_strings_are_kept_one_by_one() {
    let parts = [&b"v=spf1 "[..], b"", b"=x", b"a=", b"\xFF\0", &[b'y'; 255]];
    let mut txt = TXT::new();
    parts.iter().for_each(|part| txt.add_char_string(CharacterString::new(part).unwrap()));
    let found = strings(&txt).unwrap();
    assert_eq!(found.iter().map(|string| &**string).collect::<Vec<_>>(), parts);
}

/// A reply with one record, whose owner, type, class, TTL, length and data are given.
fn with_record(asked: &[u8], record: &[u8]) -> Vec<u8> {
    let mut reply = asked[..HEADER + question(asked).unwrap().len()].to_vec();
    reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    reply.extend(record);
    reply
}

#[test]
fn label_with_dot_is_another_name() {
    let (asked, _) = query_and_reply();
    for owner in [&b"\x09host.test\x00"[..], b"\x03ost\x04test\x00", b"\x04host\x03tes\x00", b"\x04host\x00"]
    {
        let record = [owner, b"\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01"].concat();
        let judged = validated(&with_record(&asked, &record), &asked);
        assert!(!matches!(&judged, Verdict::Answer(answer) if !answer.records.is_empty()), "{judged:?}");
    }
}

#[test]
fn hidden_record_has_no_type_that_is_asked_for() {
    for number in [HIDDEN, OPAQUE] {
        let asked = query(0x1234, &name("host.test"), Kind::Other(number), false).unwrap();
        let reply = with_record(&asked, b"\xc0\x0c\x00\x2e\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01");
        let judged = validate(&reply, &asked, &name("host.test"), Kind::Other(number));
        assert!(!matches!(&judged, Verdict::Answer(answer) if !answer.records.is_empty()), "{judged:?}");
    }
}
