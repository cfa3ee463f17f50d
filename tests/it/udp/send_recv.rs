//! Sending and receiving: text, bytes, buffers, peers.

use crate::kit::*;
use socketry::udp::RecvMeta;
use socketry::{Encoding, ErrorKind, UdpEndpoint};
use std::net::Ipv4Addr;

#[test]
fn recv_returns_payload_source_and_destination() {
    let (server, client) = (local(), local());
    client.send_to("hello", server.local_addr()).unwrap();
    let datagram = server.recv().unwrap();
    assert_eq!(datagram.text().unwrap(), "hello");
    assert_eq!(datagram.source(), client.local_addr());
    assert_eq!(
        datagram.meta().destination(),
        Some(Ipv4Addr::LOCALHOST.into()),
        "bound to one address, it can only be that"
    );
    assert_eq!(datagram.meta().truncated(), None);
    server.reply(&datagram, "there").unwrap();
    assert_eq!(client.recv().unwrap().bytes(), b"there");
}

#[test]
fn send_accepts_str_string_cow_and_bytes() {
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
fn text_uses_endpoint_encoding() {
    let (server, client) = (local_in(Encoding::Gb2312), local_in(Encoding::Gb2312));
    client.send_to("间隔·破折—号", server.local_addr()).unwrap();
    let datagram = server.recv().unwrap();
    assert_eq!(datagram.text().unwrap(), "间隔·破折—号");
    assert_eq!(datagram.bytes()[..4], [0xBC, 0xE4, 0xB8, 0xF4]);
    assert!(datagram.text_in(Encoding::Utf8).is_err());
}

#[test]
fn bytes_bypass_encoding_and_text_reports_invalid_data() {
    let (server, client) = (local_in(Encoding::Gb2312), local_in(Encoding::Gb2312));
    client.send_to([0xFF, 0x00], server.local_addr()).unwrap();
    let datagram = server.recv().unwrap();
    assert_eq!(datagram.bytes(), [0xFF, 0x00]);
    let error = datagram.text().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidText);
    assert_eq!(error.peer_addr(), Some(client.local_addr()), "who sent it is part of the error: {error}");
    assert_eq!(datagram.text_lossy(), "\u{fffd}\0");
}

#[test]
fn send_to_rejects_unencodable_character_and_sends_nothing() {
    let (server, client) = (local(), local_in(Encoding::Gb2312));
    for (text, character, offset) in [("朱镕基", '镕', 3), ("a😀b", '😀', 1)] {
        let error = client.send_to(text, server.local_addr()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnencodableText);
        let detail = error.detail::<socketry::text::EncodeError>().unwrap();
        assert_eq!((detail.character(), detail.offset()), (character, offset));
        assert!(error.to_string().contains("gb2312"), "{error}");
    }
    assert!(server.try_recv().unwrap().is_none());
}

#[test]
fn decoder_joins_character_split_across_datagrams() {
    let (server, client) = (local_in(Encoding::Gb2312), local());
    let bytes = Encoding::Gb2312.encode("你好").unwrap();
    client.send_to(&bytes[..3], server.local_addr()).unwrap();
    client.send_to(&bytes[3..], server.local_addr()).unwrap();
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
fn recv_returns_empty_datagram() {
    let server = local();
    connected_to(&server).send("").unwrap();
    let datagram = server.recv().unwrap();
    assert!(datagram.is_empty());
    assert_eq!(datagram.text().unwrap(), "");
}

#[test]
fn recv_into_leaves_rest_of_buffer_unchanged() {
    let server = local();
    let client = connected_to(&server);
    client.send("abc").unwrap();
    let mut buffer = [9; 8];
    let arrival: RecvMeta = server.peek_into(&mut buffer).unwrap();
    assert_eq!((arrival.len(), arrival.source()), (3, client.local_addr()));
    buffer.fill(9);
    let arrival = server.recv_into(&mut buffer).unwrap();
    assert_eq!((arrival.len(), &buffer), (3, b"abc\x09\x09\x09\x09\x09"));
    server.reply(arrival, "ok").unwrap();
    assert_eq!(client.recv().unwrap().bytes(), b"ok");
}

#[test]
fn try_recv_returns_none_datagram_or_error() {
    let server = local();
    assert!(server.try_recv().unwrap().is_none());
    connected_to(&server).send("there").unwrap();
    assert_eq!(server.peek().unwrap().bytes(), b"there", "it has arrived");
    assert_eq!(server.try_recv().unwrap().unwrap().bytes(), b"there");
    let small =
        socketry::UdpEndpoint::builder().max_datagram(2).read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    connected_to(&small).send("too long").unwrap();
    assert!(small.peek().unwrap_err().is_truncated(), "it has arrived");
    assert_eq!(small.try_recv().unwrap_err().truncated().unwrap().length, 8);
    if cfg!(target_os = "linux") {
        let refused = socketry::UdpEndpoint::connect(deserted()).unwrap();
        refused.send("nobody").unwrap();
        assert!(refused.try_recv().unwrap_err().is_refused());
    }
}

#[test]
fn peek_leaves_datagram_queued() {
    let server = local();
    connected_to(&server).send("once").unwrap();
    assert_eq!(server.peek().unwrap().bytes(), b"once");
    assert_eq!(server.peek().unwrap().bytes(), b"once");
    assert_eq!(server.recv().unwrap().bytes(), b"once");
    assert!(server.try_recv().unwrap().is_none());
}

#[test]
fn connected_endpoint_receives_only_from_peer() {
    let (peer, stranger) = (local(), local());
    let endpoint = connected_to(&peer);
    assert_eq!(endpoint.peer_addr(), Some(peer.local_addr()));
    stranger.send_to("psst", endpoint.local_addr()).unwrap();
    peer.send_to("hello", endpoint.local_addr()).unwrap();
    assert_eq!(endpoint.recv().unwrap().bytes(), b"hello");
    assert!(endpoint.try_recv().unwrap().is_none());
}

#[test]
fn send_without_peer_is_not_connected() {
    let error = local().send("hello").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
}

#[test]
fn dropped_datagrams_are_counted() {
    const SENT: u64 = 1_000;
    let sender = local();
    for address in ["127.0.0.1:0", "[::1]:0"] {
        if std::net::UdpSocket::bind(address).is_err() {
            skip(Need::Ipv6, format!("{address} cannot be bound"));
            continue;
        }
        let receiver = UdpEndpoint::builder().receive_buffer_size(4_096).bind(address).unwrap();
        let Ok(before) = receiver.dropped_datagrams() else {
            return skip(Need::Platform, "the OS does not report the number of dropped datagrams");
        };
        let sender =
            if receiver.local_addr().is_ipv4() { &sender } else { &UdpEndpoint::bind(address).unwrap() };
        (0..SENT).for_each(|_| sender.send_to([7; 100], receiver.local_addr()).unwrap());
        let mut received = 0;
        while receiver.try_recv().unwrap().is_some() {
            received += 1;
        }
        assert!(received < SENT, "{received}");
        assert_eq!((before, receiver.dropped_datagrams().unwrap()), (0, SENT - received), "{address}");
    }
}
