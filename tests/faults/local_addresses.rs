//! Connections from a local address: its ports, and an address or a device that is missing for a
//! while.

#![cfg(target_os = "linux")]

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::Duration;

use crate::kit::namespaces::{Network, as_root};
use crate::kit::*;
use socketry::{ErrorKind, Retry, TcpClient, TcpConnection};

const PORTS: usize = 10;

#[test]
fn local_addresses_are_shared_and_may_come_back() {
    if !as_root() {
        return;
    }
    let Some(network) = Network::new(1) else { return };
    let range = format!("echo 41000 {} > /proc/sys/net/ipv4/ip_local_port_range", 41_000 + PORTS - 1);
    Network::run(&network.host(), Command::new("sh").args(["-c", &range])).assert_success("the ports");
    Network::run(&network.host(), &mut this_test(ports_part, "")).assert_success("the ports are used");
    Network::run(&network.host(), &mut this_test(address_part, "")).assert_success("the address returns");
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Each peer can have a connection from each port.
#[test]
#[ignore = "a part of the test above, which runs it in a namespace"]
fn ports_part() {
    let listeners = [9_001, 9_002].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    for local in ["127.0.0.1:0", "0.0.0.0:0"] {
        let client = TcpClient::builder().local_address(address(local)).build();
        let connections = listeners.each_ref().map(|listener| -> Vec<TcpConnection> {
            let connect = || client.connect(listener.local_addr().unwrap()).ok();
            std::iter::from_fn(connect).take(PORTS).collect()
        });
        assert_eq!(connections.each_ref().map(Vec::len), [PORTS; 2], "{local}");
        // With all ports in use, another attempt may succeed later.
        let error = client.connect(listeners[0].local_addr().unwrap()).unwrap_err();
        assert!(error.is_temporary(), "{error}");
        connections.into_iter().flatten().for_each(|connection| connection.abort());
    }
}

fn reconnects(builder: socketry::tcp::TcpClientBuilder) -> socketry::tcp::Reconnect {
    let retry = Retry::new().attempts(200).initial_delay(Duration::from_millis(50)).multiplier(1.0);
    builder.retry(retry).build().reconnect("10.77.9.9:9003").unwrap()
}

#[test]
#[ignore = "a part of the test above, which runs it in a namespace"]
fn address_part() {
    let _listener = TcpListener::bind("0.0.0.0:9003").unwrap();
    let mut attempts = reconnects(TcpClient::builder().local_address(address("10.77.9.9:0")));
    for _ in 0..3 {
        let error = attempts.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddressNotAvailable, "{error}");
        assert!(error.is_temporary(), "{error}");
    }
    let add = ["addr", "add", "10.77.9.9/32", "dev", "lo"];
    assert!(Command::new("ip").args(add).status().unwrap().success());
    let connection = attempts.find_map(Result::ok).unwrap();
    assert_eq!(connection.local_addr().unwrap().ip(), address("10.77.9.9:0").ip());

    let attempts = reconnects(TcpClient::builder().device("usb9"));
    for attempt in attempts.take(3) {
        let error = attempt.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeviceNotFound, "{error}");
        assert!(error.is_temporary() && error.to_string().contains("no such network device"), "{error}");
    }
}
