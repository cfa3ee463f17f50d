//! Datagrams that do not fit: what is known of them, and that nothing else is lost.

use crate::kit::*;
use socketry::udp::Truncation;
use socketry::{ErrorKind, UdpEndpoint};
use std::net::SocketAddr;

#[test]
fn send_limit_is_65507_bytes() {
    let server = local();
    let client = connected_to(&server);
    let largest = vec![b'x'; 65_507];
    client.send(&largest).unwrap();
    assert_eq!(server.recv().unwrap().bytes(), largest);
    let error = client.send(vec![b'x'; 65_508]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MessageTooLong);
    assert!(error.to_string().contains("65508") && error.to_string().contains("65507"), "{error}");
    assert_eq!(error.peer_addr(), Some(server.local_addr()));
    client.send("still there").unwrap();
    assert_eq!(server.recv().unwrap().bytes(), b"still there");
}

#[test]
fn truncated_error_has_length_limit_prefix_and_source() {
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
        assert_eq!(truncated.source, client.local_addr());
        let text = error.to_string();
        assert!(
            text.contains("100") && text.contains("10") && text.contains(&truncated.source.to_string()),
            "{text}"
        );
    }
    assert_eq!(server.recv().unwrap().bytes(), b"next");
}

#[test]
fn recv_into_reports_full_length_on_every_endpoint_kind() {
    let (source, token) = (local(), socketry::CancelToken::new().unwrap());
    let builder = || UdpEndpoint::builder().read_timeout(PATIENCE);
    for receiver in [
        builder().bind("127.0.0.1:0").unwrap(),
        builder().bind(":0").unwrap(),
        builder().cancel_token(&token).bind("127.0.0.1:0").unwrap(),
        builder().connect(source.local_addr()).unwrap(),
        UdpEndpoint::connect(source.local_addr()).unwrap(),
    ] {
        let to = SocketAddr::from(([127, 0, 0, 1], receiver.local_addr().port()));
        source.send_to([7; 3000], to).unwrap();
        let error = receiver.recv_into(&mut [0; 16]).unwrap_err();
        let truncated = error.truncated().unwrap();
        assert_eq!((truncated.length, truncated.limit), (3000, 16), "{receiver:?}");
        assert_eq!(truncated.prefix, [7; 16]);
        assert_eq!(truncated.source, source.local_addr());
    }
}

#[test]
fn datagram_of_exact_limit_is_not_truncated() {
    let server = UdpEndpoint::builder().max_datagram(10).read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    connected_to(&server).send([7; 10]).unwrap();
    assert_eq!(server.recv().unwrap().bytes(), [7; 10]);
}

#[test]
fn truncation_deliver_returns_prefix_and_length() {
    let builder = UdpEndpoint::builder().max_datagram(10).truncation(Truncation::Deliver);
    let server = builder.read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let client = connected_to(&server);
    client.send([b'x'; 100]).unwrap();
    let datagram = server.recv().unwrap();
    assert_eq!((datagram.bytes(), datagram.meta().truncated()), (&[b'x'; 10][..], Some(100)));
    client.send([b'x'; 100]).unwrap();
    let mut buffer = [0; 4];
    let arrival = server.recv_into(&mut buffer).unwrap();
    assert_eq!((arrival.len(), arrival.truncated(), buffer), (4, Some(100), [b'x'; 4]));
}

#[test]
fn recv_into_empty_buffer_reports_length() {
    let server = local();
    connected_to(&server).send([7; 33]).unwrap();
    let error = server.recv_into(&mut []).unwrap_err();
    assert_eq!(error.truncated().unwrap().length, 33);
}
