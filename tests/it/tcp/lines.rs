//! Lines over connections: limits, times and errors as on any stream, with the peer's address.

use std::io::Write;
use std::time::Duration;

use crate::kit::*;
use socketry::frame::{FrameError, Framed, LengthPrefixed, Lines};
use socketry::{Encoding, ErrorKind};

#[test]
fn lines_echo_until_eof() {
    let (client, peer) = connection();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut lines = peer.lines(Encoding::Gb2312);
            while let Some(line) = lines.recv().unwrap() {
                lines.send(line).unwrap();
            }
        });
        let mut lines = client.lines(Encoding::Gb2312);
        for text in ["你好，世界", "", "plain"] {
            lines.send(text).unwrap();
            assert_eq!(lines.recv().unwrap().as_deref(), Some(text));
        }
        client.half_close().unwrap();
        assert_eq!(lines.recv().unwrap(), None);
    });
}

#[test]
fn recv_line_resumes_after_timeout() {
    let (client, peer) = connection();
    client.set_read_timeout(Duration::from_millis(30));
    let mut lines = client.lines(Encoding::Gb2312);
    let bytes = Encoding::Gb2312.encode("第一行\n第二行\n").unwrap().into_owned();
    for (index, byte) in bytes.iter().enumerate() {
        let error = assert_timed_out(lines.recv());
        assert_eq!(error.peer_addr(), Some(peer.local_addr().unwrap()));
        peer.send([*byte]).unwrap();
        if index == 6 {
            assert_eq!(lines.recv().unwrap().as_deref(), Some("第一行"));
        }
    }
    assert_eq!(lines.recv().unwrap().as_deref(), Some("第二行"));
}

/// A million bytes without an end are refused at the limit, long before they are all there, and the
/// next line is one.
#[test]
fn overlong_line_is_refused_and_next_line_read() {
    let (client, peer) = connection();
    let sending = std::thread::spawn(move || {
        client.send(vec![b'x'; 1_000_000]).unwrap();
        client.send("\nnext\n").unwrap();
        client
    });
    let mut lines = peer.lines(Encoding::Utf8);
    let error = lines.recv().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FrameTooLong);
    assert!(matches!(error.detail(), Some(FrameError::TooLong { limit: 65_536, .. })), "{error}");
    assert_eq!(error.peer_addr(), Some(peer.peer_addr()), "whose line it is");
    assert_eq!(lines.recv().unwrap().as_deref(), Some("next"));
    drop(sending.join().unwrap());
    assert_eq!(lines.recv().unwrap(), None);
}

/// The answer to the last request is held, because more is in hand; whoever ends there loses
/// nothing.
#[test]
fn dropped_lines_flush_pending_unless_write_failed() {
    let (client, peer) = connection();
    client.send("quit\nnever answered\n").unwrap();
    {
        let mut lines = peer.lines(Encoding::Utf8);
        assert_eq!(lines.recv().unwrap().as_deref(), Some("quit"));
        lines.send("bye").unwrap();
        assert_eq!(lines.pending(), 4);
    }
    assert_eq!(client.recv(10).unwrap(), b"bye\n");
    // Not a second time, where it could not be written the first time.
    peer.set_write_timeout(Duration::from_millis(100));
    let start = std::time::Instant::now();
    {
        let mut lines = peer.lines(Encoding::Utf8);
        let line = "x".repeat(60_000);
        while lines.feed(&line).is_ok() {}
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(peer);
    client.recv_to_end(64 << 20).unwrap();
}

#[test]
fn framed_works_over_std_stream_and_connection() {
    let server = server();
    let stream = std::net::TcpStream::connect(server.local_addr()).unwrap();
    let mut theirs = Framed::new(&stream, LengthPrefixed::u16());
    let mut ours = server.accept().unwrap().into_framed(LengthPrefixed::u16());
    theirs.send(b"one").unwrap();
    assert_eq!(ours.recv().unwrap().unwrap(), b"one");
    ours.send(b"two").unwrap();
    assert_eq!(theirs.recv_ref().unwrap(), Some(&b"two"[..]));
    (&stream).write_all(b"\0").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(ours.recv().unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn split_halves_read_and_write_lines_in_two_threads() {
    let (client, peer) = connection();
    let echo = std::thread::spawn(move || {
        let mut lines = peer.into_framed(Lines::new(Encoding::Utf8));
        while let Some((line, mut reply)) = lines.recv_with_reply().unwrap() {
            reply.send(line).unwrap();
        }
    });
    let (reader, writer) = client.split();
    let writing = std::thread::spawn(move || {
        let mut lines = Framed::new(writer, Lines::new(Encoding::Utf8));
        for number in 0..10_000 {
            lines.feed(number.to_string()).unwrap();
        }
        drop(lines.finish().unwrap());
    });
    let lines = socketry::frame::FrameReader::new(reader, Lines::new(Encoding::Utf8));
    let count = lines.enumerate().map(|(number, line)| assert_eq!(line.unwrap(), number.to_string())).count();
    assert_eq!(count, 10_000);
    writing.join().unwrap();
    echo.join().unwrap();
}
