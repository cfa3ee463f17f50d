//! System calls that fail in every way that they may: interrupted, forbidden by a firewall, without memory or descriptors; in
//! processes of their own, under strace.

#![cfg(target_os = "linux")]

use std::io::{IoSlice, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::kit::dns::{of, usual};
use crate::kit::strace::Strace;
use crate::kit::*;
use socketry::dns::IpFamilies;
use socketry::error::UnsentDatagram;
use socketry::frame::Lines;
use socketry::udp::{RecvBatch, UdpBatchEndpoint};
use socketry::{CancelToken, Encoding, ErrorKind, Retry, TcpClient, TcpServer, UdpEndpoint};

const SHORT: Duration = Duration::from_millis(60);

/// Runs a part with a fault injected; `false` where that is impossible, which is recorded as a skip.
#[track_caller]
fn under(fault: &str, part: impl Fn(), kind: &str, environment: &[(&str, &str)]) -> bool {
    let strace = environment.iter().fold(Strace::new(), |strace, (name, value)| strace.env(name, *value));
    let Some(traced) = strace.inject(fault).start(part, kind) else { return false };
    traced.assert_success(&format!("{kind}, {fault}"));
    true
}

/// Ends in its time, with nothing.
#[track_caller]
fn assert_times_out_promptly<T: std::fmt::Debug>(call: impl FnOnce() -> Result<T, socketry::Error>) {
    let began = Instant::now();
    assert_timed_out(call());
    let elapsed = began.elapsed();
    assert!(elapsed >= SHORT && elapsed < SHORT + SLACK, "{elapsed:?}");
}

#[test]
#[ignore = "a part of the tests below, which run it under strace"]
fn scenario() {
    match kind().as_str() {
        "datagrams" => datagrams(),
        "streams" => streams(),
        "requests" => requests(),
        "names" => names(),
        other => panic!("{other}"),
    }
}

/// Where one that is bound everywhere is reached.
fn here(everywhere: &UdpEndpoint) -> SocketAddr {
    ([127, 0, 0, 1], everywhere.local_addr().port()).into()
}

fn datagrams() {
    let token = CancelToken::new().unwrap();
    // Everywhere, so that it asks for where datagrams came in and answers from there; by itself; with a cancel token.
    let everywhere = UdpEndpoint::builder().read_timeout(PATIENCE).bind("0.0.0.0:0").unwrap();
    let asked = here(&everywhere);
    let stoppable =
        UdpEndpoint::builder().cancel_token(&token).read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let connected = UdpEndpoint::builder().read_timeout(PATIENCE).connect(asked).unwrap();
    for round in 0..30 {
        for asker in [&connected, &stoppable, &local()] {
            asker.send_to(format!("question {round}"), asked).unwrap();
            let question = everywhere.recv().unwrap();
            assert_eq!(question.text().unwrap(), format!("question {round}"));
            everywhere.reply(&question, "answer").unwrap();
            assert_eq!(asker.recv().unwrap().bytes(), b"answer");
        }
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let question = everywhere.recv().unwrap();
            everywhere.reply(&question, "answer").unwrap();
        });
        let answer = connected.request_with("question", asked, &Retry::single(PATIENCE), |_| true).unwrap();
        assert_eq!(answer.bytes(), b"answer");
    });
    let receiver = UdpEndpoint::builder().read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let receiver = UdpBatchEndpoint::new(receiver);
    let mut received = RecvBatch::new();
    let sender = local();
    let mut batch = sender.batch();
    for number in 0..20_u8 {
        batch.push_to([number; 9], receiver.local_addr()).unwrap();
    }
    assert_eq!(sender.send_batch(&mut batch).unwrap(), 20);
    let mut count = 0;
    while count < 20 {
        count += receiver.recv_batch(&mut received).unwrap();
    }
    assert_eq!(count, 20);
    for endpoint in [&everywhere, &stoppable, &connected] {
        assert_times_out_promptly(|| endpoint.recv_timeout(SHORT));
    }
}

