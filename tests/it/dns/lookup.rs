//! Lookups with a scripted name server.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::kit::dns::*;
use crate::kit::*;
use simple_dns::{PacketFlag, RCODE};
use socketry::dns::{AnswerSource, InvalidName, IpFamilies, ResolveError, ResponseError, ServerFault};
use socketry::{CancelToken, Error, ErrorKind};

#[track_caller]
fn failure(result: Result<socketry::dns::Resolved, Error>) -> ResolveError {
    let error = result.unwrap_err();
    error.detail::<ResolveError>().unwrap_or_else(|| panic!("{error}")).clone()
}

#[test]
fn lookup_queries_a_and_aaaa_from_one_port_and_caches() {
    let server = Server::start(|query| usual(query).now(query));
    let resolver = of(&[server.address]).build();
    let found = resolver.lookup("Host.Test").unwrap();
    let mut all = found.addresses().to_vec();
    all.sort();
    assert_eq!(all, ips(&["192.0.2.1", "2001:db8::1"]));
    assert_eq!(found.source(), AnswerSource::Server(server.address));
    let ttl = found.ttl().unwrap();
    assert!(ttl > Duration::from_secs(58) && ttl <= Duration::from_secs(60), "{ttl:?}");
    let queries = server.queries();
    assert_eq!(queries.len(), 2, "{queries:?}");
    assert_eq!(queries[0].from, queries[1].from);
    assert!(queries.iter().all(|query| query.name == "host.test" && query.has_edns && !query.by_tcp));
    assert_ne!(queries[0].bytes[..2], queries[1].bytes[..2], "each query has its own identifier");

    let again = resolver.lookup("host.test.").unwrap();
    assert_eq!((again.source(), again.addresses()), (AnswerSource::Cache, found.addresses()));
    assert_eq!((server.queries().len(), resolver.cache_len()), (2, 1));
    resolver.flush();
    assert_eq!(resolver.lookup("host.test").unwrap().source(), AnswerSource::Server(server.address));
    assert_ne!(server.queries()[2].from, queries[0].from, "each lookup uses another port");
    assert_eq!(resolver.lookup_socket_addrs("host.test:80").unwrap().len(), 2);
    assert_eq!(resolver.gethostbyname("host.test").unwrap(), "192.0.2.1");
}

/// Other datagrams that arrive at the socket are ignored. The lookup continues to wait for the
/// response.
#[test]
fn lookup_ignores_mismatched_and_malformed_responses() {
    type Before = fn(&Asked) -> Vec<u8>;
    let table: [(&str, Before); 8] = [
        ("wrong id", |query| {
            let mut bytes = reply_to(query).address("host.test", 60, "203.0.113.66").bytes();
            bytes[0] ^= 0xff;
            bytes
        }),
        ("wrong question", |query| {
            let mut bytes = reply_to(query).address("host.test", 60, "203.0.113.66").bytes();
            bytes[13] ^= 1;
            bytes
        }),
        ("wrong type", |query| {
            let mut bytes = reply_to(query).address("host.test", 60, "203.0.113.66").bytes();
            bytes[12 + 11 + 1] = 28;
            bytes
        }),
        ("the query echoed", |query| query.bytes.clone()),
        ("garbage", |_| vec![0xff; 60]),
        ("an empty datagram", |_| Vec::new()),
        ("a truncated header", |query| query.bytes[..7].to_vec()),
        ("no question", |query| {
            let mut bytes = reply_to(query).bytes();
            bytes[5] = 0;
            bytes
        }),
    ];
    for (what, before) in table {
        let server = Server::start(move |query| {
            let mut replies = vec![(Duration::ZERO, before(query))];
            replies.extend(usual(query).after(query, 20));
            replies
        });
        let elapsed = assert_found(&server);
        assert!(elapsed >= Duration::from_millis(15), "{what}: {elapsed:?}");
        assert_eq!(server.queries().len(), 1, "{what}");
    }
}

