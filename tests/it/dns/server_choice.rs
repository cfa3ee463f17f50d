//! Servers that do their part and no more: who is asked next, who is said to have answered.

#[cfg(target_os = "linux")]
use std::time::{Duration, Instant};

use crate::kit::dns::*;
use simple_dns::RCODE;
use socketry::dns::AnswerSource;
#[cfg(target_os = "linux")]
use socketry::dns::IpFamilies;

/// With one family answered and the other refused it is the server's answer, and that server is
/// asked first the next time.
#[test]
fn server_answering_only_a_is_source_and_stays_first() {
    let half = Server::start(|asked| match asked.kind.as_str() {
        "A" => usual(asked).now(asked),
        _ => reply_to(asked).code(RCODE::ServerFailure).after(asked, 10),
    });
    let other = Server::start(|asked| usual(asked).now(asked));
    let resolver = of(&[half.address, other.address]).build();
    for name in ["one.test", "two.test"] {
        assert_eq!(resolver.lookup(name).unwrap().source(), AnswerSource::Server(half.address), "{name}");
    }
    assert!(other.queries().is_empty());
}

/// That there is nothing behind an alias is known for no longer than the alias.
#[test]
fn nodata_behind_cname_expires_with_cname_ttl() {
    let server = Server::start(|asked| match asked.name.as_str() {
        "host.test" => reply_to(asked).alias("host.test", 0, "far.example").now(asked),
        _ => reply_to(asked).authority(300, 300).now(asked),
    });
    let resolver = only_v4(&server).build();
    for count in [2, 4] {
        assert!(!resolver.lookup("host.test").unwrap_err().is_temporary());
        assert_eq!(server.queries().len(), count);
    }
}

/// One that is silent is left for one that nothing can be sent to, and that one at once.
#[test]
#[cfg(target_os = "linux")]
fn server_with_send_error_is_skipped_immediately() {
    let silent = Server::silent();
    let good = Server::start(|asked| usual(asked).now(asked));
    // Sending to all needs leave that the socket does not have.
    let nobody = "255.255.255.255:53".parse().unwrap();
    let began = Instant::now();
    let timeout = Duration::from_secs(3);
    let builder = of(&[silent.address, nobody, good.address]).families(IpFamilies::Ipv4);
    let resolver = builder.query_timeout(timeout).build();
    assert_eq!(resolver.lookup("host.test").unwrap().source(), AnswerSource::Server(good.address));
    let elapsed = began.elapsed();
    assert!(elapsed >= timeout - Duration::from_millis(5) && elapsed < 2 * timeout, "{elapsed:?}");
}

/// resolv.conf(5): in the order listed. The second server does not know the names of the first.
#[test]
fn lost_query_does_not_change_the_order_of_servers() {
    let inner = Server::start(|asked| if asked.number < 2 { Vec::new() } else { usual(asked).now(asked) });
    let public = Server::start(|asked| reply_to(asked).code(RCODE::NameError).authority(60, 60).now(asked));
    let resolver = of(&[inner.address, public.address]).build();
    assert!(resolver.lookup("host0.corp.test").is_err());
    for number in 1..4 {
        let found = resolver.lookup(&format!("host{number}.corp.test")).unwrap();
        assert_eq!(found.source(), AnswerSource::Server(inner.address));
    }
}

/// After two lookups, and not for good: `proto::dns::preference` has the times.
#[test]
fn silent_server_is_queried_last() {
    let silent = Server::silent();
    let good = Server::start(|asked| usual(asked).now(asked));
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
    assert_eq!(silent.queries().len(), 6, "what was remembered is dropped");
}

/// It has responded, though not to all.
#[test]
fn server_that_responds_in_part_stays_first() {
    let half = Server::start(|asked| match asked.kind.as_str() {
        "A" => reply_to(asked).authority(60, 60).now(asked),
        _ => Vec::new(),
    });
    let good = Server::start(|asked| usual(asked).now(asked));
    let resolver = of(&[half.address, good.address]).attempts(1).build();
    for name in ["a.test", "b.test", "c.test"] {
        resolver.lookup(name).unwrap();
        assert!(half.queries().iter().any(|asked| asked.name == name), "{name}");
    }
}