fn streams() {
    let path = std::env::temp_dir().join(format!("socketry-{}-streams", std::process::id()));
    std::fs::write(&path, [7; 5_000]).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let server = server();
    for round in 0..10 {
        let client = client_of(server.local_addr());
        let peer = server.accept_timeout(PATIENCE).unwrap();
        let mut buffer = [0; 9];
        client.send("ping").unwrap();
        assert!((&client).write_vectored(&[IoSlice::new(b"pi"), IoSlice::new(b"ngs")]).unwrap() == 5);
        peer.recv_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"pingpings");
        assert_eq!(peer.send_file_range(&file, 0, 5_000).unwrap(), 5_000);
        if round == 0 {
            client.recv_exact(&mut [0; 5_000]).unwrap();
            client.set_read_timeout(SHORT);
            assert_times_out_promptly(|| client.recv(1));
            assert_times_out_promptly(|| {
                client.set_deadline(Instant::now() + SHORT);
                client.recv_exact(&mut [0; 1])
            });
            client.set_deadline(None);
        } else {
            peer.half_close().unwrap();
            assert_eq!(client.recv_to_end(10_000).unwrap(), [7; 5_000]);
        }
    }
    assert_times_out_promptly(|| server.accept_timeout(SHORT));
}

fn requests() {
    let server = TcpServer::builder().bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || {
        server.serve_requests(Lines::new(Encoding::Utf8), |request| {
            let line = request.frame().to_owned();
            Ok(request.reply(line)?)
        })
    });
    for _ in 0..10 {
        let client = client_of(handle.local_addr());
        let mut lines = client.lines(Encoding::Utf8);
        for question in ["one", "two", "three"] {
            lines.send(question).unwrap();
            assert_eq!(lines.recv().unwrap().as_deref(), Some(question));
        }
    }
    let report = handle.shutdown(PATIENCE);
    assert_eq!(report.aborted, 0, "{report}");
    serving.join().unwrap().unwrap();
    let counters = handle.counters();
    assert_eq!((counters.accepted, counters.requests, counters.failed), (10, 30, 0), "{counters:?}");
}

fn names() {
    let server = std::env::var("SOCKETRY_ADDRESS").unwrap().parse().unwrap();
    let resolver = of(&[server]).families(IpFamilies::Ipv4).query_timeout(PATIENCE).build();
    for number in 0..10 {
        let found = resolver.lookup(&format!("host-{number}.test")).unwrap();
        assert_eq!(found.addresses(), ["192.0.2.1".parse::<std::net::IpAddr>().unwrap()]);
    }
}

/// Not `read` and `write`, which whoever loads and runs the test needs.
const CALLS: &str = "?recv,?send,recvfrom,recvmsg,sendto,sendmsg,sendmmsg,accept4,connect,ppoll,?poll,?epoll_wait,?epoll_pwait,\
                     ?epoll_pwait2,sendfile";

/// A signal ends a call of each kind, once, every second time, twenty times in a row, and it is as if there had been none.
#[test]
fn eintr_is_retried_by_every_call() {
    // Whoever answers is no subject of it, and is in this process.
    let server = dns::Server::start(|asked| usual(asked).now(asked));
    for kind in ["datagrams", "streams", "requests", "names"] {
        for when in ["1", "2", "1+2", "2+3", "1..20"] {
            let fault = format!("{CALLS}:error=EINTR:when={when}");
            let environment = [("SOCKETRY_ADDRESS", &*server.address.to_string())];
            if !under(&fault, scenario, kind, &environment) {
                return;
            }
        }
    }
}

#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn time_out_under_endless_eintr() {
    let began = Instant::now();
    match kind().as_str() {
        "recvfrom" | "ppoll" => {
            assert_times_out_promptly(|| local().recv_timeout(SHORT));
            let (client, _peer) = connection_to_silent_peer();
            client.set_read_timeout(SHORT);
            assert_times_out_promptly(|| client.recv(1));
        }
        "recvmsg" => {
            let everywhere = UdpEndpoint::bind("0.0.0.0:0").unwrap();
            assert_times_out_promptly(|| everywhere.recv_timeout(SHORT));
        }
        "sendto" => {
            let endpoint = UdpEndpoint::builder().write_timeout(SHORT).bind("127.0.0.1:0").unwrap();
            assert_times_out_promptly(|| endpoint.send_to("x", local().local_addr()));
            let (client, _peer) = connection_to_silent_peer();
            client.set_write_timeout(SHORT);
            assert_times_out_promptly(|| client.send("x"));
        }
        other => panic!("{other}"),
    }
    assert!(began.elapsed() < 2 * (SHORT + SLACK));
}

