//! A peer that vanishes without a word, and a link that goes and comes: in network namespaces of the tests' own.

#![cfg(target_os = "linux")]

use std::process::Command;
use std::time::{Duration, Instant};

use crate::kit::namespaces::{Network, as_root};
use crate::kit::*;
use socketry::tcp::Keepalive;
use socketry::{Broadcaster, ErrorKind, TcpClient, TcpConnection, TcpServer, UdpEndpoint};

/// In namespaces of their own all ports are free.
const PORT: u16 = 7788;

/// The least that keepalive and the user timeout can do.
const DEAD_PEER_TIMEOUT: Duration = Duration::from_secs(2);

/// What the tests below do on the host while the other end is there: it is told by a line when the link is to go or come.
fn link(state: &str) {
    let set = Command::new("ip").args(["link", "set", "h1", state]).status();
    assert!(set.unwrap().success(), "ip link set h1 {state}");
}

/// Accepts and holds what connects, and answers datagrams, until it is ended.
#[test]
#[ignore = "a part of the tests below, which run it in a namespace"]
fn peer() {
    let server = TcpServer::bind(("10.77.1.2".parse::<std::net::IpAddr>().unwrap(), PORT)).unwrap();
    let endpoint = UdpEndpoint::builder()
        .read_timeout(PATIENCE)
        .bind(("0.0.0.0".parse::<std::net::IpAddr>().unwrap(), PORT))
        .unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok(connection) = server.accept() {
            connection.send("here").unwrap();
            held.push(connection);
        }
    });
    println!("\nready");
    while let Ok(question) = endpoint.recv() {
        let _ = endpoint.reply(&question, "here");
    }
}

fn here() -> std::net::SocketAddr {
    ([10, 77, 1, 2], PORT).into()
}

/// A connection to the peer, which has said so.
fn connected(client: &TcpClient) -> TcpConnection {
    let connection = client.connect(here()).unwrap();
    let mut greeting = [0; 4];
    connection.recv_exact(&mut greeting).unwrap();
    connection
}

/// Its error within the time, however it waits for it.
#[track_caller]
fn assert_detected(what: &str, began: Instant, error: &socketry::Error) {
    let elapsed = began.elapsed();
    assert_eq!(error.kind(), ErrorKind::DeadPeer, "{what}: {error}");
    assert!(!error.is_timeout() && !error.is_temporary(), "{what}: {error}");
    let io = std::io::Error::from(error.clone());
    assert_eq!(io.kind(), std::io::ErrorKind::ConnectionAborted);
    assert!(elapsed < DEAD_PEER_TIMEOUT + SLACK, "{what}: {elapsed:?}");
}

#[test]
#[ignore = "a part of the tests below, which run it in a namespace"]
fn host() {
    match kind().as_str() {
        "streams" => streams(),
        "datagrams" => datagrams(),
        "broadcasts" => broadcasts(),
        other => panic!("{other}"),
    }
}

