//! Responders while interfaces come, go, and come back: in a network namespace.

#![cfg(target_os = "linux")]

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::kit::namespaces::{Network, as_root};
use crate::kit::*;
use socketry::broadcast::Responder;
use socketry::{Broadcaster, UdpEndpoint};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const PORT: u16 = 7_799;

/// The time in which a new interface is joined, for a machine under load.
const JOINED: Duration = Duration::from_secs(3);

/// More than the memberships of a socket.
const FLAPS: u32 = 60;

#[test]
fn responder_follows_interfaces_that_come_back() {
    if !as_root() {
        return;
    }
    let Some(network) = Network::new(1) else { return };
    for part in ["multicast", "broadcast", "IPv6"] {
        Network::run(&network.host(), &mut this_test(responder_part, part)).assert_success(part);
    }
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

/// Creates an interface again, with another index.
fn create(name: &str, network: u8) {
    ip(&format!("link add {name} type veth peer name {name}p"));
    ip(&format!("addr add 10.9.{network}.1/24 brd + dev {name}"));
    ip(&format!("link set {name} up"));
    ip(&format!("link set {name}p up"));
}

/// Sends on an interface, until the responder receives that message.
fn is_received(responder: &Responder, interface: &str, group: IpAddr, within: Duration) -> bool {
    let end = Instant::now() + within;
    let message = format!("on {interface}, {:?}", Instant::now());
    while Instant::now() < end {
        // An IPv6 address is tentative at first, so that sending fails.
        let builder = UdpEndpoint::builder().multicast_interface(interface).multicast_loopback(true);
        let sender = builder.broadcast(true).bind(if group.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" });
        let _ = sender.and_then(|sender| sender.send_to(&*message, (group, PORT)));
        while let Ok(query) = responder.recv_timeout(Duration::from_millis(100)) {
            if query.text().unwrap() == message {
                assert_eq!(query.interface_name(), interface);
                return true;
            }
        }
    }
    false
}

#[test]
#[ignore = "a part of the test above, which runs it in a namespace"]
fn responder_part() {
    let group: IpAddr = match kind().as_str() {
        "IPv6" => "ff02::4242".parse().unwrap(),
        _ => GROUP.into(),
    };
    let builder = Broadcaster::builder().port(PORT);
    if kind() == "broadcast" {
        // A wildcard socket receives on every interface.
        let responder = builder.responder().unwrap();
        for round in 0..3 {
            create("d1", 1);
            let sender = UdpEndpoint::builder().broadcast(true).bind("10.9.1.1:0").unwrap();
            sender.send_to(format!("{round}"), ("10.9.1.255", PORT)).unwrap();
            let query = responder.recv_timeout(PATIENCE).unwrap();
            assert_eq!((query.text().unwrap(), query.interface_name()), (format!("{round}").into(), "d1"));
            ip("link del d1");
        }
        return;
    }
    create("d0", 0);
    let responder = builder.to(group).responder().unwrap();
    assert!(is_received(&responder, "d0", group, JOINED), "the first interface");
    create("d1", 1);
    assert!(is_received(&responder, "d1", group, JOINED), "a new interface");
    for _ in 0..3 {
        ip("link del d1");
        create("d1", 1);
        assert!(is_received(&responder, "d1", group, JOINED), "an interface that came back");
    }
    ip("link set d1 down");
    ip("link set d1 up");
    assert!(is_received(&responder, "d1", group, JOINED), "an interface that was down");
    // Each membership of an interface that is gone is given up, while the responder is idle or not.
    for round in 0..FLAPS {
        ip("link del d1");
        create("d1", 1);
        let _ = responder.recv_timeout(Duration::from_millis(if round % 3 == 0 { 300 } else { 0 }));
    }
    assert!(is_received(&responder, "d1", group, JOINED), "an interface that came back often");
    assert!(is_received(&responder, "d0", group, JOINED), "the first interface, still");
    let counters = responder.counters();
    // Two of this test, the link of the namespace, and the peer of each.
    assert!(counters.joined >= 4 && counters.failed_joins == 0, "{counters:?}");
    assert!(counters.interface_changes >= 5 && counters.queries >= 7, "{counters:?}");
    ip("link del d0");
    ip("link del d1");
}