fn connection_to_silent_peer() -> (socketry::TcpConnection, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpClient::builder().connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Signals that never stop, each call ended by one: the time is over when it is over.
#[test]
fn timeout_expires_despite_endless_eintr() {
    for call in ["recvfrom", "recvmsg", "sendto", "ppoll"] {
        // 32-bit x86 has calls of their own for those without an address.
        let fault = format!("?{},{call}:error=EINTR", call.trim_end_matches("to").trim_end_matches("from"));
        if !under(&fault, time_out_under_endless_eintr, call, &[]) {
            return;
        }
    }
}

#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn send_fails_once() {
    let (expected, receiver) = (expected_kind(), local());
    let everywhere = UdpEndpoint::builder().read_timeout(PATIENCE).bind("0.0.0.0:0").unwrap();
    let connected = connected_to(&receiver);
    let (client, peer) = connection();
    let told = |result: Result<(), socketry::Error>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), expected, "{error}");
    };
    // As a connected socket reports it, this error may be of an earlier datagram: the datagram is sent
    // again, and the next call that receives returns the error.
    let is_of_earlier = kind() == "ENETUNREACH";
    // sendto: refused once, and the next is sent.
    if is_of_earlier {
        connected.send("sent").unwrap();
        told(connected.try_recv().map(drop));
    } else {
        told(connected.send("lost"));
        connected.send("sent").unwrap();
    }
    let first = receiver.recv().unwrap();
    assert_eq!(first.bytes(), b"sent");
    // sendmsg, from a chosen address.
    receiver.send_to("question", here(&everywhere)).unwrap();
    let question = everywhere.recv().unwrap();
    told(everywhere.reply(&question, "lost"));
    everywhere.reply(&question, "sent").unwrap();
    assert_eq!(receiver.recv().unwrap().bytes(), b"sent");
    // sendmmsg: the error is one datagram's, and the others are sent.
    let mut batch = connected.batch();
    (0..5_u8).for_each(|number| batch.push([number]).unwrap());
    let sent = if is_of_earlier {
        let sent = connected.send_batch(&mut batch).unwrap();
        told(connected.try_recv().map(drop));
        sent
    } else {
        let error = connected.send_batch(&mut batch).unwrap_err();
        assert_eq!(error.kind(), expected, "{error}");
        let sent = error.detail::<UnsentDatagram>().unwrap().sent;
        sent + connected.send_batch(&mut batch).unwrap()
    };
    for _ in 0..sent {
        receiver.recv().unwrap();
    }
    assert!(sent >= 4 && batch.is_empty(), "{sent}");
    assert_timed_out(receiver.recv_timeout(Duration::ZERO));
    client.send("a stream is as it was").unwrap();
    assert_eq!(peer.recv(100).unwrap(), b"a stream is as it was");
}

fn expected_kind() -> ErrorKind {
    match kind().as_str() {
        "EPERM" | "EACCES" => ErrorKind::PermissionDenied,
        "ENOBUFS" | "ENOMEM" | "EMFILE" | "ENFILE" => ErrorKind::ResourceExhausted,
        "ENETDOWN" | "ENETUNREACH" => ErrorKind::NetworkUnreachable,
        other => panic!("{other}"),
    }
}

/// A firewall, a full queue of the device, a network that is down: an error, and nothing else is different.
#[test]
fn send_error_is_reported_and_next_send_succeeds() {
    if cfg!(target_arch = "x86") {
        return skip(
            Need::Strace,
            "strace counts the calls with and without an address apart, which are two here",
        );
    }
    for error in ["EPERM", "ENOBUFS", "ENOMEM", "ENETDOWN", "ENETUNREACH"] {
        let fault = format!("sendto,sendmsg,sendmmsg:error={error}:when=1");
        if !under(&fault, send_fails_once, error, &[]) {
            return;
        }
    }
}

#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn recv_fails_once() {
    let sender = local();
    let everywhere = UdpEndpoint::builder().read_timeout(PATIENCE).bind("0.0.0.0:0").unwrap();
    let (receiver, (client, peer)) = (local(), connection());
    client.send("waits").unwrap();
    sender.send_to("waits", receiver.local_addr()).unwrap();
    sender.send_to("waits", here(&everywhere)).unwrap();
    // Each call's first is refused: recvfrom is that of the one, and recvmsg of the other.
    assert_eq!(receiver.recv().unwrap_err().kind(), expected_kind());
    assert_eq!(receiver.recv().unwrap().bytes(), b"waits");
    assert_eq!(everywhere.recv().unwrap_err().kind(), expected_kind());
    assert_eq!(everywhere.recv().unwrap().bytes(), b"waits");
    assert_eq!(peer.recv(100).unwrap(), b"waits");
}

