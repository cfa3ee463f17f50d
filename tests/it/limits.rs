//! One call, one limit: calls that were held longer than their limit allows, by the peer or by
//! another thread.

use crate::kit::temp_file::TempFile;
use crate::kit::*;
use socketry::error::TimeLimit;
use socketry::frame::{FrameReader, LengthPrefixed, Lines};
use socketry::{Broadcaster, Encoding, Error, TcpClient, TcpConnection, TcpServer, UdpEndpoint};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// The limit of the calls below.
const LIMIT: Duration = Duration::from_millis(200);

/// The error of a call that began at `began` and was ended by `limit`: it has the time of the whole
/// call.
fn assert_limited<T: std::fmt::Debug>(began: Instant, result: Result<T, Error>, limit: TimeLimit) -> Error {
    let elapsed = began.elapsed();
    let error = assert_timed_out(result);
    assert_eq!(error.limit(), Some(limit), "{error}");
    assert!(elapsed >= LIMIT && elapsed < PATIENCE, "ended after {elapsed:?}");
    let told = error.elapsed().expect("the time of the call");
    assert!(told >= LIMIT && told <= elapsed, "{told:?} of {elapsed:?}");
    error
}

/// A client of a peer that this test drives by hand, with small buffers.
fn client_and_peer(builder: socketry::tcp::TcpClientBuilder) -> (TcpConnection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).set_recv_buffer_size(4_096).unwrap();
    let client = builder.send_buffer_size(4_096).connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Reads 4 KiB each 20 ms until the end of the stream.
fn read_slowly(mut peer: TcpStream) -> thread::JoinHandle<usize> {
    thread::spawn(move || {
        let (mut total, mut buffer) = (0, [0; 4_096]);
        while let Ok(length) = peer.read(&mut buffer) {
            if length == 0 {
                break;
            }
            total += length;
            thread::sleep(Duration::from_millis(20));
        }
        total
    })
}

/// Writes the bytes one at a time, each 40 ms, repeatedly, until the peer is gone.
fn drip(mut peer: TcpStream, bytes: &'static [u8]) {
    thread::spawn(move || {
        for byte in bytes.iter().cycle() {
            if peer.write_all(&[*byte]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(40));
        }
    });
}

#[test]
fn accept_timeout_ends_while_another_thread_accepts() {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    thread::scope(|scope| {
        let (started, starts) = mpsc::channel();
        let server = &server;
        let waiting = scope.spawn(move || {
            started.send(()).unwrap();
            server.accept()
        });
        starts.recv().unwrap();
        // Whichever of the two waits for connections, this one ends in time.
        for _ in 0..3 {
            let began = Instant::now();
            assert_limited(began, server.accept_timeout(LIMIT), TimeLimit::Timeout);
            let began = Instant::now();
            assert_limited(began, server.accept_deadline(began + LIMIT), TimeLimit::Deadline);
            assert!(server.try_accept().unwrap().is_none());
        }
        let client = client_of(server.local_addr());
        let accepted = waiting.join().unwrap().unwrap();
        assert_eq!(accepted.peer_addr(), client.local_addr().unwrap());
    });
}

#[test]
fn accepting_threads_share_connections_until_shutdown() {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let accepted: usize = thread::scope(|scope| {
        let accepting: Vec<_> = (0..4).map(|_| scope.spawn(|| server.incoming().count())).collect();
        let clients: Vec<_> = (0..100).map(|_| client_of(server.local_addr())).collect();
        eventually("all are accepted", || handle.counters().accepted == 100);
        drop(clients);
        handle.shutdown(PATIENCE);
        accepting.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // Each thread ends after the error of the shutdown, which is no item.
    assert_eq!(accepted, 100);
}

fn is_served(address: std::net::SocketAddr) -> bool {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).is_ok() && received == b"x"
}

/// At the limit on connections, the next one stays in the backlog, also if many threads accept.
#[test]
fn accepting_threads_keep_the_connection_limit() {
    let server = TcpServer::builder().max_connections(3).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let served: usize = thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for connection in server.incoming() {
                    let _ = connection.unwrap().send("x");
                }
            });
        }
        let client = || (0..50).filter(|_| is_served(handle.local_addr())).count();
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(client)).collect();
        let served = clients.into_iter().map(|client| client.join().unwrap_or(0)).sum();
        handle.shutdown(PATIENCE);
        served
    });
    assert_eq!(served, 400);
    assert_eq!((handle.counters().accepted, handle.counters().refused), (400, 0));
}

