//! Look-ups against a name server that does what the test says.

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
    let server = Server::start(|asked| usual(asked).now(asked));
    let resolver = of(&[server.address]).build();
    let found = resolver.lookup("Host.Test").unwrap();
    let mut all = found.addresses().to_vec();
    all.sort();
    assert_eq!(all, ips(&["192.0.2.1", "2001:db8::1"]));
    assert_eq!(found.source(), AnswerSource::Server(server.address));
    let ttl = found.ttl().unwrap();
    assert!(ttl > Duration::from_secs(58) && ttl <= Duration::from_secs(60), "{ttl:?}");
    let asked = server.queries();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert_eq!(asked[0].from, asked[1].from);
    assert!(asked.iter().all(|asked| asked.name == "host.test" && asked.has_edns && !asked.by_tcp));
    assert_ne!(asked[0].bytes[..2], asked[1].bytes[..2], "a number for each");

    let again = resolver.lookup("host.test.").unwrap();
    assert_eq!((again.source(), again.addresses()), (AnswerSource::Cache, found.addresses()));
    assert_eq!((server.queries().len(), resolver.cache_len()), (2, 1));
    resolver.flush();
    assert_eq!(resolver.lookup("host.test").unwrap().source(), AnswerSource::Server(server.address));
    assert_ne!(server.queries()[2].from, asked[0].from, "another port each time");
    assert_eq!(resolver.lookup_socket_addrs("host.test:80").unwrap().len(), 2);
    assert_eq!(resolver.gethostbyname("host.test").unwrap(), "192.0.2.1");
}

/// Whatever else arrives at the socket, the wait goes on for the answer to the question.
#[test]
fn lookup_ignores_mismatched_and_malformed_responses() {
    type Before = fn(&Asked) -> Vec<u8>;
    let table: [(&str, Before); 8] = [
        ("wrong id", |asked| {
            let mut bytes = reply_to(asked).address("host.test", 60, "203.0.113.66").bytes();
            bytes[0] ^= 0xff;
            bytes
        }),
        ("wrong question", |asked| {
            let mut bytes = reply_to(asked).address("host.test", 60, "203.0.113.66").bytes();
            bytes[13] ^= 1;
            bytes
        }),
        ("wrong type", |asked| {
            let mut bytes = reply_to(asked).address("host.test", 60, "203.0.113.66").bytes();
            bytes[12 + 11 + 1] = 28;
            bytes
        }),
        ("an echo", |asked| asked.bytes.clone()),
        ("garbage", |_| vec![0xff; 60]),
        ("nothing", |_| Vec::new()),
        ("a header cut", |asked| asked.bytes[..7].to_vec()),
        ("no question", |asked| {
            let mut bytes = reply_to(asked).bytes();
            bytes[5] = 0;
            bytes
        }),
    ];
    for (what, before) in table {
        let server = Server::start(move |asked| {
            let mut replies = vec![(Duration::ZERO, before(asked))];
            replies.extend(usual(asked).after(asked, 20));
            replies
        });
        let elapsed = assert_found(&server);
        assert!(elapsed >= Duration::from_millis(15), "{what}: {elapsed:?}");
        assert_eq!(server.queries().len(), 1, "{what}");
    }
}

#[test]
fn lookup_takes_first_response_and_ignores_name_case() {
    let server = Server::start(|asked| {
        let mut bytes = usual(asked).bytes();
        bytes[13].make_ascii_uppercase();
        let late = reply_to(asked).address("host.test", 60, "203.0.113.66").bytes();
        vec![(Duration::ZERO, bytes), (Duration::ZERO, late)]
    });
    assert_found(&server);
}

