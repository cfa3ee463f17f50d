//! Answers over TCP: those that were cut, and what goes wrong with a stream.

mod kit;

use std::time::Duration;

use kit::dns::*;
use simple_dns::PacketFlag;
use socketry::{Families, Source};

#[track_caller]
fn assert_found(server: &Server) {
    let found = only_v4(server).build().lookup("host.test").unwrap();
    assert_eq!(found.addresses(), ["192.0.2.1".parse::<std::net::IpAddr>().unwrap()]);
}

/// RFC 1035, 4.2.1: what is cut comes again over TCP, in pieces of any size; RFC 5966.
#[test]
fn a_truncated_answer_comes_over_tcp() {
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
fn a_stream_that_stalls_is_given_up_for_the_next_server() {
    let stalls = Server::start(|asked| match asked.by_tcp {
        true => usual(asked).after(asked, 5_000),
        false => usual(asked).with(PacketFlag::TRUNCATION).now(asked),
    });
    let good = Server::start(|asked| usual(asked).now(asked));
    let began = std::time::Instant::now();
    let found =
        of(&[stalls.address, good.address]).families(Families::Ipv4).build().lookup("host.test").unwrap();
    assert_eq!(found.source(), Source::Server(good.address));
    assert!(began.elapsed() < Duration::from_millis(700), "{:?}", began.elapsed());
}

/// A stream that is closed, or lies about its length, or is cut again, is a failure of that server, and the next one is asked.
#[test]
fn what_goes_wrong_over_tcp_is_the_servers_failure() {
    type Stream = fn(&Asked) -> Vec<u8>;
    let table: [(&str, Stream); 5] = [
        ("closed", |_| Vec::new()),
        ("too long a length", |asked| [&[0xff, 0xff][..], &usual(asked).bytes()].concat()),
        ("too short a length", |asked| [&[0, 20][..], &usual(asked).bytes()].concat()),
        ("no length", |asked| usual(asked).bytes()),
        ("truncated", |asked| on(asked, usual(asked).with(PacketFlag::TRUNCATION).bytes())),
    ];
    for (what, stream) in table {
        let liar = Server::start(move |asked| match asked.by_tcp {
            true => vec![(Duration::ZERO, stream(asked))],
            false => usual(asked).with(PacketFlag::TRUNCATION).now(asked),
        });
        let good = Server::start(|asked| usual(asked).now(asked));
        let resolver = of(&[liar.address, good.address]).families(Families::Ipv4).build();
        let found = resolver.lookup("host.test").unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(found.source(), Source::Server(good.address), "{what}");
    }
}
