//! IPv4 and IPv6 addresses: when each type is queried, how long a lookup waits for it, and the
//! order of the addresses.

use std::time::{Duration, Instant};

use crate::kit::dns::*;
use crate::kit::*;
use simple_dns::{PacketFlag, RCODE};
use socketry::Resolver;
use socketry::dns::{AnswerSource, IpFamilies, ResolveError};

/// RFC 8305, section 3: the addresses of one family wait 50 ms for those of the other. RFC 9520,
/// section 3.2: the failed query is cached for a short time.
#[test]
fn unanswered_aaaa_costs_50_ms_and_is_retried_later() {
    let server =
        Server::start(|query| if query.kind == "A" { usual(query).after(query, 30) } else { Vec::new() });
    let resolver = of(&[server.address]).query_timeout(Duration::from_secs(5)).build();
    let began = Instant::now();
    assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&["192.0.2.1"]));
    let elapsed = began.elapsed();
    assert!(elapsed >= Duration::from_millis(75) && elapsed < Duration::from_secs(4), "{elapsed:?}");
    assert_eq!(server.queries().len(), 2);
    let again = resolver.lookup("host.test").unwrap();
    assert_eq!((again.addresses(), again.source()), (&ips(&["192.0.2.1"])[..], AnswerSource::Cache));
    let ttl = again.ttl().unwrap();
    assert!(ttl > Duration::from_secs(50), "the TTL is that of the A record: {ttl:?}");
    assert_eq!(server.queries().len(), 2, "no query is sent again so soon");
    eventually("some seconds later, only AAAA is queried again", || {
        let found = resolver.lookup("host.test").unwrap();
        assert_eq!(found.addresses(), ips(&["192.0.2.1"]));
        server.queries().len() == 3
    });
    assert_eq!(server.queries()[2].kind, "AAAA");
}

/// NODATA for AAAA says nothing about A records, for which the server failed.
#[test]
fn aaaa_nodata_and_a_servfail_is_temporary_error() {
    let server = Server::start(|query| match query.kind.as_str() {
        "AAAA" => reply_to(query).authority(60, 60).now(query),
        _ => reply_to(query).code(RCODE::ServerFailure).now(query),
    });
    let error = of(&[server.address]).build().lookup("host.test").unwrap_err();
    assert!(error.is_temporary(), "{error}");
}

/// For servers and routers that lose one of two concurrent queries: the second query is sent after
/// the response to the first, from another port.
#[test]
fn single_request_option_sends_queries_sequentially() {
    let server = Server::start(|query| usual(query).after(query, 20));
    let conf = std::env::temp_dir().join(format!("socketry-single-{}", std::process::id()));
    for option in ["single-request", "single-request-reopen"] {
        std::fs::write(&conf, format!("options {option}\n")).unwrap();
        let resolver = of(&[server.address]).resolv_conf(&conf).build();
        let began = Instant::now();
        let found = resolver.lookup("host.test").unwrap();
        assert!(began.elapsed() >= Duration::from_millis(40));
        assert_eq!((found.addresses().len(), resolver.cache_len()), (2, 1));
    }
    std::fs::remove_file(&conf).unwrap();
    let queries = server.queries();
    let kinds: Vec<_> = queries.iter().map(|query| query.kind.as_str()).collect();
    assert_eq!(kinds, ["A", "AAAA", "A", "AAAA"]);
    assert_ne!(queries[0].from, queries[1].from);
}

#[test]
fn single_request_returns_partial_answer_on_timeout() {
    let server = Server::start(|query| match (query.name.as_str(), query.kind.as_str()) {
        ("missing.test", "A") => reply_to(query).code(RCODE::NameError).now(query),
        (_, "A") => usual(query).now(query),
        _ => Vec::new(),
    });
    let resolver = of(&[server.address])
        .single_request(true)
        .query_timeout(Duration::from_secs(5))
        .timeout(Duration::from_millis(200))
        .build();
    let began = Instant::now();
    assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&["192.0.2.1"]));
    let elapsed = began.elapsed();
    assert!(elapsed >= Duration::from_millis(195) && elapsed < Duration::from_secs(4), "{elapsed:?}");
    let error = resolver.lookup("missing.test").unwrap_err();
    assert!(!error.is_temporary(), "NXDOMAIN applies to all types: {error}");
    assert_eq!(server.queries().len(), 3);
}

