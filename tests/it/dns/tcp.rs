//! Queries over TCP: after a truncated response, and errors of the connection.

use std::time::{Duration, Instant};

use crate::kit::dns::*;
use crate::kit::{PATIENCE, SLACK};
use simple_dns::PacketFlag;
use socketry::dns::{AnswerSource, IpFamilies};
use socketry::{CancelToken, ErrorKind};

/// RFC 1035, section 4.2.1, and RFC 5966: after a truncated response, the query is sent again over
/// TCP. The response may arrive in pieces of any size.
#[test]
fn truncated_answer_is_retried_over_tcp() {
    let whole = |query: &Asked| usual(query).now(query);
    let cut = |query: &Asked| {
        // In the middle of a record.
        let mut bytes = usual(query).with(PacketFlag::TRUNCATION).bytes();
        bytes.truncate(bytes.len() - 3);
        vec![(Duration::ZERO, bytes)]
    };
    let server = Server::start(move |query| if query.by_tcp { whole(query) } else { cut(query) });
    assert_found(&server);
    assert_eq!(server.queries().iter().map(|query| query.by_tcp).collect::<Vec<_>>(), [false, true]);

    let server = Server::start(move |query| match query.by_tcp {
        true => on(query, usual(query).bytes())
            .into_iter()
            .map(|byte| (Duration::from_micros(200), vec![byte]))
            .collect(),
        false => cut(query),
    });
    assert_found(&server);

    let server = Server::start(move |query| match query.by_tcp {
        true => (0..2_000_u32)
            .fold(reply_to(query), |reply, number| {
                reply.address("host.test", 60, &std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string())
            })
            .now(query),
        false => cut(query),
    });
    assert_eq!(only_v4(&server).build().lookup("host.test").unwrap().addresses().len(), 2_000, "32 KiB");

    // Over TCP from the beginning.
    let server = Server::start(move |query| usual(query).now(query));
    only_v4(&server).use_tcp(true).build().lookup("host.test").unwrap();
    assert!(server.queries().iter().all(|query| query.by_tcp));
}

/// A TCP query without a response takes the timeout of one server, not that of the lookup.
#[test]
fn stalled_tcp_query_falls_back_to_next_server() {
    let stalls = Server::start(|query| match query.by_tcp {
        true => usual(query).after(query, 60_000),
        false => usual(query).with(PacketFlag::TRUNCATION).now(query),
    });
    let good = Server::start(|query| usual(query).now(query));
    let began = Instant::now();
    let found =
        of(&[stalls.address, good.address]).families(IpFamilies::Ipv4).build().lookup("host.test").unwrap();
    assert_eq!(found.source(), AnswerSource::Server(good.address));
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
}

/// A connection that is closed, a wrong length, or a truncated response over TCP is a failure of
/// that server. The next server is queried.
#[test]
fn closed_or_invalid_tcp_response_tries_next_server() {
    type Stream = fn(&Asked) -> Vec<u8>;
    let table: [(&str, Stream); 5] = [
        ("closed", |_| Vec::new()),
        ("too long a length", |query| [&[0xff, 0xff][..], &usual(query).bytes()].concat()),
        ("too short a length", |query| [&[0, 20][..], &usual(query).bytes()].concat()),
        ("no length", |query| usual(query).bytes()),
        ("truncated", |query| on(query, usual(query).with(PacketFlag::TRUNCATION).bytes())),
    ];
    for (what, stream) in table {
        let began = Instant::now();
        let liar = Server::start(move |query| match query.by_tcp {
            true => vec![(Duration::ZERO, stream(query))],
            false => usual(query).with(PacketFlag::TRUNCATION).now(query),
        });
        let good = Server::start(|query| usual(query).now(query));
        let builder = of(&[liar.address, good.address]).families(IpFamilies::Ipv4).timeout(2 * PATIENCE);
        let resolver = builder.query_timeout(PATIENCE).build();
        let found = resolver.lookup("host.test").unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(found.source(), AnswerSource::Server(good.address), "{what}");
        assert!(began.elapsed() < SLACK, "{what}: {:?}", began.elapsed());
    }
}

/// The connection may be closed at any position. The length field contains the full length, or that
/// of the shortened message.
#[test]
fn tcp_eof_within_response_fails_lookup() {
    let whole_length = |bytes: &[u8]| (bytes.len() as u16).to_be_bytes();
    for keeps_length in [true, false] {
        let server = Server::start(move |query| {
            if !query.by_tcp {
                return usual(query).with(PacketFlag::TRUNCATION).now(query);
            }
            let bytes = usual(query).bytes();
            // Each lookup sends one query over UDP and one over TCP.
            let end = query.number / 2;
            let stream = match keeps_length {
                true => {
                    let whole = [&whole_length(&bytes)[..], &bytes].concat();
                    whole[..end.min(whole.len())].to_vec()
                }
                false => on(query, bytes[..end.min(bytes.len())].to_vec()),
            };
            vec![(Duration::ZERO, stream)]
        });
        let resolver = only_v4(&server).attempts(1).build();
        let mut refused = 0;
        while let Err(error) = resolver.lookup("host.test") {
            assert_eq!(error.kind(), ErrorKind::NameResolution, "truncated at {refused}: {error}");
            refused += 1;
            assert!(refused < 100);
        }
        let header_and_question = 12 + "4host4test0".len() + 4;
        assert_eq!(refused, header_and_question + 16 + if keeps_length { 2 } else { 0 });
    }
}