#[test]
fn lookup_takes_first_response_and_ignores_name_case() {
    let server = Server::start(|query| {
        let mut bytes = usual(query).bytes();
        bytes[13].make_ascii_uppercase();
        let late = reply_to(query).address("host.test", 60, "203.0.113.66").bytes();
        vec![(Duration::ZERO, bytes), (Duration::ZERO, late)]
    });
    assert_found(&server);
}

#[test]
fn lookup_tries_next_server_on_error_or_timeout() {
    type Bad = fn(&Asked) -> Replies;
    let table: [(&str, Bad); 6] = [
        ("SERVFAIL", |query| reply_to(query).code(RCODE::ServerFailure).now(query)),
        ("REFUSED", |query| reply_to(query).code(RCODE::Refused).now(query)),
        ("NOTIMP", |query| reply_to(query).code(RCODE::NotImplemented).now(query)),
        ("lame", |query| reply_to(query).without(PacketFlag::RECURSION_AVAILABLE).now(query)),
        ("malformed", |query| {
            let mut bytes = usual(query).bytes();
            bytes.truncate(bytes.len() - 3);
            vec![(Duration::ZERO, bytes)]
        }),
        ("silent", |_| Vec::new()),
    ];
    for (what, bad) in table {
        let bad = Server::start(bad);
        let good = Server::start(|query| usual(query).now(query));
        let began = Instant::now();
        let timeout = if what == "silent" { Duration::from_millis(400) } else { PATIENCE };
        let builder = of(&[bad.address, good.address]).families(IpFamilies::Ipv4).timeout(2 * PATIENCE);
        let resolver = builder.query_timeout(timeout).build();
        assert_eq!(
            resolver.lookup("host.test").unwrap().source(),
            AnswerSource::Server(good.address),
            "{what}"
        );
        let elapsed = began.elapsed();
        assert!(elapsed < SLACK && (what != "silent" || elapsed >= timeout), "{what}: {elapsed:?}");
        // One more query without EDNS, if EDNS may be the reason.
        let queries = if what == "SERVFAIL" || what == "NOTIMP" { 2 } else { 1 };
        assert_eq!(bad.queries().len(), queries, "{what}");
        // Servers are queried in the order listed.
        resolver.flush();
        resolver.lookup("host.test").unwrap();
        assert_eq!(bad.queries().len(), 2 * queries, "{what}");
    }
    let good = Server::start(|query| usual(query).now(query));
    let began = Instant::now();
    // Wine never reports an unreachable port.
    let timeout = if is_wine() { Duration::from_millis(400) } else { PATIENCE };
    let builder = of(&[deserted(), good.address]).families(IpFamilies::Ipv4).timeout(2 * PATIENCE);
    let found = builder.query_timeout(timeout).build().lookup("host.test").unwrap();
    assert_eq!(found.source(), AnswerSource::Server(good.address));
    assert!(began.elapsed() < SLACK, "an unreachable port is reported immediately");
}

#[test]
fn lookup_retries_lost_query() {
    let server = Server::start(|query| if query.number < 1 { Vec::new() } else { usual(query).now(query) });
    let elapsed = assert_found(&server);
    assert!(elapsed >= Duration::from_millis(400) && elapsed < SLACK, "{elapsed:?}");
}

/// A response with the reserved Z bit (RFC 1035, section 4.1.1) is accepted.
#[test]
fn reserved_header_bit_is_ignored() {
    let server = Server::start(|query| {
        let mut bytes = usual(query).bytes();
        bytes[3] |= 0x40;
        vec![(Duration::ZERO, bytes)]
    });
    assert_found(&server);
}