/// When the timeout expires, the addresses of one family suffice, whether they have just been
/// received or were cached.
#[test]
fn lookup_returns_one_family_on_timeout() {
    let server = Server::start(|query| match (query.name.as_str(), query.kind.as_str()) {
        ("cut.test", "AAAA") if !query.by_tcp => usual(query).with(PacketFlag::TRUNCATION).now(query),
        (_, "A") => usual(query).now(query),
        _ => Vec::new(),
    });
    // Shorter than the time that one family waits for the other.
    let of = |millis| of(&[server.address]).timeout(Duration::from_millis(millis));
    let found = of(40).build().lookup("host.test").unwrap();
    assert_eq!(
        (found.addresses(), found.source()),
        (&ips(&["192.0.2.1"])[..], AnswerSource::Server(server.address))
    );
    // The AAAA response is truncated, and the TCP query stalls.
    let found = of(200).query_timeout(Duration::from_secs(5)).build().lookup("cut.test").unwrap();
    assert_eq!(found.addresses(), ips(&["192.0.2.1"]));
}

/// RFC 4074, section 4.2: some servers return NXDOMAIN for AAAA if a name has no IPv6 address.
#[test]
fn aaaa_nxdomain_counts_as_nodata_if_a_has_addresses() {
    let server = Server::start(|query| match query.kind.as_str() {
        "A" => reply_to(query).address("host.test", 1, "192.0.2.1").now(query),
        _ => reply_to(query).code(RCODE::NameError).authority(300, 300).now(query),
    });
    let resolver = of(&[server.address]).build();
    assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&["192.0.2.1"]));
    let mut again = 0;
    eventually("only the A record is queried again", || {
        assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&["192.0.2.1"]));
        again = server.queries().len() - 2;
        again > 0
    });
    assert_eq!((again, server.queries()[2].kind.as_str()), (1, "A"));
}

/// RFC 2308, section 5: NXDOMAIN applies to both types, so one response suffices, and it is cached
/// for both.
#[test]
fn aaaa_nxdomain_is_cached_for_both_families() {
    let server = Server::start(|query| match query.kind.as_str() {
        "AAAA" => reply_to(query).code(RCODE::NameError).authority(300, 300).now(query),
        _ => Vec::new(),
    });
    let resolver = of(&[server.address]).query_timeout(Duration::from_millis(50)).attempts(1).build();
    for _ in 0..2 {
        let error = resolver.lookup("host.test").unwrap_err();
        assert_eq!(error.detail(), Some(&ResolveError::NoSuchName), "{error}");
        assert_eq!(server.queries().len(), 2, "the second lookup sends no query");
    }
}

/// An IPv4-mapped address counts as IPv4. It is returned once, and not for a lookup of IPv6
/// addresses only.
#[test]
fn ipv4_mapped_aaaa_counts_as_ipv4() {
    let server = Server::start(|query| match query.kind.as_str() {
        "AAAA" => reply_to(query)
            .address("host.test", 60, "::ffff:192.0.2.1")
            .address("host.test", 60, "::1")
            .now(query),
        _ => usual(query).now(query),
    });
    let mut found = of(&[server.address]).build().lookup("host.test").unwrap().addresses().to_vec();
    found.sort();
    assert_eq!(found, ips(&["192.0.2.1", "::1"]));
    let resolver = of(&[server.address]).families(IpFamilies::Ipv6).build();
    for _ in 0..2 {
        assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&["::1"]));
    }
}

