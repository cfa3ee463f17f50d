//! Batches: datagrams that are sent together arrive as if they had been sent by single calls, and
//! datagrams that are received together are separated.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::kit::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use socketry::error::UnsentDatagram;
use socketry::udp::{RecvBatch, SendBatch, Truncation, UdpBatchEndpoint, UdpBuilder};
use socketry::{Encoding, ErrorKind, UdpEndpoint};

fn builder() -> UdpBuilder {
    UdpEndpoint::builder().read_timeout(PATIENCE)
}

fn receiver() -> UdpBatchEndpoint {
    UdpBatchEndpoint::new(builder().bind("127.0.0.1:0").unwrap())
}

/// Receives as many datagrams as are wanted.
fn received(endpoint: &UdpBatchEndpoint, wanted: usize) -> Vec<Vec<u8>> {
    let (mut batch, mut datagrams) = (RecvBatch::new(), Vec::new());
    while datagrams.len() < wanted {
        let count = endpoint.recv_batch(&mut batch).unwrap();
        assert!(count > 0 && count == batch.len() && count == batch.iter().len());
        datagrams.extend(batch.iter().map(|datagram| datagram.bytes().to_vec()));
    }
    datagrams
}

#[test]
fn batch_preserves_order_source_destination_and_text() {
    let receiver = receiver();
    let sender = builder().encoding(Encoding::Gb2312).bind("127.0.0.1:0").unwrap();
    let mut batch = sender.batch();
    assert_eq!(batch.encoding(), Encoding::Gb2312);
    for number in 0..100 {
        batch.push_to(format!("第{number:03}"), receiver.local_addr()).unwrap();
    }
    assert_eq!((batch.len(), batch.is_empty()), (100, false));
    assert_eq!(sender.send_batch(&mut batch).unwrap(), 100);
    assert!(batch.is_empty());
    assert_eq!(sender.send_batch(&mut batch).unwrap(), 0);

    let (mut batch, mut number) = (RecvBatch::new(), 0);
    assert!(batch.is_empty() && batch.iter().next().is_none());
    while number < 100 {
        receiver.recv_batch(&mut batch).unwrap();
        for datagram in &batch {
            assert_eq!(datagram.text_in(Encoding::Gb2312).unwrap(), format!("第{number:03}"));
            assert_eq!(datagram.text().unwrap_err().peer_addr(), Some(datagram.source()));
            assert!(datagram.text_lossy().ends_with(&format!("{number:03}")));
            assert_eq!(datagram.source(), sender.local_addr());
            assert_eq!(datagram.meta().destination(), Some(Ipv4Addr::LOCALHOST.into()));
            assert_eq!((datagram.len(), datagram.meta().truncated(), datagram.is_empty()), (5, None, false));
            number += 1;
        }
    }
    // The last of them is answered.
    let last = batch.iter().last().unwrap();
    receiver.reply(last.meta(), "ok").unwrap();
    assert_eq!(sender.recv().unwrap().bytes(), b"ok");
}

#[test]
fn wildcard_recv_batch_reports_destination_and_interface() {
    for dual in [false, true] {
        let receiver = builder().dual_stack(dual).bind(":0").unwrap();
        let receiver = UdpBatchEndpoint::new(receiver);
        let port = receiver.local_addr().port();
        let sender = UdpEndpoint::bind(":0").unwrap();
        let mut batch = sender.batch();
        for host in [1, 2] {
            (0..3).for_each(|_| batch.push_to([host; 9], ([127, 0, 0, host], port)).unwrap());
        }
        assert_eq!(sender.send_batch(&mut batch).unwrap(), 6);
        let (mut batch, mut seen) = (RecvBatch::new(), 0);
        while seen < 6 {
            receiver.recv_batch(&mut batch).unwrap();
            for datagram in &batch {
                let host = Ipv4Addr::new(127, 0, 0, datagram.bytes()[0]);
                if cfg!(unix) {
                    assert_eq!(datagram.meta().destination(), Some(IpAddr::V4(host)));
                    assert!(datagram.meta().interface_index().is_some());
                }
                assert!(datagram.source().is_ipv4());
                seen += 1;
            }
        }
    }
}

