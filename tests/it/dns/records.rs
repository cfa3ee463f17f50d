//! A lookup returns all records of a response. Records that are not needed are ignored.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::time::Duration;

use crate::kit::dns::*;
use simple_dns::{CLASS, PacketFlag};
use socketry::dns::{ResolveError, ResponseError, ServerFault};
use socketry::{ErrorKind, Resolver, TcpClient};

fn v4(server: &Server) -> Resolver {
    only_v4(server).attempts(1).build()
}

/// A name in wire format.
fn wire_name(labels: &[&[u8]]) -> Vec<u8> {
    let mut name = Vec::new();
    for label in labels {
        name.push(label.len() as u8);
        name.extend_from_slice(label);
    }
    name.push(0);
    name
}

fn record(name: &[u8], kind: u16, class: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let fixed = [&kind.to_be_bytes()[..], &class.to_be_bytes(), &ttl.to_be_bytes()].concat();
    [name, &fixed, &(data.len() as u16).to_be_bytes(), data].concat()
}

/// A response to a query, with these records in its answer and additional sections.
fn response(query: &Asked, answers: &[Vec<u8>], additional: &[Vec<u8>]) -> Replies {
    let mut bytes = reply_to(query).bytes();
    bytes[7] = answers.len() as u8;
    bytes[11] = additional.len() as u8;
    bytes.extend(answers.iter().chain(additional).flatten());
    vec![(Duration::ZERO, on(query, bytes))]
}

const QUESTION: [u8; 2] = [0xc0, 12];
const ADDRESS: [u8; 4] = [192, 0, 2, 1];
const IN: u16 = CLASS::IN as u16;

#[test]
fn answer_with_20_aliases_has_its_address() {
    let server = Server::start(|query| {
        let mut reply = reply_to(query);
        let mut owner = query.name.clone();
        for hop in 0..20 {
            let next = format!("hop{hop}.test");
            reply = reply.alias(&owner, 100 - hop, &next);
            owner = next;
        }
        reply.address(&owner, 100, "192.0.2.1").now(query)
    });
    let found = v4(&server).lookup("host.test").unwrap();
    assert_eq!(found.addresses(), [IpAddr::from(ADDRESS)]);
    assert!(found.ttl().unwrap() <= Duration::from_secs(81), "the smallest TTL of all aliases");
    assert_eq!(server.queries().len(), 1);
}

/// A target that a caller could not look up is neither queried nor accepted.
#[test]
fn cname_that_is_no_host_name_is_refused() {
    let targets: [&[&[u8]]; 9] = [
        &[b"a b\x01c", b"test"],
        &[b"\0"],
        &[b"a\nb", b"c\rd"],
        &[],
        &[b"127", b"0", b"0", b"1"],
        &[b"localhost"],
        &[b"x", b"invalid"],
        &[b"a.b", b"test"],
        &[b"\xff\xfe\x80", b"test"],
    ];
    for target in targets {
        let name = wire_name(target);
        let own = name.clone();
        let server = Server::start(move |query| {
            let alias = record(&QUESTION, 5, IN, 60, &own);
            response(query, &[alias, record(&own, 1, IN, 60, &ADDRESS)], &[])
        });
        let error = v4(&server).lookup("host.test").unwrap_err();
        let Some(ResolveError::ServersFailed(servers)) = error.detail::<ResolveError>() else {
            panic!("{name:?}: {error}")
        };
        assert_eq!(servers[0].fault, ServerFault::Reply(ResponseError::InvalidCname), "{name:?}");
        assert_eq!(server.queries().len(), 1, "{name:?}");
    }
    // Host names that are not valid in URLs, such as those with an underscore, are accepted.
    let server = Server::start(|query| match query.name.as_str() {
        "host.test" => reply_to(query).alias("host.test", 60, "Under_Score.Example.test").now(query),
        _ => usual(query).now(query),
    });
    assert_eq!(v4(&server).lookup("host.test").unwrap().addresses(), [IpAddr::from(ADDRESS)]);
    assert_eq!(server.queries()[1].name, "under_score.example.test");
}

#[test]
fn records_that_are_not_needed_are_ignored() {
    let root = [0_u8];
    let others: [(&str, Vec<u8>); 6] = [
        ("an unknown class", record(&root, 1, 4_242, 60, &ADDRESS)),
        ("the class ANY", record(&QUESTION, 255, 255, 0, b"")),
        ("an unknown type", record(&root, 4_242, IN, 60, b"\x01\x02")),
        ("a short HINFO", record(&root, 13, IN, 60, b"\xffx")),
        ("a LOC of version 1", record(&root, 29, IN, 60, &[1; 16])),
        ("a SVCB with keys out of order", record(&root, 64, IN, 60, b"\0\x01\0\0\x05\0\0\0\x01\0\0")),
    ];
    for (what, other) in others {
        for is_answer in [true, false] {
            let other = other.clone();
            let server = Server::start(move |query| {
                let address = record(&QUESTION, 1, IN, 60, &ADDRESS);
                match is_answer {
                    true => response(query, &[other.clone(), address], &[]),
                    false => response(query, &[address], std::slice::from_ref(&other)),
                }
            });
            let found = v4(&server).lookup("host.test");
            let found = found.unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(found.addresses(), [IpAddr::from(ADDRESS)], "{what}");
        }
    }
}