#[test]
fn lookup_follows_cname_chains_up_to_a_limit() {
    let server = Server::start(|query| {
        reply_to(query)
            .alias("b.test", 20, "c.test")
            .address("other.test", 60, "203.0.113.66")
            .address("c.test", 60, "192.0.2.1")
            .alias("host.test", 40, "b.test")
            .now(query)
    });
    let found = only_v4(&server).build().lookup("host.test").unwrap();
    assert_eq!(found.addresses(), ips(&["192.0.2.1"]), "records in any order, without those of other names");
    assert!(found.ttl().unwrap() <= Duration::from_secs(20), "the smallest TTL of the chain");

    let server = Server::start(|query| match query.name.as_str() {
        "host.test" => reply_to(query).alias("host.test", 30, "far.example").now(query),
        name => reply_to(query).address(name, 60, "192.0.2.1").now(query),
    });
    let found = only_v4(&server).build().lookup("host.test").unwrap();
    assert_eq!(found.addresses(), ips(&["192.0.2.1"]));
    assert!(found.ttl().unwrap() <= Duration::from_secs(30));
    assert_eq!(server.queries()[1].name, "far.example");

    // Over several queries, the smallest TTL of the chain applies.
    for ttls in [[5, 60, 60], [60, 5, 60], [60, 60, 5]] {
        let server = Server::start(move |query| match query.name.as_str() {
            "host.test" => reply_to(query).alias("host.test", ttls[0], "far.example").now(query),
            "far.example" => reply_to(query).alias("far.example", ttls[1], "farther.example").now(query),
            name => reply_to(query).address(name, ttls[2], "192.0.2.1").now(query),
        });
        let found = only_v4(&server).build().lookup("host.test").unwrap();
        assert_eq!(server.queries().len(), 3);
        assert!(found.ttl().unwrap() <= Duration::from_secs(5), "{ttls:?}: {:?}", found.ttl());
    }

    let loops = Server::start(|query| {
        reply_to(query).alias("host.test", 9, "b.test").alias("b.test", 9, "host.test").now(query)
    });
    assert!(matches!(failure(only_v4(&loops).build().lookup("host.test")), ResolveError::ServersFailed(_)));
    let endless = Server::start(|query| {
        let next = format!("{}.test", query.number);
        reply_to(query).alias(&query.name.clone(), 9, &next).now(query)
    });
    assert!(matches!(failure(only_v4(&endless).build().lookup("host.test")), ResolveError::ServersFailed(_)));
    assert!(endless.queries().len() < 40, "{}", endless.queries().len());
}

#[test]
fn nxdomain_is_not_nodata_and_is_cached_only_with_soa() {
    let server = Server::start(|query| match query.name.as_str() {
        "missing.test" => reply_to(query).code(RCODE::NameError).authority(300, 30).now(query),
        "unsaid.test" => reply_to(query).code(RCODE::NameError).now(query),
        "empty.test" => reply_to(query).authority(300, 30).now(query),
        _ => Vec::new(),
    });
    let resolver = of(&[server.address]).build();
    let error = resolver.lookup("missing.test").unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::NameNotFound, false));
    assert_eq!(error.to_string(), "resolve missing.test: no such host");
    assert_eq!(failure(resolver.lookup("missing.test")), ResolveError::NoSuchName);
    let count = server.queries().len();
    assert!(count <= 2, "the second lookup uses the cache");
    assert_eq!(failure(resolver.lookup("empty.test")), ResolveError::NoRecords("address"));
    assert_eq!(failure(resolver.lookup("unsaid.test")), ResolveError::NoSuchName);
    let before = server.queries().len();
    assert_eq!(failure(resolver.lookup("unsaid.test")), ResolveError::NoSuchName);
    assert!(server.queries().len() > before, "without an SOA record, it is queried again");
}

#[test]
fn zero_or_out_of_range_ttl_is_not_cached() {
    for ttl in [0, 0x8000_0000, u32::MAX] {
        let server =
            Server::start(move |query| reply_to(query).address("host.test", ttl, "192.0.2.1").now(query));
        let resolver = only_v4(&server).build();
        for _ in 0..2 {
            assert_eq!(resolver.lookup("host.test").unwrap().source(), AnswerSource::Server(server.address));
        }
        assert_eq!((server.queries().len(), resolver.cache_len()), (2, 0), "{ttl}");
    }
}

