//! Requests while a route, a firewall rule, an address or the path MTU changes: a client and a
//! server in network namespaces, with a router between them.

#![cfg(target_os = "linux")]

use std::error::Error as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::kit::namespaces::{Network, as_root};
use crate::kit::*;
use socketry::{ErrorKind, Retry, UdpEndpoint};

const SERVER: &str = "10.77.2.2:9000";

/// A port of the client whose first datagrams the router rejects.
const REJECTED_PORT: u16 = 9_100;

/// How long a fault lasts.
const FAULT: Duration = Duration::from_millis(600);

#[test]
fn request_outlasts_temporary_errors() {
    if !as_root() {
        return;
    }
    let Some(network) = Network::new(2) else { return };
    let router = network.host();
    let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
    Network::run(&router, Command::new("sh").args(["-c", forward])).assert_success("the router");
    network.ip("link set h2 mtu 1300");
    for (peer, arguments) in [
        (1, ["route", "add", "10.77.2.0/24", "via", "10.77.1.1"]),
        (2, ["route", "add", "10.77.1.0/24", "via", "10.77.2.1"]),
    ] {
        Network::run(&network.peer(peer), Command::new("ip").args(arguments)).assert_success("a route");
    }
    // The router rejects the first datagrams from this port, some 300 ms of attempts.
    if needs("nft") {
        let rule = format!(
            "add table ip t; add chain ip t f {{ type filter hook forward priority 0 ; }}; \
             add rule ip t f udp sport {REJECTED_PORT} quota until 100 bytes reject with icmp type host-unreachable"
        );
        Network::run(&router, Command::new("nft").arg(rule)).assert_success("a rule of the router");
    }
    let server = Network::run(&network.peer(2), &mut this_test(server_part, ""));
    Network::run(&network.peer(1), &mut this_test(client_part, "")).assert_success("the client");
    drop(server);
}

