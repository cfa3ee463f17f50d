//! Sockets look up names with the chosen resolver, within their own timeout.

use std::time::{Duration, Instant};

use crate::kit::dns::*;
use crate::kit::*;
use socketry::dns::{AnswerSource, ResolveError};
use socketry::tcp::ConnectEvent;
use socketry::{CancelToken, Resolver, TcpClient, TcpServer, UdpEndpoint};

const MS: Duration = Duration::from_millis(1);

/// A name server that returns 127.0.0.1 for each name.
fn loopback_name_server() -> Server {
    Server::start(|query| match query.kind.as_str() {
        "A" => reply_to(query).address(&query.name, 60, "127.0.0.1").now(query),
        _ => reply_to(query).authority(60, 60).now(query),
    })
}

#[test]
fn connect_uses_resolver_and_reports_answer_source() {
    let (names, server) = (loopback_name_server(), TcpServer::bind("127.0.0.1:0").unwrap());
    let client = TcpClient::builder().resolver(&of(&[names.address]).build()).build();
    let mut sources = Vec::new();
    for _ in 0..2 {
        let observe = |event: &ConnectEvent<'_>| {
            if let ConnectEvent::Resolved { found, .. } = event {
                sources.push(found.source());
            }
        };
        let connection = client.connect_with(("host.test", server.local_addr().port()), observe).unwrap();
        assert_eq!(connection.peer_addr(), server.local_addr());
    }
    assert_eq!(sources, [AnswerSource::Server(names.address), AnswerSource::Cache]);
    assert_eq!(names.queries().len(), 2);
}

/// RFC 8305, section 3: a missing response for the other family delays the connection by at most
/// 50 ms.
#[test]
fn connect_waits_briefly_for_missing_aaaa_answer() {
    let names = Server::start(|query| match query.kind.as_str() {
        "A" => reply_to(query).address("host.test", 60, "127.0.0.1").after(query, 30),
        _ => Vec::new(),
    });
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let resolver = of(&[names.address]).query_timeout(PATIENCE).build();
    let client = TcpClient::builder().resolver(&resolver).build();
    let began = Instant::now();
    client.connect(("host.test", server.local_addr().port())).unwrap();
    let elapsed = began.elapsed();
    println!("connected after {elapsed:?}, of which A took 30 ms");
    assert!(elapsed >= 75 * MS && elapsed < SLACK, "{elapsed:?}");
}