#[test]
fn write_timeout_covers_every_send_to_slow_reader() {
    let builder = || TcpClient::builder().write_timeout(LIMIT);
    let large = vec![0; 4_000_000];
    let check = |name: &str, send: &dyn Fn(&TcpConnection) -> Result<(), Error>| {
        let (client, peer) = client_and_peer(builder());
        let reader = read_slowly(peer);
        let began = Instant::now();
        let error = assert_limited(began, send(&client), TimeLimit::WriteTimeout);
        assert!(began.elapsed() < Duration::from_secs(5), "{name}: {error}");
        drop(client);
        assert!(reader.join().unwrap() > 0, "{name}");
    };
    let file = TempFile::zeros(4_000_000);
    check("send", &|client| client.send(&large[..]));
    check("write_all", &|mut client| client.write_all(&large).map_err(to_own));
    check("send_file", &|client| client.send_file(&file.open()).map(drop));
    check("framed send", &|client| client.framed(LengthPrefixed::u32().max_length(8 << 20)).send(&large));
    check("flush", &|client| {
        let mut frames = client.framed(LengthPrefixed::u32().max_length(8 << 20));
        // Beyond 64 KiB a frame is written.
        frames.feed(&large).and_then(|()| frames.flush())
    });
    check("recv flushes", &|client| {
        let mut frames = client.framed(LengthPrefixed::u32());
        frames.feed(vec![0; 60_000])?;
        frames.recv().map(drop)
    });
}

fn to_own(error: std::io::Error) -> Error {
    *error.into_inner().unwrap().downcast().unwrap()
}

/// Two slow readers of a large reply on a server of two threads, and a third client.
#[test]
fn slow_readers_do_not_hold_threads_of_server() {
    let builder = TcpServer::builder().threads(2).write_timeout(LIMIT).send_buffer_size(4_096);
    let server = builder.bind("127.0.0.1:0").unwrap();
    let (handle, address) = (server.handle(), server.local_addr());
    let serving = thread::spawn(move || {
        server.serve_requests(Lines::new(Encoding::Utf8).max_length(4 << 20), |request| {
            let reply = if request.frame() == "large" { "x".repeat(2 << 20) } else { "small".to_owned() };
            Ok(request.reply(reply)?)
        })
    });
    let slow: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"large\n").unwrap();
            read_slowly(stream)
        })
        .collect();
    eventually("both are served", || handle.counters().requests >= 2);
    let client = client_of(address);
    let began = Instant::now();
    let mut lines = client.lines(Encoding::Utf8);
    lines.send("ask").unwrap();
    assert_eq!(lines.recv().unwrap().as_deref(), Some("small"));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    eventually("the slow ones are closed", || handle.counters().expired == 2);
    assert_eq!(handle.counters().failed, 0);
    drop(slow.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>());
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

#[test]
fn read_timeout_covers_whole_receive_from_dripping_peer() {
    let check = |name: &str, receive: &dyn Fn(&TcpConnection) -> Result<(), Error>, bytes| {
        let (client, peer) =
            client_and_peer(TcpClient::builder().read_timeout(LIMIT).encoding(Encoding::Gb18030));
        drip(peer, bytes);
        let began = Instant::now();
        let error = assert_limited(began, receive(&client), TimeLimit::ReadTimeout);
        assert!(began.elapsed() < Duration::from_secs(5), "{name}: {error}");
    };
    check("lines", &|client| client.lines(Encoding::Utf8).recv().map(drop), b"x");
    check("framed", &|client| client.framed(LengthPrefixed::u32()).recv().map(drop), b"\0\0\0\xFF");
    check(
        "reader of a half",
        &|client| {
            let (half, _writer) = client.clone().split();
            FrameReader::new(half, Lines::new(Encoding::Utf8)).recv().map(drop)
        },
        b"x",
    );
    check(
        "through a BufReader",
        &|client| {
            FrameReader::new(std::io::BufReader::new(client), Lines::new(Encoding::Utf8)).recv().map(drop)
        },
        b"x",
    );
    check("recv_exact", &|client| client.recv_exact(&mut [0; 1_000]), b"x");
    check("recv_to_end", &|client| client.recv_to_end(1_000_000).map(drop), b"x");
}

