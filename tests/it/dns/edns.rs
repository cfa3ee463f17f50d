//! Servers and routers that do not support EDNS.

use std::time::Duration;

use crate::kit::dns::*;
use simple_dns::RCODE;

/// RFC 6891, section 7: a server without EDNS support returns FORMERR. The query is then sent
/// without EDNS.
#[test]
fn lookup_retries_without_edns_after_formerr() {
    for repeats_question in [true, false] {
        let server = Server::start(move |query| match query.has_edns {
            false => usual(query).now(query),
            true => {
                let mut bytes = reply_to(query).code(RCODE::FormatError).bytes();
                if !repeats_question {
                    bytes.truncate(12);
                    bytes[5] = 0;
                }
                vec![(Duration::ZERO, bytes)]
            }
        });
        assert!(assert_found(&server) < Duration::from_millis(300));
        assert_eq!(server.queries().iter().map(|query| query.has_edns).collect::<Vec<_>>(), [true, false]);
    }
}

/// Some servers return another response code, and some routers drop queries with an OPT record.
#[test]
fn lookup_retries_without_edns_after_other_failures() {
    for code in [None, Some(RCODE::ServerFailure), Some(RCODE::NotImplemented)] {
        let server = Server::start(move |query| match (query.has_edns, code) {
            (true, None) => Vec::new(),
            (true, Some(code)) => reply_to(query).code(code).now(query),
            (false, _) => usual(query).now(query),
        });
        let resolver = only_v4(&server).build();
        for name in ["one.test", "two.test", "three.test"] {
            assert_eq!(resolver.lookup(name).unwrap().addresses(), ips(&["192.0.2.1"]), "{code:?}");
        }
        let edns: Vec<_> = server.queries().iter().map(|query| query.has_edns).collect();
        // One lost query does not disable EDNS for later lookups. An error response to a query with
        // EDNS does.
        let expected = if code.is_none() {
            &[true, false, true, false, false][..]
        } else {
            &[true, false, false, false]
        };
        assert_eq!(edns, expected, "{code:?}: whether each query has EDNS");
    }
}

/// A server that answers one type with EDNS understands it, whatever it returns for another type.
#[test]
fn failure_of_one_type_does_not_disable_edns() {
    for single_request in [true, false] {
        for broken in ["A", "AAAA"] {
            let server = Server::start(move |query| match (query.name.as_str(), query.kind.as_str()) {
                ("broken.test", kind) if kind == broken => {
                    reply_to(query).code(RCODE::ServerFailure).after(query, 10)
                }
                _ => usual(query).now(query),
            });
            let resolver = of(&[server.address]).single_request(single_request).build();
            let _ = resolver.lookup("broken.test");
            let before = server.queries().len();
            resolver.lookup("host.test").unwrap();
            let later = server.queries().split_off(before);
            assert!(later.iter().all(|query| query.has_edns), "{broken}, {single_request}: {later:?}");
        }
    }
}
