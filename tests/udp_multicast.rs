//! Membership in multicast groups, on the loopback interface.

mod kit;

use kit::*;
use socketry::{ErrorKind, Interfaces, UdpEndpoint};
use std::net::{Ipv4Addr, SocketAddr};

/// From the block for organizations' own use (RFC 2365).
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 88);

#[test]
fn a_member_hears_the_group_and_one_that_has_left_does_not() {
    let member = UdpEndpoint::builder().read_timeout(PATIENCE).bind(":0").unwrap();
    let memberships = member.join_multicast(GROUP, Ipv4Addr::LOCALHOST).unwrap();
    assert_eq!(memberships.len(), 1);
    let loopback = memberships[0].index;

    let sender = UdpEndpoint::builder().multicast_interface(loopback).bind("127.0.0.1:0").unwrap();
    let to = SocketAddr::from((GROUP, member.local_addr().port()));
    sender.send_to("to all", to).unwrap();
    let datagram = member.recv().unwrap();
    assert_eq!(datagram.bytes(), b"to all");
    #[cfg(target_os = "linux")]
    {
        assert_eq!(datagram.to(), Some(GROUP.into()));
        assert_eq!(datagram.interface(), Some(loopback));
        member.reply(&datagram, "from one").unwrap();
        let answer = sender.recv_timeout(PATIENCE).unwrap();
        assert_eq!(answer.from().ip(), Ipv4Addr::LOCALHOST, "not from the group's address");
    }

    member.leave_multicast(GROUP, loopback).unwrap();
    if is_wine() {
        return skip("that one that has left hears no more", "Wine hears the groups of other sockets");
    }
    sender.send_to("to none", to).unwrap();
    sender.send_to("to one", ("127.0.0.1", to.port())).unwrap();
    assert_eq!(member.recv().unwrap().bytes(), b"to one");
}

#[test]
fn another_sockets_membership_is_not_ones_own() {
    let shared = UdpEndpoint::builder().reuse_address(true).read_timeout(PATIENCE);
    let member = shared.clone().bind(":0").unwrap();
    let port = member.local_addr().port();
    let other = shared.bind(port).unwrap();
    let loopback = member.join_multicast(GROUP, Ipv4Addr::LOCALHOST).unwrap()[0].index;
    let sender = UdpEndpoint::builder().multicast_interface(loopback).bind("127.0.0.1:0").unwrap();
    sender.send_to("to members", SocketAddr::from((GROUP, port))).unwrap();
    assert_eq!(member.recv().unwrap().bytes(), b"to members");
    if is_wine() {
        return skip("another_sockets_membership_is_not_ones_own", "Wine hears the groups of other sockets");
    }
    assert!(other.try_recv().unwrap().is_none());
}

#[test]
fn joining_everywhere_tells_what_became_of_each_interface() {
    let member = UdpEndpoint::bind(":0").unwrap();
    let memberships = member.join_multicast(GROUP, Interfaces::All).unwrap();
    assert!(memberships.iter().any(|membership| membership.result.is_ok()), "{memberships:?}");
    let left = member.leave_multicast(GROUP, Interfaces::All).unwrap();
    assert_eq!(left.len(), memberships.len());
    let error = member.leave_multicast(GROUP, Interfaces::All).unwrap_err();
    // Wine has another word for it.
    let kinds = [ErrorKind::AddressNotAvailable, ErrorKind::InvalidInput];
    assert!(kinds.contains(&error.kind()), "it is a member no more: {error}");
}

#[test]
fn an_ipv6_group_is_joined_by_interface() {
    let Ok(member) = UdpEndpoint::builder().read_timeout(PATIENCE).bind("[::]:0") else {
        return skip("an_ipv6_group_is_joined_by_interface", "no IPv6 on this machine");
    };
    let memberships =
        match member.join_multicast("ff02::7788".parse::<std::net::Ipv6Addr>().unwrap(), Interfaces::All) {
            Ok(memberships) => memberships,
            Err(error) => return skip("an_ipv6_group_is_joined_by_interface", &error.to_string()),
        };
    assert!(memberships.iter().any(|membership| membership.result.is_ok()), "{memberships:?}");
}

#[test]
fn what_cannot_be_joined_is_said_so() {
    let member = local();
    let error = member.join_multicast(Ipv4Addr::LOCALHOST, Interfaces::All).unwrap_err();
    assert!(error.to_string().contains("not a multicast address"), "{error}");
    let error = member.join_multicast(std::net::Ipv6Addr::LOCALHOST, Interfaces::All).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let error = member.join_multicast(GROUP, "no-such-dev0").unwrap_err();
    assert!(error.to_string().contains("no-such-dev0"), "{error}");
}
