//! Sending and receiving: addresses, text, bytes, buffers, handles.

mod kit;

use kit::*;
use socketry::{Arrival, Encoding, ErrorKind, Truncation, UdpEndpoint};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

#[test]
fn what_is_sent_is_received_with_sender_and_destination() {
    let (server, client) = (local(), local());
    client.send_to("hello", server.local_addr().unwrap()).unwrap();
    let datagram = server.recv().unwrap();
    assert_eq!(datagram.text().unwrap(), "hello");
    assert_eq!(datagram.from(), client.local_addr().unwrap());
    assert_eq!(datagram.to(), Some(Ipv4Addr::LOCALHOST.into()), "bound to one address, it can only be that");
    assert_eq!(datagram.truncated(), None);
    server.reply(&datagram, "there").unwrap();
    assert_eq!(client.recv().unwrap().bytes(), b"there");
}

#[test]
fn every_form_of_message_is_sent() {
    let server = local();
    let client = connected_to(&server);
    let text = String::from("text");
    client.send("text").unwrap();
    client.send(&text).unwrap();
    client.send(text).unwrap();
    client.send(std::borrow::Cow::Borrowed("text")).unwrap();
    client.send(b"text").unwrap();
    client.send(*b"text").unwrap();
    client.send(b"text".to_vec()).unwrap();
    client.send(&b"text"[..]).unwrap();
    for _ in 0..8 {
        assert_eq!(server.recv().unwrap().bytes(), b"text");
    }
}

#[test]
fn text_is_encoded_and_decoded_in_the_encoding_of_the_endpoint() {
    let (server, client) = (local_in(Encoding::Gb2312), local_in(Encoding::Gb2312));
    client.send_to("间隔·破折—号", server.local_addr().unwrap()).unwrap();
    let datagram = server.recv().unwrap();
    assert_eq!(datagram.text().unwrap(), "间隔·破折—号");
    assert_eq!(datagram.bytes()[..4], [0xBC, 0xE4, 0xB8, 0xF4]);
    assert!(datagram.text_in(Encoding::Utf8).is_err());
}

#[test]
fn bytes_are_sent_as_they_are_whatever_the_encoding() {
    let (server, client) = (local_in(Encoding::Gb2312), local_in(Encoding::Gb2312));
    client.send_to([0xFF, 0x00], server.local_addr().unwrap()).unwrap();
    let datagram = server.recv().unwrap();
    assert_eq!(datagram.bytes(), [0xFF, 0x00]);
    let error = datagram.text().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidText);
    assert_eq!(
        error.remote(),
        Some(client.local_addr().unwrap()),
        "who sent it is part of the error: {error}"
    );
    assert_eq!(datagram.text_lossy(), "\u{fffd}\0");
}

#[test]
fn a_character_that_the_encoding_lacks_is_refused_and_nothing_is_sent() {
    let (server, client) = (local(), local_in(Encoding::Gb2312));
    for (text, character, offset) in [("朱镕基", '镕', 3), ("a😀b", '😀', 1)] {
        let error = client.send_to(text, server.local_addr().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnencodableText);
        let detail = error.detail::<socketry::EncodeError>().unwrap();
        assert_eq!((detail.character(), detail.offset()), (character, offset));
        assert!(error.to_string().contains("gb2312"), "{error}");
    }
    assert!(server.try_recv().unwrap().is_none());
}

#[test]
fn a_character_cut_between_two_datagrams_is_put_together_or_refused() {
    let (server, client) = (local_in(Encoding::Gb2312), local());
    let bytes = Encoding::Gb2312.encode("你好").unwrap();
    client.send_to(&bytes[..3], server.local_addr().unwrap()).unwrap();
    client.send_to(&bytes[3..], server.local_addr().unwrap()).unwrap();
    let (first, second) = (server.recv().unwrap(), server.recv().unwrap());
    let error = first.text().unwrap_err();
    assert!(error.to_string().contains("incomplete"), "{error}");
    let (mut decoder, mut text) = (Encoding::Gb2312.decoder(), String::new());
    decoder.decode(first.bytes(), &mut text).unwrap();
    decoder.decode(second.bytes(), &mut text).unwrap();
    decoder.finish(&mut text).unwrap();
    assert_eq!(text, "你好");
}

#[test]
fn an_empty_datagram_is_a_datagram() {
    let server = local();
    connected_to(&server).send("").unwrap();
    let datagram = server.recv().unwrap();
    assert!(datagram.is_empty());
    assert_eq!(datagram.text().unwrap(), "");
}

