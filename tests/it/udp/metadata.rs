//! Ancillary data of received datagrams: time stamps, TTL, type of service, and their absence.
#![cfg_attr(not(target_os = "linux"), allow(unused_imports, dead_code))]

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use crate::kit::*;
#[cfg(not(target_os = "linux"))]
use socketry::ErrorKind;
use socketry::udp::{Ecn, RecvBatch, RecvMeta, Truncation, UdpBatchEndpoint, UdpBuilder};
use socketry::{UdpEndpoint, error::Truncated};

const TTL: u8 = 7;
const TOS: u8 = 0b1011_1010;

fn builder() -> UdpBuilder {
    UdpEndpoint::builder().read_timeout(PATIENCE)
}

/// Receivers of each family, and the address to reach each by.
fn receivers(builder: impl Fn() -> UdpBuilder) -> Vec<(UdpEndpoint, SocketAddr)> {
    let mut receivers = Vec::new();
    for (bind, dual_stack, hosts) in [
        ("127.0.0.1:0", false, &["127.0.0.1"][..]),
        (":0", false, &["127.0.0.1"]),
        ("[::1]:0", false, &["::1"]),
        ("[::]:0", false, &["::1"]),
        ("[::]:0", true, &["127.0.0.1", "::1"]),
    ] {
        for host in hosts {
            match builder().dual_stack(dual_stack).bind(bind) {
                Ok(receiver) => {
                    let port = receiver.local_addr().port();
                    receivers.push((receiver, SocketAddr::new(host.parse().unwrap(), port)));
                }
                Err(error) if bind.starts_with('[') => skip(Need::Ipv6, format!("{bind}: {error}")),
                Err(error) => panic!("{bind}: {error}"),
            }
        }
    }
    receivers
}

/// Receives the metadata of one datagram.
type Receive = fn(&UdpEndpoint) -> RecvMeta;

const FORMS: [(&str, Receive); 5] = [
    ("recv", |endpoint| *endpoint.recv().unwrap().meta()),
    ("recv_into", |endpoint| endpoint.recv_into(&mut [0; 99]).unwrap()),
    ("recv_timeout", |endpoint| *endpoint.recv_timeout(PATIENCE).unwrap().meta()),
    ("try_recv", |endpoint| {
        endpoint.peek().unwrap();
        *endpoint.try_recv().unwrap().unwrap().meta()
    }),
    ("peek", |endpoint| {
        let meta = endpoint.peek_into(&mut [0; 99]).unwrap();
        assert_eq!(*endpoint.recv().unwrap().meta(), meta, "the same datagram");
        meta
    }),
];

#[cfg(target_os = "linux")]
#[test]
fn ttl_and_tos_are_those_of_the_sender() {
    for (receiver, to) in receivers(|| builder().receive_ttl(true).receive_tos(true)) {
        let local = SocketAddr::new(to.ip(), 0);
        let sender = UdpEndpoint::builder().ttl(TTL).tos(TOS).bind_and_connect(local, to).unwrap();
        let default = UdpEndpoint::builder().bind_and_connect(local, to).unwrap();
        for (name, receive) in FORMS {
            sender.send("x").unwrap();
            let meta = receive(&receiver);
            assert_eq!((meta.ttl(), meta.tos()), (Some(TTL), Some(TOS)), "{name} at {to}");
            assert_eq!((meta.ecn(), meta.timestamp()), (Some(Ecn::Ect0), None));
            assert_eq!((meta.source(), meta.len()), (sender.local_addr(), 1));
            default.send("x").unwrap();
            let meta = receive(&receiver);
            assert_eq!((meta.tos(), meta.ecn()), (Some(0), Some(Ecn::NotEct)), "{name} at {to}");
            assert!(meta.ttl().is_some_and(|ttl| ttl > TTL), "{meta:?}");
        }
        // A reply still is from the address of the request.
        sender.send("request").unwrap();
        let request = receiver.recv().unwrap();
        assert_eq!(request.meta().destination(), Some(to.ip()));
        receiver.reply(&request, "reply").unwrap();
        assert_eq!(sender.recv_timeout(PATIENCE).unwrap().bytes(), b"reply");
    }
}

#[cfg(unix)]
#[test]
fn timestamp_is_the_time_of_receipt() {
    // The clock may be adjusted meanwhile.
    const TOLERANCE: Duration = Duration::from_secs(1);
    for (receiver, to) in receivers(|| builder().receive_timestamp(true)) {
        let sender = UdpEndpoint::bind(SocketAddr::new(to.ip(), 0)).unwrap();
        for (name, receive) in FORMS {
            let before = SystemTime::now() - TOLERANCE;
            sender.send_to("x", to).unwrap();
            let time = receive(&receiver).timestamp().expect(name);
            assert!(before <= time && time <= SystemTime::now() + TOLERANCE, "{name} at {to}: {time:?}");
        }
    }
}

/// It is the time when the datagram arrived, and not when it was read.
#[cfg(target_os = "linux")]
#[test]
fn timestamps_are_in_order_of_arrival() {
    let receiver = builder().receive_timestamp(true).bind("127.0.0.1:0").unwrap();
    let sender = connected_to(&receiver);
    sender.send("first").unwrap();
    let between = SystemTime::now();
    sender.send("second").unwrap();
    let times = [(); 2].map(|()| receiver.recv().unwrap().meta().timestamp().unwrap());
    assert!(times[0] <= between && between <= times[1], "{times:?} {between:?}");
}

