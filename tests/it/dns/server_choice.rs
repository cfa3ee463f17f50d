//! Servers that answer only in part: which server is queried next, and which is reported as the
//! source.

#[cfg(target_os = "linux")]
use std::net::UdpSocket;
#[cfg(target_os = "linux")]
use std::time::{Duration, Instant};

use crate::kit::dns::*;
use simple_dns::RCODE;
use socketry::dns::AnswerSource;
#[cfg(target_os = "linux")]
use socketry::dns::IpFamilies;

/// If a server answers A and fails for AAAA, it is the source of the answer, and remains the first
/// server to query.
#[test]
fn server_answering_only_a_is_source_and_stays_first() {
    let half = Server::start(|query| match query.kind.as_str() {
        "A" => usual(query).now(query),
        _ => reply_to(query).code(RCODE::ServerFailure).after(query, 10),
    });
    let other = Server::start(|query| usual(query).now(query));
    let resolver = of(&[half.address, other.address]).build();
    for name in ["one.test", "two.test"] {
        assert_eq!(resolver.lookup(name).unwrap().source(), AnswerSource::Server(half.address), "{name}");
    }
    assert!(other.queries().is_empty());
}

/// NODATA for the target of an alias expires with the alias at the latest.
#[test]
fn nodata_behind_cname_expires_with_cname_ttl() {
    let server = Server::start(|query| match query.name.as_str() {
        "host.test" => reply_to(query).alias("host.test", 0, "far.example").now(query),
        _ => reply_to(query).authority(300, 300).now(query),
    });
    let resolver = only_v4(&server).build();
    for count in [2, 4] {
        assert!(!resolver.lookup("host.test").unwrap_err().is_temporary());
        assert_eq!(server.queries().len(), count);
    }
}

/// After a server that does not respond, the next server is one to which sending fails. It is
/// skipped immediately.
#[test]
#[cfg(target_os = "linux")]
fn server_with_send_error_is_skipped_immediately() {
    let silent = Server::silent();
    let good = Server::start(|query| usual(query).now(query));
    // Sending to the broadcast address fails without `SO_BROADCAST`.
    let broadcast = "255.255.255.255:53".parse().unwrap();
    let began = Instant::now();
    let timeout = Duration::from_secs(3);
    let builder = of(&[silent.address, broadcast, good.address]).families(IpFamilies::Ipv4);
    let resolver = builder.query_timeout(timeout).build();
    assert_eq!(resolver.lookup("host.test").unwrap().source(), AnswerSource::Server(good.address));
    let elapsed = began.elapsed();
    assert!(elapsed >= timeout - Duration::from_millis(5) && elapsed < 2 * timeout, "{elapsed:?}");
}

/// resolv.conf(5): servers are queried in the order listed. The second server does not know the
/// names of the first.
#[test]
fn lost_query_does_not_change_the_order_of_servers() {
    let inner = Server::start(|query| if query.number < 2 { Vec::new() } else { usual(query).now(query) });
    let public = Server::start(|query| reply_to(query).code(RCODE::NameError).authority(60, 60).now(query));
    let resolver = of(&[inner.address, public.address]).build();
    assert!(resolver.lookup("host0.corp.test").is_err());
    for number in 1..4 {
        let found = resolver.lookup(&format!("host{number}.corp.test")).unwrap();
        assert_eq!(found.source(), AnswerSource::Server(inner.address));
    }
}

/// A server is queried last after two lookups without a response, for a limited time. See
/// `proto::dns::preference`.
#[test]
fn silent_server_is_queried_last() {
    let silent = Server::silent();
    let good = Server::start(|query| usual(query).now(query));
    let resolver = of(&[silent.address, good.address]).attempts(1).build();
    let mut counts = Vec::new();
    for number in 0..4 {
        let found = resolver.lookup(&format!("host{number}.test")).unwrap();
        assert_eq!(found.source(), AnswerSource::Server(good.address));
        counts.push(silent.queries().len());
    }
    assert_eq!(counts, [2, 4, 4, 4], "two queries for each of two lookups");
    resolver.flush();
    resolver.lookup("other.test").unwrap();
    assert_eq!(silent.queries().len(), 6, "`flush` drops the state of the servers");
}

/// A server that responds to one of two queries is not treated as silent.
#[test]
fn server_that_responds_in_part_stays_first() {
    let half = Server::start(|query| match query.kind.as_str() {
        "A" => reply_to(query).authority(60, 60).now(query),
        _ => Vec::new(),
    });
    let good = Server::start(|query| usual(query).now(query));
    let resolver = of(&[half.address, good.address]).attempts(1).build();
    for name in ["a.test", "b.test", "c.test"] {
        resolver.lookup(name).unwrap();
        assert!(half.queries().iter().any(|query| query.name == name), "{name}");
    }
}

/// Also if the server did not respond at first, and was unreachable then.
#[test]
#[cfg(target_os = "linux")]
fn one_lookup_is_one_experience_with_a_server() {
    let first = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = first.local_addr().unwrap();
    let second = Server::start(|query| match query.number {
        0 => Vec::new(),
        _ => usual(query).now(query),
    });
    let builder = of(&[address, second.address]).families(IpFamilies::Ipv4);
    let resolver = builder.query_timeout(Duration::from_millis(200)).build();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The first query times out, then that of the second server.
            crate::kit::eventually("a query of the second server", || !second.queries().is_empty());
            drop(first);
        });
        resolver.lookup("one.test").unwrap();
    });
    let again = UdpSocket::bind(address).unwrap();
    again.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    resolver.lookup("two.test").unwrap();
    assert!(again.recv(&mut [0; 512]).is_ok(), "it is queried first");
}