#[test]
fn the_largest_datagram_arrives_and_one_byte_more_is_refused() {
    let server = local();
    let client = connected_to(&server);
    let largest = vec![b'x'; 65_507];
    client.send(&largest).unwrap();
    assert_eq!(server.recv().unwrap().bytes(), largest);
    let error = client.send(vec![b'x'; 65_508]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MessageTooLong);
    assert!(error.to_string().contains("65508") && error.to_string().contains("65507"), "{error}");
    assert_eq!(error.remote(), Some(server.local_addr().unwrap()));
    client.send("still there").unwrap();
    assert_eq!(server.recv().unwrap().bytes(), b"still there");
}

#[test]
fn a_datagram_beyond_the_limit_is_an_error_that_has_everything_that_is_known() {
    let server = UdpEndpoint::builder().max_datagram(10).read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let client = connected_to(&server);
    client.send([b'x'; 100]).unwrap();
    client.send("next").unwrap();
    for peek in [true, false] {
        let error = if peek { server.peek() } else { server.recv() }.unwrap_err();
        assert!(error.is_truncated());
        let truncated = error.truncated().unwrap();
        assert_eq!((truncated.length, truncated.limit), (100, 10));
        assert_eq!(truncated.prefix, [b'x'; 10]);
        assert_eq!(truncated.from, client.local_addr().unwrap());
        let text = error.to_string();
        assert!(
            text.contains("100") && text.contains("10") && text.contains(&truncated.from.to_string()),
            "{text}"
        );
    }
    assert_eq!(server.recv().unwrap().bytes(), b"next");
}

#[test]
fn every_kind_of_endpoint_tells_the_true_size() {
    let (source, stopper) = (local(), socketry::Stopper::new().unwrap());
    let builder = || UdpEndpoint::builder().read_timeout(PATIENCE);
    for receiver in [
        builder().bind("127.0.0.1:0").unwrap(),
        builder().bind(":0").unwrap(),
        builder().stopper(&stopper).bind("127.0.0.1:0").unwrap(),
        builder().connect(source.local_addr().unwrap()).unwrap(),
        UdpEndpoint::connect(source.local_addr().unwrap()).unwrap(),
    ] {
        let to = SocketAddr::from(([127, 0, 0, 1], receiver.local_addr().unwrap().port()));
        source.send_to([7; 3000], to).unwrap();
        let error = receiver.recv_into(&mut [0; 16]).unwrap_err();
        let truncated = error.truncated().unwrap();
        assert_eq!((truncated.length, truncated.limit), (3000, 16), "{receiver:?}");
        assert_eq!(truncated.prefix, [7; 16]);
        assert_eq!(truncated.from, source.local_addr().unwrap());
    }
}

#[test]
fn a_datagram_of_exactly_the_limit_is_whole() {
    let server = UdpEndpoint::builder().max_datagram(10).read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    connected_to(&server).send([7; 10]).unwrap();
    assert_eq!(server.recv().unwrap().bytes(), [7; 10]);
}

#[test]
fn a_cut_datagram_is_delivered_to_whoever_asks_for_it() {
    let builder = UdpEndpoint::builder().max_datagram(10).truncation(Truncation::Deliver);
    let server = builder.read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let client = connected_to(&server);
    client.send([b'x'; 100]).unwrap();
    let datagram = server.recv().unwrap();
    assert_eq!((datagram.bytes(), datagram.truncated()), (&[b'x'; 10][..], Some(100)));
    client.send([b'x'; 100]).unwrap();
    let mut buffer = [0; 4];
    let arrival = server.recv_into(&mut buffer).unwrap();
    assert_eq!((arrival.len(), arrival.truncated(), buffer), (4, Some(100), [b'x'; 4]));
}

#[test]
fn receiving_into_a_buffer_leaves_the_rest_of_it_alone() {
    let server = local();
    let client = connected_to(&server);
    client.send("abc").unwrap();
    let mut buffer = [9; 8];
    let arrival: Arrival = server.peek_into(&mut buffer).unwrap();
    assert_eq!((arrival.len(), arrival.from()), (3, client.local_addr().unwrap()));
    buffer.fill(9);
    let arrival = server.recv_into(&mut buffer).unwrap();
    assert_eq!((arrival.len(), &buffer), (3, b"abc\x09\x09\x09\x09\x09"));
    server.reply(arrival, "ok").unwrap();
    assert_eq!(client.recv().unwrap().bytes(), b"ok");
}

