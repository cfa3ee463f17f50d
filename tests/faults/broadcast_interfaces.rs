//! Broadcasts on several links, in network namespaces of the tests' own.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::kit::namespaces::{Network, as_root};
use crate::kit::*;
use socketry::broadcast::{BroadcastBuilder, Query};
use socketry::{Broadcaster, Error, ErrorKind, UdpEndpoint};

/// In namespaces of their own all ports are free.
const PORT: u16 = 7788;

const WINDOW: Duration = Duration::from_millis(600);

/// Says what it hears, each on a line, and answers with its name, until it hears the end.
#[test]
#[ignore = "a part of the tests below, which run it in a namespace"]
fn peer() {
    let mut builders = vec![Broadcaster::builder(), Broadcaster::builder().ipv6_all_nodes()];
    let only = std::env::var("SOCKETRY_INTERFACE").ok();
    if let Some(name) = &only {
        builders = vec![Broadcaster::builder().interface(&**name)];
    }
    std::thread::scope(|scope| {
        for builder in builders {
            let responder = builder.port(PORT).responder().unwrap();
            scope.spawn(move || {
                loop {
                    let query = responder.recv_timeout(PATIENCE).unwrap();
                    let text = query.text().unwrap();
                    if text == "end" {
                        break;
                    }
                    println!(
                        "{text} from {} to {} by {}",
                        query.source().ip(),
                        query.datagram().meta().destination().unwrap(),
                        query.interface_name()
                    );
                    responder.reply(&query, format!("here by {}", query.interface_name())).unwrap();
                }
            });
        }
        println!("\nready");
    });
}

/// Peers that listen, each in its namespace.
struct Peer {
    running: Running,
    lines: Lines,
}

impl Peer {
    fn start(namespace: &str, only: Option<&str>) -> Peer {
        let mut command = this_test(peer, "peer");
        if let Some(name) = only {
            command.env("SOCKETRY_INTERFACE", name);
        }
        let mut running = Network::run(namespace, &mut command);
        let lines = Lines::of(running.stdout());
        lines.after("ready");
        Peer { running, lines }
    }

    /// All that it has heard.
    fn heard(self) -> Vec<String> {
        let output = self.running.finish();
        assert!(output.status.success(), "{output:?}");
        self.lines.rest().into_iter().filter(|line| line.contains(" from ")).collect()
    }
}

/// Ends the peers, which listen to broadcasts and to the nodes of IPv6.
fn end() {
    for builder in [Broadcaster::builder(), Broadcaster::builder().ipv6_all_nodes()] {
        let _ = builder.build().unwrap().send("end");
    }
}

#[test]
#[ignore = "a part of the tests below, which run it in a namespace"]
fn host() {
    match kind().as_str() {
        "every link" => {
            check_every_interface();
            end();
        }
        "a link goes" => {
            remove_interface_during_discovery();
            end();
        }
        "say hi" => {
            // To a group of IPv4 as well, which nobody here has joined.
            Broadcaster::builder().port(PORT).build().unwrap().send("hi").unwrap();
        }
        "flood" => receive_under_flood(),
        "end" => end(),
        kind => panic!("{kind}"),
    }
}

