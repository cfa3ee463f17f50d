//! The traits that users expect of the public types, as the API guidelines list them.

use std::fmt::Debug;
use std::hash::Hash;
use std::iter::FusedIterator;

use crate::kit::*;
use socketry::{
    Address, AddressError, BindAddress, Broadcaster, CancelToken, Datagram, Encoding, Error, ErrorKind,
    Resolver, Retry, TcpClient, TcpConnection, TcpServer, UdpEndpoint,
};
use socketry::{broadcast, dns, error, frame, interfaces, tcp, text, udp};

/// Asserts a bound for each of the types.
macro_rules! assert_all {
    ($($bound:path)|+: $($type:ty),+ $(,)?) => {{
        fn assert<T: $($bound +)+>() {}
        $(assert::<$type>();)+
    }};
}

type Reader = frame::FrameReader<TcpConnection, frame::Lines>;

#[test]
fn public_types_are_send_sync_and_debug() {
    assert_all!(Send | Sync | Debug:
        Address, AddressError, BindAddress, Broadcaster, CancelToken, Datagram, Encoding, Error, ErrorKind,
        Resolver, Retry, TcpClient, TcpConnection, TcpServer, UdpEndpoint,
        broadcast::BroadcastBuilder, broadcast::Discovery, broadcast::DiscoveryCounters,
        broadcast::DiscoveryReply, broadcast::InterfaceSend, broadcast::NoInterfaceSent, broadcast::Query,
        broadcast::Responder,
        dns::AnswerSource, dns::ResolveError, dns::Resolved, dns::ResolverBuilder,
        error::Operation, error::PartialTransfer, error::Truncated, error::UnsentDatagram,
        frame::Delimited, frame::FixedLength, frame::FrameError, frame::Framed<TcpConnection, frame::Lines>,
        Reader, frame::LengthPrefixed, frame::LineEnding, frame::Lines,
        frame::Reply<'_, TcpConnection, frame::Lines>, frame::TextChunks, frame::UnsafeDelimiter,
        interfaces::InterfaceAddress, interfaces::InterfaceSelector, interfaces::NetworkInterface,
        tcp::ConnectFailures, tcp::FailedAttempt, tcp::Incoming<'_>, tcp::Keepalive, tcp::OverLimit,
        tcp::Reconnect, tcp::Request<'_, frame::Lines>, tcp::ServerCounters, tcp::ServerHandle,
        tcp::ShutdownReport, tcp::TcpClientBuilder, tcp::TcpReadHalf, tcp::TcpServerBuilder,
        tcp::TcpWriteHalf,
        text::DecodeError, text::Decoder, text::EncodeError, text::Encoder, text::OnInvalid,
        text::UnknownEncoding, text::WhatwgEncoding,
        udp::DatagramRef<'_>, udp::Membership, udp::RecvBatch, udp::RecvBatchIter<'_>, udp::RecvMeta,
        udp::SendBatch, udp::Truncation, udp::UdpBuilder,
    );
    #[cfg(all(unix, feature = "process"))]
    {
        use socketry::process::*;
        assert_all!(Send | Sync | Debug:
            Children, ProcessError, Worker, WorkerState, WorkerStatus, Workers,
        );
    }
}

#[test]
fn plain_data_is_cloneable_comparable_and_hashable() {
    assert_all!(Clone | Eq | Hash | Debug:
        Address, BindAddress, Datagram, Encoding, ErrorKind,
        broadcast::DiscoveryReply, broadcast::Query,
        interfaces::InterfaceSelector, interfaces::NetworkInterface, tcp::OverLimit,
    );
    assert_all!(Copy | Eq | Hash | Debug:
        Encoding, ErrorKind,
        broadcast::DiscoveryCounters, dns::AnswerSource, error::Operation, frame::LineEnding,
        interfaces::InterfaceAddress, tcp::Keepalive, tcp::ServerCounters, tcp::ShutdownReport,
        text::OnInvalid, text::WhatwgEncoding, udp::DatagramRef<'_>, udp::RecvMeta, udp::Truncation,
    );
    assert_all!(Copy | Debug: Retry, tcp::ConnectEvent<'_>, tcp::ServerEvent<'_>);
    assert_all!(Clone | Debug:
        Error, error::PartialTransfer, error::Truncated, error::UnsentDatagram, tcp::ConnectFailures,
        tcp::FailedAttempt, frame::FrameError, dns::ResolveError, AddressError, broadcast::InterfaceSend,
        broadcast::NoInterfaceSent, udp::Membership,
    );
    assert_all!(Default:
        Encoding, Retry, broadcast::DiscoveryCounters, frame::LineEnding, interfaces::InterfaceSelector,
        tcp::Keepalive, tcp::OverLimit, tcp::ServerCounters, tcp::ShutdownReport, text::OnInvalid,
        udp::RecvBatch, udp::Truncation,
    );
    assert_all!(Ord: Address, BindAddress);
    #[cfg(all(unix, feature = "process"))]
    assert_all!(Copy | Eq | Hash | Debug: socketry::process::WorkerState, socketry::process::WorkerStatus);
}

#[test]
fn iterators_are_fused() {
    assert_all!(FusedIterator: broadcast::Discovery, tcp::Incoming<'_>, tcp::Reconnect, Reader, udp::RecvBatchIter<'_>);
    assert_all!(ExactSizeIterator: udp::RecvBatchIter<'_>);
    let mut lines = frame::FrameReader::new(&b"one\ntw"[..], frame::Lines::new(Encoding::Utf8));
    assert!(lines.next().unwrap().is_ok() && lines.next().unwrap().is_err());
    assert!((0..3).all(|_| lines.next().is_none()));
}

#[test]
fn addresses_sort_by_ip_before_name() {
    let sorted = ["10.0.0.2:1", "10.0.0.10:1", "[::1]:1", "a.example:1", "a.example:2", "b.example:1"];
    let mut addresses: Vec<Address> = sorted.iter().rev().map(|text| text.parse().unwrap()).collect();
    addresses.sort();
    assert_eq!(addresses.iter().map(Address::to_string).collect::<Vec<_>>(), sorted);
}

#[test]
fn batch_datagrams_compare_by_content_and_source() {
    let (receiver, sender) = (udp::UdpBatchEndpoint::new(local()), local());
    let mut batch = udp::RecvBatch::new();
    let mut seen = Vec::new();
    for message in ["same", "same", "other"] {
        sender.send_to(message, receiver.local_addr()).unwrap();
        receiver.recv_batch(&mut batch).unwrap();
        let datagram = batch.iter().next().unwrap();
        seen.push((datagram.bytes().to_vec(), datagram.meta()));
        assert!(batch.iter().all(|again| again == datagram));
    }
    assert!(seen[0] == seen[1] && seen[1] != seen[2]);
}