/// A character whose bytes come one at a time, each within the read timeout.
#[test]
fn recv_text_of_a_split_character_has_one_limit() {
    let builder = TcpClient::builder().read_timeout(LIMIT).encoding(Encoding::Gb18030);
    let (client, mut peer) = client_and_peer(builder);
    let began = Instant::now();
    let sending = thread::spawn(move || {
        for byte in [0x94, 0x39, 0xFC, 0x36] {
            peer.write_all(&[byte]).unwrap();
            thread::sleep(LIMIT * 3 / 4);
        }
        peer
    });
    assert_limited(began, client.recv_text(100), TimeLimit::ReadTimeout);
    let _peer = sending.join().unwrap();
    // Nothing is lost.
    client.set_read_timeout(PATIENCE);
    assert_eq!(client.recv_text(100).unwrap(), "😀");
}

#[test]
fn idle_timeout_precedes_the_read_timeout_of_a_message() {
    let builder = TcpClient::builder().idle_timeout(PATIENCE).read_timeout(LIMIT);
    let (client, mut peer) = client_and_peer(builder);
    let mut lines = client.lines(Encoding::Utf8);
    // Silence for longer than the read timeout, and then a line that does not end.
    let sending = thread::spawn(move || {
        thread::sleep(LIMIT * 2);
        peer.write_all(b"begin").unwrap();
        peer
    });
    let began = Instant::now();
    let error = assert_timed_out(lines.recv());
    assert_eq!(error.limit(), Some(TimeLimit::ReadTimeout));
    assert!(began.elapsed() >= LIMIT * 3, "{:?}", began.elapsed());
    assert!(error.elapsed() >= Some(LIMIT * 3), "the time of the whole call: {error}");
    let mut peer = sending.join().unwrap();
    peer.write_all(b" end\n").unwrap();
    assert_eq!(lines.recv().unwrap().as_deref(), Some("begin end"));
    client.set_idle_timeout(LIMIT);
    let began = Instant::now();
    assert_limited(began, lines.recv(), TimeLimit::IdleTimeout);
}

#[test]
fn serve_requests_closes_idle_and_unfinished_connections() {
    let builder = TcpServer::builder().idle_timeout(LIMIT * 3).read_timeout(LIMIT);
    let server = builder.bind("127.0.0.1:0").unwrap();
    let (handle, address) = (server.handle(), server.local_addr());
    let serving = thread::spawn(move || {
        server.serve_requests(Lines::new(Encoding::Utf8), |request| Ok(request.reply("ok")?))
    });
    let ends_after = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let began = Instant::now();
        stream.write_all(bytes).unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        (began.elapsed(), received)
    };
    let (idle, _) = ends_after(b"");
    assert!(idle >= LIMIT * 3, "{idle:?}");
    let (unfinished, received) = ends_after(b"one\ntw");
    assert_eq!(received, b"ok\n");
    assert!(unfinished >= LIMIT && unfinished < LIMIT * 3, "{unfinished:?}");
    eventually("both are counted", || handle.counters().expired == 2);
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