/// Servers rotate the IPv4 addresses of a host. If there are very many addresses, only the first 64
/// are looked up in the routing table.
#[test]
fn ipv4_and_addresses_past_64_keep_server_order() {
    let server = Server::start(|query| match query.kind.as_str() {
        "A" => reply_to(query)
            .address("host.test", 60, "192.0.2.1")
            .address("host.test", 60, "127.0.0.1")
            .now(query),
        _ => {
            let many = (0..64).fold(reply_to(query), |reply, number| {
                reply.address("host.test", 60, &format!("2001:db8::{number:x}"))
            });
            many.address("host.test", 60, "::1").now(query)
        }
    });
    let found = |families| of(&[server.address]).families(families).build().lookup("host.test").unwrap();
    assert_eq!(found(IpFamilies::Ipv4).addresses(), ips(&["192.0.2.1", "127.0.0.1"]));
    assert_eq!(found(IpFamilies::Ipv6).addresses()[64], ips(&["::1"])[0]);
}

/// RFC 6724, section 6, rules 1 and 6: reachable addresses come first, and among them IPv6,
/// independent of the order in the response.
#[test]
fn lookup_sorts_reachable_addresses_first() {
    let server = Server::start(|query| match query.kind.as_str() {
        // A documentation address, which has a route only if there is a default route, and the
        // loopback address.
        "AAAA" => {
            reply_to(query).address("host.test", 60, "2001:db8::1").address("host.test", 60, "::1").now(query)
        }
        _ => reply_to(query).address("host.test", 60, "127.0.0.1").now(query),
    });
    let resolver = of(&[server.address]).build();
    let has =
        |ip: &str| std::net::UdpSocket::bind("[::]:0").is_ok_and(|socket| socket.connect((ip, 53)).is_ok());
    let first = resolver.lookup("host.test").unwrap();
    match (has("::1"), has("2001:db8::1")) {
        (true, false) => assert_eq!(first.addresses(), ips(&["::1", "127.0.0.1", "2001:db8::1"])),
        (true, true) => assert_eq!(first.addresses()[0], ips(&["::1"])[0]),
        _ => skip(Need::Ipv6, "there is no route to ::1"),
    }
    let again = resolver.lookup("host.test").unwrap();
    assert_eq!((again.source(), again.addresses()), (AnswerSource::Cache, first.addresses()));
}

#[test]
fn families_limits_query_types() {
    let server = Server::start(|query| usual(query).now(query));
    for (families, kind, ip) in
        [(IpFamilies::Ipv4, "A", "192.0.2.1"), (IpFamilies::Ipv6, "AAAA", "2001:db8::1")]
    {
        let resolver: Resolver = of(&[server.address]).families(families).build();
        assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&[ip]));
        assert_eq!(server.queries().pop().unwrap().kind, kind);
    }
    assert_eq!(server.queries().len(), 2);
}

#[test]
fn single_request_timeout_is_a_timeout() {
    let server = Server::start(|query| match query.kind.as_str() {
        "A" => reply_to(query).authority(60, 60).now(query),
        _ => Vec::new(),
    });
    let resolver = of(&[server.address]).single_request(true).timeout(Duration::from_millis(600)).build();
    let error = resolver.lookup("host.test").unwrap_err();
    assert_eq!(error.kind(), socketry::ErrorKind::TimedOut, "{error}");
    assert!(error.to_string().contains("did not respond"), "{error}");
}

/// A server that needs longer than the delay for the second family is waited for.
#[test]
fn cached_family_does_not_hide_the_other_of_a_slow_server() {
    let server = Server::start(|query| match query.kind.as_str() {
        "A" => reply_to(query).address("host.test", 1, "192.0.2.1").after(query, 120),
        _ => usual(query).after(query, 100),
    });
    let resolver = of(&[server.address]).build();
    assert_eq!(resolver.lookup("host.test").unwrap().addresses().len(), 2);
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(resolver.lookup("host.test").unwrap().addresses().len(), 2);
}
