//! Where endpoints are and whom they reach: what is taken, names, both families, the address that
//! was asked.

use crate::kit::*;
use socketry::{ErrorKind, UdpEndpoint};
use std::net::SocketAddr;

#[test]
fn bind_error_names_address_in_use() {
    let first = local();
    let address = first.local_addr();
    let error = UdpEndpoint::bind(address).unwrap_err();
    assert!(error.is_address_in_use());
    assert_eq!(error.to_string(), format!("bind {address}: address in use"));
    assert!(std::error::Error::source(&error).unwrap().downcast_ref::<std::io::Error>().is_some());
    let error = UdpEndpoint::bind(("localhost", address.port())).unwrap_err();
    assert_eq!(error.to_string(), format!("bind localhost:{} ({address}): address in use", address.port()));
}

#[test]
fn bind_rejects_nonlocal_address() {
    if is_wine() {
        return skip(Need::Platform, "Wine binds any address");
    }
    let error = UdpEndpoint::bind("203.0.113.1:0").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressNotAvailable, "{error}");
}

#[test]
fn bind_connect_send_and_request_reject_invalid_address() {
    let endpoint = local();
    for error in [
        UdpEndpoint::bind("nonsense").unwrap_err(),
        UdpEndpoint::connect("127.0.0.1:0").unwrap_err(),
        endpoint.send_to("x", "::1:80").unwrap_err(),
        endpoint.request_to("x", "127.0.0.1:99999").unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidAddress, "{error}");
    }
}

#[test]
fn send_to_resolves_host_and_reports_unknown_host() {
    let server = local();
    let port = server.local_addr().port();
    local().send_to("by name", ("localhost", port)).unwrap();
    assert_eq!(server.recv().unwrap().bytes(), b"by name");
    // RFC 6761 keeps `.invalid` from ever existing.
    let error = local().send_to("x", "no-such-name.invalid:80").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NameNotFound | ErrorKind::NameResolution), "{error}");
    assert!(error.to_string().contains("no-such-name.invalid"), "{error}");
}

#[test]
fn send_to_reports_unknown_ipv6_zone() {
    let Some(v6) = local_v6() else { return };
    let error = v6.send_to("x", "[fe80::1%no-such-dev0]:9").unwrap_err();
    assert!(error.to_string().contains("no such interface"), "{error}");
    assert_eq!(error.target(), Some("[fe80::1%no-such-dev0]:9"));
}

#[test]
fn broadcast_permission_error_names_builder_option() {
    let error = local().send_to("x", "<broadcast>:9").unwrap_err();
    if error.kind() == ErrorKind::PermissionDenied {
        assert!(error.to_string().contains("UdpBuilder::broadcast"), "{error}");
    } else {
        // A machine without a route refuses for that reason first.
        assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{error}");
    }
}

#[test]
fn reuse_address_allows_second_bind() {
    let builder = || UdpEndpoint::builder().reuse_address(true).read_timeout(PATIENCE);
    let first = builder().bind("127.0.0.1:0").unwrap();
    let second = builder().bind(first.local_addr()).unwrap();
    assert_eq!(first.local_addr(), second.local_addr());
}

/// An IPv6 loopback address, where this machine has one.
fn local_v6() -> Option<UdpEndpoint> {
    has_ipv6().then(|| UdpEndpoint::builder().read_timeout(PATIENCE).bind("[::1]:0").unwrap())
}