fn streams() {
    let second = Duration::from_secs(1);
    let vigilant = Keepalive::new().idle(second).interval(second).probes(1);
    let all =
        || TcpClient::builder().connect_timeout(PATIENCE).read_timeout(PATIENCE).write_timeout(PATIENCE);
    let idle = [
        ("an idle one with a peer timeout", connected(&all().dead_peer_timeout(DEAD_PEER_TIMEOUT).build())),
        ("an idle one with keepalive", connected(&all().keepalive(vigilant).build())),
    ];
    let writing = [
        (
            "one that writes, with a peer timeout",
            connected(&all().dead_peer_timeout(DEAD_PEER_TIMEOUT).build()),
        ),
        ("one that writes, with a user timeout", connected(&all().user_timeout(DEAD_PEER_TIMEOUT).build())),
    ];
    let unwatched = connected(&all().build());
    let limited = connected(&all().write_timeout(Duration::from_millis(300)).build());
    link("down");
    let began = Instant::now();
    std::thread::scope(|scope| {
        for (what, connection) in &idle {
            scope.spawn(move || assert_detected(what, began, &connection.recv(1).unwrap_err()));
        }
        for (what, connection) in &writing {
            scope.spawn(move || {
                // Until the buffers are full, and then until nobody has acknowledged it in time.
                let error = connection.send(vec![7; 32 << 20]).unwrap_err();
                assert_detected(what, began, &error);
                assert!(
                    error
                        .detail::<socketry::error::PartialTransfer>()
                        .is_some_and(|partial| partial.transferred > 0),
                    "{what}"
                );
            });
        }
        scope.spawn(|| {
            // A limit of a call does not need the system to notice anything.
            let error = limited.send(vec![7; 32 << 20]).unwrap_err();
            assert!(error.is_timeout() && began.elapsed() < SLACK, "{error}");
            unwatched.set_read_timeout(Duration::from_millis(300));
            assert_timed_out(unwatched.recv(1));
        });
    });
    // Who was not looked after has missed nothing when the link is back.
    link("up");
    unwatched.set_read_timeout(PATIENCE);
    unwatched.send("still here").unwrap();
    connected(&all().build());
}

fn datagrams() {
    let unconnected = UdpEndpoint::builder().read_timeout(Duration::from_millis(200)).bind(0).unwrap();
    let connected = UdpEndpoint::builder().read_timeout(Duration::from_millis(200)).connect(here()).unwrap();
    let exchange = |endpoint: &UdpEndpoint| -> Result<(), socketry::Error> {
        endpoint.send_to("who?", here())?;
        endpoint.recv().map(|answer| assert_eq!(answer.bytes(), b"here"))
    };
    for round in 0..3 {
        for endpoint in [&unconnected, &connected] {
            eventually("an answer over the link", || exchange(endpoint).is_ok());
        }
        link("down");
        for endpoint in [&unconnected, &connected] {
            for _ in 0..5 {
                let error = endpoint.send_to("lost", here()).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{round}: {error}");
            }
            let mut batch = endpoint.batch();
            (0..3_u8).for_each(|number| batch.push_to([number], here()).unwrap());
            let mut errors = 0;
            while !batch.is_empty() {
                let error = endpoint.send_batch(&mut batch).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{round}: {error}");
                errors += 1;
            }
            assert_eq!(errors, 3);
            assert_timed_out(endpoint.recv_timeout(Duration::from_millis(20)));
        }
        link("up");
    }
}

fn broadcasts() {
    let broadcaster = Broadcaster::builder().interface("h1").port(PORT).build().unwrap();
    let ask = || -> Result<usize, socketry::Error> {
        let discovery = broadcaster.discover("who?", Duration::from_millis(100))?;
        Ok(discovery.filter(Result::is_ok).count())
    };
    for _ in 0..3 {
        eventually("somebody is found", || ask().is_ok_and(|count| count == 1));
        link("down");
        // It is told, and nobody is found.
        let told = match broadcaster.discover("who?", Duration::from_millis(100)) {
            Err(_) => true,
            Ok(discovery) => {
                let found: Vec<_> = discovery.collect();
                found.iter().all(Result::is_err) && !found.is_empty()
            }
        };
        assert!(told, "a link that is down was taken for one");
        link("up");
    }
}

fn run_scenario(kind: &str) {
    if !as_root() {
        return;
    }
    let Some(network) = Network::new(1) else { return };
    let mut peer = Network::run(&network.peer(1), &mut this_test(peer, "peer"));
    Lines::of(peer.stdout()).after("ready");
    Network::run(&network.host(), &mut this_test(host, kind)).assert_success(kind);
}

#[test]
fn dead_peer_is_detected_within_timeout() {
    run_scenario("streams");
}

#[test]
fn udp_send_fails_while_link_is_down_and_recovers() {
    run_scenario("datagrams");
}

#[test]
fn broadcaster_recovers_after_link_is_down() {
    run_scenario("broadcasts");
}