#[test]
fn lookup_tries_next_server_on_error_or_timeout() {
    type Bad = fn(&Asked) -> Replies;
    let table: [(&str, Bad); 6] = [
        ("SERVFAIL", |asked| reply_to(asked).code(RCODE::ServerFailure).now(asked)),
        ("REFUSED", |asked| reply_to(asked).code(RCODE::Refused).now(asked)),
        ("NOTIMP", |asked| reply_to(asked).code(RCODE::NotImplemented).now(asked)),
        ("lame", |asked| reply_to(asked).without(PacketFlag::RECURSION_AVAILABLE).now(asked)),
        ("malformed", |asked| {
            let mut bytes = usual(asked).bytes();
            bytes.truncate(bytes.len() - 3);
            vec![(Duration::ZERO, bytes)]
        }),
        ("silent", |_| Vec::new()),
    ];
    for (what, bad) in table {
        let bad = Server::start(bad);
        let good = Server::start(|asked| usual(asked).now(asked));
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
        // Once more without EDNS, if that may be the reason.
        let queries = if what == "SERVFAIL" || what == "NOTIMP" { 2 } else { 1 };
        assert_eq!(bad.queries().len(), queries, "{what}");
        // Servers are queried in the order listed.
        resolver.flush();
        resolver.lookup("host.test").unwrap();
        assert_eq!(bad.queries().len(), 2 * queries, "{what}");
    }
    let good = Server::start(|asked| usual(asked).now(asked));
    let began = Instant::now();
    // Wine never reports an unreachable port.
    let timeout = if is_wine() { Duration::from_millis(400) } else { PATIENCE };
    let builder = of(&[deserted(), good.address]).families(IpFamilies::Ipv4).timeout(2 * PATIENCE);
    let found = builder.query_timeout(timeout).build().lookup("host.test").unwrap();
    assert_eq!(found.source(), AnswerSource::Server(good.address));
    assert!(began.elapsed() < SLACK, "an unreachable port is known at once");
}

#[test]
fn lookup_retries_lost_query() {
    let server = Server::start(|asked| if asked.number < 1 { Vec::new() } else { usual(asked).now(asked) });
    let elapsed = assert_found(&server);
    assert!(elapsed >= Duration::from_millis(400) && elapsed < SLACK, "{elapsed:?}");
}

/// The bit that RFC 1035 reserves is nobody's reason not to read the rest.
#[test]
fn reserved_header_bit_is_ignored() {
    let server = Server::start(|asked| {
        let mut bytes = usual(asked).bytes();
        bytes[3] |= 0x40;
        vec![(Duration::ZERO, bytes)]
    });
    assert_found(&server);
}

#[test]
fn lookup_follows_cname_chains_up_to_a_limit() {
    let server = Server::start(|asked| {
        reply_to(asked)
            .alias("b.test", 20, "c.test")
            .address("other.test", 60, "203.0.113.66")
            .address("c.test", 60, "192.0.2.1")
            .alias("host.test", 40, "b.test")
            .now(asked)
    });
    let found = only_v4(&server).build().lookup("host.test").unwrap();
    assert_eq!(found.addresses(), ips(&["192.0.2.1"]), "in any order, and of nobody else");
    assert!(found.ttl().unwrap() <= Duration::from_secs(20), "the least of all that led there");

    let server = Server::start(|asked| match asked.name.as_str() {
        "host.test" => reply_to(asked).alias("host.test", 30, "far.example").now(asked),
        name => reply_to(asked).address(name, 60, "192.0.2.1").now(asked),
    });
    let found = only_v4(&server).build().lookup("host.test").unwrap();
    assert_eq!(found.addresses(), ips(&["192.0.2.1"]));
    assert!(found.ttl().unwrap() <= Duration::from_secs(30));
    assert_eq!(server.queries()[1].name, "far.example");

    // Over several queries the least of all TTLs counts, wherever it is.
    for ttls in [[5, 60, 60], [60, 5, 60], [60, 60, 5]] {
        let server = Server::start(move |asked| match asked.name.as_str() {
            "host.test" => reply_to(asked).alias("host.test", ttls[0], "far.example").now(asked),
            "far.example" => reply_to(asked).alias("far.example", ttls[1], "farther.example").now(asked),
            name => reply_to(asked).address(name, ttls[2], "192.0.2.1").now(asked),
        });
        let found = only_v4(&server).build().lookup("host.test").unwrap();
        assert_eq!(server.queries().len(), 3);
        assert!(found.ttl().unwrap() <= Duration::from_secs(5), "{ttls:?}: {:?}", found.ttl());
    }

    let loops = Server::start(|asked| {
        reply_to(asked).alias("host.test", 9, "b.test").alias("b.test", 9, "host.test").now(asked)
    });
    assert!(matches!(failure(only_v4(&loops).build().lookup("host.test")), ResolveError::ServersFailed(_)));
    let endless = Server::start(|asked| {
        let next = format!("{}.test", asked.number);
        reply_to(asked).alias(&asked.name.clone(), 9, &next).now(asked)
    });
    assert!(matches!(failure(only_v4(&endless).build().lookup("host.test")), ResolveError::ServersFailed(_)));
    assert!(endless.queries().len() < 40, "{}", endless.queries().len());
}