/// Two servers do not respond, and there are two search domains. The lookup ends at its timeout,
/// and the error lists the servers that did not respond.
#[test]
fn lookup_timeout_spans_servers_and_search_domains() {
    let silent = [Server::silent(), Server::silent()];
    let resolver = of(&silent.each_ref().map(|server| server.address))
        .search(["a.example", "b.example"])
        .unwrap()
        .query_timeout(PATIENCE)
        .timeout(Duration::from_millis(700))
        .build();
    let began = Instant::now();
    let error = resolver.lookup("host").unwrap_err();
    let elapsed = began.elapsed();
    assert!(elapsed >= Duration::from_millis(699) && elapsed < SLACK, "{elapsed:?}");
    assert!(error.is_timeout() && error.is_temporary());
    let expected = format!(
        "resolve host: timed out: {} did not respond, {} was not queried after ",
        silent[0].address, silent[1].address
    );
    assert!(error.to_string().starts_with(&expected), "{error}");

    let refusing = Server::start(|query| reply_to(query).code(RCODE::Refused).now(query));
    let resolver =
        of(&[refusing.address, silent[0].address, silent[1].address]).query_timeout(Duration::from_secs(5));
    let error = resolver.timeout(Duration::from_millis(100)).build().lookup("host.test").unwrap_err();
    let faults = match error.detail::<ResolveError>() {
        Some(ResolveError::TimedOut(troubles)) => {
            troubles.iter().map(|trouble| trouble.fault).collect::<Vec<_>>()
        }
        _ => panic!("{error}"),
    };
    let refused = ServerFault::Reply(ResponseError::Refused);
    assert_eq!(faults, [refused, ServerFault::Timeout, ServerFault::NotQueried], "the fault of each server");

    let few = of(&[silent[0].address])
        .query_timeout(Duration::from_millis(50))
        .attempts(3)
        .families(IpFamilies::Ipv4)
        .build();
    let before = silent[0].queries().len();
    let error = few.lookup("host.test").unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(silent[0].queries().len(), before + 3);
}

#[test]
fn lookup_error_lists_each_server_failure() {
    let failing = Server::start(|query| reply_to(query).code(RCODE::ServerFailure).now(query));
    let refusing = Server::start(|query| reply_to(query).code(RCODE::Refused).now(query));
    let error = of(&[failing.address, refusing.address]).build().lookup("host.test").unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::NameResolution, true));
    let expected = format!(
        "resolve host.test: all name servers failed: {} returned SERVFAIL, {} returned REFUSED after ",
        failing.address, refusing.address
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[test]
fn search_domains_are_tried_until_name_exists() {
    let server = Server::start(|query| match query.name.as_str() {
        "host.b.example" => usual(query).now(query),
        _ => reply_to(query).code(RCODE::NameError).authority(60, 60).now(query),
    });
    let resolver = only_v4(&server).search(["a.example", "b.example"]).unwrap().build();
    assert_eq!(resolver.lookup("host").unwrap().addresses(), ips(&["192.0.2.1"]));
    let names: Vec<_> = server.queries().into_iter().map(|query| query.name).collect();
    assert_eq!(names, ["host.a.example", "host.b.example"]);
    assert_eq!(failure(resolver.lookup("host.")), ResolveError::NoSuchName);
    assert_eq!(server.queries().last().unwrap().name, "host");
    // A cached answer for the absolute name does not precede the name in a search domain.
    let everywhere = Server::start(|query| usual(query).now(query));
    let resolver = only_v4(&everywhere).search(["a.example"]).unwrap().build();
    for name in ["host.", "host", "host"] {
        resolver.lookup(name).unwrap();
    }
    let names: Vec<_> = everywhere.queries().into_iter().map(|query| query.name).collect();
    assert_eq!(names, ["host", "host.a.example"]);
    // A name is not reported as nonexistent if a query for it failed.
    let doubtful = Server::start(|query| match query.name.as_str() {
        "host.a.example" => reply_to(query).code(RCODE::ServerFailure).now(query),
        "host.b.example" => reply_to(query).authority(60, 60).now(query),
        _ => reply_to(query).code(RCODE::NameError).authority(60, 60).now(query),
    });
    for domains in [&["a.example"][..], &["a.example", "b.example"]] {
        let error = only_v4(&doubtful).search(domains).unwrap().build().lookup("host").unwrap_err();
        assert!(error.is_temporary(), "{domains:?}: {error}");
    }
}

#[test]
fn concurrent_lookups_share_one_query() {
    let server = Server::start(|query| usual(query).after(query, 100));
    let resolver = only_v4(&server).query_timeout(Duration::from_secs(5)).build();
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope
                .spawn(|| assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&["192.0.2.1"])));
        }
    });
    assert_eq!(server.queries().len(), 1);
    // Failures, which are not cached, are shared as well.
    let failing = Server::start(|query| reply_to(query).code(RCODE::ServerFailure).after(query, 100));
    let resolver = only_v4(&failing).query_timeout(Duration::from_secs(5)).attempts(1).build();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| assert!(resolver.lookup("host.test").unwrap_err().is_temporary()));
        }
    });
    assert!(failing.queries().len() <= 2, "{}", failing.queries().len());
}

