//! Two families of addresses: when each is asked for, waited for and tried.

use std::time::{Duration, Instant};

use crate::kit::dns::*;
use crate::kit::*;
use simple_dns::{PacketFlag, RCODE};
use socketry::Resolver;
use socketry::dns::{AnswerSource, IpFamilies, ResolveError};

/// RFC 8305, 3: the addresses of one family wait 50 ms for those of the other. RFC 9520, 3.2: and
/// that nobody would say whether there are others is known for a while.
#[test]
fn unanswered_aaaa_costs_50_ms_and_is_retried_later() {
    let server =
        Server::start(|asked| if asked.kind == "A" { usual(asked).after(asked, 30) } else { Vec::new() });
    let resolver = of(&[server.address]).query_timeout(Duration::from_secs(5)).build();
    let began = Instant::now();
    assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&["192.0.2.1"]));
    let elapsed = began.elapsed();
    assert!(elapsed >= Duration::from_millis(75) && elapsed < Duration::from_secs(4), "{elapsed:?}");
    assert_eq!(server.queries().len(), 2);
    let again = resolver.lookup("host.test").unwrap();
    assert_eq!((again.addresses(), again.source()), (&ips(&["192.0.2.1"])[..], AnswerSource::Cache));
    let ttl = again.ttl().unwrap();
    assert!(ttl > Duration::from_secs(50), "that of the address: {ttl:?}");
    assert_eq!(server.queries().len(), 2, "nobody is asked again so soon");
    eventually("some seconds later the other family is asked for again, and it alone", || {
        let found = resolver.lookup("host.test").unwrap();
        assert_eq!(found.addresses(), ips(&["192.0.2.1"]));
        server.queries().len() == 3
    });
    assert_eq!(server.queries()[2].kind, "AAAA");
}

/// That there is no address of one family says nothing of the other, of which nobody has told.
#[test]
fn aaaa_nodata_and_a_servfail_is_temporary_error() {
    let server = Server::start(|asked| match asked.kind.as_str() {
        "AAAA" => reply_to(asked).authority(60, 60).now(asked),
        _ => reply_to(asked).code(RCODE::ServerFailure).now(asked),
    });
    let error = of(&[server.address]).build().lookup("host.test").unwrap_err();
    assert!(error.is_temporary(), "{error}");
}

/// For those who lose one of two queries at a time: each is answered before the next is sent, from
/// another port.
#[test]
fn single_request_option_sends_queries_sequentially() {
    let server = Server::start(|asked| usual(asked).after(asked, 20));
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
    let asked = server.queries();
    let kinds: Vec<_> = asked.iter().map(|asked| asked.kind.as_str()).collect();
    assert_eq!(kinds, ["A", "AAAA", "A", "AAAA"]);
    assert_ne!(asked[0].from, asked[1].from);
}

#[test]
fn single_request_returns_partial_answer_on_timeout() {
    let server = Server::start(|asked| match (asked.name.as_str(), asked.kind.as_str()) {
        ("missing.test", "A") => reply_to(asked).code(RCODE::NameError).now(asked),
        (_, "A") => usual(asked).now(asked),
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
    assert!(!error.is_temporary(), "a name that is not there has nothing of the other kind either: {error}");
    assert_eq!(server.queries().len(), 3);
}

/// What is there when the time is over is an answer: whether it has just come or was known before.
#[test]
fn lookup_returns_one_family_on_timeout() {
    let server = Server::start(|asked| match (asked.name.as_str(), asked.kind.as_str()) {
        ("cut.test", "AAAA") if !asked.by_tcp => usual(asked).with(PacketFlag::TRUNCATION).now(asked),
        (_, "A") => usual(asked).now(asked),
        _ => Vec::new(),
    });
    // Shorter than what one family waits for the other.
    let of = |millis| of(&[server.address]).timeout(Duration::from_millis(millis));
    let found = of(40).build().lookup("host.test").unwrap();
    assert_eq!(
        (found.addresses(), found.source()),
        (&ips(&["192.0.2.1"])[..], AnswerSource::Server(server.address))
    );
    // And one that is cut and then stalls.
    let found = of(200).query_timeout(Duration::from_secs(5)).build().lookup("cut.test").unwrap();
    assert_eq!(found.addresses(), ips(&["192.0.2.1"]));
}

/// RFC 4074, 4.2: some servers say of a name that has no IPv6 address that there is no such host.
#[test]
fn aaaa_nxdomain_counts_as_nodata_if_a_has_addresses() {
    let server = Server::start(|asked| match asked.kind.as_str() {
        "A" => reply_to(asked).address("host.test", 1, "192.0.2.1").now(asked),
        _ => reply_to(asked).code(RCODE::NameError).authority(300, 300).now(asked),
    });
    let resolver = of(&[server.address]).build();
    assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&["192.0.2.1"]));
    let mut again = 0;
    eventually("the address is asked for again, and it alone", || {
        assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&["192.0.2.1"]));
        again = server.queries().len() - 2;
        again > 0
    });
    assert_eq!((again, server.queries()[2].kind.as_str()), (1, "A"));
}