#[test]
fn nxdomain_is_not_nodata_and_is_cached_only_with_soa() {
    let server = Server::start(|asked| match asked.name.as_str() {
        "missing.test" => reply_to(asked).code(RCODE::NameError).authority(300, 30).now(asked),
        "unsaid.test" => reply_to(asked).code(RCODE::NameError).now(asked),
        "empty.test" => reply_to(asked).authority(300, 30).now(asked),
        _ => Vec::new(),
    });
    let resolver = of(&[server.address]).build();
    let error = resolver.lookup("missing.test").unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::NameNotFound, false));
    assert_eq!(error.to_string(), "resolve missing.test: no such host");
    assert_eq!(failure(resolver.lookup("missing.test")), ResolveError::NoSuchName);
    let asked = server.queries().len();
    assert!(asked <= 2, "the second time it is known");
    assert_eq!(failure(resolver.lookup("empty.test")), ResolveError::NoRecords("address"));
    assert_eq!(failure(resolver.lookup("unsaid.test")), ResolveError::NoSuchName);
    let before = server.queries().len();
    assert_eq!(failure(resolver.lookup("unsaid.test")), ResolveError::NoSuchName);
    assert!(server.queries().len() > before, "without a word of how long it is asked again");
}

#[test]
fn zero_or_out_of_range_ttl_is_not_cached() {
    for ttl in [0, 0x8000_0000, u32::MAX] {
        let server =
            Server::start(move |asked| reply_to(asked).address("host.test", ttl, "192.0.2.1").now(asked));
        let resolver = only_v4(&server).build();
        for _ in 0..2 {
            assert_eq!(resolver.lookup("host.test").unwrap().source(), AnswerSource::Server(server.address));
        }
        assert_eq!((server.queries().len(), resolver.cache_len()), (2, 0), "{ttl}");
    }
}