#[test]
fn cancel_ends_concurrent_lookups() {
    let silent = Server::silent();
    let token = CancelToken::new().unwrap();
    let resolver = of(&[silent.address]).query_timeout(PATIENCE).cancel_token(&token).build();
    std::thread::scope(|scope| {
        // One lookup sends the query, and the other waits for it.
        let waiting =
            [(); 2].map(|()| scope.spawn(|| resolver.lookup("host.test").unwrap_err().is_cancelled()));
        eventually("the server is queried", || !silent.queries().is_empty());
        let began = Instant::now();
        token.cancel();
        assert!(waiting.into_iter().all(|thread| thread.join().unwrap()));
        assert!(began.elapsed() < PATIENCE / 4);
    });
}

#[test]
fn lookup_addr_mx_srv_and_txt_return_records() {
    let server = Server::start(|query| match query.kind.as_str() {
        "PTR" if query.name.starts_with('8') => {
            reply_to(query).pointer(&query.name, "a\u{1b}[2Jb c").now(query)
        }
        "PTR" => reply_to(query).pointer("7.2.0.192.in-addr.arpa", "host.test").now(query),
        "MX" => reply_to(query).mail("test", 20, "second.test").mail("test", 10, "first.test").now(query),
        "SRV" => reply_to(query).service("_x._tcp.test", 1, 5222, "host.test").now(query),
        "TXT" => reply_to(query).text("test", &["v=spf1 ", "-all"]).now(query),
        _ => reply_to(query).authority(60, 60).now(query),
    });
    let resolver = of(&[server.address]).build();
    assert_eq!(resolver.lookup_addr("192.0.2.7".parse::<IpAddr>().unwrap()).unwrap(), "host.test");
    // The target is not a host name, and contains a terminal escape sequence.
    let error = resolver.lookup_addr("192.0.2.8".parse::<IpAddr>().unwrap()).unwrap_err();
    assert_eq!(error.detail(), Some(&ResolveError::NoRecords("name")));
    let exchangers = resolver.lookup_mx("test").unwrap();
    let fields = exchangers.iter().map(|mx| (mx.preference, mx.exchange.as_str()));
    assert_eq!(fields.collect::<Vec<_>>(), [(10, "first.test"), (20, "second.test")]);
    let hosts = resolver.lookup_srv("_x._tcp.test").unwrap();
    let fields = hosts.iter().map(|srv| (srv.priority, srv.weight, srv.port, srv.target.as_str()));
    assert_eq!(fields.collect::<Vec<_>>(), [(1, 5, 5222, "host.test")]);
    let txt = resolver.lookup_txt("test").unwrap();
    assert_eq!(txt.len(), 1);
    assert_eq!(txt[0].strings().collect::<Vec<_>>(), [&b"v=spf1 "[..], b"-all"]);
    assert_eq!(txt[0].to_string_lossy(), "v=spf1 -all");
    let error = resolver.lookup("test").unwrap_err();
    assert_eq!(error.detail(), Some(&ResolveError::NoRecords("address")));
}

