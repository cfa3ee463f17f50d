//! Servers and routers that do not understand EDNS.

use std::time::Duration;

use crate::kit::dns::*;
use simple_dns::RCODE;

/// RFC 6891, 7: a server that does not know EDNS answers with FORMERR, and is asked without.
#[test]
fn lookup_retries_without_edns_after_formerr() {
    for repeats_question in [true, false] {
        let server = Server::start(move |asked| match asked.has_edns {
            false => usual(asked).now(asked),
            true => {
                let mut bytes = reply_to(asked).code(RCODE::FormatError).bytes();
                if !repeats_question {
                    bytes.truncate(12);
                    bytes[5] = 0;
                }
                vec![(Duration::ZERO, bytes)]
            }
        });
        assert!(assert_found(&server) < Duration::from_millis(300));
        assert_eq!(server.queries().iter().map(|asked| asked.has_edns).collect::<Vec<_>>(), [true, false]);
    }
}

/// Some servers return another code, and some routers drop what has more than a question.
#[test]
fn lookup_retries_without_edns_after_other_failures() {
    for code in [None, Some(RCODE::ServerFailure), Some(RCODE::NotImplemented)] {
        let server = Server::start(move |asked| match (asked.has_edns, code) {
            (true, None) => Vec::new(),
            (true, Some(code)) => reply_to(asked).code(code).now(asked),
            (false, _) => usual(asked).now(asked),
        });
        let resolver = only_v4(&server).build();
        for name in ["one.test", "two.test", "three.test"] {
            assert_eq!(resolver.lookup(name).unwrap().addresses(), ips(&["192.0.2.1"]), "{code:?}");
        }
        let edns: Vec<_> = server.queries().iter().map(|asked| asked.has_edns).collect();
        // One lost query is no reason; an error to EDNS is.
        let expected = if code.is_none() {
            &[true, false, true, false, false][..]
        } else {
            &[true, false, false, false]
        };
        assert_eq!(edns, expected, "{code:?}: it is remembered");
    }
}
