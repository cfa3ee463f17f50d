//! Two interfaces between two network namespaces, and no route to anywhere else.

#![cfg(target_os = "linux")]

use crate::kit::namespaces::{Network, as_root};
use crate::kit::*;
use socketry::interfaces::InterfaceSelector;
use socketry::{ErrorKind, Retry, UdpEndpoint};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// From the block for organizations' own use (RFC 2365).
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 89);

/// `10.77.LINK.1` is the host's, `10.77.LINK.2` the peer's.
const LINKS: [u8; 2] = [1, 2];

/// A part of the test, in a namespace.
fn start(namespace: &str, part: impl Fn(), port: u16) -> Running {
    Network::run(namespace, this_test(part, "").env("SOCKETRY_PORT", port.to_string()))
}

#[test]
fn reply_source_matches_interface_of_request() {
    if !as_root() {
        return;
    }
    let Some(network) = Network::new(2) else { return };
    let mut responder = start(&network.host(), host, 0);
    let port = Lines::of(responder.stdout()).after("at port ").parse().unwrap();
    // Both interfaces of the peer are in one namespace.
    network.join_peers();
    start(&network.peer(1), peer, port).assert_success("the peer");
    responder.assert_success("the host");
}

#[test]
#[ignore = "a part of the test above, which runs it in a namespace"]
fn host() {
    let endpoint = UdpEndpoint::builder().read_timeout(PATIENCE).bind(":0").unwrap();
    let memberships = endpoint.join_multicast(GROUP, InterfaceSelector::All).unwrap();
    let joined = memberships.iter().filter(|membership| membership.result.is_ok());
    let joined: Vec<&str> = joined.map(|membership| &*membership.interface_name).collect();
    assert_eq!(joined.iter().filter(|name| name.starts_with('h')).count(), LINKS.len(), "{memberships:?}");
    println!("\nat port {}", endpoint.local_addr().port());
    std::io::stdout().flush().unwrap();
    // On each link once to the group and once to the host.
    for _ in 0..2 * LINKS.len() {
        let datagram = endpoint.recv().unwrap();
        let (to, interface) =
            (datagram.meta().destination().unwrap(), datagram.meta().interface_index().unwrap());
        endpoint.reply(&datagram, format!("{to} by {interface}")).unwrap();
    }
}

#[test]
#[ignore = "a part of the test above, which runs it in a namespace"]
fn peer() {
    let port: u16 = std::env::var("SOCKETRY_PORT").unwrap().parse().unwrap();
    let mut interfaces = Vec::new();
    for link in LINKS {
        let builder = UdpEndpoint::builder().read_timeout(PATIENCE).multicast_interface(&*format!("p{link}"));
        let endpoint = builder.bind(0).unwrap();
        let host = SocketAddr::from(([10, 77, link, 1], port));
        for (to, asked) in [(SocketAddr::from((GROUP, port)), GROUP), (host, Ipv4Addr::new(10, 77, link, 1))]
        {
            endpoint.send_to("is there a receiver?", to).unwrap();
            let answer = endpoint.recv().unwrap();
            assert_eq!(answer.source(), host, "not from another address of the host, nor the group's");
            let text = answer.text().unwrap().into_owned();
            let interface = text.strip_prefix(&format!("{asked} by ")).unwrap_or_else(|| panic!("{text}"));
            interfaces.push(interface.to_owned());
        }
    }
    assert!(interfaces[0] == interfaces[1] && interfaces[2] == interfaces[3], "{interfaces:?}");
    assert_ne!(interfaces[0], interfaces[2], "each link is an interface of its own");

    // A missing route is an error at once; a missing host is one when its address is not resolved (ARP).
    let endpoint = UdpEndpoint::bind(0).unwrap();
    let error = endpoint.send_to("x", "192.0.2.1:9").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{error}");
    let endpoint = UdpEndpoint::builder().request_fails_on(&[ErrorKind::HostUnreachable]).bind(0).unwrap();
    let error = endpoint.request_with("x", "10.77.1.99:9", &Retry::single(PATIENCE), |_| true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{error}");
    assert_eq!(error.peer_addr(), Some(SocketAddr::from(([10, 77, 1, 99], 9))));

    // What waits for the address of such a host fills the sender's buffer.
    let builder = UdpEndpoint::builder().send_buffer_size(4_608).write_timeout(Duration::from_millis(100));
    let endpoint = builder.bind(0).unwrap();
    let start = Instant::now();
    let error =
        (0..100).find_map(|_| endpoint.send_to([0; 1_400], "10.77.2.98:9").err()).expect("a full buffer");
    assert!(error.is_timeout(), "{error}");
    assert!(start.elapsed() >= Duration::from_millis(100), "{:?}", start.elapsed());
    assert!(error.elapsed().unwrap() >= Duration::from_millis(99), "{error}");
}
