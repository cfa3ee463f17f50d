//! A connection: what is sent arrives, what is there is read, what is cut short is not lost.

use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::error::PartialTransfer;
use socketry::{CancelToken, Encoding, ErrorKind, TcpClient, TcpConnection, TcpServer};

#[track_caller]
fn partial(error: &socketry::Error) -> (usize, usize) {
    let partial = error.detail::<PartialTransfer>().unwrap_or_else(|| panic!("{error:?}"));
    (partial.transferred, partial.expected)
}

#[test]
fn recv_returns_bytes_text_and_empty_at_eof() {
    let (client, peer) = connection();
    client.send(b"\x00\xFF").unwrap();
    assert_eq!(peer.recv(1024).unwrap(), b"\x00\xFF");
    peer.send("收到").unwrap();
    assert_eq!(client.recv_text(1024).unwrap(), "收到");
    client.half_close().unwrap();
    assert_eq!(peer.recv(1024).unwrap(), b"");
    assert_eq!(peer.recv_text(1024).unwrap(), "");
    peer.send("still open this way").unwrap();
    drop(peer);
    assert_eq!(client.recv_to_end(1024).unwrap(), b"still open this way");
}

#[test]
fn io_traits_work_on_value_and_reference() {
    let (client, peer) = connection();
    (&client).write_all(b"12345").unwrap();
    let mut owned = client.clone();
    assert_eq!(owned.write_vectored(&[IoSlice::new(b"67"), IoSlice::new(b"89")]).unwrap(), 4);
    owned.flush().unwrap();
    let mut buffer = [0; 9];
    (&peer).read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"123456789");
    let many = vec![IoSlice::new(b"x"); 5_000];
    let written = (&client).write_vectored(&many).unwrap();
    assert!((1..=5_000).contains(&written), "more parts than a system takes at once: {written}");
}

/// `Read::read` with this crate's error, into a buffer that is not filled further than what is
/// there.
#[test]
fn recv_into_fills_only_received_bytes() {
    let (client, peer) = connection();
    let mut buffer = [b'-'; 5];
    client.set_read_timeout(Duration::from_millis(20));
    assert_timed_out(client.recv_into(&mut buffer));
    peer.send("abcdefg").unwrap();
    assert_eq!((client.recv_into(&mut []).unwrap(), client.recv_into(&mut buffer[..4]).unwrap()), (0, 4));
    assert_eq!(&buffer, b"abcd-");
    // What an exact read gave back comes first.
    assert_timed_out(client.recv_exact(&mut [0; 4]));
    let (reader, _writer) = client.split();
    assert_eq!((reader.recv_into(&mut buffer).unwrap(), &buffer), (3, b"efgd-"));
    peer.send("h").unwrap();
    assert_eq!(reader.recv(10).unwrap(), b"h");
    drop(peer);
    assert_eq!((reader.recv_into(&mut buffer).unwrap(), reader.recv(10).unwrap()), (0, vec![]));
}

#[test]
fn peek_consumes_nothing() {
    let (client, peer) = connection();
    client.send("abc").unwrap();
    let mut buffer = [0; 8];
    assert_eq!(peer.peek(&mut buffer).unwrap(), 3);
    assert_eq!(peer.recv(8).unwrap(), b"abc");
    // What was given back is seen as well.
    client.send("de").unwrap();
    peer.set_read_timeout(Duration::from_millis(20));
    assert_timed_out(peer.recv_exact(&mut [0; 4]));
    assert_eq!((peer.peek(&mut buffer).unwrap(), &buffer[..2]), (2, &b"de"[..]));
    assert_eq!(peer.recv(8).unwrap(), b"de");
}