/// RFC 6891, section 6.1.3: the upper bits of the response code are in the OPT record.
#[test]
fn extended_response_code_is_a_failure() {
    let server = Server::start(|query| {
        if !query.has_edns {
            return usual(query).now(query);
        }
        // BADVERS is 16.
        response(query, &[], &[record(&[0], 41, 1_232, 1 << 24, b"")])
    });
    assert_eq!(v4(&server).lookup("host.test").unwrap().addresses(), [IpAddr::from(ADDRESS)]);
    assert_eq!(server.queries().iter().map(|query| query.has_edns).collect::<Vec<_>>(), [true, false]);
}

/// All addresses of a response are returned. A client tries some of them, and its error lists a
/// few.
#[test]
fn thousands_of_addresses_are_found_and_64_are_tried() {
    const COUNT: u32 = 3_000;
    let server = Server::start(|query| {
        if !query.by_tcp {
            return usual(query).with(PacketFlag::TRUNCATION).now(query);
        }
        let mut bytes = reply_to(query).bytes();
        bytes[6..8].copy_from_slice(&(COUNT as u16).to_be_bytes());
        let first = u32::from(Ipv4Addr::new(127, 9, 0, 1));
        for number in 0..COUNT {
            bytes.extend(record(&QUESTION, 1, IN, 60, &(first + number).to_be_bytes()));
        }
        vec![(Duration::ZERO, on(query, bytes))]
    });
    let resolver = v4(&server);
    assert_eq!(resolver.lookup("host.test").unwrap().addresses().len(), COUNT as usize);
    // A port without a listener.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = TcpClient::builder().resolver(&resolver).build().connect(("host.test", port)).unwrap_err();
    let failures = error.detail::<socketry::tcp::ConnectFailures>().unwrap();
    assert_eq!((failures.attempts().len(), failures.addresses()), (64, COUNT as usize));
    let text = error.to_string();
    assert!(text.contains("64 of 3000 addresses failed") && text.ends_with(", and 56 more"), "{text}");
    assert!(text.len() < 600, "{}", text.len());
}

#[test]
fn ttl_of_first_answer_is_that_of_the_cache() {
    let server = Server::start(|query| {
        let ttl = if query.name == "long.test" { i32::MAX as u32 } else { 3 };
        reply_to(query).address(&query.name.clone(), ttl, "192.0.2.1").now(query)
    });
    let resolver = only_v4(&server).cache_ttl(Duration::from_secs(30), Duration::from_secs(600)).build();
    for (name, expected) in [("long.test", 600), ("short.test", 30)] {
        for _ in 0..2 {
            let ttl = resolver.lookup(name).unwrap().ttl().unwrap();
            assert!(ttl <= Duration::from_secs(expected), "{name}: {ttl:?}");
            assert!(ttl > Duration::from_secs(expected - 5), "{name}: {ttl:?}");
        }
    }
}

/// A NODATA response without an SOA record does not expire the addresses of the other family.
#[test]
fn ttl_does_not_change_with_an_empty_answer() {
    let server = Server::start(|query| match query.kind.as_str() {
        "A" => usual(query).now(query),
        _ => reply_to(query).now(query),
    });
    let resolver = of(&[server.address]).build();
    for _ in 0..2 {
        let ttl = resolver.lookup("host.test").unwrap().ttl().unwrap();
        assert!(ttl > Duration::from_secs(50), "{ttl:?}");
    }
    assert_eq!(server.queries().len(), 2, "the second lookup uses the cache");
}

#[test]
fn reverse_name_keeps_its_case() {
    let server = Server::start(|query| match query.name.as_str() {
        "7.2.0.192.in-addr.arpa" => {
            reply_to(query).alias("7.2.0.192.in-addr.arpa", 60, "7.0/25.2.0.192.in-addr.arpa").now(query)
        }
        name => reply_to(query).pointer(name, "MyHost.Example.TEST").now(query),
    });
    let resolver = v4(&server);
    assert_eq!(
        resolver.lookup_addr([192, 0, 2, 7]).unwrap(),
        "MyHost.Example.TEST",
        "delegated as in RFC 2317"
    );
    let file = crate::kit::temp_file::TempFile::with(b"127.0.0.9 PreserveMe second\n");
    let resolver = Resolver::builder().hosts(file.path()).build();
    assert_eq!(resolver.lookup_addr([127, 0, 0, 9]).unwrap(), "PreserveMe");
}

#[test]
fn lookup_records_returns_data_of_any_type() {
    let server = Server::start(|query| {
        let compressed = [&[2_u8][..], b"ns", &QUESTION].concat();
        match query.bytes[query.bytes.len() - if query.has_edns { 15 } else { 4 }..][..2] {
            [0, 2] => response(query, &[record(&QUESTION, 2, IN, 60, &compressed)], &[]),
            [1, 1] => response(query, &[record(&QUESTION, 257, IN, 60, b"\0\x05issueca.test")], &[]),
            // Invalid data for a NAPTR record.
            [0, 35] => response(
                query,
                &[record(&QUESTION, 35, IN, 60, b"\x01"), record(&QUESTION, 36, IN, 60, b"\x02")],
                &[],
            ),
            _ => reply_to(query).authority(60, 60).now(query),
        }
    });
    let resolver = v4(&server);
    let data = |kind| resolver.lookup_records("host.test", kind).unwrap()[0].data.clone();
    assert_eq!(data(2), wire_name(&[b"ns", b"host", b"test"]), "the name is not compressed");
    assert_eq!(data(257), b"\0\x05issueca.test");
    assert_eq!(resolver.lookup_records("host.test", 35).unwrap().len(), 1);
    assert_eq!(data(35), b"\x01");
    let missing = resolver.lookup_records("host.test", 65).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NameNotFound);
    for kind in [0, 41, 252, 255] {
        assert_eq!(resolver.lookup_records("host.test", kind).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