#[test]
fn ipv6_endpoint_excludes_ipv4() {
    let Some(v6) = local_v6() else { return };
    let every_v6 = UdpEndpoint::builder().read_timeout(PATIENCE).bind("[::]:0").unwrap();
    let port = every_v6.local_addr().port();
    v6.send_to("six", ("::1", port)).unwrap();
    let datagram = every_v6.recv().unwrap();
    assert_eq!(datagram.source(), v6.local_addr());
    #[cfg(unix)]
    assert_eq!(datagram.meta().destination(), Some("::1".parse::<std::net::IpAddr>().unwrap()));
    every_v6.reply(&datagram, "answer").unwrap();
    assert_eq!(v6.recv().unwrap().bytes(), b"answer");

    let every_v4 = UdpEndpoint::bind(port);
    assert!(every_v4.is_ok(), "[::] alone leaves the port free for IPv4: {every_v4:?}");
    for ipv4 in ["127.0.0.1:9", "[::ffff:127.0.0.1]:9"] {
        let error = v6.send_to("x", ipv4).unwrap_err();
        assert!(error.to_string().contains("dual_stack"), "{error}");
    }
    let v4 = UdpEndpoint::bind("127.0.0.1:0").unwrap();
    let server = local();
    v4.send_to("mapped", ("::ffff:127.0.0.1", server.local_addr().port())).unwrap();
    assert_eq!(server.recv().unwrap().bytes(), b"mapped", "IPv4 in the form of IPv6 is IPv4");
    let error = local().send_to("x", "[::1]:9").unwrap_err();
    assert!(error.to_string().contains("IPv4 socket"), "{error}");
}

#[test]
fn dual_stack_serves_both_families_with_unmapped_ipv4() {
    let Some(v6) = local_v6() else { return };
    let both = UdpEndpoint::builder().dual_stack(true).read_timeout(PATIENCE).bind(":0").unwrap();
    let port = both.local_addr().port();
    let v4 = local();
    for (client, to) in [(&v6, "::1"), (&v4, "127.0.0.1")] {
        client.send_to("ask", (to, port)).unwrap();
        let datagram = both.recv().unwrap();
        assert_eq!(datagram.source(), client.local_addr());
        #[cfg(unix)]
        assert_eq!(datagram.meta().destination(), Some(to.parse::<std::net::IpAddr>().unwrap()));
        both.reply(&datagram, "answer").unwrap();
        assert_eq!(client.recv().unwrap().source(), SocketAddr::new(to.parse().unwrap(), port));
        both.send_to("again", client.local_addr()).unwrap();
        assert_eq!(client.recv().unwrap().bytes(), b"again");
    }
    let error = UdpEndpoint::builder().dual_stack(true).bind("127.0.0.1:0").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

/// On a wildcard socket the reply is sent from the address of the request. The client is connected,
/// so that it does not receive a reply from another address.
#[cfg(target_os = "linux")]
#[test]
fn reply_source_is_destination_of_request() {
    let server = UdpEndpoint::builder().read_timeout(PATIENCE).bind(":0").unwrap();
    let port = server.local_addr().port();
    for asked in [[127, 0, 0, 1], [127, 0, 0, 2], [127, 9, 9, 9]] {
        let client = UdpEndpoint::builder().read_timeout(PATIENCE);
        let client = client.bind_and_connect("127.0.0.1:0", SocketAddr::from((asked, port))).unwrap();
        client.send("who?").unwrap();
        let datagram = server.recv().unwrap();
        assert_eq!(datagram.meta().destination(), Some(std::net::IpAddr::from(asked)));
        assert!(datagram.meta().interface_index().is_some_and(|index| index > 0));
        server.reply(&datagram, "me").unwrap();
        assert_eq!(client.recv().unwrap().source(), SocketAddr::from((asked, port)));
        let mut buffer = [0; 8];
        client.send("who?").unwrap();
        let arrival = server.recv_into(&mut buffer).unwrap();
        server.reply(arrival, "me").unwrap();
        assert_eq!(client.recv().unwrap().bytes(), b"me");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn packet_info_can_be_disabled_and_enabled() {
    let off = UdpEndpoint::builder().packet_info(false).read_timeout(PATIENCE).bind(":0").unwrap();
    local().send_to("x", ("127.0.0.1", off.local_addr().port())).unwrap();
    assert_eq!(off.recv().unwrap().meta().destination(), None);
    let on = UdpEndpoint::builder().packet_info(true).read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    local().send_to("x", on.local_addr()).unwrap();
    assert!(on.recv().unwrap().meta().interface_index().is_some());
}