/// A peer that sends one byte every 40 ms cannot outlast a deadline of 200 ms on a read of 10
/// bytes, nor a timeout.
#[test]
fn recv_exact_times_out_despite_slow_sender() {
    for by_deadline in [true, false] {
        let (client, peer) = connection();
        let dripping = std::thread::spawn(move || {
            for byte in 0..10_u8 {
                // The test's subject is time.
                std::thread::sleep(Duration::from_millis(40));
                if peer.send([byte]).is_err() {
                    break;
                }
            }
            peer
        });
        let limit = Duration::from_millis(200);
        let start = Instant::now();
        match by_deadline {
            true => client.set_deadline(start + limit),
            false => client.set_read_timeout(limit),
        }
        let mut buffer = [0; 10];
        let error = assert_timed_out(client.recv_exact(&mut buffer));
        assert_elapsed(start, limit);
        let (done, wanted) = partial(&error);
        assert!(done < 10 && wanted == 10, "{error}");
        // Nothing is lost: the same call again gets all of them.
        client.set_deadline(None);
        client.set_read_timeout(PATIENCE);
        client.recv_exact(&mut buffer).unwrap();
        assert_eq!(buffer, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        drop(dripping.join().unwrap());
    }
}

/// Not even one that sends without a pause.
#[test]
fn deadline_ends_reads_with_data_always_available() {
    let (client, peer) = connection();
    peer.send([7; 1_000]).unwrap();
    client.set_deadline(Instant::now() + Duration::from_millis(30));
    let error = std::iter::repeat_with(|| client.recv(1)).find_map(|received| {
        // Nothing but time ends this.
        peer.send([7]).unwrap();
        received.err()
    });
    assert!(error.unwrap().is_timeout());
    assert_timed_out(client.recv_exact(&mut [0; 1]));
    client.set_deadline(None);
    assert_eq!(client.recv(1).unwrap(), [7]);
}

#[test]
fn recv_exact_at_eof_keeps_bytes_and_reports_count() {
    let (client, peer) = connection();
    peer.send("abc").unwrap();
    drop(peer);
    let error = client.recv_exact(&mut [0; 10]).unwrap_err();
    assert_eq!((error.kind(), partial(&error)), (ErrorKind::UnexpectedEof, (3, 10)));
    assert!(
        error.to_string().contains(": unexpected end of the stream with 3 of 10 bytes after "),
        "{error}"
    );
    let error = (&client).read_exact(&mut [0; 4]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    assert_eq!(client.recv(10).unwrap(), b"abc");
    assert_eq!(client.recv(10).unwrap(), b"");
}

#[test]
fn recv_to_end_over_limit_keeps_bytes() {
    let (client, peer) = connection();
    peer.send([7; 101]).unwrap();
    drop(peer);
    let error = client.recv_to_end(100).unwrap_err();
    assert_eq!((error.kind(), partial(&error)), (ErrorKind::MessageTooLong, (100, 100)));
    assert_eq!(client.recv_to_end(101).unwrap(), [7; 101]);
}

#[test]
fn recv_text_never_splits_characters() {
    for (encoding, text) in
        [(Encoding::Gb2312, "你好，世界"), (Encoding::Utf8, "é国😀"), (Encoding::Gb18030, "a😀b")]
    {
        let bytes = encoding.encode(text).unwrap();
        for cut in 0..=bytes.len() {
            let server = TcpServer::bind("127.0.0.1:0").unwrap();
            let client = TcpClient::builder().encoding(encoding).connect(server.local_addr()).unwrap();
            let peer = server.accept().unwrap();
            peer.send(&bytes[..cut]).unwrap();
            let mut received = String::new();
            let mut whole = String::new();
            encoding.decoder().decode(&bytes[..cut], &mut whole).unwrap();
            if !whole.is_empty() {
                assert_eq!(client.recv_text(1024).unwrap(), whole, "cut at {cut}");
                received += &whole;
            }
            peer.send(&bytes[cut..]).unwrap();
            drop(peer);
            loop {
                let piece = client.recv_text(1024).unwrap();
                received += &piece;
                if piece.is_empty() {
                    break;
                }
            }
            assert_eq!(received, text, "cut at {cut}");
        }
    }
}

#[test]
fn invalid_text_errors_and_stays_readable_as_bytes() {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let client = TcpClient::builder().encoding(Encoding::Gb2312).connect(server.local_addr()).unwrap();
    let peer = server.accept().unwrap();
    peer.send(b"ab\xFF").unwrap();
    let error = client.recv_text(1024).unwrap_err();
    assert!(error.to_string().ends_with("byte FF at byte 2 is not gb2312"), "{error}");
    assert_eq!(error.peer_addr(), Some(server.local_addr()));
    assert_eq!(client.recv(1024).unwrap(), b"ab\xFF");
    // The beginning of a character, and then the end.
    peer.send(b"\xC4").unwrap();
    drop(peer);
    assert_eq!(client.recv_text(1024).unwrap_err().kind(), ErrorKind::InvalidText);
    assert_eq!(client.recv(1024).unwrap(), b"\xC4");
    let error = client.send("朱镕基").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnencodableText);
}

#[test]
fn write_timeout_reports_transferred_bytes() {
    let (client, peer) = connection();
    client.set_write_timeout(Duration::from_millis(100));
    let bytes = vec![7; 64 << 20];
    let start = Instant::now();
    let error = client.send(&bytes).unwrap_err();
    assert!(error.is_timeout() && start.elapsed() >= Duration::from_millis(100), "{error}");
    let (done, wanted) = partial(&error);
    assert!(done > 0 && done < wanted && wanted == bytes.len(), "{error}");
    client.half_close().unwrap();
    assert_eq!(peer.recv_to_end(bytes.len()).unwrap().len(), done, "what it says went out went out");
}

/// The time is for all of it together: a peer that reads a little now and then cannot outlast it.
#[test]
fn write_timeout_covers_whole_send_to_slow_reader() {
    let (client, peer) = connection();
    let limit = Duration::from_millis(200);
    client.set_write_timeout(limit);
    let reading = std::thread::spawn(move || {
        while peer.recv(64 * 1024).is_ok_and(|bytes| !bytes.is_empty()) {
            // The test's subject is time.
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let start = Instant::now();
    let error = client.send(vec![7; 64 << 20]).unwrap_err();
    assert_elapsed(start, limit);
    assert!(error.is_timeout(), "{error}");
    drop(client);
    reading.join().unwrap();
}

#[test]
fn aborted_peer_gives_connection_reset_on_recv_and_send() {
    if is_wine() {
        return skip(Need::Platform, "Wine does not report a reset");
    }
    let (client, peer) = connection();
    peer.abort();
    let error = client.recv(1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    assert!(error.local_addr().is_some() && error.peer_addr().is_some(), "{error}");
    let error = (0..100).find_map(|_| client.send("x").err()).unwrap();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    let error = std::io::Error::from(error);
    assert!(error.get_ref().unwrap().downcast_ref::<socketry::Error>().is_some());
}

#[test]
fn cancel_ends_reads_and_writes() {
    let token = CancelToken::new().unwrap();
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let client = TcpClient::builder().cancel_token(&token).connect(server.local_addr()).unwrap();
    let _peer = server.accept().unwrap();
    std::thread::scope(|scope| {
        let waiting = [
            scope.spawn(|| client.recv(1).map(drop)),
            scope.spawn(|| client.recv_exact(&mut [0; 5])),
            scope.spawn(|| client.send(vec![0; 64 << 20])),
        ];
        token.cancel();
        for waiting in waiting {
            assert!(waiting.join().unwrap().unwrap_err().is_cancelled());
        }
    });
    assert!(client.recv(1).unwrap_err().is_cancelled());
}

#[test]
fn dropped_write_half_sends_fin_and_halves_reunite() {
    let (client, peer) = connection();
    let (reader, writer) = client.split();
    writer.send("question").unwrap();
    drop(writer);
    assert_eq!(peer.recv_to_end(100).unwrap(), b"question");
    peer.send("answer").unwrap();
    drop(peer);
    let mut reader = reader;
    let mut answer = String::new();
    reader.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer");

    let (client, peer) = connection();
    let (other, _peer) = connection();
    let ((reader, writer), (other, _writer)) = (client.split(), other.split());
    let (_, writer) = other.reunite(writer).unwrap_err();
    let client = reader.reunite(writer).unwrap();
    client.send("whole").unwrap();
    assert_eq!(peer.recv(10).unwrap(), b"whole");
}

#[test]
fn references_to_halves_read_and_write() {
    fn assert_io<T: Read + Write>() {}
    assert_io::<TcpConnection>();
    assert_io::<&TcpConnection>();
    let (client, peer) = connection();
    let (reader, writer) = client.split();
    let (mut from, mut to) = (&reader, &writer);
    assert_eq!(to.write_vectored(&[io::IoSlice::new(b"que"), io::IoSlice::new(b"stion")]).unwrap(), 8);
    to.write_all(b"!").unwrap();
    assert_eq!(peer.recv(100).unwrap(), b"question!");

    // As `recv_exact`, a failed `read_exact` leaves the bytes for the next read.
    peer.send("abc").unwrap();
    peer.half_close().unwrap();
    let error = from.read_exact(&mut [0; 5]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    let mut rest = String::new();
    from.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "abc");
}

/// `close` discards at most 64 KiB of what the peer sends meanwhile.
#[test]
fn close_fails_after_discarding_64_kib() {
    let (client, peer) = connection();
    let sending = std::thread::spawn(move || while peer.send([7; 4_096]).is_ok() {});
    let error = client.close().unwrap_err();
    let (done, wanted) = partial(&error);
    assert_eq!((error.kind(), wanted), (ErrorKind::MessageTooLong, 64 * 1024), "{error}");
    assert!((64 * 1024..=68 * 1024).contains(&done), "{error}");
    sending.join().unwrap();

    let (client, peer) = connection();
    peer.send([7; 60_000]).unwrap();
    let closing = std::thread::spawn(|| client.close());
    assert_eq!(peer.recv_to_end(10).unwrap(), b"");
    peer.half_close().unwrap();
    closing.join().unwrap().unwrap();
}

#[test]
fn connection_converts_from_and_to_std() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let connection = TcpConnection::try_from(stream).unwrap();
    connection.set_read_timeout(Duration::from_secs(7));
    let (mut peer, _) = listener.accept().unwrap();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| connection.recv(10));
        peer.write_all(b"hello").unwrap();
        assert_eq!(reading.join().unwrap().unwrap(), b"hello");
    });
    assert!(connection.nodelay().unwrap());
    let stream = TcpStream::try_from(connection).unwrap();
    assert_eq!(stream.read_timeout().unwrap(), Some(Duration::from_secs(7)));
    peer.write_all(b"again").unwrap();
    let mut buffer = [0; 5];
    (&stream).read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"again");

    let listener = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = TcpServer::try_from(TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    let _client = (listener, client_of(server.local_addr()));
    assert!(server.accept().unwrap().nodelay().unwrap(), "the options of its connections are set");
}

#[test]
fn conversion_to_std_fails_with_buffered_bytes() {
    let (client, peer) = connection();
    peer.send("abc").unwrap();
    client.set_read_timeout(Duration::from_millis(20));
    assert_timed_out(client.recv_exact(&mut [0; 5]));
    let error = TcpStream::try_from(client.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(client.recv(5).unwrap(), b"abc");
    TcpStream::try_from(client).unwrap();
}

#[test]
fn socket_options_apply_to_client_and_accepted() {
    use socketry::tcp::Keepalive;
    let keepalive = Keepalive::new().idle(Duration::from_secs(30)).probes(5);
    let server = TcpServer::builder()
        .nodelay(false)
        .keepalive(keepalive)
        .ttl(7)
        .receive_buffer_size(50_000)
        .linger(Duration::from_secs(3))
        .bind("127.0.0.1:0")
        .unwrap();
    let client = TcpClient::builder()
        .keepalive(keepalive)
        .ttl(9)
        .send_buffer_size(60_000)
        .connect(server.local_addr())
        .unwrap();
    let peer = server.accept().unwrap();
    let (ours, theirs) = (socket2::SockRef::from(&client), socket2::SockRef::from(&peer));
    assert!(client.nodelay().unwrap() && !peer.nodelay().unwrap());
    assert!(ours.keepalive().unwrap() && theirs.keepalive().unwrap());
    assert_eq!((ours.ttl_v4().unwrap(), theirs.ttl_v4().unwrap()), (9, 7));
    assert!(ours.send_buffer_size().unwrap() >= 60_000);
    assert!(theirs.recv_buffer_size().unwrap() >= 50_000);
    assert_eq!(peer.linger().unwrap(), Some(Duration::from_secs(3)));
    assert_eq!(client.linger().unwrap(), None);
    #[cfg(target_os = "linux")]
    {
        assert_eq!(ours.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
        assert_eq!(theirs.tcp_keepalive_retries().unwrap(), 5);
        client.set_dead_peer_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(ours.tcp_user_timeout().unwrap(), Some(Duration::from_secs(20)));
        assert_eq!(ours.tcp_keepalive_time().unwrap(), Duration::from_secs(10));
        client.set_dead_peer_timeout(None).unwrap();
        assert_eq!((ours.keepalive().unwrap(), ours.tcp_user_timeout().unwrap()), (false, None));
    }
    client.set_keepalive(keepalive).unwrap();
    assert!(ours.keepalive().unwrap());
    client.set_keepalive(None).unwrap();
    assert!(!ours.keepalive().unwrap());
    peer.set_nodelay(true).unwrap();
    assert!(peer.nodelay().unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn congestion_control_is_set_by_name() {
    let server = TcpServer::builder().congestion_control("reno").bind("127.0.0.1:0").unwrap();
    let client = TcpClient::builder().congestion_control("reno").connect(server.local_addr()).unwrap();
    for connection in [client, server.accept().unwrap()] {
        let name = socket2::SockRef::from(&connection).tcp_congestion().unwrap();
        assert!(name.starts_with(b"reno"), "{name:?}");
    }
    let error = TcpClient::builder().congestion_control("none").connect(server.local_addr()).unwrap_err();
    assert!(error.to_string().starts_with("configure congestion_control"), "{error}");
}

/// Threads that read and write one connection at a time, each by a handle of its own.
#[test]
fn connection_is_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<TcpConnection>();
    let (client, peer) = connection();
    const COUNT: usize = 200_000;
    std::thread::scope(|scope| {
        let echo = scope.spawn(|| {
            let mut buffer = [0; 4096];
            let mut total = 0;
            while total < COUNT {
                let length = (&peer).read(&mut buffer).unwrap();
                peer.send(&buffer[..length]).unwrap();
                total += length;
            }
        });
        let other = client.clone();
        scope.spawn(move || (0..COUNT / 100).for_each(|_| other.send([1; 100]).unwrap()));
        let mut bytes = vec![0; COUNT];
        client.recv_exact(&mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 1));
        echo.join().unwrap();
    });
}
