use super::*;
use proptest::prelude::*;
use simple_dns::rdata::{A, CNAME, SOA};
use simple_dns::{CharacterString, RCODE};

fn name(text: &str) -> HostName {
    HostName::found(text)
}

/// A query for `host.test`, and a response with 192.0.2.1.
fn query_and_reply() -> (Vec<u8>, Vec<u8>) {
    let query = query(0x1234, &name("host.test"), Kind::A, true).unwrap();
    let parsed = Packet::parse(&query).unwrap();
    let mut reply = Packet::new_reply(0x1234);
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    reply.questions = parsed.questions.clone();
    let data = RData::A(A { address: 0xc000_0201 });
    reply.answers.push(ResourceRecord::new(Name::new_unchecked("host.test"), CLASS::IN, 60, data));
    let reply = reply.build_bytes_vec_compressed().unwrap();
    (query, reply)
}

fn validated(reply: &[u8], query: &[u8]) -> Verdict {
    validate(reply, query, &name("host.test"), Kind::A)
}

#[test]
fn query_encodes_recursive_question_and_edns() {
    let plain = query(0x1234, &name("host.test"), Kind::Aaaa, false).unwrap();
    let expected = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04host\x04test\x00\x00\x1c\x00\x01";
    assert_eq!(plain, expected);
    // RFC 6891, section 6.1.2: the root name, type 41, the UDP payload size, and no options.
    let with = query(0x1234, &name("host.test"), Kind::Aaaa, true).unwrap();
    assert_eq!(with[plain.len()..], *b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
    assert_eq!(with[11], 1, "one additional record");
}

#[test]
fn reply_decodes_whole_and_rejects_any_truncation() {
    let (query, reply) = query_and_reply();
    let Verdict::Answer(answer) = validated(&reply, &query) else { panic!() };
    assert_eq!(answer.records, [RecordData::Address("192.0.2.1".parse().unwrap())]);
    assert_eq!((answer.ttl, answer.exists), (60, true));
    for end in 0..reply.len() {
        let verdict = validated(&reply[..end], &query);
        let is_none = matches!(verdict, Verdict::Unrelated | Verdict::Failure(ResponseError::Malformed));
        assert!(is_none, "truncated at {end}: {verdict:?}");
    }
}

/// Every bit of the header and of the question is checked, except the case of letters and the bits
/// that a response may set freely.
#[test]
fn reply_with_flipped_bit_is_not_accepted() {
    let (query, reply) = query_and_reply();
    let question_end = HEADER + question(&query).unwrap().len();
    for byte in 0..question_end {
        for bit in 0..8 {
            let mut wrong = reply.clone();
            wrong[byte] ^= 1 << bit;
            let is_letter =
                byte > HEADER && byte < question_end - 5 && wrong[byte].eq_ignore_ascii_case(&reply[byte]);
            // Opcode, AA, RD, RA, Z, AD, and CD, and the record counts, which the parser checks.
            let is_no_matter = is_letter
                || byte == 2 && (0x7d >> bit) & 1 != 0
                || byte == 3 && bit >= 4
                || (6..12).contains(&byte);
            if !is_no_matter {
                assert!(
                    !matches!(validated(&wrong, &query), Verdict::Answer(Answer { exists: true, .. })),
                    "byte {byte}, bit {bit}"
                );
            }
        }
    }
}

proptest! {
    /// Arbitrary bytes cause no panic.
    #[test]
    fn validate_handles_arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (query, _) = query_and_reply();
        let _ = validated(&bytes, &query);
    }

    /// Arbitrary bytes after a valid header and question cause no panic.
    #[test]
    fn validate_handles_arbitrary_records(tail in proptest::collection::vec(any::<u8>(), 0..600), counts in any::<[u8; 6]>()) {
        let (query, reply) = query_and_reply();
        let end = HEADER + question(&query).unwrap().len();
        let mut bytes = reply[..end].to_vec();
        bytes[6..12].copy_from_slice(&counts);
        bytes.extend(tail);
        let _ = validated(&bytes, &query);
    }
}

/// A response with these records to the query of [`query_and_reply`].
fn reply(
    code: RCODE,
    flags: PacketFlag,
    records: &[(&str, u32, RData<'static>)],
    soa: Option<(u32, u32)>,
) -> Vec<u8> {
    let (query, _) = query_and_reply();
    let mut reply = Packet::new_reply(0x1234);
    reply.set_flags(flags);
    *reply.rcode_mut() = code;
    reply.questions = Packet::parse(&query).unwrap().questions;
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

/// RFC 2308, section 5. A negative answer expires with the alias that leads to it at the latest.
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

/// The target of an alias is not queried again if it does not exist, or if the SOA record says that
/// it has no records.
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
    let (query, mut reply) = query_and_reply();
    // After the question: the owner name (two bytes), the type, and the class.
    let class = HEADER + question(&query).unwrap().len() + 2 + 2;
    assert_eq!(reply[class..class + 2], [0, 1]);
    reply[class + 1] = 3;
    assert!(answer(&reply).records.is_empty());
}

/// An empty response from a server that is neither authoritative nor recursive is not an answer. An
/// empty response from an authoritative server means NODATA.
#[test]
fn empty_reply_needs_authoritative_or_recursive_server() {
    let none: [(&str, u32, RData<'static>); 0] = [];
    let reply = |flags| reply(RCODE::NoError, flags, &none, None);
    assert!(answer(&reply(PacketFlag::AUTHORITATIVE_ANSWER)).exists);
    assert!(answer(&reply(RECURSIVE)).exists);
    let lame = validated(&reply(PacketFlag::empty()), &query_and_reply().0);
    assert_eq!(lame, Verdict::Failure(ResponseError::NotAuthoritative));
}

/// This includes strings that are not attributes of DNS-SD, such as those with no key before the
/// equals sign.
#[test]
fn txt_strings_are_kept_one_by_one() {
    let parts = [&b"v=spf1 "[..], b"", b"=x", b"a=", b"\xFF\0", &[b'y'; 255]];
    let mut txt = TXT::new();
    parts.iter().for_each(|part| txt.add_char_string(CharacterString::new(part).unwrap()));
    let found = strings(&txt).unwrap();
    assert_eq!(found.iter().map(|string| &**string).collect::<Vec<_>>(), parts);
}

/// A response with one record, given as its owner name, type, class, TTL, length, and data.
fn with_record(query: &[u8], record: &[u8]) -> Vec<u8> {
    let mut reply = query[..HEADER + question(query).unwrap().len()].to_vec();
    reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    reply.extend(record);
    reply
}

#[test]
fn owner_with_dotted_or_partial_label_does_not_match() {
    let (query, _) = query_and_reply();
    for owner in [&b"\x09host.test\x00"[..], b"\x03ost\x04test\x00", b"\x04host\x03tes\x00", b"\x04host\x00"]
    {
        let record = [owner, b"\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01"].concat();
        let verdict = validated(&with_record(&query, &record), &query);
        assert!(!matches!(&verdict, Verdict::Answer(answer) if !answer.records.is_empty()), "{verdict:?}");
    }
}

#[test]
fn hidden_record_does_not_match_queried_type() {
    for number in [HIDDEN, OPAQUE] {
        let query = query(0x1234, &name("host.test"), Kind::Other(number), false).unwrap();
        let reply = with_record(&query, b"\xc0\x0c\x00\x2e\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01");
        let verdict = validate(&reply, &query, &name("host.test"), Kind::Other(number));
        assert!(!matches!(&verdict, Verdict::Answer(answer) if !answer.records.is_empty()), "{verdict:?}");
    }
}