/// A responder on one interface, while datagrams arrive on another one without end.
fn receive_under_flood() {
    const LIMIT: Duration = Duration::from_millis(300);
    let responder = Broadcaster::builder().port(0).interface("h1").responder().unwrap();
    let to = std::net::SocketAddr::from(([127, 0, 0, 1], responder.local_addr().port()));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let sender = UdpEndpoint::bind("127.0.0.1:0").unwrap();
            while !is_over.load(Ordering::Relaxed) {
                let _ = sender.send_to([0; 16], to);
            }
        });
        let limited = |receive: &dyn Fn() -> Result<Query, Error>| {
            let began = Instant::now();
            let error = assert_timed_out(receive());
            let elapsed = began.elapsed();
            assert!(elapsed >= LIMIT && elapsed < LIMIT + Duration::from_secs(3), "{elapsed:?}");
            assert!(error.elapsed() >= Some(LIMIT), "the time of the whole call: {error}");
        };
        limited(&|| responder.recv_timeout(LIMIT));
        limited(&|| responder.recv_deadline(Instant::now() + LIMIT));
        for _ in 0..100 {
            assert!(responder.try_recv().unwrap().is_none());
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Of four interfaces two have a peer, one has no address, and one is down.
fn check_every_interface() {
    let sent = |builder: BroadcastBuilder, text: &str| {
        let deliveries = builder.port(PORT).build().unwrap().send(text).unwrap();
        let results = deliveries.into_iter().map(|delivery| {
            let result = delivery.result.map_err(|error| error.kind());
            (
                delivery.interface_name.into_string(),
                (delivery.source.map(|source| source.to_string()), result),
            )
        });
        results.collect::<BTreeMap<_, _>>()
    };
    let expected = |address: &dyn Fn(u8) -> String| {
        BTreeMap::from([1, 2].map(|link| (format!("h{link}"), (Some(address(link)), Ok(())))))
    };
    let v4 = |link| format!("10.77.{link}.1");
    assert_eq!(sent(Broadcaster::builder(), "networks"), expected(&v4));
    let limited = std::net::Ipv4Addr::BROADCAST;
    assert_eq!(sent(Broadcaster::builder().to(limited), "limited"), expected(&v4));
    assert_eq!(sent(Broadcaster::builder().ipv6_all_nodes(), "nodes"), expected(&|_| "fe80::1".to_owned()));
    let one =
        sent(Broadcaster::builder().exclude(std::net::Ipv4Addr::new(10, 77, 1, 1)).exclude("h3"), "but one");
    assert_eq!(one.keys().collect::<Vec<_>>(), ["h2"]);
    let directed = std::net::Ipv4Addr::new(10, 77, 1, 255);
    assert!(sent(Broadcaster::builder().to(directed), "directed")["h1"].1.is_ok());
    // An interface without an address is skipped, unless it is chosen.
    let chosen = sent(Broadcaster::builder().interface("h2").interface("h3"), "by one");
    assert_eq!(chosen["h3"], (None, Err(ErrorKind::AddressNotAvailable)));
    assert_eq!(chosen.len(), 2);
    let error = Broadcaster::builder().interface("h4").build().unwrap().send("x").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressNotAvailable, "it is down: {error}");

    for (builder, address) in [
        (Broadcaster::builder(), (|link| format!("10.77.{link}.2:{PORT}")) as fn(u8) -> String),
        (Broadcaster::builder().ipv6_all_nodes(), |link| format!("[fe80::2%{}]:{PORT}", index_of(link))),
    ] {
        let broadcaster = builder.port(PORT).repeats(3).interval(Duration::from_millis(50)).build().unwrap();
        let mut discovery = broadcaster.discover("who", WINDOW).unwrap();
        let mut replies = BTreeMap::new();
        for reply in discovery.by_ref() {
            let reply = reply.unwrap();
            let text = reply.text().unwrap().into_owned();
            let before =
                replies.insert(reply.interface_name().to_owned(), (reply.source().to_string(), text));
            assert_eq!(before, None, "one of each");
        }
        let expected = [1, 2].map(|link| (format!("h{link}"), (address(link), format!("here by p{link}"))));
        assert_eq!(replies, BTreeMap::from(expected));
        let counters = discovery.counters();
        // That each query is sent once is seen by the peers; a duplicate is any reply after the first.
        assert!(counters.queries == 3 && counters.duplicates >= 4 && counters.lost == 0, "{counters:?}");
    }
}

fn index_of(link: u8) -> u32 {
    let all = socketry::interfaces::network_interfaces().unwrap();
    all.iter().find(|interface| *interface.name == *format!("h{link}")).unwrap().index
}

/// One of the two links is taken away while it is asked.
fn remove_interface_during_discovery() {
    let broadcaster =
        Broadcaster::builder().port(PORT).repeats(40).interval(Duration::from_millis(50)).build().unwrap();
    let mut discovery = broadcaster.discover("who", Duration::from_secs(4)).unwrap();
    let mut heard = [discovery.next().unwrap().unwrap(), discovery.next().unwrap().unwrap()]
        .map(|reply| reply.interface_name().to_owned());
    heard.sort();
    assert_eq!(heard, ["h1", "h2"]);
    println!("\nboth answered");
    let error = discovery.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressNotAvailable, "{error}");
    assert_eq!(error.to_string(), "send to interface h2: interface no longer exists");
    let before = discovery.counters();
    println!("one is gone");
    // It is told once, and the other one is asked on.
    assert!(discovery.next().is_none(), "no more answers than those that there were");
    let after = discovery.counters();
    assert_eq!(after.queries, 40);
    assert!(after.duplicates > before.duplicates, "{before:?}, {after:?}");
    let reached: Vec<_> = discovery.sends().iter().map(|delivery| &*delivery.interface_name).collect();
    assert_eq!(reached, ["h1"]);
}