#[test]
fn dual_stack_send_batch_reaches_both_families() {
    if !has_ipv6() {
        return;
    }
    let sender = builder().dual_stack(true).bind(0).unwrap();
    let v4 = receiver();
    let v6 = UdpBatchEndpoint::new(builder().bind("[::1]:0").unwrap());
    let mut batch = sender.batch();
    let mapped = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), v4.local_addr().port()));
    for to in [v4.local_addr(), v6.local_addr(), mapped] {
        (0..5).for_each(|number| batch.push_to([number; 20], to).unwrap());
    }
    assert_eq!(sender.send_batch(&mut batch).unwrap(), 15);
    let five = || (0..5).map(|number| vec![number; 20]);
    assert_eq!(received(&v4, 10), five().chain(five()).collect::<Vec<_>>());
    assert_eq!(received(&v6, 5), five().collect::<Vec<_>>());

    // A socket of one family refuses the other, names it, and sends the rest.
    let only_v4 = local();
    batch.push_to("no", v6.local_addr()).unwrap();
    batch.push_to("yes", v4.local_addr()).unwrap();
    let error = only_v4.send_batch(&mut batch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressNotAvailable);
    assert_eq!(error.peer_addr(), Some(v6.local_addr()));
    let detail = error.detail::<UnsentDatagram>().unwrap();
    assert_eq!((detail.index, detail.sent, batch.len()), (0, 0, 1));
    assert_eq!(only_v4.send_batch(&mut batch).unwrap(), 1);
    assert_eq!(received(&v4, 1), [b"yes"]);
    let largest = vec![7; 65_507];
    batch.push_to(&largest, v6.local_addr()).unwrap();
    batch.push_to([0; 0], v6.local_addr()).unwrap();
    assert_eq!(sender.send_batch(&mut batch).unwrap(), 2);
    assert_eq!(received(&v6, 2), [largest, Vec::new()]);
}

#[test]
fn send_batch_names_oversized_datagram_and_sends_rest() {
    let receiver = receiver();
    let sender = connected_to(&receiver);
    let mut batch = sender.batch();
    for message in [&b"one"[..], b"two", &[b'x'; 65_508], b"four", b""] {
        batch.push(message).unwrap();
    }
    let error = sender.send_batch(&mut batch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MessageTooLong);
    assert_eq!(error.peer_addr(), Some(receiver.local_addr()));
    let detail = error.detail::<UnsentDatagram>().unwrap();
    assert_eq!((detail.index, detail.sent), (2, 2));
    let text = error.to_string();
    let expected =
        "datagram 2 of a batch, 2 sent: a message of 65508 bytes does not fit a datagram, which holds 65507";
    assert!(text.contains(expected), "{text}");
    assert!(std::error::Error::source(detail).is_some());
    assert_eq!(batch.len(), 2);
    // A datagram that is added now is sent after the others.
    batch.push("six").unwrap();
    assert_eq!(sender.send_batch(&mut batch).unwrap(), 3);
    let expected: Vec<&[u8]> = vec![b"one", b"two", b"four", b"", b"six"];
    assert_eq!(received(&receiver, 5), expected);
}

#[test]
fn push_to_rejects_unencodable_text() {
    let receiver = receiver();
    let sender = local_in(Encoding::Gb2312);
    let mut batch = sender.batch();
    let to = receiver.local_addr();
    batch.push_to("好", to).unwrap();
    let error = batch.push_to("镕", to).unwrap_err();
    assert_eq!((error.kind(), error.peer_addr()), (ErrorKind::UnencodableText, Some(to)));
    assert_eq!(batch.len(), 1);
    batch.clear();
    assert_eq!(sender.send_batch(&mut batch).unwrap(), 0);
    batch.push_to("你", to).unwrap();
    sender.send_batch(&mut batch).unwrap();
    assert_eq!(received(&receiver, 1), [[0xC4, 0xE3]]);
}

#[test]
fn send_batch_without_peer_is_not_connected() {
    let (receiver, sender) = (receiver(), local());
    let mut batch = sender.batch();
    batch.push_to("one", receiver.local_addr()).unwrap();
    batch.push("to whom?").unwrap();
    batch.push("to whom?").unwrap();
    for left in [2, 1] {
        let error = sender.send_batch(&mut batch).unwrap_err();
        assert_eq!((error.kind(), batch.len()), (ErrorKind::NotConnected, left));
    }
    assert_eq!(sender.send_batch(&mut batch).unwrap(), 1);
    assert_eq!(received(&receiver, 1), [b"one"]);
}

/// The next call that receives returns the error.
#[test]
fn send_batch_does_not_fail_for_an_earlier_datagram() {
    if !cfg!(target_os = "linux") {
        return skip(Need::Platform, "an unreachable port is not reported immediately on this OS");
    }
    let sender = UdpEndpoint::connect(deserted()).unwrap();
    let mut batch = sender.batch();
    sender.send("to a closed port").unwrap();
    for number in 0..3_u8 {
        batch.push([number]).unwrap();
    }
    assert_eq!(sender.send_batch(&mut batch).unwrap(), 3);
    assert!(sender.try_recv().unwrap_err().is_refused());
}

