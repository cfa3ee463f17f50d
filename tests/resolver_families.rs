//! Two families of addresses: when each is asked for, waited for and tried.

mod kit;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use kit::dns::*;
use kit::*;
use simple_dns::RCODE;
use socketry::{Families, Resolver, Source};

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// RFC 8305, 3: the addresses of one family wait 50 ms for those of the other. RFC 9520, 3.2: and that nobody would say whether
/// there are others is known for a while.
#[test]
fn a_server_that_is_silent_on_one_family_costs_50_ms_now_and_then() {
    let server =
        Server::start(|asked| if asked.kind == "A" { usual(asked).after(asked, 30) } else { Vec::new() });
    let resolver = of(&[server.address]).timeout(Duration::from_secs(5)).build();
    let began = Instant::now();
    assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&["192.0.2.1"]));
    let elapsed = began.elapsed();
    assert!(
        elapsed >= Duration::from_millis(75) && elapsed < Duration::from_millis(30 + 60 + 40),
        "{elapsed:?}"
    );
    assert_eq!(server.queries().len(), 2);
    let again = resolver.lookup("host.test").unwrap();
    assert_eq!((again.addresses(), again.source()), (&ips(&["192.0.2.1"])[..], Source::Cache));
    let ttl = again.ttl().unwrap();
    assert!(ttl > Duration::from_secs(3) && ttl <= Duration::from_secs(5), "{ttl:?}");
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
fn an_answer_for_one_family_alone_is_no_answer_for_both() {
    let server = Server::start(|asked| match asked.kind.as_str() {
        "AAAA" => reply_to(asked).authority(60, 60).now(asked),
        _ => reply_to(asked).code(RCODE::ServerFailure).now(asked),
    });
    let error = of(&[server.address]).build().lookup("host.test").unwrap_err();
    assert!(error.is_temporary(), "{error}");
}

/// For those who lose one of two queries at a time: each is answered before the next is sent, from another port.
#[test]
fn one_query_at_a_time_is_sent_where_it_is_asked_for() {
    let server = Server::start(|asked| usual(asked).after(asked, 20));
    let conf = std::env::temp_dir().join(format!("socketry-single-{}", std::process::id()));
    for option in ["single-request", "single-request-reopen"] {
        std::fs::write(&conf, format!("options {option}\n")).unwrap();
        let resolver = of(&[server.address]).resolv_conf(&conf).build();
        let began = Instant::now();
        let found = resolver.lookup("host.test").unwrap();
        assert!(began.elapsed() >= Duration::from_millis(40));
        assert_eq!((found.addresses().len(), resolver.cached()), (2, 1));
    }
    std::fs::remove_file(&conf).unwrap();
    let asked = server.queries();
    let kinds: Vec<_> = asked.iter().map(|asked| asked.kind.as_str()).collect();
    assert_eq!(kinds, ["A", "AAAA", "A", "AAAA"]);
    assert_ne!(asked[0].from, asked[1].from);
}

#[test]
fn of_two_queries_in_turn_the_first_answer_is_enough_when_the_time_is_over() {
    let server = Server::start(|asked| match (asked.name.as_str(), asked.kind.as_str()) {
        ("missing.test", "A") => reply_to(asked).code(RCODE::NameError).now(asked),
        (_, "A") => usual(asked).now(asked),
        _ => Vec::new(),
    });
    let resolver = of(&[server.address])
        .one_at_a_time(true)
        .timeout(Duration::from_secs(5))
        .deadline(Duration::from_millis(200))
        .build();
    let began = Instant::now();
    assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&["192.0.2.1"]));
    let elapsed = began.elapsed();
    assert!(elapsed >= Duration::from_millis(195) && elapsed < Duration::from_millis(300), "{elapsed:?}");
    let error = resolver.lookup("missing.test").unwrap_err();
    assert!(!error.is_temporary(), "a name that is not there has nothing of the other kind either: {error}");
    assert_eq!(server.queries().len(), 3);
}

/// RFC 6724, 6, rules 1 and 6: first what this machine can reach at all, and of that first IPv6, whatever the server says first.
#[test]
fn what_can_be_reached_is_tried_first() {
    let server = Server::start(|asked| match asked.kind.as_str() {
        // One for documents, to which no way leads unless there is a default one, and one of this machine.
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
        _ => println!("SKIPPED: this machine has no IPv6"),
    }
    let again = resolver.lookup("host.test").unwrap();
    assert_eq!((again.source(), again.addresses()), (Source::Cache, first.addresses()));
}

#[test]
fn only_what_is_wanted_is_asked_for() {
    let server = Server::start(|asked| usual(asked).now(asked));
    for (families, kind, ip) in [(Families::Ipv4, "A", "192.0.2.1"), (Families::Ipv6, "AAAA", "2001:db8::1")]
    {
        let resolver: Resolver = of(&[server.address]).families(families).build();
        assert_eq!(resolver.lookup("host.test").unwrap().addresses(), ips(&[ip]));
        assert_eq!(server.queries().pop().unwrap().kind, kind);
    }
    assert_eq!(server.queries().len(), 2);
}