#[test]
#[ignore = "a part of the test above, which runs it in a namespace"]
fn server_part() {
    let endpoint = UdpEndpoint::builder().read_timeout(PATIENCE * 3).bind("0.0.0.0:9000").unwrap();
    while let Ok(request) = endpoint.recv() {
        let _ = endpoint.reply(&request, request.len().to_string());
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

fn nft(rule: &str) {
    assert!(Command::new("nft").arg(rule).status().unwrap().success(), "nft {rule}");
}

/// 25 attempts in 2.5 s.
fn retry() -> Retry {
    Retry::new().attempts(25).initial_delay(Duration::from_millis(100)).multiplier(1.0).jitter(0.0)
}

#[test]
#[ignore = "a part of the test above, which runs it in a namespace"]
fn client_part() {
    let unconnected = || UdpEndpoint::bind("0.0.0.0:0").unwrap();
    let connected = || UdpEndpoint::connect(SERVER).unwrap();
    // The server has to start.
    let waits = UdpEndpoint::builder().request_fails_on(&[]).bind("0.0.0.0:0").unwrap();
    waits.request_with("x", SERVER, &retry().attempts(200), |_| true).unwrap();

    // The router reports that 1,400 bytes do not fit; the next ones are fragmented.
    for endpoint in [unconnected(), connected()] {
        let began = Instant::now();
        let reply = endpoint.request_with([b'x'; 1_400], SERVER, &retry(), |_| true).unwrap();
        assert_eq!(reply.bytes(), b"1400");
        assert!(began.elapsed() < SLACK, "{:?}", began.elapsed());
        ip("route flush cache");
    }
    // Nor does the report fail a later datagram.
    let endpoint = connected();
    endpoint.set_read_timeout(PATIENCE);
    endpoint.send([b'x'; 1_400]).unwrap();
    eventually("the path MTU is known", || {
        let output = Command::new("ip").args(["route", "get", "10.77.2.2"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains("mtu 1300")
    });
    endpoint.send("small").unwrap();
    assert_eq!(endpoint.recv().unwrap_err().kind(), ErrorKind::MessageTooLong, "reported once");
    assert_eq!(endpoint.recv().unwrap().bytes(), b"5");

    let faults = [
        ("a route", "route del 10.77.2.0/24", "route add 10.77.2.0/24 via 10.77.1.1"),
        ("a firewall", "route add prohibit 10.77.2.2", "route del prohibit 10.77.2.2"),
        ("a router", "route add unreachable 10.77.2.2", "route del unreachable 10.77.2.2"),
    ];
    for (what, begin, end) in faults {
        for endpoint in [unconnected(), connected()] {
            ip(begin);
            let began = Instant::now();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(FAULT);
                    ip(end);
                });
                let reply = endpoint.request_with("x", SERVER, &retry(), |_| true);
                let elapsed = began.elapsed();
                assert_eq!(reply.unwrap_or_else(|error| panic!("{what}: {error}")).bytes(), b"1");
                assert!(elapsed >= FAULT && elapsed < FAULT + SLACK, "{what}: {elapsed:?}");
            });
        }
    }
    // A rule of the firewall drops what is sent (EPERM).
    if needs("nft") {
        nft("add table ip t");
        nft("add chain ip t out { type filter hook output priority 0 ; }");
        for endpoint in [unconnected(), connected()] {
            nft("add rule ip t out udp dport 9000 drop");
            let began = Instant::now();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(FAULT);
                    nft("flush chain ip t out");
                });
                assert_eq!(endpoint.request_with("x", SERVER, &retry(), |_| true).unwrap().bytes(), b"1");
                assert!(began.elapsed() >= FAULT);
            });
        }
    }
    // The router rejects datagrams (ICMP host unreachable).
    if needs("nft") {
        let local = ("0.0.0.0", REJECTED_PORT);
        let endpoint = UdpEndpoint::builder().report_unreachable(true).bind(local).unwrap();
        endpoint.send_to("x", SERVER).unwrap();
        let error = endpoint.recv_timeout(PATIENCE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HostUnreachable, "the rule is in effect");
        drop(endpoint);
        let endpoint = UdpEndpoint::bind(local).unwrap();
        let began = Instant::now();
        assert_eq!(endpoint.request_with("x", SERVER, &retry(), |_| true).unwrap().bytes(), b"1");
        assert!(
            began.elapsed() >= Duration::from_millis(100),
            "more than one attempt: {:?}",
            began.elapsed()
        );
    }
    // The address leaves and returns.
    let endpoint = unconnected();
    ip("addr del 10.77.1.2/24 dev p1");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(FAULT);
            ip("addr add 10.77.1.2/24 dev p1");
            ip("route add 10.77.2.0/24 via 10.77.1.1");
        });
        assert_eq!(endpoint.request_with("x", SERVER, &retry(), |_| true).unwrap().bytes(), b"1");
    });
    // A fault that lasts is the source of the timeout.
    let endpoints = [unconnected(), connected()];
    ip("route add unreachable 10.77.2.2");
    for endpoint in endpoints {
        let error = endpoint.request_with("x", SERVER, &retry().attempts(5), |_| true).unwrap_err();
        assert!(error.is_timeout() && error.is_temporary(), "{error}");
        assert!(error.to_string().contains("timed out (last error: host unreachable)"), "{error}");
        let source = error.source().and_then(|source| source.downcast_ref::<socketry::Error>()).unwrap();
        assert_eq!(source.kind(), ErrorKind::HostUnreachable, "{source}");
    }
    ip("route del unreachable 10.77.2.2");
    // The port is closed.
    let closed = "10.77.2.2:9001";
    for endpoint in [unconnected(), UdpEndpoint::connect(closed).unwrap()] {
        let began = Instant::now();
        let error = endpoint.request_with("x", closed, &Retry::single(PATIENCE), |_| true).unwrap_err();
        assert!((error.kind() == ErrorKind::ConnectionRefused) && began.elapsed() < SLACK, "{error}");
    }
}