#[test]
fn a_buffer_of_no_bytes_tells_the_size() {
    let server = local();
    connected_to(&server).send([7; 33]).unwrap();
    let error = server.recv_into(&mut []).unwrap_err();
    assert_eq!(error.truncated().unwrap().length, 33);
}

#[test]
fn peeking_takes_nothing() {
    let server = local();
    connected_to(&server).send("once").unwrap();
    assert_eq!(server.peek().unwrap().bytes(), b"once");
    assert_eq!(server.peek().unwrap().bytes(), b"once");
    assert_eq!(server.recv().unwrap().bytes(), b"once");
    assert!(server.try_recv().unwrap().is_none());
}

#[test]
fn a_connected_endpoint_hears_only_its_peer() {
    let (peer, stranger) = (local(), local());
    let endpoint = connected_to(&peer);
    assert_eq!(endpoint.peer_addr(), Some(peer.local_addr().unwrap()));
    stranger.send_to("psst", endpoint.local_addr().unwrap()).unwrap();
    peer.send_to("hello", endpoint.local_addr().unwrap()).unwrap();
    assert_eq!(endpoint.recv().unwrap().bytes(), b"hello");
    assert!(endpoint.try_recv().unwrap().is_none());
}

#[test]
fn an_endpoint_without_a_peer_has_nobody_to_send_to() {
    let error = local().send("hello").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
}

#[test]
fn a_port_in_use_is_named() {
    let first = local();
    let address = first.local_addr().unwrap();
    let error = UdpEndpoint::bind(address).unwrap_err();
    assert!(error.is_address_in_use());
    assert_eq!(error.to_string(), format!("bind {address}: address in use"));
    assert!(std::error::Error::source(&error).unwrap().downcast_ref::<std::io::Error>().is_some());
    let error = UdpEndpoint::bind(("localhost", address.port())).unwrap_err();
    assert_eq!(error.to_string(), format!("bind localhost:{} ({address}): address in use", address.port()));
}

#[test]
fn an_address_of_another_machine_cannot_be_bound() {
    if is_wine() {
        return skip("an_address_of_another_machine_cannot_be_bound", "Wine binds any address");
    }
    let error = UdpEndpoint::bind("203.0.113.1:0").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressNotAvailable, "{error}");
}

#[test]
fn a_bad_address_is_refused_before_anything_is_done() {
    let endpoint = local();
    for error in [
        UdpEndpoint::bind("nonsense").unwrap_err(),
        UdpEndpoint::connect("127.0.0.1:0").unwrap_err(),
        endpoint.send_to("x", "::1:80").unwrap_err(),
        endpoint.request("127.0.0.1:99999", "x").unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidAddress, "{error}");
    }
}

#[test]
fn a_name_is_looked_up_and_one_that_does_not_exist_is_said_so() {
    let server = local();
    let port = server.local_addr().unwrap().port();
    local().send_to("by name", ("localhost", port)).unwrap();
    assert_eq!(server.recv().unwrap().bytes(), b"by name");
    // RFC 6761 keeps `.invalid` from ever existing.
    let error = local().send_to("x", "no-such-name.invalid:80").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NameNotFound | ErrorKind::NameUnavailable), "{error}");
    assert!(error.to_string().contains("no-such-name.invalid"), "{error}");
}

#[test]
fn a_zone_without_an_interface_is_said_so() {
    let Some(v6) = local_v6() else { return };
    let error = v6.send_to("x", "[fe80::1%no-such-dev0]:9").unwrap_err();
    assert!(error.to_string().contains("no such interface"), "{error}");
    assert_eq!(error.place(), Some("[fe80::1%no-such-dev0]:9"));
}

#[test]
fn a_broadcast_needs_permission_and_the_error_says_which() {
    let error = local().send_to("x", "<broadcast>:9").unwrap_err();
    if error.kind() == ErrorKind::PermissionDenied {
        assert!(error.to_string().contains("UdpBuilder::broadcast"), "{error}");
    } else {
        // A machine without a route refuses for that reason first.
        assert_eq!(error.kind(), ErrorKind::NetworkUnreachable, "{error}");
    }
}

#[test]
fn options_reach_the_socket() {
    let endpoint = UdpEndpoint::builder()
        .ttl(7)
        .tos(0x10)
        .broadcast(true)
        .receive_buffer_size(100_000)
        .send_buffer_size(90_000)
        .multicast_ttl(3)
        .multicast_loopback(false)
        .bind("127.0.0.1:0")
        .unwrap();
    let socket = socket2::SockRef::from(&endpoint);
    assert_eq!(socket.ttl_v4().unwrap(), 7);
    assert_eq!(socket.multicast_ttl_v4().unwrap(), 3);
    assert!(!socket.multicast_loop_v4().unwrap());
    assert!(socket.broadcast().unwrap());
    assert!(endpoint.receive_buffer_size().unwrap() >= 100_000);
    assert!(endpoint.send_buffer_size().unwrap() >= 90_000);
    #[cfg(unix)]
    assert_eq!(socket.tos_v4().unwrap(), 0x10);
}