#[test]
fn recv_error_is_reported_and_data_is_kept() {
    for error in ["ENOMEM", "ENOBUFS"] {
        let fault = format!("recvfrom,recvmsg:error={error}:when=1");
        if !under(&fault, recv_fails_once, error, &[]) {
            return;
        }
    }
}

#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn creation_fails_without_descriptors() {
    let address = std::env::var("SOCKETRY_ADDRESS").ok();
    let (kind, call) = (expected_kind(), std::env::var("SOCKETRY_CALL").unwrap());
    let told = |error: socketry::Error| {
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.is_temporary(), "{error}");
    };
    match call.as_str() {
        "socket" => {
            // One after the other: each that is made next is there.
            told(UdpEndpoint::bind("127.0.0.1:0").unwrap_err());
            told(TcpServer::bind("127.0.0.1:0").unwrap_err());
            told(TcpClient::new().connect(address.unwrap()).unwrap_err());
        }
        "socketpair" => {
            told(CancelToken::new().unwrap_err());
            told(TcpServer::bind("127.0.0.1:0").unwrap_err());
        }
        "epoll_create1" | "eventfd2" => {
            told(TcpServer::bind("127.0.0.1:0").unwrap_err());
        }
        other => panic!("{other}"),
    }
}

#[test]
fn descriptor_exhaustion_is_resource_exhausted_error() {
    let server = server();
    for error in ["EMFILE", "ENFILE"] {
        for call in ["socket", "socketpair", "epoll_create1", "eventfd2"] {
            let fault = format!("{call}:error={error}");
            let address = server.local_addr().to_string();
            let environment = [("SOCKETRY_CALL", call), ("SOCKETRY_ADDRESS", &*address)];
            if !under(&fault, creation_fails_without_descriptors, error, &environment) {
                return;
            }
        }
    }
}

#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn bind_send_and_recv() {
    let endpoint = UdpEndpoint::bind(kind().as_str()).unwrap();
    let mut to = endpoint.local_addr();
    if to.ip().is_unspecified() {
        to = here(&endpoint);
    }
    endpoint.send_to("arrives", to).unwrap();
    assert_eq!(endpoint.recv().unwrap().bytes(), b"arrives");
    // A request enables the error queue. V6ONLY of another socket is not to be refused.
    if to.is_ipv4() {
        let client = UdpEndpoint::bind((to.ip(), 0)).unwrap();
        let error = client.request_with("x", to, &Retry::single(SHORT), |_| true).unwrap_err();
        assert!(error.is_timeout(), "{error}");
    }
}

#[test]
#[ignore = "a part of the test below, which runs it under strace"]
fn connected_send_passes_over_refused_ports() {
    let receiver = local();
    let connected = connected_to(&receiver);
    connected.send("arrives").unwrap();
    assert_eq!(receiver.recv().unwrap().bytes(), b"arrives");
    assert!(connected.try_recv().unwrap_err().is_refused());
    assert!(connected.try_recv().unwrap().is_none(), "it is reported once");
}

/// The ICMP errors of several datagrams can arrive while the next one is sent.
#[test]
fn connected_send_passes_over_several_earlier_errors() {
    under("sendto:error=ECONNREFUSED:when=1..4", connected_send_passes_over_refused_ports, "refused", &[]);
}

/// Other kernels with the interface of Linux (gVisor, libkrun, WSL 1) refuse options with several
/// errors.
#[test]
fn endpoints_work_without_options_of_the_ip_layer() {
    for error in ["ENOPROTOOPT", "EOPNOTSUPP", "EINVAL"] {
        // The first option of an IPv6 socket is V6ONLY, which every kernel has.
        for (address, which) in [("127.0.0.1:0", "1+"), ("0.0.0.0:0", "1+"), ("[::1]:0", "2+")] {
            if std::net::UdpSocket::bind(address).is_err() {
                skip(Need::Ipv6, format!("{address} cannot be bound"));
                continue;
            }
            let fault = format!("setsockopt:error={error}:when={which}");
            if !under(&fault, bind_send_and_recv, address, &[]) {
                return;
            }
        }
    }
}