/// Two servers that say nothing and two domains: it ends when it should, and says who was silent.
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

    let refusing = Server::start(|asked| reply_to(asked).code(RCODE::Refused).now(asked));
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
    assert_eq!(faults, [refused, ServerFault::Timeout, ServerFault::NotQueried], "each as it was");

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
    let failing = Server::start(|asked| reply_to(asked).code(RCODE::ServerFailure).now(asked));
    let refusing = Server::start(|asked| reply_to(asked).code(RCODE::Refused).now(asked));
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
    let server = Server::start(|asked| match asked.name.as_str() {
        "host.b.example" => usual(asked).now(asked),
        _ => reply_to(asked).code(RCODE::NameError).authority(60, 60).now(asked),
    });
    let resolver = only_v4(&server).search(["a.example", "b.example"]).unwrap().build();
    assert_eq!(resolver.lookup("host").unwrap().addresses(), ips(&["192.0.2.1"]));
    let names: Vec<_> = server.queries().into_iter().map(|asked| asked.name).collect();
    assert_eq!(names, ["host.a.example", "host.b.example"]);
    assert_eq!(failure(resolver.lookup("host.")), ResolveError::NoSuchName);
    assert_eq!(server.queries().last().unwrap().name, "host");
    // What is known of the name as it is does not come before what it is in a domain.
    let everywhere = Server::start(|asked| usual(asked).now(asked));
    let resolver = only_v4(&everywhere).search(["a.example"]).unwrap().build();
    for name in ["host.", "host", "host"] {
        resolver.lookup(name).unwrap();
    }
    let names: Vec<_> = everywhere.queries().into_iter().map(|asked| asked.name).collect();
    assert_eq!(names, ["host", "host.a.example"]);
    // A name of which nobody knows whether it exists is not said not to.
    let doubtful = Server::start(|asked| match asked.name.as_str() {
        "host.a.example" => reply_to(asked).code(RCODE::ServerFailure).now(asked),
        "host.b.example" => reply_to(asked).authority(60, 60).now(asked),
        _ => reply_to(asked).code(RCODE::NameError).authority(60, 60).now(asked),
    });
    for domains in [&["a.example"][..], &["a.example", "b.example"]] {
        let error = only_v4(&doubtful).search(domains).unwrap().build().lookup("host").unwrap_err();
        assert!(error.is_temporary(), "{domains:?}: {error}");
    }
}

#[test]
fn concurrent_lookups_share_one_query() {
    let server = Server::start(|asked| usual(asked).after(asked, 100));
    let resolver = only_v4(&server).query_timeout(Duration::from_secs(5)).build();
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope
                .spawn(|| assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&["192.0.2.1"])));
        }
    });
    assert_eq!(server.queries().len(), 1);
    // And what is not kept is shared as well.
    let failing = Server::start(|asked| reply_to(asked).code(RCODE::ServerFailure).after(asked, 100));
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
        // One asks and the other waits for it.
        let waiting =
            [(); 2].map(|()| scope.spawn(|| resolver.lookup("host.test").unwrap_err().is_cancelled()));
        eventually("it is asked", || !silent.queries().is_empty());
        let began = Instant::now();
        token.cancel();
        assert!(waiting.into_iter().all(|thread| thread.join().unwrap()));
        assert!(began.elapsed() < PATIENCE / 4);
    });
}

#[test]
fn lookup_addr_mx_srv_and_txt_return_records() {
    let server = Server::start(|asked| match asked.kind.as_str() {
        "PTR" if asked.name.starts_with('8') => {
            reply_to(asked).pointer(&asked.name, "a\u{1b}[2Jb c").now(asked)
        }
        "PTR" => reply_to(asked).pointer("7.2.0.192.in-addr.arpa", "host.test").now(asked),
        "MX" => reply_to(asked).mail("test", 20, "second.test").mail("test", 10, "first.test").now(asked),
        "SRV" => reply_to(asked).service("_x._tcp.test", 1, 5222, "host.test").now(asked),
        "TXT" => reply_to(asked).text("test", &["v=spf1 ", "-all"]).now(asked),
        _ => reply_to(asked).authority(60, 60).now(asked),
    });
    let resolver = of(&[server.address]).build();
    assert_eq!(resolver.lookup_addr("192.0.2.7".parse::<IpAddr>().unwrap()).unwrap(), "host.test");
    // What is no name of a host, and would do something else where it is shown.
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

/// What cannot be a name is refused with the reason, and nothing leaves.
#[test]
fn invalid_special_and_literal_names_send_no_query() {
    let server = Server::start(|asked| usual(asked).now(asked));
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
    let server = Server::start(|asked| usual(asked).now(asked));
    let resolver = of(&[server.address]).build();
    for name in ["例如.中国", "例如。中国", "xn--fsqu6v.xn--fiqs8s"] {
        resolver.lookup(name).unwrap();
    }
    let names: Vec<_> = server.queries().into_iter().map(|asked| asked.name).collect();
    assert_eq!(names, ["xn--fsqu6v.xn--fiqs8s"; 2], "one name, of both families");
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