#[test]
fn a_device_that_does_not_exist_is_named() {
    let error = UdpEndpoint::builder().device("no-such-dev0").bind("127.0.0.1:0").unwrap_err();
    let text = error.to_string();
    assert!(text.contains("configure device"), "{text}");
    #[cfg(target_os = "linux")]
    assert!(text.contains("no-such-dev0"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_is_the_only_way_in_and_out() {
    let endpoint = UdpEndpoint::builder().device("lo").read_timeout(PATIENCE).bind(":0").unwrap();
    local().send_to("x", ("127.0.0.1", endpoint.local_addr().unwrap().port())).unwrap();
    assert_eq!(endpoint.recv().unwrap().bytes(), b"x");
}

#[test]
fn one_address_may_be_shared_when_all_who_share_it_say_so() {
    let builder = || UdpEndpoint::builder().reuse_address(true).read_timeout(PATIENCE);
    let first = builder().bind("127.0.0.1:0").unwrap();
    let second = builder().bind(first.local_addr().unwrap()).unwrap();
    assert_eq!(first.local_addr().unwrap(), second.local_addr().unwrap());
}

#[test]
fn sockets_of_std_become_endpoints_and_back() {
    let server = local();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let endpoint = UdpEndpoint::try_from(socket).unwrap();
    assert_eq!(endpoint.local_addr().unwrap(), address);
    endpoint.send_to("hello", server.local_addr().unwrap()).unwrap();
    server.reply(server.recv().unwrap(), "back").unwrap();
    assert_eq!(endpoint.recv().unwrap().bytes(), b"back");
    #[cfg(unix)]
    assert!(!socket2::SockRef::from(&endpoint).nonblocking().unwrap());

    endpoint.set_read_timeout(std::time::Duration::from_millis(40));
    let socket = UdpSocket::from(endpoint);
    assert_eq!(socket.local_addr().unwrap(), address);
    assert_eq!(socket.read_timeout().unwrap(), Some(std::time::Duration::from_millis(40)));
    assert!(socket.recv_from(&mut [0; 8]).is_err());
}

/// Somebody may do so by the socket's handle. Then every wait is a poll; that none of them spins shows in the processor's
/// time.
#[cfg(target_os = "linux")]
#[test]
fn a_socket_made_non_blocking_from_outside_still_waits() {
    let cpu = || {
        std::fs::read_to_string("/proc/thread-self/schedstat")
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse::<u64>()
    };
    let endpoint = local();
    socket2::SockRef::from(&endpoint).set_nonblocking(true).unwrap();
    let wait = std::time::Duration::from_millis(200);
    let before = cpu().unwrap();
    assert_timed_out(endpoint.recv_timeout(wait));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(wait);
            connected_to(&endpoint).send("late").unwrap();
        });
        endpoint.set_read_timeout(None);
        assert_eq!(endpoint.recv().unwrap().bytes(), b"late");
    });
    let spent = std::time::Duration::from_nanos(cpu().unwrap() - before);
    assert!(spent < wait / 2, "{spent:?} of processor time for waiting");
}

#[cfg(unix)]
#[test]
fn owned_handles_become_endpoints_and_back() {
    use std::os::fd::{AsFd, OwnedFd};
    let connected = connected_to(&local());
    let (address, peer) = (connected.local_addr().unwrap(), connected.peer_addr());
    let descriptor = OwnedFd::from(connected);
    let endpoint = UdpEndpoint::builder().encoding(Encoding::Gbk).adopt(descriptor.into()).unwrap();
    assert_eq!((endpoint.local_addr().unwrap(), endpoint.peer_addr()), (address, peer));
    assert_eq!(endpoint.encoding(), Encoding::Gbk);
    assert!(endpoint.as_fd().try_clone_to_owned().is_ok());
}

#[test]
fn an_endpoint_is_shared_by_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<UdpEndpoint>();
    const EACH: usize = 50;
    let server = local();
    let address = server.local_addr().unwrap();
    let total: usize = std::thread::scope(|scope| {
        let receivers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..EACH).filter(|_| server.recv().is_ok()).count())).collect();
        for _ in 0..4 {
            scope.spawn(move || {
                let client = local();
                for _ in 0..EACH {
                    client.send_to("x", address).unwrap();
                    std::thread::yield_now();
                }
            });
        }
        receivers.into_iter().map(|receiver| receiver.join().unwrap()).sum()
    });
    assert_eq!(total, 4 * EACH);
}