#[test]
fn ancillary_data_is_unknown_by_default() {
    for (receiver, to) in receivers(builder) {
        let sender = UdpEndpoint::builder().ttl(TTL).bind(SocketAddr::new(to.ip(), 0)).unwrap();
        for (name, receive) in FORMS {
            sender.send_to("x", to).unwrap();
            let meta = receive(&receiver);
            assert_eq!(
                (meta.ttl(), meta.tos(), meta.ecn(), meta.timestamp()),
                (None, None, None, None),
                "{name}"
            );
        }
    }
}

#[cfg(not(target_os = "linux"))]
#[test]
fn options_that_the_os_lacks_are_unsupported() {
    let with_ttl = UdpEndpoint::builder().receive_ttl(true).bind("127.0.0.1:0");
    if !cfg!(target_os = "freebsd") {
        assert_eq!(with_ttl.unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

/// Of joined datagrams, each has the metadata.
#[cfg(target_os = "linux")]
#[test]
fn batch_datagrams_have_ancillary_data() {
    for (receiver, to) in receivers(|| builder().receive_ttl(true).receive_tos(true).receive_timestamp(true))
    {
        let receiver = UdpBatchEndpoint::new(receiver);
        let local = SocketAddr::new(to.ip(), 0);
        let sender = UdpEndpoint::builder().ttl(TTL).tos(TOS).bind_and_connect(local, to).unwrap();
        assert_eq!(sender.send_segments(&[7; 500], 60).unwrap(), 9);
        let (mut batch, mut count) = (RecvBatch::new(), 0);
        while count < 9 {
            count += receiver.recv_batch(&mut batch).unwrap();
            for datagram in &batch {
                let meta = datagram.meta();
                assert_eq!((meta.ttl(), meta.tos(), meta.len()), (Some(TTL), Some(TOS), datagram.len()));
                assert!(meta.timestamp().is_some() && meta.destination() == Some(to.ip()));
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn truncated_datagram_has_ancillary_data() {
    let receiver = || builder().receive_ttl(true).max_datagram(10);
    let delivering = receiver().truncation(Truncation::Deliver).bind(":0").unwrap();
    let to = SocketAddr::from(([127, 0, 0, 1], delivering.local_addr().port()));
    let sender = UdpEndpoint::builder().ttl(TTL).connect(to).unwrap();
    sender.send([7; 100]).unwrap();
    let datagram = delivering.recv().unwrap();
    assert_eq!(
        (datagram.meta().truncated(), datagram.meta().ttl(), datagram.len()),
        (Some(100), Some(TTL), 10)
    );
    let failing = receiver().bind("127.0.0.1:0").unwrap();
    UdpEndpoint::connect(failing.local_addr()).unwrap().send([7; 100]).unwrap();
    let error = failing.recv().unwrap_err();
    assert_eq!(error.truncated().map(|truncated: &Truncated| truncated.length), Some(100));
}

/// A datagram without bytes is one, also where control messages are the only sign of it.
#[test]
fn empty_datagram_is_received_by_every_endpoint() {
    let mut builders: Vec<fn() -> UdpBuilder> = vec![builder, || builder().packet_info(false)];
    if cfg!(target_os = "linux") {
        builders.push(|| builder().receive_ttl(true));
    }
    for make in builders {
        for (receiver, to) in receivers(make) {
            let sender = UdpEndpoint::bind(SocketAddr::new(to.ip(), 0)).unwrap();
            for (name, receive) in FORMS {
                sender.send_to("", to).unwrap();
                let meta = receive(&receiver);
                assert_eq!((meta.len(), meta.source().port()), (0, sender.local_addr().port()), "{name}");
            }
            sender.send_to("", to).unwrap();
            let mut batch = RecvBatch::new();
            assert_eq!(UdpBatchEndpoint::new(receiver).recv_batch(&mut batch).unwrap(), 1);
            assert!(batch.iter().all(|datagram| datagram.is_empty()));
        }
    }
}

/// A socket that was shut down from outside returns an error in every form, and no datagram.
#[cfg(target_os = "linux")]
#[test]
fn shut_down_socket_is_not_connected_in_every_form() {
    use socketry::ErrorKind::NotConnected;
    let peer = local();
    let connected = builder().connect(peer.local_addr()).unwrap();
    let at = connected.local_addr();
    for (receiver, to) in receivers(builder).into_iter().chain([(connected, at)]) {
        if receiver.peer_addr().is_some() {
            peer.send_to("earlier", to).unwrap();
        }
        // An earlier datagram, whose address must not be returned again.
        UdpEndpoint::bind(SocketAddr::new(to.ip(), 0)).unwrap().send_to("earlier", to).unwrap();
        receiver.recv().unwrap();
        let _ = socket2::SockRef::from(&receiver).shutdown(std::net::Shutdown::Read);
        assert_eq!(receiver.recv().unwrap_err().kind(), NotConnected, "{to}");
        assert_eq!(receiver.recv_into(&mut [0; 9]).unwrap_err().kind(), NotConnected, "{to}");
        assert_eq!(receiver.peek().unwrap_err().kind(), NotConnected, "{to}");
        receiver.set_read_timeout(None);
        assert_eq!(receiver.recv().unwrap_err().kind(), NotConnected, "{to}");
        let mut batch = RecvBatch::new();
        let error = UdpBatchEndpoint::new(receiver).recv_batch(&mut batch).unwrap_err();
        assert_eq!(error.kind(), NotConnected, "{to}");
    }
}
