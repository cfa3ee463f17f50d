//! Membership in multicast groups, on the loopback interface.

use crate::kit::*;
use socketry::interfaces::InterfaceSelector;
use socketry::{ErrorKind, UdpEndpoint};
use std::net::{Ipv4Addr, SocketAddr};

/// From the block for organizations' own use (RFC 2365).
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 88);

#[test]
fn join_multicast_receives_group_until_leave() {
    let member = UdpEndpoint::builder().read_timeout(PATIENCE).bind(":0").unwrap();
    let memberships = member.join_multicast(GROUP, Ipv4Addr::LOCALHOST).unwrap();
    assert_eq!(memberships.len(), 1);
    let loopback = memberships[0].interface_index;

    let sender = UdpEndpoint::builder().multicast_interface(loopback).bind("127.0.0.1:0").unwrap();
    let to = SocketAddr::from((GROUP, member.local_addr().port()));
    sender.send_to("to all", to).unwrap();
    let datagram = member.recv().unwrap();
    assert_eq!(datagram.bytes(), b"to all");
    #[cfg(target_os = "linux")]
    {
        assert_eq!(datagram.meta().destination(), Some(GROUP.into()));
        assert_eq!(datagram.meta().interface_index(), Some(loopback));
        member.reply(&datagram, "from one").unwrap();
        let answer = sender.recv_timeout(PATIENCE).unwrap();
        assert_eq!(answer.source().ip(), Ipv4Addr::LOCALHOST, "not from the group's address");
    }

    member.leave_multicast(GROUP, loopback).unwrap();
    if is_wine() {
        return skip(Need::Platform, "Wine receives the groups of other sockets");
    }
    sender.send_to("to none", to).unwrap();
    sender.send_to("to one", ("127.0.0.1", to.port())).unwrap();
    assert_eq!(member.recv().unwrap().bytes(), b"to one");
}

/// From the block for source-specific multicast (RFC 4607).
const SOURCE_GROUP: Ipv4Addr = Ipv4Addr::new(232, 1, 77, 88);

#[test]
fn join_multicast_source_receives_that_source_only() {
    if !cfg!(target_os = "linux") {
        return skip(Need::Platform, "only Linux has 127.0.0.2 and sources on the loopback interface");
    }
    let member = UdpEndpoint::builder().read_timeout(PATIENCE).bind(":0").unwrap();
    let source = Ipv4Addr::new(127, 0, 0, 2);
    let memberships = member.join_multicast_source(SOURCE_GROUP, source, Ipv4Addr::LOCALHOST).unwrap();
    let loopback = memberships[0].interface_index;
    let port = member.local_addr().port();
    let send_from = |from: &str, text: &str| {
        let sender = UdpEndpoint::builder().multicast_interface(loopback).bind(from).unwrap();
        sender.send_to(text, (SOURCE_GROUP, port)).unwrap();
    };
    send_from("127.0.0.1:0", "other source");
    send_from("127.0.0.2:0", "source");
    assert_eq!(member.recv().unwrap().bytes(), b"source");
    member.join_multicast_source(SOURCE_GROUP, Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST).unwrap();
    send_from("127.0.0.1:0", "second source");
    assert_eq!(member.recv().unwrap().bytes(), b"second source");
    member.leave_multicast_source(SOURCE_GROUP, source, Ipv4Addr::LOCALHOST).unwrap();
    send_from("127.0.0.2:0", "left source");
    send_from("127.0.0.1:0", "second source");
    assert_eq!(member.recv().unwrap().bytes(), b"second source");
    let again = member.leave_multicast_source(SOURCE_GROUP, source, Ipv4Addr::LOCALHOST).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AddressNotAvailable, "{again}");
}

#[test]
fn join_multicast_source_of_ipv6_is_unsupported() {
    let member = UdpEndpoint::bind(":0").unwrap();
    let v6 = std::net::Ipv6Addr::LOCALHOST;
    let error = member.join_multicast_source(SOURCE_GROUP, v6, InterfaceSelector::All).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[test]
fn multicast_membership_is_not_shared_between_sockets() {
    let shared = UdpEndpoint::builder().reuse_address(true).read_timeout(PATIENCE);
    let member = shared.clone().bind(":0").unwrap();
    let port = member.local_addr().port();
    let other = shared.bind(port).unwrap();
    let loopback = member.join_multicast(GROUP, Ipv4Addr::LOCALHOST).unwrap()[0].interface_index;
    let sender = UdpEndpoint::builder().multicast_interface(loopback).bind("127.0.0.1:0").unwrap();
    sender.send_to("to members", SocketAddr::from((GROUP, port))).unwrap();
    assert_eq!(member.recv().unwrap().bytes(), b"to members");
    if is_wine() {
        return skip(Need::Platform, "Wine receives the groups of other sockets");
    }
    assert!(other.try_recv().unwrap().is_none());
}

#[test]
fn join_and_leave_multicast_report_each_interface() {
    let member = UdpEndpoint::bind(":0").unwrap();
    let memberships = member.join_multicast(GROUP, InterfaceSelector::All).unwrap();
    assert!(memberships.iter().any(|membership| membership.result.is_ok()), "{memberships:?}");
    let left = member.leave_multicast(GROUP, InterfaceSelector::All).unwrap();
    assert_eq!(left.len(), memberships.len());
    let error = member.leave_multicast(GROUP, InterfaceSelector::All).unwrap_err();
    // Wine has another word for it.
    let kinds = [ErrorKind::AddressNotAvailable, ErrorKind::InvalidInput];
    assert!(kinds.contains(&error.kind()), "it is a member no more: {error}");
}

#[test]
fn join_multicast_joins_ipv6_group() {
    if !has_ipv6() {
        return;
    }
    let member = UdpEndpoint::builder().read_timeout(PATIENCE).bind("[::]:0").unwrap();
    let memberships = match member
        .join_multicast("ff02::7788".parse::<std::net::Ipv6Addr>().unwrap(), InterfaceSelector::All)
    {
        Ok(memberships) => memberships,
        Err(error) => return skip(Need::Ipv6, error.to_string()),
    };
    assert!(memberships.iter().any(|membership| membership.result.is_ok()), "{memberships:?}");
}

#[test]
fn join_multicast_rejects_bad_group_or_interface() {
    let member = local();
    let error = member.join_multicast(Ipv4Addr::LOCALHOST, InterfaceSelector::All).unwrap_err();
    assert!(error.to_string().contains("not a multicast address"), "{error}");
    let error = member.join_multicast(std::net::Ipv6Addr::LOCALHOST, InterfaceSelector::All).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let error = member.join_multicast(GROUP, "no-such-dev0").unwrap_err();
    assert!(error.to_string().contains("no-such-dev0"), "{error}");
}