/// Invalid names are rejected with the reason, and no query is sent.
#[test]
fn invalid_special_and_literal_names_send_no_query() {
    let server = Server::start(|query| usual(query).now(query));
    let resolver = of(&[server.address]).build();
    let long = "a".repeat(64);
    let table: [(&str, InvalidName); 6] = [
        ("127.1", InvalidName::EndsInNumber),
        (&long, InvalidName::LabelTooLong(64)),
        ("a..b", InvalidName::EmptyLabel),
        ("a\0b", InvalidName::Character('\0')),
        ("a b", InvalidName::Character(' ')),
        ("", InvalidName::Empty),
    ];
    for (name, reason) in table {
        let error = resolver.lookup(name).unwrap_err();
        assert_eq!(error.detail(), Some(&ResolveError::InvalidName(reason)), "{name:?}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!error.to_string().contains('\0'), "{error:?}");
    }
    assert_eq!(resolver.lookup("localhost").unwrap().source(), AnswerSource::Localhost);
    assert_eq!(resolver.lookup("a.localhost").unwrap().source(), AnswerSource::Localhost);
    assert_eq!(failure(resolver.lookup("x.invalid")), ResolveError::NoSuchName);
    let no_service = resolver.lookup_srv("_x._tcp.abc.onion").unwrap_err();
    assert_eq!(no_service.detail(), Some(&ResolveError::NoSuchName));
    let no_text = resolver.lookup_txt("localhost").unwrap_err();
    assert_eq!(no_text.detail(), Some(&ResolveError::NoRecords("text")));
    for literal in ["192.0.2.9", "2001:db8::9", "[2001:db8::9]", "[::1%1]", "fe80::9%1", "::ffff:192.0.2.9"] {
        assert_eq!(resolver.lookup(literal).unwrap().source(), AnswerSource::Literal, "{literal}");
    }
    assert_eq!(resolver.lookup("[2001:db8::9]").unwrap().addresses(), ips(&["2001:db8::9"]));
    for this_machine in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(resolver.lookup_addr(this_machine.parse::<IpAddr>().unwrap()).unwrap(), "localhost");
    }
    assert!(server.queries().is_empty(), "{:?}", server.queries());
}

#[test]
#[cfg(feature = "idna")]
fn idn_spellings_share_one_punycode_cache_entry() {
    let server = Server::start(|query| usual(query).now(query));
    let resolver = of(&[server.address]).build();
    for name in ["例如.中国", "例如。中国", "xn--fsqu6v.xn--fiqs8s"] {
        resolver.lookup(name).unwrap();
    }
    let names: Vec<_> = server.queries().into_iter().map(|query| query.name).collect();
    assert_eq!(names, ["xn--fsqu6v.xn--fiqs8s"; 2], "one name, queried for both types");
    assert_eq!(resolver.lookup("１２７.０.０.1").unwrap().source(), AnswerSource::Literal);
}

#[test]
fn invalid_search_domain_is_an_error() {
    let builder = || socketry::Resolver::builder();
    for (domain, expected) in [
        ("a..test", InvalidName::EmptyLabel),
        ("a b.test", InvalidName::Character(' ')),
        ("192.0.2.1", InvalidName::EndsInNumber),
        ("", InvalidName::Empty),
    ] {
        let error = builder().search(["good.test", domain]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{domain:?}");
        assert_eq!(error.detail(), Some(&ResolveError::InvalidName(expected)), "{domain:?}");
    }
    assert!(builder().search([".", "A.Test."]).is_ok() && builder().search::<&str>([]).is_ok());
}