/// RFC 2308, 5: that there is no such host, for which one answer is enough, is known of both
/// families.
#[test]
fn aaaa_nxdomain_is_cached_for_both_families() {
    let server = Server::start(|asked| match asked.kind.as_str() {
        "AAAA" => reply_to(asked).code(RCODE::NameError).authority(300, 300).now(asked),
        _ => Vec::new(),
    });
    let resolver = of(&[server.address]).query_timeout(Duration::from_millis(50)).attempts(1).build();
    for _ in 0..2 {
        let error = resolver.lookup("host.test").unwrap_err();
        assert_eq!(error.detail(), Some(&ResolveError::NoSuchName), "{error}");
        assert_eq!(server.queries().len(), 2, "the second time nobody is asked");
    }
}

/// An IPv4 address in the form of IPv6 is IPv4: given once, and not to those who want IPv6 alone.
#[test]
fn ipv4_mapped_aaaa_counts_as_ipv4() {
    let server = Server::start(|asked| match asked.kind.as_str() {
        "AAAA" => reply_to(asked)
            .address("host.test", 60, "::ffff:192.0.2.1")
            .address("host.test", 60, "::1")
            .now(asked),
        _ => usual(asked).now(asked),
    });
    let mut found = of(&[server.address]).build().lookup("host.test").unwrap().addresses().to_vec();
    found.sort();
    assert_eq!(found, ips(&["192.0.2.1", "::1"]));
    let resolver = of(&[server.address]).families(IpFamilies::Ipv6).build();
    for _ in 0..2 {
        assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&["::1"]));
    }
}

/// Servers rotate the addresses of a host; and of very many not each is worth a look at the routing
/// table.
#[test]
fn ipv4_and_addresses_past_64_keep_server_order() {
    let server = Server::start(|asked| match asked.kind.as_str() {
        "A" => reply_to(asked)
            .address("host.test", 60, "192.0.2.1")
            .address("host.test", 60, "127.0.0.1")
            .now(asked),
        _ => {
            let many = (0..64).fold(reply_to(asked), |reply, number| {
                reply.address("host.test", 60, &format!("2001:db8::{number:x}"))
            });
            many.address("host.test", 60, "::1").now(asked)
        }
    });
    let found = |families| of(&[server.address]).families(families).build().lookup("host.test").unwrap();
    assert_eq!(found(IpFamilies::Ipv4).addresses(), ips(&["192.0.2.1", "127.0.0.1"]));
    assert_eq!(found(IpFamilies::Ipv6).addresses()[64], ips(&["::1"])[0]);
}

/// RFC 6724, 6, rules 1 and 6: first what this machine can reach at all, and of that first IPv6,
/// whatever the server says first.
#[test]
fn lookup_sorts_reachable_addresses_first() {
    let server = Server::start(|asked| match asked.kind.as_str() {
        // One for documents, to which no way leads unless there is a default one, and one of this
        // machine.
        "AAAA" => {
            reply_to(asked).address("host.test", 60, "2001:db8::1").address("host.test", 60, "::1").now(asked)
        }
        _ => reply_to(asked).address("host.test", 60, "127.0.0.1").now(asked),
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
    let server = Server::start(|asked| usual(asked).now(asked));
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
    let server = Server::start(|asked| match asked.kind.as_str() {
        "A" => reply_to(asked).authority(60, 60).now(asked),
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
    let server = Server::start(|asked| match asked.kind.as_str() {
        "A" => reply_to(asked).address("host.test", 1, "192.0.2.1").after(asked, 120),
        _ => usual(asked).after(asked, 100),
    });
    let resolver = of(&[server.address]).build();
    assert_eq!(resolver.lookup("host.test").unwrap().addresses().len(), 2);
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(resolver.lookup("host.test").unwrap().addresses().len(), 2);
}