/// A connected endpoint may send to others, and to its peer by address.
#[test]
fn connected_send_batch_reaches_peer_and_others() {
    let (peer, other) = (receiver(), receiver());
    let sender = connected_to(&peer);
    let mut batch = sender.batch();
    batch.push("to the peer").unwrap();
    batch.push_to("to the peer", peer.local_addr()).unwrap();
    batch.push_to("to another", other.local_addr()).unwrap();
    assert_eq!(sender.send_batch(&mut batch).unwrap(), 3);
    assert_eq!(received(&peer, 2), [b"to the peer", b"to the peer"]);
    assert_eq!(received(&other, 1), [b"to another"]);
}

#[test]
fn truncation_applies_to_each_datagram_in_batch() {
    let bounded = || builder().max_datagram(10);
    let receiver = UdpBatchEndpoint::new(bounded().bind("127.0.0.1:0").unwrap());
    let sender = connected_to(&receiver);
    let mut outgoing = sender.batch();
    for size in [10, 3, 20, 20, 11, 10] {
        outgoing.push(vec![size; usize::from(size)]).unwrap();
    }
    sender.send_batch(&mut outgoing).unwrap();
    let (mut batch, mut seen) = (RecvBatch::new(), Vec::new());
    while seen.len() < 6 {
        match receiver.recv_batch(&mut batch) {
            Ok(_) => seen.extend(batch.iter().map(|datagram| (datagram.len(), datagram.bytes()[0]))),
            Err(error) => {
                let truncated = error.truncated().unwrap();
                assert_eq!((truncated.limit, truncated.source), (10, sender.local_addr()));
                assert_eq!(truncated.prefix, [truncated.length as u8; 10]);
                assert_eq!(truncated.destination, Some(Ipv4Addr::LOCALHOST.into()));
                assert!(batch.is_empty() && batch.iter().next().is_none());
                seen.push((truncated.length, 0));
            }
        }
    }
    assert_eq!(seen, [(10, 10), (3, 3), (20, 0), (20, 0), (11, 0), (10, 10)]);

    let receiver = bounded().truncation(Truncation::Deliver).bind("127.0.0.1:0").unwrap();
    let receiver = UdpBatchEndpoint::new(receiver);
    let sender = connected_to(&receiver);
    for size in [20, 20, 15, 10] {
        outgoing.push(vec![size; usize::from(size)]).unwrap();
    }
    sender.send_batch(&mut outgoing).unwrap();
    let mut seen = Vec::new();
    while seen.len() < 4 {
        receiver.recv_batch(&mut batch).unwrap();
        for datagram in &batch {
            seen.push((datagram.len(), datagram.bytes()[9], datagram.meta().truncated()));
        }
    }
    assert_eq!(seen, [(10, 20, Some(20)), (10, 20, Some(20)), (10, 15, Some(15)), (10, 10, None)]);
}

/// The socket that is given away hands out single datagrams, and so does one that is taken over.
#[cfg(unix)]
#[test]
fn converted_and_adopted_sockets_do_not_coalesce() {
    let endpoint = receiver();
    let sender = connected_to(&endpoint);
    let (mut batch, mut buffer) = (sender.batch(), [0; 100]);
    let mut send_two = |sender: &UdpEndpoint| {
        (0..2).for_each(|_| batch.push([7; 9]).unwrap());
        sender.send_batch(&mut batch).unwrap();
    };
    let socket = std::net::UdpSocket::from(endpoint);
    send_two(&sender);
    (0..2).for_each(|_| assert_eq!(socket.recv(&mut buffer).unwrap(), 9));
    let endpoint = UdpBatchEndpoint::new(builder().adopt(socket).unwrap());
    send_two(&sender);
    assert_eq!(received(&endpoint, 2), [[7; 9]; 2]);
    // The option of the socket must not join two datagrams for an endpoint that adopts it.
    let duplicate = std::os::fd::AsFd::as_fd(&endpoint).try_clone_to_owned().unwrap().into();
    let endpoint = builder().adopt(duplicate).unwrap();
    send_two(&sender);
    (0..2).for_each(|_| assert_eq!(endpoint.recv().unwrap().len(), 9));
}