/// Every peer hears exactly one copy from the right address, and answers come by the right interface.
#[test]
fn broadcast_reaches_each_interface_once_from_its_address() {
    if !as_root() {
        return;
    }
    let Some(network) = Network::new(4) else { return };
    // Two addresses in one network are one network; and what is asked on a link is asked from an address of the link.
    network.ip("addr add 10.77.1.3/24 dev h1");
    network.ip("addr add 2001:db8::1/64 dev h1 nodad");
    network.ip("addr flush dev h3");
    network.ip("link set h4 down");
    let peers = [1, 2].map(|link| Peer::start(&network.peer(link), None));
    Network::run(&network.host(), &mut this_test(host, "every link")).assert_success("the sender");
    for (link, peer) in (1..).zip(peers) {
        let mut heard = peer.heard();
        heard.sort();
        let v4 = |text: &str, to: &str| format!("{text} from 10.77.{link}.1 to {to} by p{link}");
        let network = format!("10.77.{link}.255");
        let mut expected = vec![
            v4("networks", &network),
            v4("limited", "255.255.255.255"),
            format!("nodes from fe80::1 to ff02::1 by p{link}"),
        ];
        expected.extend(
            (0..3).flat_map(|_| [v4("who", &network), format!("who from fe80::1 to ff02::1 by p{link}")]),
        );
        expected.push(match link {
            1 => v4("directed", &network),
            _ => v4("by one", &network),
        });
        if link == 2 {
            expected.push(v4("but one", &network));
        }
        expected.sort();
        assert_eq!(heard, expected, "of peer {link}");
    }
}

#[test]
fn discovery_continues_after_interface_is_removed() {
    if !as_root() {
        return;
    }
    let Some(network) = Network::new(2) else { return };
    let peers = [1, 2].map(|link| Peer::start(&network.peer(link), None));
    let mut host = Network::run(&network.host(), &mut this_test(host, "a link goes"));
    let lines = Lines::of(host.stdout());
    lines.after("both answered");
    network.ip("link delete h2");
    lines.after("one is gone");
    let said = lines.rest();
    let output = host.finish();
    assert!(output.status.success(), "{said:?} {}", String::from_utf8_lossy(&output.stderr));
    let [first, second] = peers;
    assert!(first.heard().len() > 10);
    // It cannot hear the end.
    drop(second);
}

/// On Linux a socket that is bound to the address of one interface is deaf to broadcasts; a responder for one interface is not,
/// and passes over what comes by others.
#[test]
fn responder_on_one_interface_ignores_others() {
    if !as_root() {
        return;
    }
    let Some(network) = Network::new(2) else { return };
    let responder = Peer::start(&network.host(), Some("h1"));
    for link in [2, 1] {
        Network::run(&network.peer(link), &mut this_test(host, "say hi")).assert_success("the sender");
    }
    Network::run(&network.peer(1), &mut this_test(host, "end")).assert_success("the sender");
    assert_eq!(responder.heard(), ["hi from 10.77.1.2 to 10.77.1.255 by h1"]);
}

#[test]
fn responder_timeout_holds_under_flood_on_other_interface() {
    if !as_root() {
        return;
    }
    let Some(network) = Network::new(1) else { return };
    Network::run(&network.host(), &mut this_test(host, "flood")).assert_success("the responder");
}

#[test]
fn broadcast_reaches_python_receiver() {
    if !as_root() {
        return;
    }
    let Some(network) = Network::new(1) else { return };
    let script = crate::kit::python::script("udp_recv.py", &["0.0.0.0", &PORT.to_string(), "gb2312"]);
    let Some(mut command) = script else { return };
    let mut python = Network::run(&network.peer(1), &mut command);
    let lines = Lines::of(python.stdout());
    assert_eq!(lines.next(), PORT.to_string());
    Network::run(&network.host(), &mut this_test(host, "say hi")).assert_success("the sender");
    assert_eq!(lines.next(), "content is hi");
    assert!(python.finish().status.success());
}