/// The connect timeout includes the lookup, and the error lists the servers that did not respond.
#[test]
fn connect_timeout_covers_lookup() {
    let names = Server::silent();
    let resolver = of(&[names.address]).query_timeout(PATIENCE).build();
    let client = TcpClient::builder().resolver(&resolver).connect_timeout(200 * MS).build();
    let began = Instant::now();
    let error = client.connect("host.test:80").unwrap_err();
    let elapsed = began.elapsed();
    assert!(elapsed >= 199 * MS && elapsed < SLACK, "{elapsed:?}");
    assert!(error.is_timeout(), "{error}");
    let expected = format!("resolve host.test: timed out: {} did not respond after ", names.address);
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[test]
fn cancel_ends_lookup_of_connect_and_send() {
    let names = Server::silent();
    let resolver = of(&[names.address]).query_timeout(PATIENCE).build();
    let token = CancelToken::new().unwrap();
    let client =
        TcpClient::builder().resolver(&resolver).cancel_token(&token).connect_timeout(PATIENCE).build();
    let endpoint =
        UdpEndpoint::builder().resolver(&resolver).cancel_token(&token).bind("127.0.0.1:0").unwrap();
    std::thread::scope(|scope| {
        let connect = scope.spawn(|| client.connect("host.test:80").unwrap_err());
        let send = scope.spawn(|| endpoint.send_to("x", "other.test:80").unwrap_err());
        let builder = UdpEndpoint::builder().resolver(&resolver).cancel_token(&token);
        let udp = scope.spawn(|| builder.connect("third.test:80").unwrap_err());
        eventually("each lookup has sent a query", || {
            let queries = names.queries();
            ["host.test", "other.test", "third.test"]
                .iter()
                .all(|name| queries.iter().any(|query| query.name == *name))
        });
        let began = Instant::now();
        token.cancel();
        for error in [connect.join().unwrap(), send.join().unwrap(), udp.join().unwrap()] {
            assert!(error.is_cancelled(), "{error}");
        }
        assert!(began.elapsed() < SLACK);
    });
}

#[test]
fn udp_endpoint_lookup_uses_resolver_and_deadline() {
    let names = Server::start(|query| match (query.name.as_str(), query.kind.as_str()) {
        ("silent.test", _) => Vec::new(),
        (name, "A") => reply_to(query).address(name, 60, "127.0.0.1").now(query),
        (name, _) => reply_to(query).address(name, 60, "::1").now(query),
    });
    let resolver = of(&[names.address]).query_timeout(PATIENCE).build();
    let builder = || UdpEndpoint::builder().resolver(&resolver);
    let server = UdpEndpoint::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().port();
    let endpoint = builder().bind("127.0.0.1:0").unwrap();
    endpoint.send_to("by name", ("host.test", port)).unwrap();
    assert_eq!(server.recv().unwrap().bytes(), b"by name", "the address is of the family of the socket");
    let connected = builder().bind_and_connect("127.0.0.1:0", ("host.test", port)).unwrap();
    assert_eq!(connected.peer_addr(), Some(server.local_addr()));

    endpoint.set_deadline(Instant::now() + 200 * MS);
    let began = Instant::now();
    let error = endpoint.send_to("x", "silent.test:80").unwrap_err();
    assert!(error.is_timeout() && began.elapsed() < SLACK, "{error}");
}

#[test]
fn send_to_name_without_ipv6_address_gives_no_records() {
    let names = loopback_name_server();
    let resolver = of(&[names.address]).build();
    if !has_ipv6() {
        return;
    }
    let endpoint = UdpEndpoint::builder().resolver(&resolver).bind("[::1]:0").unwrap();
    let error = endpoint.send_to("x", "host.test:80").unwrap_err();
    assert_eq!(error.detail(), Some(&ResolveError::NoRecords("IPv6 address")), "{error}");
}

#[test]
fn broadcaster_to_host_resolves_group_name() {
    let names = Server::start(|query| reply_to(query).address("lamps.test", 60, "239.255.77.88").now(query));
    let resolver = of(&[names.address]).build();
    let builder = socketry::Broadcaster::builder();
    let text = format!("{:?}", builder.clone().to_host("lamps.test", &resolver).unwrap());
    assert!(text.contains("239.255.77.88"), "{text}");
    assert!(builder.to_host("x.invalid", &resolver).is_err());
}

/// Without a hosts file, 127.0.0.1 is first, because a caller that uses only one address most
/// likely has an IPv4 peer.
#[test]
fn localhost_resolves_to_ipv4_first() {
    let resolver = Resolver::builder().use_hosts(false).build();
    let found = resolver.lookup("localhost").unwrap();
    assert_eq!(
        (found.addresses()[0].to_string(), found.source()),
        ("127.0.0.1".to_owned(), AnswerSource::Localhost)
    );
    let endpoint = UdpEndpoint::builder().resolver(&resolver).bind("localhost:0").unwrap();
    assert!(endpoint.local_addr().is_ipv4());
}

/// The shared resolver is the default of all sockets.
#[test]
fn shared_resolver_resolves_localhost() {
    assert!(std::ptr::eq(Resolver::shared(), Resolver::shared()));
    let server = TcpServer::bind("localhost:0").unwrap();
    assert!(TcpClient::new().connect(("localhost", server.local_addr().port())).is_ok());
}