/// A server that stalls within the length field, sends slowly, or sends less than the announced
/// length takes the timeout of one server.
#[test]
fn incomplete_tcp_response_times_out_per_server() {
    type Stream = fn(&Asked) -> Replies;
    const LATER: Duration = Duration::from_secs(60);
    let table: [(&str, Stream); 3] = [
        ("in the length", |_| vec![(Duration::ZERO, vec![0]), (LATER, vec![0])]),
        ("less than 65,535 bytes", |query| {
            let bytes = [&[0xff, 0xff][..], &usual(query).bytes()].concat();
            vec![(Duration::ZERO, bytes), (LATER, vec![0])]
        }),
        ("one byte at a time", |_| {
            let mut pieces = vec![(Duration::ZERO, vec![0xff, 0xff])];
            pieces.extend((0..6_000).map(|_| (Duration::from_millis(10), vec![0])));
            pieces
        }),
    ];
    for (what, stream) in table {
        let staller = Server::start(move |query| match query.by_tcp {
            true => stream(query),
            false => usual(query).with(PacketFlag::TRUNCATION).now(query),
        });
        let good = Server::start(|query| usual(query).now(query));
        let began = Instant::now();
        let resolver = of(&[staller.address, good.address]).families(IpFamilies::Ipv4).build();
        let found = resolver.lookup("host.test").unwrap_or_else(|error| panic!("{what}: {error}"));
        let elapsed = began.elapsed();
        assert_eq!(found.source(), AnswerSource::Server(good.address), "{what}");
        assert!(elapsed >= Duration::from_millis(395), "{what}: {elapsed:?}");
        assert!(elapsed < SLACK, "{what}: {elapsed:?}");
        // Without another server, the lookup times out.
        let error = only_v4(&staller).attempts(1).build().lookup("host.test").unwrap_err();
        assert!(error.is_timeout(), "{what}: {error}");
    }
}

#[test]
fn cancel_ends_tcp_lookup() {
    let staller = Server::start(|query| usual(query).after(query, 3_000));
    let token = CancelToken::new().unwrap();
    let resolver =
        only_v4(&staller).use_tcp(true).query_timeout(crate::kit::PATIENCE).cancel_token(&token).build();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| resolver.lookup("host.test").unwrap_err());
        crate::kit::eventually("the server is queried", || !staller.queries().is_empty());
        token.cancel();
        let error = waiting.join().unwrap();
        assert!(error.is_cancelled(), "{error}");
    });
}

/// The addresses of one family do not wait for a stalled TCP query of the other family.
#[test]
fn stalled_tcp_query_of_one_family_does_not_cost_the_other() {
    for waits in [0, 100] {
        let server = Server::start(move |query| match (query.kind.as_str(), query.by_tcp) {
            ("A", _) => usual(query).after(query, waits),
            (_, false) => usual(query).with(PacketFlag::TRUNCATION).now(query),
            (_, true) => usual(query).after(query, 60_000),
        });
        let began = Instant::now();
        let resolver = of(&[server.address]).query_timeout(PATIENCE).build();
        let found = resolver.lookup("host.test").unwrap();
        assert_eq!(found.addresses()[0].to_string(), "192.0.2.1", "{waits}");
        assert!(began.elapsed() < Duration::from_secs(3), "{waits}: {:?}", began.elapsed());
    }
}

#[test]
fn error_distinguishes_closed_and_silent_tcp_servers() {
    let truncated = |query: &Asked| usual(query).with(PacketFlag::TRUNCATION).now(query);
    let text = |server: &Server, timeout: u64| {
        let resolver = only_v4(server).attempts(1).timeout(Duration::from_millis(timeout));
        resolver.query_timeout(PATIENCE).build().lookup("host.test").unwrap_err().to_string()
    };
    let closes = Server::start(move |query| if query.by_tcp { Vec::new() } else { truncated(query) });
    let error = text(&closes, 20_000);
    assert!(error.contains("closed the connection"), "{error}");
    // The server accepts the connection, and sends nothing before the deadline of the lookup.
    let silent = Server::start(move |query| match query.by_tcp {
        true => usual(query).after(query, 60_000),
        false => truncated(query),
    });
    let error = text(&silent, 300);
    assert!(error.contains("did not respond"), "{error}");
}

/// If both families are queried over TCP, one that stalls leaves time for the other.
#[test]
fn stalled_tcp_query_leaves_time_for_the_other_family() {
    for use_tcp in [true, false] {
        let server = Server::start(|query| match (query.kind.as_str(), query.by_tcp) {
            (_, false) => usual(query).with(PacketFlag::TRUNCATION).now(query),
            ("AAAA", true) => usual(query).after(query, 60_000),
            (_, true) => usual(query).now(query),
        });
        let found = of(&[server.address]).use_tcp(use_tcp).attempts(1).build().lookup("host.test");
        assert_eq!(found.unwrap().addresses()[0].to_string(), "192.0.2.1", "{use_tcp}");
    }
}
