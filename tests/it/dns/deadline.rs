//! The timeout of a lookup, whatever its servers do. See also `hosts.rs`, for files.

use std::time::{Duration, Instant};

use crate::kit::SLACK;
use crate::kit::dns::*;
use simple_dns::{PacketFlag, RCODE};

const TIMEOUT: Duration = Duration::from_millis(300);

/// Each response takes this time.
const SLOW: u64 = 40;

fn truncated(asked: &Asked) -> Replies {
    usual(asked).with(PacketFlag::TRUNCATION).now(asked)
}

type Script = fn(&Asked) -> Replies;

#[test]
fn no_server_outlasts_the_timeout_of_a_lookup() {
    let scripts: [(&str, Script); 9] = [
        ("silent", |_| Vec::new()),
        ("one alias after the other", |asked| {
            reply_to(asked).alias(&asked.name, 60, &format!("a{}.test", asked.number)).after(asked, SLOW)
        }),
        ("a loop of aliases", |asked| reply_to(asked).alias(&asked.name, 60, &asked.name).after(asked, SLOW)),
        ("SERVFAIL", |asked| reply_to(asked).code(RCODE::ServerFailure).after(asked, SLOW)),
        ("NXDOMAIN", |asked| reply_to(asked).code(RCODE::NameError).after(asked, SLOW)),
        ("unrelated datagrams", |asked| {
            let mut bytes = usual(asked).bytes();
            bytes[0] ^= 1;
            (0..2_000).map(|_| (Duration::from_millis(1), bytes.clone())).collect()
        }),
        ("TCP without a response", |asked| if asked.by_tcp { Vec::new() } else { truncated(asked) }),
        ("TCP byte by byte", |asked| match asked.by_tcp {
            true => {
                let bytes = on(asked, usual(asked).bytes());
                bytes.into_iter().map(|byte| (Duration::from_millis(SLOW), vec![byte])).collect()
            }
            false => truncated(asked),
        }),
        ("TCP of the largest length", |asked| match asked.by_tcp {
            true => vec![(Duration::ZERO, vec![0xff; 300]), (Duration::from_secs(30), Vec::new())],
            false => truncated(asked),
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
    // A lookup that waits for the query of another has a timeout of its own.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| lookup("other"));
        }
    });
}
