//! Answers over TCP: those that were cut, and what goes wrong with a stream.

use std::time::{Duration, Instant};

use crate::kit::dns::*;
use crate::kit::{PATIENCE, SLACK};
use simple_dns::PacketFlag;
use socketry::dns::{AnswerSource, IpFamilies};
use socketry::{CancelToken, ErrorKind};

/// RFC 1035, 4.2.1: what is cut comes again over TCP, in pieces of any size; RFC 5966.
#[test]
fn truncated_answer_is_retried_over_tcp() {
    let whole = |asked: &Asked| usual(asked).now(asked);
    let cut = |asked: &Asked| {
        // In the middle of a record.
        let mut bytes = usual(asked).with(PacketFlag::TRUNCATION).bytes();
        bytes.truncate(bytes.len() - 3);
        vec![(Duration::ZERO, bytes)]
    };
    let server = Server::start(move |asked| if asked.by_tcp { whole(asked) } else { cut(asked) });
    assert_found(&server);
    assert_eq!(server.queries().iter().map(|asked| asked.by_tcp).collect::<Vec<_>>(), [false, true]);

    let server = Server::start(move |asked| match asked.by_tcp {
        true => on(asked, usual(asked).bytes())
            .into_iter()
            .map(|byte| (Duration::from_micros(200), vec![byte]))
            .collect(),
        false => cut(asked),
    });
    assert_found(&server);

    let server = Server::start(move |asked| match asked.by_tcp {
        true => (0..2_000_u32)
            .fold(reply_to(asked), |reply, number| {
                reply.address("host.test", 60, &std::net::Ipv4Addr::from(0x0a00_0000 + number).to_string())
            })
            .now(asked),
        false => cut(asked),
    });
    assert_eq!(only_v4(&server).build().lookup("host.test").unwrap().addresses().len(), 2_000, "32 KiB");

    // Over TCP from the beginning.
    let server = Server::start(move |asked| usual(asked).now(asked));
    only_v4(&server).use_tcp(true).build().lookup("host.test").unwrap();
    assert!(server.queries().iter().all(|asked| asked.by_tcp));
}

/// A stream on which nothing comes takes the time of one server, and not that of all.
#[test]
fn stalled_tcp_query_falls_back_to_next_server() {
    let stalls = Server::start(|asked| match asked.by_tcp {
        true => usual(asked).after(asked, 60_000),
        false => usual(asked).with(PacketFlag::TRUNCATION).now(asked),
    });
    let good = Server::start(|asked| usual(asked).now(asked));
    let began = Instant::now();
    let found =
        of(&[stalls.address, good.address]).families(IpFamilies::Ipv4).build().lookup("host.test").unwrap();
    assert_eq!(found.source(), AnswerSource::Server(good.address));
    assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
}

/// A stream that is closed, or lies about its length, or is cut again, is a failure of that server,
/// and the next one is asked.
#[test]
fn closed_or_invalid_tcp_response_tries_next_server() {
    type Stream = fn(&Asked) -> Vec<u8>;
    let table: [(&str, Stream); 5] = [
        ("closed", |_| Vec::new()),
        ("too long a length", |asked| [&[0xff, 0xff][..], &usual(asked).bytes()].concat()),
        ("too short a length", |asked| [&[0, 20][..], &usual(asked).bytes()].concat()),
        ("no length", |asked| usual(asked).bytes()),
        ("truncated", |asked| on(asked, usual(asked).with(PacketFlag::TRUNCATION).bytes())),
    ];
    for (what, stream) in table {
        let began = Instant::now();
        let liar = Server::start(move |asked| match asked.by_tcp {
            true => vec![(Duration::ZERO, stream(asked))],
            false => usual(asked).with(PacketFlag::TRUNCATION).now(asked),
        });
        let good = Server::start(|asked| usual(asked).now(asked));
        let builder = of(&[liar.address, good.address]).families(IpFamilies::Ipv4).timeout(2 * PATIENCE);
        let resolver = builder.query_timeout(PATIENCE).build();
        let found = resolver.lookup("host.test").unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(found.source(), AnswerSource::Server(good.address), "{what}");
        assert!(began.elapsed() < SLACK, "{what}: {:?}", began.elapsed());
    }
}

/// Wherever a stream ends: in the length, which says what it would have been or what is left of it,
/// or in the message.
#[test]
fn tcp_eof_within_response_fails_lookup() {
    let whole_length = |bytes: &[u8]| (bytes.len() as u16).to_be_bytes();
    for keeps_length in [true, false] {
        let server = Server::start(move |asked| {
            if !asked.by_tcp {
                return usual(asked).with(PacketFlag::TRUNCATION).now(asked);
            }
            let bytes = usual(asked).bytes();
            // A datagram and a stream for each look-up.
            let end = asked.number / 2;
            let stream = match keeps_length {
                true => {
                    let whole = [&whole_length(&bytes)[..], &bytes].concat();
                    whole[..end.min(whole.len())].to_vec()
                }
                false => on(asked, bytes[..end.min(bytes.len())].to_vec()),
            };
            vec![(Duration::ZERO, stream)]
        });
        let resolver = only_v4(&server).attempts(1).build();
        let mut refused = 0;
        while let Err(error) = resolver.lookup("host.test") {
            assert_eq!(error.kind(), ErrorKind::NameResolution, "cut at {refused}: {error}");
            refused += 1;
            assert!(refused < 100);
        }
        let header_and_question = 12 + "4host4test0".len() + 4;
        assert_eq!(refused, header_and_question + 16 + if keeps_length { 2 } else { 0 });
    }
}

