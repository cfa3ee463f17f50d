//! `send_segments`: contiguous bytes as datagrams of one size.

use crate::kit::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use socketry::error::UnsentDatagram;
use socketry::udp::{RecvBatch, UdpBatchEndpoint};
use socketry::{CancelToken, ErrorKind, UdpEndpoint};

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

fn receiver(address: &str) -> Option<UdpEndpoint> {
    UdpEndpoint::builder().read_timeout(PATIENCE).receive_buffer_size(1 << 20).bind(address).ok()
}

fn received(endpoint: &UdpEndpoint, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|_| endpoint.recv().unwrap().into_bytes()).collect()
}

#[test]
fn segments_arrive_as_single_datagrams() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Some(receiver) = receiver(address) else {
            skip(Need::Ipv6, format!("{address} cannot be bound"));
            continue;
        };
        let connected = connected_to(&receiver);
        let other = UdpEndpoint::bind(address).unwrap();
        for (length, size) in [
            (0, 1),
            (1, 1),
            (1, 100),
            (100, 100),
            (101, 100),
            (300, 1),
            (5_000, 1_200),
            (30_000, 9_000),
            (140_000, 1_400),
            (60_000, 60_000),
        ] {
            let bytes = bytes(length);
            let expected: Vec<&[u8]> = bytes.chunks(size).collect();
            let sent = connected.send_segments(&bytes, size).unwrap();
            assert_eq!(sent, expected.len());
            assert_eq!(received(&receiver, sent), expected, "{length} bytes by {size}");
            let sent = other.send_segments_to(&bytes, size, receiver.local_addr()).unwrap();
            assert_eq!(received(&receiver, sent), expected, "{length} bytes by {size}");
        }
        assert!(receiver.try_recv().unwrap().is_none());
    }
}

#[test]
fn random_segments_match_single_sends() {
    let receiver = receiver("127.0.0.1:0").unwrap();
    let sender = connected_to(&receiver);
    let cases = (0_usize..40_000, prop_oneof![1_usize..100, 100_usize..2_000, Just(65_507_usize)]);
    let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&cases, |(length, size)| {
            // As many as the receive buffer holds.
            let bytes = bytes(length.min(size * 150));
            let sent = sender.send_segments(&bytes, size).unwrap();
            prop_assert_eq!(received(&receiver, sent), bytes.chunks(size).collect::<Vec<_>>());
            Ok(())
        })
        .unwrap();
}

#[test]
fn segments_of_dual_stack_endpoint_reach_ipv4() {
    let Ok(sender) = UdpEndpoint::builder().dual_stack(true).bind(0) else {
        return skip(Need::Ipv6, "no dual-stack socket can be bound");
    };
    let receiver = receiver("127.0.0.1:0").unwrap();
    assert_eq!(sender.send_segments_to(b"onetwo", 3, receiver.local_addr()).unwrap(), 2);
    assert_eq!(received(&receiver, 2), [b"one", b"two"]);
    let only_v4 = UdpEndpoint::bind("127.0.0.1:0").unwrap();
    let error = only_v4.send_segments_to(b"x", 1, ([0, 0, 0, 0, 0, 0, 0, 1], 9)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressNotAvailable);
}

#[test]
fn invalid_segments_are_errors() {
    let receiver = receiver("127.0.0.1:0").unwrap();
    let sender = connected_to(&receiver);
    let error = sender.send_segments(b"x", 0).unwrap_err();
    assert_eq!((error.kind(), error.peer_addr()), (ErrorKind::InvalidInput, Some(receiver.local_addr())));
    assert!(error.to_string().contains("a segment size of 0"), "{error}");
    let unconnected = UdpEndpoint::bind("127.0.0.1:0").unwrap();
    assert_eq!(unconnected.send_segments(b"x", 1).unwrap_err().kind(), ErrorKind::NotConnected);

    let error = sender.send_segments(&bytes(140_000), 65_508).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MessageTooLong);
    let detail = error.detail::<UnsentDatagram>().unwrap();
    assert_eq!((detail.index, detail.sent), (0, 0));
    assert!(error.to_string().contains("a message of 65508 bytes does not fit a datagram"), "{error}");
    // The endpoint is not affected.
    assert_eq!(sender.send_segments(b"next", 4).unwrap(), 1);
    assert_eq!(received(&receiver, 1), [b"next"]);
}

#[test]
fn cancelled_segments_are_not_sent() {
    let receiver = receiver("127.0.0.1:0").unwrap();
    let token = CancelToken::new().unwrap();
    let sender = UdpEndpoint::builder().cancel_token(&token).connect(receiver.local_addr()).unwrap();
    token.cancel();
    let error = sender.send_segments(&bytes(5_000), 1_000).unwrap_err();
    assert!(error.is_cancelled());
    assert_eq!(error.detail::<UnsentDatagram>().unwrap().sent, 0);
    assert!(receiver.try_recv().unwrap().is_none());
}

/// Both ends: the kernel joins the segments again.
#[test]
fn batch_endpoint_receives_segments() {
    let receiver = UdpBatchEndpoint::new(receiver("127.0.0.1:0").unwrap());
    let sender = UdpBatchEndpoint::new(connected_to(&receiver));
    let bytes = bytes(50_000);
    assert_eq!(sender.send_segments(&bytes, 1_000).unwrap(), 50);
    let (mut batch, mut all) = (RecvBatch::new(), Vec::<u8>::new());
    while all.len() < bytes.len() {
        receiver.recv_batch(&mut batch).unwrap();
        for datagram in &batch {
            assert_eq!(datagram.len(), 1_000);
            all.extend(datagram.bytes());
        }
    }
    assert!(all == bytes);
}
