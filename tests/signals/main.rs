//! Calls in a storm of signals: each interrupts a system call that blocks, and none extends a call,
//! ends it early, or loses data. Signals reach every thread, so that this is a program of its own.
#![cfg(unix)]
#![allow(unreachable_pub, reason = "the modules of one test program")]

#[path = "../kit/mod.rs"]
mod kit;

use std::time::{Duration, Instant};

use kit::hostile::{DrippingPeer, FullBacklog, FullBuffers, SignalStorm, SilentPeer, SilentPort, SlowReader};
use kit::{PATIENCE, local};
use socketry::error::TimeLimit;
use socketry::frame::LengthPrefixed;
use socketry::udp::{RecvBatch, UdpBatchEndpoint};
use socketry::{Broadcaster, Encoding, Error, Resolver, Retry, TcpClient, TcpConnection, TcpServer};

const LIMIT: Duration = Duration::from_millis(300);

/// How long a call with [`LIMIT`] may take on a busy machine.
const LATEST: Duration = Duration::from_secs(10);

/// One call, its own limit, and what it must end with.
type Row = (&'static str, TimeLimit, fn() -> Result<(), Error>);

/// A connection whose calls that read, or write, have the limit.
fn connected(address: std::net::SocketAddr) -> TcpConnection {
    let builder = TcpClient::builder().send_buffer_size(4_096).connect_timeout(PATIENCE);
    builder.read_timeout(LIMIT).write_timeout(LIMIT).connect(address).unwrap()
}

fn silent<T>(call: impl FnOnce(TcpConnection) -> Result<T, Error>) -> Result<(), Error> {
    let peer = SilentPeer::bind();
    call(connected(peer.address())).map(drop)
}

fn dripping<T>(call: impl FnOnce(TcpConnection) -> Result<T, Error>) -> Result<(), Error> {
    let peer = DrippingPeer::start(vec![b'x'; 9_000], Duration::from_millis(10));
    call(connected(peer.address())).map(drop)
}

fn full<T>(call: impl FnOnce(TcpConnection) -> Result<T, Error>) -> Result<(), Error> {
    let peer = FullBuffers::start();
    call(connected(peer.address())).map(drop)
}

fn slow<T>(call: impl FnOnce(TcpConnection) -> Result<T, Error>) -> Result<(), Error> {
    let peer = SlowReader::start(1_024, Duration::from_millis(20));
    call(connected(peer.address())).map(drop)
}

fn resolver(server: &SilentPort) -> Resolver {
    let builder = Resolver::builder().use_hosts(false).resolv_conf("/nowhere/resolv.conf");
    builder.server(&server.address().to_string()).unwrap().timeout(LIMIT).build()
}

static ROWS: &[Row] = &[
    ("TcpConnection::recv", TimeLimit::ReadTimeout, || silent(|connection| connection.recv(9))),
    ("TcpConnection::recv_timeout", TimeLimit::Timeout, || {
        silent(|connection| connection.recv_timeout(9, LIMIT))
    }),
    ("TcpConnection::recv_deadline", TimeLimit::Deadline, || {
        silent(|connection| connection.recv_deadline(9, Instant::now() + LIMIT))
    }),
    ("TcpConnection::peek", TimeLimit::ReadTimeout, || silent(|connection| connection.peek(&mut [0; 9]))),
    ("TcpConnection::recv_exact", TimeLimit::ReadTimeout, || {
        dripping(|connection| connection.recv_exact(&mut [0; 9_000]))
    }),
    ("TcpConnection::recv_to_end", TimeLimit::ReadTimeout, || {
        dripping(|connection| connection.recv_to_end(1 << 20))
    }),
    ("Framed::recv", TimeLimit::ReadTimeout, || {
        dripping(|connection| connection.lines(Encoding::Utf8).recv())
    }),
    ("TcpConnection::send", TimeLimit::WriteTimeout, || full(|connection| connection.send(vec![0; 1 << 20]))),
    ("TcpConnection::send, slow reader", TimeLimit::WriteTimeout, || {
        slow(|connection| connection.send(vec![0; 1 << 20]))
    }),
    ("TcpConnection::send_file", TimeLimit::WriteTimeout, || {
        slow(|connection| {
            connection.send_file(&std::fs::File::open(std::env::current_exe().unwrap()).unwrap())
        })
    }),
    ("Framed::send", TimeLimit::WriteTimeout, || {
        slow(|connection| connection.framed(LengthPrefixed::u32()).send(vec![0; 1_000_000]))
    }),
    ("UdpEndpoint::recv", TimeLimit::ReadTimeout, || {
        let endpoint = local();
        endpoint.set_read_timeout(LIMIT);
        endpoint.recv().map(drop)
    }),
    ("UdpEndpoint::recv_timeout", TimeLimit::Timeout, || local().recv_timeout(LIMIT).map(drop)),
    ("UdpEndpoint::peek", TimeLimit::ReadTimeout, || {
        let endpoint = local();
        endpoint.set_read_timeout(LIMIT);
        endpoint.peek().map(drop)
    }),
    ("UdpBatchEndpoint::recv_batch_timeout", TimeLimit::Timeout, || {
        UdpBatchEndpoint::new(local()).recv_batch_timeout(&mut RecvBatch::new(), LIMIT).map(drop)
    }),
    ("UdpEndpoint::request_with", TimeLimit::Timeout, || {
        let peer = SilentPort::bind();
        local().request_with("x", peer.address(), &Retry::single(LIMIT), |_| true).map(drop)
    }),
    ("Responder::recv_timeout", TimeLimit::Timeout, || {
        Broadcaster::builder().loopback(true).port(0).responder()?.recv_timeout(LIMIT).map(drop)
    }),
    ("TcpServer::accept_timeout", TimeLimit::Timeout, || {
        TcpServer::bind("127.0.0.1:0")?.accept_timeout(LIMIT).map(drop)
    }),
    ("TcpServer::accept_deadline", TimeLimit::Deadline, || {
        TcpServer::bind("127.0.0.1:0")?.accept_deadline(Instant::now() + LIMIT).map(drop)
    }),
    ("ServerHandle::wait_timeout", TimeLimit::Timeout, || {
        let server = TcpServer::bind("127.0.0.1:0")?;
        server.handle().wait_timeout(LIMIT).map(drop)
    }),
    ("TcpClient::connect", TimeLimit::ConnectTimeout, || {
        let full = FullBacklog::fill();
        TcpClient::builder().connect_timeout(LIMIT).connect(full.address()).map(drop)
    }),
    ("Resolver::lookup", TimeLimit::Timeout, || {
        let server = SilentPort::bind();
        resolver(&server).lookup("name.test").map(drop)
    }),
    ("Resolver::lookup_txt", TimeLimit::Timeout, || {
        let server = SilentPort::bind();
        resolver(&server).lookup_txt("name.test").map(drop)
    }),
];

/// The fault of a row, if it has one.
fn judge((name, limit, call): &Row) -> Option<String> {
    let began = Instant::now();
    let result = call();
    let took = began.elapsed();
    let is_right = result.as_ref().is_err_and(|error| {
        let elapsed = error.elapsed().unwrap_or_default();
        let is_timed = *limit == TimeLimit::Deadline || elapsed + Duration::from_millis(2) >= LIMIT;
        error.is_timeout() && error.limit() == Some(*limit) && is_timed && elapsed <= took
    });
    (!is_right || took < LIMIT || took > LATEST).then(|| {
        format!("{name}: {result:?} after {took:?}, limit {:?}", result.as_ref().err().map(Error::limit))
    })
}

#[test]
fn calls_end_by_their_limit_in_a_storm_of_signals() {
    let storm = SignalStorm::start(Duration::from_micros(200));
    let failures: Vec<String> = std::thread::scope(|scope| {
        let rows: Vec<_> = ROWS.iter().map(|row| scope.spawn(move || judge(row))).collect();
        rows.into_iter().filter_map(|row| row.join().unwrap()).collect()
    });
    println!("{} methods in {} signals", ROWS.len(), storm.handled());
    assert!(storm.handled() > 100, "{} signals are no storm", storm.handled());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn signals_lose_and_repeat_no_data() {
    let _storm = SignalStorm::start(Duration::from_micros(200));
    let (client, server) = kit::connection();
    let sent: Vec<u8> = (0..=u8::MAX).cycle().take(3_000_000).collect();
    client.set_write_timeout(PATIENCE);
    let received = std::thread::scope(|scope| {
        scope.spawn(|| {
            client.send(sent.as_slice()).unwrap();
            client.half_close().unwrap();
        });
        server.recv_to_end(1 << 24).unwrap()
    });
    assert!(received == sent, "{} bytes of {} arrived, or others", received.len(), sent.len());
    let (one, other) = (local(), local());
    for number in 0..1_000_u32 {
        one.send_to(number.to_string(), other.local_addr()).unwrap();
        assert_eq!(other.recv().unwrap().text().unwrap(), number.to_string());
    }
}