/// One that stalls in the length, drips, or stays open with less than it has announced, takes the
/// time of one server.
#[test]
fn incomplete_tcp_response_times_out_per_server() {
    type Stream = fn(&Asked) -> Replies;
    const LATER: Duration = Duration::from_secs(60);
    let table: [(&str, Stream); 3] = [
        ("in the length", |_| vec![(Duration::ZERO, vec![0]), (LATER, vec![0])]),
        ("less than 65,535 bytes", |asked| {
            let bytes = [&[0xff, 0xff][..], &usual(asked).bytes()].concat();
            vec![(Duration::ZERO, bytes), (LATER, vec![0])]
        }),
        ("drips", |_| {
            let mut drips = vec![(Duration::ZERO, vec![0xff, 0xff])];
            drips.extend((0..6_000).map(|_| (Duration::from_millis(10), vec![0])));
            drips
        }),
    ];
    for (what, stream) in table {
        let staller = Server::start(move |asked| match asked.by_tcp {
            true => stream(asked),
            false => usual(asked).with(PacketFlag::TRUNCATION).now(asked),
        });
        let good = Server::start(|asked| usual(asked).now(asked));
        let began = Instant::now();
        let resolver = of(&[staller.address, good.address]).families(IpFamilies::Ipv4).build();
        let found = resolver.lookup("host.test").unwrap_or_else(|error| panic!("{what}: {error}"));
        let elapsed = began.elapsed();
        assert_eq!(found.source(), AnswerSource::Server(good.address), "{what}");
        assert!(elapsed >= Duration::from_millis(395), "{what}: {elapsed:?}");
        assert!(elapsed < SLACK, "{what}: {elapsed:?}");
        // And if there is nobody else, that was silence.
        let error = only_v4(&staller).attempts(1).build().lookup("host.test").unwrap_err();
        assert!(error.is_timeout(), "{what}: {error}");
    }
}

#[test]
fn cancel_ends_tcp_lookup() {
    let staller = Server::start(|asked| usual(asked).after(asked, 3_000));
    let token = CancelToken::new().unwrap();
    let resolver =
        only_v4(&staller).use_tcp(true).query_timeout(crate::kit::PATIENCE).cancel_token(&token).build();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| resolver.lookup("host.test").unwrap_err());
        crate::kit::eventually("it is asked", || !staller.queries().is_empty());
        token.cancel();
        let error = waiting.join().unwrap();
        assert!(error.is_cancelled(), "{error}");
    });
}

/// The addresses of one family do not wait for a connection of the other's that stalls.
#[test]
fn stalled_tcp_query_of_one_family_does_not_cost_the_other() {
    for waits in [0, 100] {
        let server = Server::start(move |asked| match (asked.kind.as_str(), asked.by_tcp) {
            ("A", _) => usual(asked).after(asked, waits),
            (_, false) => usual(asked).with(PacketFlag::TRUNCATION).now(asked),
            (_, true) => usual(asked).after(asked, 60_000),
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
    let truncated = |asked: &Asked| usual(asked).with(PacketFlag::TRUNCATION).now(asked);
    let text = |server: &Server, timeout: u64| {
        let resolver = only_v4(server).attempts(1).timeout(Duration::from_millis(timeout));
        resolver.query_timeout(PATIENCE).build().lookup("host.test").unwrap_err().to_string()
    };
    let closes = Server::start(move |asked| if asked.by_tcp { Vec::new() } else { truncated(asked) });
    let told = text(&closes, 20_000);
    assert!(told.contains("closed the connection"), "{told}");
    // It accepts, and sends nothing until the deadline of the lookup.
    let silent = Server::start(move |asked| match asked.by_tcp {
        true => usual(asked).after(asked, 60_000),
        false => truncated(asked),
    });
    let told = text(&silent, 300);
    assert!(told.contains("did not respond"), "{told}");
}

/// Both families over TCP: one that stalls leaves time for the other.
#[test]
fn stalled_tcp_query_leaves_time_for_the_other_family() {
    for use_tcp in [true, false] {
        let server = Server::start(|asked| match (asked.kind.as_str(), asked.by_tcp) {
            (_, false) => usual(asked).with(PacketFlag::TRUNCATION).now(asked),
            ("AAAA", true) => usual(asked).after(asked, 60_000),
            (_, true) => usual(asked).now(asked),
        });
        let found = of(&[server.address]).use_tcp(use_tcp).attempts(1).build().lookup("host.test");
        assert_eq!(found.unwrap().addresses()[0].to_string(), "192.0.2.1", "{use_tcp}");
    }
}