/// Threads that send single datagrams beside a batch are not touched by how it is sent.
#[test]
fn single_send_is_unaffected_by_concurrent_batch() {
    let receiver = builder().receive_buffer_size(1 << 20).bind("127.0.0.1:0").unwrap();
    let sender = connected_to(&receiver);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut batch = sender.batch();
            for _ in 0..20 {
                (0..10).for_each(|_| batch.push([1; 10]).unwrap());
                sender.send_batch(&mut batch).unwrap();
            }
        });
        scope.spawn(|| (0..20).for_each(|_| sender.send([2; 35]).unwrap()));
        let (mut ones, mut twos) = (0, 0);
        for _ in 0..220 {
            match receiver.recv().unwrap().bytes() {
                [1, 1, 1, 1, 1, 1, 1, 1, 1, 1] => ones += 1,
                other => twos += usize::from(other == [2; 35]),
            }
        }
        assert_eq!((ones, twos), (200, 20));
    });
}

/// Random batches to several peers, compared with single sends of the same datagrams: byte for byte
/// and in order for each peer.
#[test]
fn send_batch_matches_single_sends() {
    let single = UdpEndpoint::bind("127.0.0.1:0").unwrap();
    let batched = UdpEndpoint::bind("127.0.0.1:0").unwrap();
    let peers: Vec<[UdpBatchEndpoint; 2]> = [(); 3].map(|()| [(); 2].map(|()| receiver())).into();
    let datagram = (
        0..peers.len(),
        prop_oneof![
            6 => Just(64_usize),
            2 => Just(1_200),
            2 => 0_usize..200,
            1 => Just(0),
            1 => Just(8_000),
            1 => Just(65_507),
        ],
    );
    let longer = (0..peers.len(), prop_oneof![Just(16_usize), Just(64)], 60_usize..300);
    let portion = prop_oneof![
        proptest::collection::vec(datagram, 0..40),
        longer.prop_map(|(peer, size, count)| vec![(peer, size); count]),
    ];
    let batch: RefCell<SendBatch> = RefCell::new(batched.batch());
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&portion, |datagrams| {
        let mut batch = batch.borrow_mut();
        let mut budget = Budget::default();
        for datagram in datagrams.iter().copied().enumerate() {
            // The datagrams are received before the receive buffers can be full.
            if budget.is_spent(datagram.1.1) {
                batched.send_batch(&mut batch).unwrap();
                budget.compare(&peers)?;
            }
            let (number, (peer, size)) = datagram;
            let bytes: Vec<u8> = (0..size).map(|at| (at + number * 7) as u8).collect();
            single.send_to(&bytes, peers[peer][0].local_addr()).unwrap();
            batch.push_to(&bytes, peers[peer][1].local_addr()).unwrap();
            budget.add(peer, size);
        }
        prop_assert_eq!(batched.send_batch(&mut batch).unwrap(), budget.count.iter().sum::<usize>());
        budget.compare(&peers)
    });
    outcome.unwrap();
}

/// How much is under way to the peers.
#[derive(Default)]
struct Budget {
    bytes: usize,
    count: [usize; 3],
}

impl Budget {
    fn is_spent(&self, size: usize) -> bool {
        self.bytes + size > 80_000 || self.count.iter().sum::<usize>() >= 150
    }

    fn add(&mut self, peer: usize, size: usize) {
        self.bytes += size;
        self.count[peer] += 1;
    }

    fn compare(&mut self, peers: &[[UdpBatchEndpoint; 2]]) -> Result<(), TestCaseError> {
        for (ends, count) in peers.iter().zip(self.count) {
            let [single, batched] = ends.each_ref().map(|end| received(end, count));
            prop_assert_eq!(single, batched);
        }
        *self = Budget::default();
        Ok(())
    }
}

/// Several that are too long, in one call with what is not: each is named by its place, and all
/// others arrive.
#[test]
fn send_batch_reports_each_oversized_datagram_by_index() {
    let receiver = receiver();
    let sender = local();
    let port = receiver.local_addr().port();
    // In the form that IPv6 sockets use, which is the same peer.
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port));
    let sizes = [1, 2, 65_508, 3, 4, 65_508, 65_508, 5, 6];
    let mut batch = sender.batch();
    for size in sizes {
        batch.push_to(vec![7; size], to).unwrap();
    }
    let mut errors = Vec::new();
    while let Err(error) = sender.send_batch(&mut batch) {
        let detail = error.detail::<UnsentDatagram>().unwrap();
        errors.push((detail.index, detail.sent));
    }
    assert_eq!(errors, [(2, 2), (5, 2), (6, 0)]);
    let lengths: Vec<usize> = received(&receiver, 6).iter().map(Vec::len).collect();
    assert_eq!(lengths, [1, 2, 3, 4, 5, 6]);
    assert_timed_out(receiver.recv_batch_timeout(&mut RecvBatch::new(), Duration::ZERO));
}