/// A read timeout that does not fit 64 bits of nanoseconds is no limit.
#[test]
fn read_timeout_of_centuries_is_no_limit() {
    let builder = TcpServer::builder().read_timeout(Duration::from_secs(18_446_744_074));
    let server = builder.bind("127.0.0.1:0").unwrap();
    let (handle, address) = (server.handle(), server.local_addr());
    let serving = thread::spawn(move || {
        server.serve_requests(Lines::new(Encoding::Utf8), |request| Ok(request.reply("ok")?))
    });
    let client = client_of(address);
    assert_timed_out(client.recv_timeout(1, Duration::from_millis(500)));
    assert_eq!(handle.counters().expired, 0);
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

#[test]
fn stall_timeout_ends_slow_peer_and_serves_steady_one() {
    // Steady: 4 KiB each 20 ms is far more than the minimum rate.
    let (client, peer) = client_and_peer(TcpClient::builder().stall_timeout(LIMIT * 5));
    let reader = read_slowly(peer);
    client.send(vec![0; 600_000]).unwrap();
    drop(client);
    assert_eq!(reader.join().unwrap(), 600_000);
    // 64 bytes each 40 ms refill 62 ms each second.
    let (client, mut peer) = client_and_peer(TcpClient::builder().stall_timeout(LIMIT));
    thread::spawn(move || {
        while peer.read(&mut [0; 64]).is_ok_and(|length| length > 0) {
            thread::sleep(Duration::from_millis(40));
        }
    });
    let began = Instant::now();
    let mut stream = &client;
    let error = loop {
        // Many calls: the allowance belongs to the connection.
        match stream.write(&[0; 512]) {
            Ok(_) if began.elapsed() < PATIENCE => {}
            result => break to_own(result.unwrap_err()),
        }
    };
    assert_eq!((error.is_timeout(), error.limit()), (true, Some(TimeLimit::StallTimeout)), "{error}");
}

/// Another `send_file` of the connection that ends does not make this one block.
#[test]
fn concurrent_send_files_keep_their_limits() {
    let (client, peer) = client_and_peer(TcpClient::builder().write_timeout(LIMIT * 2));
    let (large, empty) = (TempFile::zeros(64 << 20), TempFile::zeros(0));
    let is_over = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        let (other, over) = (client.clone(), Arc::clone(&is_over));
        let empty = &empty;
        scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let _ = other.send_file(&empty.open());
                thread::sleep(Duration::from_millis(1));
            }
        });
        let began = Instant::now();
        let error = assert_limited(began, client.send_file(&large.open()), TimeLimit::WriteTimeout);
        assert!(began.elapsed() < Duration::from_secs(10), "{error}");
        is_over.store(true, Ordering::Relaxed);
    });
    drop(peer);
}

#[test]
fn passed_deadline_reads_so() {
    let (client, _peer) = client_and_peer(TcpClient::builder());
    client.set_deadline(Instant::now());
    let error = assert_timed_out(client.recv(1));
    assert_eq!(error.limit(), Some(TimeLimit::Deadline));
    assert!(error.to_string().ends_with(": deadline already passed"), "{error}");
    let deadline = Instant::now() + LIMIT;
    client.set_deadline(deadline);
    let error = assert_timed_out(client.recv_exact(&mut [0; 2]));
    assert!(error.to_string().contains("timed out with 0 of 2 bytes"), "{error}");
    let endpoint = UdpEndpoint::bind("127.0.0.1:0").unwrap();
    let error = assert_timed_out(endpoint.recv_deadline(Instant::now() + LIMIT));
    assert!(error.to_string().contains(": deadline passed after "), "{error}");
    // The deadline was computed before the call began.
    assert!(error.elapsed().is_some_and(|elapsed| elapsed > LIMIT / 2), "{error}");
}

/// The peer answers, and then floods the socket of the discovery from the address that answered.
#[test]
fn discovery_ends_while_a_peer_floods_it() {
    let peer = UdpEndpoint::builder().reuse_address(true).bind("0.0.0.0:0").unwrap();
    let port = peer.local_addr().port();
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let flooding = thread::spawn(move || {
        let question = peer.recv_timeout(PATIENCE).unwrap();
        let mut batch = peer.batch();
        while !over.load(Ordering::Relaxed) {
            for _ in 0..100 {
                batch.push_to([7; 512], question.source()).unwrap();
            }
            let _ = peer.send_batch(&mut batch);
        }
    });
    let broadcaster = Broadcaster::builder().port(port).interface(Ipv4Addr::LOCALHOST).repeats(1);
    let mut replies = broadcaster.build().unwrap().discover("who", LIMIT).unwrap();
    let began = Instant::now();
    let count = replies.by_ref().filter(Result::is_ok).count();
    let elapsed = began.elapsed();
    is_over.store(true, Ordering::Relaxed);
    flooding.join().unwrap();
    assert_eq!(count, 1, "{:?}", replies.counters());
    assert!(elapsed < Duration::from_secs(5), "{elapsed:?}");
}

#[test]
fn wait_timeout_returns_while_the_server_runs() {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let began = Instant::now();
    assert_limited(began, handle.wait_timeout(LIMIT), TimeLimit::Timeout);
    let began = Instant::now();
    assert_limited(began, handle.wait_deadline(began + LIMIT), TimeLimit::Deadline);
    drop(server);
    assert_eq!(handle.wait_timeout(PATIENCE).unwrap().served, 0);
}