/// An IPv6 loopback address, where this machine has one.
fn local_v6() -> Option<UdpEndpoint> {
    let endpoint = UdpEndpoint::builder().read_timeout(PATIENCE).bind("[::1]:0");
    endpoint.inspect_err(|error| skip("a test of IPv6", &error.to_string())).ok()
}

#[test]
fn ipv6_is_asked_for_and_alone() {
    let Some(v6) = local_v6() else { return };
    let every_v6 = UdpEndpoint::builder().read_timeout(PATIENCE).bind("[::]:0").unwrap();
    let port = every_v6.local_addr().unwrap().port();
    v6.send_to("six", ("::1", port)).unwrap();
    let datagram = every_v6.recv().unwrap();
    assert_eq!(datagram.from(), v6.local_addr().unwrap());
    #[cfg(unix)]
    assert_eq!(datagram.to(), Some("::1".parse::<IpAddr>().unwrap()));
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
    v4.send_to("mapped", ("::ffff:127.0.0.1", server.local_addr().unwrap().port())).unwrap();
    assert_eq!(server.recv().unwrap().bytes(), b"mapped", "IPv4 in the form of IPv6 is IPv4");
    let error = local().send_to("x", "[::1]:9").unwrap_err();
    assert!(error.to_string().contains("IPv4 socket"), "{error}");
}

#[test]
fn a_dual_stack_endpoint_speaks_both_and_shows_ipv4_as_ipv4() {
    let Some(v6) = local_v6() else { return };
    let both = UdpEndpoint::builder().dual_stack(true).read_timeout(PATIENCE).bind(":0").unwrap();
    let port = both.local_addr().unwrap().port();
    let v4 = local();
    for (client, to) in [(&v6, "::1"), (&v4, "127.0.0.1")] {
        client.send_to("ask", (to, port)).unwrap();
        let datagram = both.recv().unwrap();
        assert_eq!(datagram.from(), client.local_addr().unwrap());
        #[cfg(unix)]
        assert_eq!(datagram.to(), Some(to.parse::<IpAddr>().unwrap()));
        both.reply(&datagram, "answer").unwrap();
        assert_eq!(client.recv().unwrap().from(), SocketAddr::new(to.parse().unwrap(), port));
        both.send_to("again", client.local_addr().unwrap()).unwrap();
        assert_eq!(client.recv().unwrap().bytes(), b"again");
    }
    let error = UdpEndpoint::builder().dual_stack(true).bind("127.0.0.1:0").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

/// On a wildcard socket the answer leaves from the address that was asked. The client is connected, so that it would
/// not hear an answer from another.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_leaves_from_the_address_that_was_asked() {
    let server = UdpEndpoint::builder().read_timeout(PATIENCE).bind(":0").unwrap();
    let port = server.local_addr().unwrap().port();
    for asked in [[127, 0, 0, 1], [127, 0, 0, 2], [127, 9, 9, 9]] {
        let client = UdpEndpoint::builder().read_timeout(PATIENCE);
        let client = client.bind_and_connect("127.0.0.1:0", SocketAddr::from((asked, port))).unwrap();
        client.send("who?").unwrap();
        let datagram = server.recv().unwrap();
        assert_eq!(datagram.to(), Some(IpAddr::from(asked)));
        assert!(datagram.interface().is_some_and(|index| index > 0));
        server.reply(&datagram, "me").unwrap();
        assert_eq!(client.recv().unwrap().from(), SocketAddr::from((asked, port)));
        let mut buffer = [0; 8];
        client.send("who?").unwrap();
        let arrival = server.recv_into(&mut buffer).unwrap();
        server.reply(arrival, "me").unwrap();
        assert_eq!(client.recv().unwrap().bytes(), b"me");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn packet_info_can_be_turned_off_and_on() {
    let off = UdpEndpoint::builder().packet_info(false).read_timeout(PATIENCE).bind(":0").unwrap();
    local().send_to("x", ("127.0.0.1", off.local_addr().unwrap().port())).unwrap();
    assert_eq!(off.recv().unwrap().to(), None);
    let on = UdpEndpoint::builder().packet_info(true).read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    local().send_to("x", on.local_addr().unwrap()).unwrap();
    assert!(on.recv().unwrap().interface().is_some());
}
