//! Several links: two network namespaces of this test's own with two cables between them, and no route to anywhere else.

#![cfg(target_os = "linux")]

mod kit;

use kit::*;
use socketry::{ErrorKind, Interfaces, Retry, UdpEndpoint};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

/// From the block for organizations' own use (RFC 2365).
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 89);

/// `10.77.LINK.1` is the host's, `10.77.LINK.2` the peer's.
const LINKS: [u8; 2] = [1, 2];

fn ip(arguments: &str) -> bool {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}

/// The two namespaces, which are gone when this is.
struct Network {
    host: String,
    peer: String,
}

impl Network {
    fn lay() -> Option<Network> {
        let name = |end| format!("socketry-{}-{end}", std::process::id());
        let network = Network { host: name("host"), peer: name("peer") };
        let Network { host, peer } = &network;
        let mut laid = ip(&format!("netns add {host}")) && ip(&format!("netns add {peer}"));
        // By which a system also tells itself that a neighbour is not there.
        laid = laid && ip(&format!("-n {host} link set lo up")) && ip(&format!("-n {peer} link set lo up"));
        for link in LINKS {
            laid = laid
                && ip(&format!("-n {host} link add h{link} type veth peer name p{link} netns {peer}"))
                && ip(&format!("-n {host} addr add 10.77.{link}.1/24 dev h{link}"))
                && ip(&format!("-n {peer} addr add 10.77.{link}.2/24 dev p{link}"))
                && ip(&format!("-n {host} link set h{link} up"))
                && ip(&format!("-n {peer} link set p{link} up"));
        }
        if !laid {
            skip("a test with network namespaces", "they need root, and `ip` of iproute2");
            return None;
        }
        Some(network)
    }

    /// One of the ignored tests below, in a namespace.
    fn play(&self, namespace: &str, role: &str, port: u16) -> Running {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(std::env::current_exe().unwrap());
        command.args(["--exact", role, "--ignored", "--nocapture", "--test-threads=1"]);
        Running::start(command.env("SOCKETRY_PORT", port.to_string()))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in [&self.host, &self.peer] {
            ip(&format!("netns delete {namespace}"));
        }
    }
}

#[test]
fn every_link_is_heard_and_answered_from_its_own_address() {
    let Some(network) = Network::lay() else { return };
    let mut host = network.play(&network.host, "host", 0);
    let mut lines = BufReader::new(host.stdout()).lines().map_while(Result::ok);
    let port = lines.find_map(|line| line.strip_prefix("at port ")?.parse().ok()).expect("the host begins");
    let peer = network.play(&network.peer, "peer", port).finish();
    assert!(peer.status.success(), "{}", String::from_utf8_lossy(&peer.stdout));
    let host = host.finish();
    assert!(host.status.success(), "{host:?}");
}

#[test]
#[ignore = "a part of the test above, which runs it in a namespace"]
fn host() {
    let endpoint = UdpEndpoint::builder().read_timeout(PATIENCE).bind(":0").unwrap();
    let memberships = endpoint.join_multicast(GROUP, Interfaces::All).unwrap();
    let joined = memberships.iter().filter(|membership| membership.result.is_ok());
    let joined: Vec<&str> = joined.map(|membership| &*membership.interface).collect();
    assert_eq!(joined.iter().filter(|name| name.starts_with('h')).count(), LINKS.len(), "{memberships:?}");
    println!("\nat port {}", endpoint.local_addr().port());
    std::io::stdout().flush().unwrap();
    // On each link once to the group and once to the host.
    for _ in 0..2 * LINKS.len() {
        let datagram = endpoint.recv().unwrap();
        let (to, interface) = (datagram.to().unwrap(), datagram.interface().unwrap());
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
            endpoint.send_to("who hears this?", to).unwrap();
            let answer = endpoint.recv().unwrap();
            assert_eq!(answer.from(), host, "not from another address of the host, nor the group's");
            let text = answer.text().unwrap().into_owned();
            let interface = text.strip_prefix(&format!("{asked} by ")).unwrap_or_else(|| panic!("{text}"));
            interfaces.push(interface.to_owned());
        }
    }
    assert!(interfaces[0] == interfaces[1] && interfaces[2] == interfaces[3], "{interfaces:?}");
    assert_ne!(interfaces[0], interfaces[2], "each link is an interface of its own");

    // No route at all is refused at once; a host that is not there, when nobody has answered for its address.
    let endpoint = UdpEndpoint::bind(0).unwrap();
    let error = endpoint.send_to("x", "192.0.2.1:9").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{error}");
    let error = endpoint.request_with("10.77.1.99:9", "x", &Retry::once(PATIENCE), |_| true).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::HostUnreachable, "{error}");
    assert_eq!(error.remote(), Some(SocketAddr::from(([10, 77, 1, 99], 9))));

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
