//! The timeout of a lookup applies whatever the servers send. See also `hosts.rs`, for files.

use std::time::{Duration, Instant};

use crate::kit::SLACK;
use crate::kit::dns::*;
use simple_dns::{PacketFlag, RCODE};

const TIMEOUT: Duration = Duration::from_millis(300);

/// The delay of each response, in milliseconds.
const SLOW: u64 = 40;

fn truncated(query: &Asked) -> Replies {
    usual(query).with(PacketFlag::TRUNCATION).now(query)
}

type Script = fn(&Asked) -> Replies;

#[test]
fn no_server_outlasts_the_timeout_of_a_lookup() {
    let scripts: [(&str, Script); 9] = [
        ("silent", |_| Vec::new()),
        ("a new alias in each response", |query| {
            reply_to(query).alias(&query.name, 60, &format!("a{}.test", query.number)).after(query, SLOW)
        }),
        ("a loop of aliases", |query| reply_to(query).alias(&query.name, 60, &query.name).after(query, SLOW)),
        ("SERVFAIL", |query| reply_to(query).code(RCODE::ServerFailure).after(query, SLOW)),
        ("NXDOMAIN", |query| reply_to(query).code(RCODE::NameError).after(query, SLOW)),
        ("unrelated datagrams", |query| {
            let mut bytes = usual(query).bytes();
            bytes[0] ^= 1;
            (0..2_000).map(|_| (Duration::from_millis(1), bytes.clone())).collect()
        }),
        ("TCP without a response", |query| if query.by_tcp { Vec::new() } else { truncated(query) }),
        ("TCP byte by byte", |query| match query.by_tcp {
            true => {
                let bytes = on(query, usual(query).bytes());
                bytes.into_iter().map(|byte| (Duration::from_millis(SLOW), vec![byte])).collect()
            }
            false => truncated(query),
        }),
        ("TCP of the largest length", |query| match query.by_tcp {
            true => vec![(Duration::ZERO, vec![0xff; 300]), (Duration::from_secs(30), Vec::new())],
            false => truncated(query),
        }),
    ];
    std::thread::scope(|scope| {
        for (what, script) in scripts {
            scope.spawn(move || {
                for single_request in [false, true] {
                    assert_ends(what, script, single_request);
                }
            });
        }
    });
}

fn assert_ends(what: &str, script: Script, single_request: bool) {
    let servers = [Server::start(script), Server::start(script), Server::start(script)];
    let resolver = of(&servers.each_ref().map(|server| server.address))
        .timeout(TIMEOUT)
        .query_timeout(Duration::from_secs(20))
        .attempts(100)
        .single_request(single_request)
        .search(["a.test", "b.test", "c.test", "d.test", "e.test", "f.test"])
        .unwrap()
        .build();
    let lookup = |host: &str| {
        let start = Instant::now();
        let found = resolver.lookup(host);
        let elapsed = start.elapsed();
        assert!(elapsed < TIMEOUT + SLACK, "{what}: {elapsed:?}");
        assert!(found.is_err(), "{what}: {found:?}");
    };
    lookup("host");
    // A lookup that waits for the query of another lookup has its own timeout.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| lookup("other"));
        }
    });
}
