//! `Framed` and `FrameReader` over a stream that does what is written down.

use std::io::{self, ErrorKind as Io, Read, Write};

use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use crate::kit::frames::{Script, Step};
use proptest::prelude::*;
use socketry::error::Operation;
use socketry::frame::{
    Delimited, FixedLength, FrameError, FrameReader, Framed, LengthPrefixed, Lines, TextChunks,
};
use socketry::text::{DecodeError, EncodeError};
use socketry::{CancelToken, Encoding, ErrorKind, UdpEndpoint};

fn utf_8() -> Lines {
    Lines::new(Encoding::Utf8)
}

/// One byte for each read, with a timeout before and behind it.
fn one_byte_reads(bytes: &[u8]) -> Script {
    let late = || Step::Fail(Io::WouldBlock);
    Script::reading(bytes.iter().flat_map(|&byte| [late(), Step::Bytes(vec![byte])]).chain([late()]))
}

#[test]
fn recv_and_send_echo_lines() -> socketry::Result<()> {
    let mut lines = Framed::new(Script::of([&b"one\ntw"[..], b"o\r\n"]), utf_8());
    while let Some(line) = lines.recv()? {
        lines.send(line)?;
    }
    assert_eq!(lines.get_ref().writes, [b"one\n", b"two\n"]);
    Ok(())
}

#[test]
fn recv_with_reply_echoes_borrowed_frame() {
    let mut frames = Framed::new(Script::of([&b"\x03one\x03two\x01"[..], b"3"]), LengthPrefixed::u8());
    let mut seen = Vec::new();
    while let Some((frame, mut reply)) = frames.recv_with_reply().unwrap() {
        seen.push((frame.to_vec(), reply.has_more()));
        reply.send(frame).unwrap();
    }
    assert_eq!(seen, [(b"one".to_vec(), true), (b"two".to_vec(), false), (b"3".to_vec(), false)]);
    assert_eq!(frames.get_ref().writes, [&b"\x03one\x03two"[..], b"\x013"]);
}

#[test]
fn recv_resumes_after_timeout_at_every_byte() {
    let bytes = "你好\nmore\r\n\n再见\n".as_bytes();
    let mut lines = Framed::new(one_byte_reads(bytes), utf_8());
    let (mut heard, mut late) = (Vec::new(), 0);
    loop {
        match lines.recv() {
            Ok(Some(line)) => heard.push(line),
            Ok(None) => break,
            Err(error) => {
                assert!(error.is_timeout() && error.operation() == Operation::Receive, "{error}");
                late += 1;
            }
        }
    }
    assert_eq!(heard, ["你好", "more", "", "再见"]);
    assert_eq!(late, bytes.len() + 1);
}

#[test]
fn partial_write_is_completed_by_next_call() {
    for most in 1..8 {
        let takes =
            [Step::WriteUpTo(most), Step::Fail(Io::WouldBlock), Step::WriteUpTo(1), Step::Fail(Io::TimedOut)];
        let mut lines = Framed::new(Script { takes: takes.into(), ..Script::default() }, utf_8());
        let error = lines.send("0123456789").unwrap_err();
        assert!(error.is_timeout() && error.operation() == Operation::Send, "{error}");
        assert_eq!(lines.pending(), 11 - most);
        assert!(lines.send("next").unwrap_err().is_timeout(), "it is taken behind the first");
        assert_eq!(lines.pending(), 11 - most - 1 + 5);
        lines.flush().unwrap();
        assert_eq!(lines.pending(), 0);
        assert_eq!(lines.get_ref().written(), b"0123456789\nnext\n");
    }
}

#[test]
fn recv_flushes_pending_before_blocking() {
    let mut lines = Framed::new(one_byte_reads(b"a\n"), utf_8());
    lines.feed("hello").unwrap();
    assert_eq!(lines.get_ref().writes.len(), 0);
    assert!(lines.recv().unwrap_err().is_timeout());
    assert_eq!(lines.get_ref().writes, [b"hello\n"]);

    let mut lines = Framed::new(Script::default(), utf_8());
    for written in 1..=2 {
        lines.feed("bye").unwrap();
        assert!(lines.recv().unwrap().is_none());
        assert_eq!(lines.get_ref().writes.len(), written, "also where the stream has ended before");
    }
}

#[test]
fn pipelined_requests_are_answered_in_few_writes() {
    let requests: Vec<u8> = (0..1000).flat_map(|n| format!("request {n}\n").into_bytes()).collect();
    let mut lines = Framed::new(Script::of([&requests[..]]), utf_8());
    while let Some((line, mut reply)) = lines.recv_with_reply().unwrap() {
        reply.send(line).unwrap();
    }
    assert_eq!(lines.get_ref().written(), requests);
    // One for each room that the stream filled: 8 KiB, and the rest.
    let writes = lines.get_ref().writes.len();
    assert!(writes <= 3, "{writes} writes");

    let mut lines = Framed::new(Script::of([&requests[..]]), utf_8());
    while let Some(line) = lines.recv().unwrap() {
        lines.send(line).unwrap();
    }
    assert_eq!(lines.get_ref().written(), requests);
    assert!(lines.get_ref().writes.len() <= 3);
}

#[test]
fn send_writes_immediately_if_no_frame_is_buffered() {
    let requests: [&[u8]; 3] = [b"one\n", b"two\nthr", b"ee\n"];
    let mut lines = Framed::new(Script::of(requests), utf_8());
    for answered in 1..=3 {
        let line = lines.recv().unwrap().unwrap();
        lines.send(line).unwrap();
        assert_eq!((lines.get_ref().writes.len(), lines.pending()), (answered, 0));
    }
}

#[test]
fn feed_buffers_at_most_64_kib() {
    let mut frames = Framed::new(Script::default(), FixedLength::new(1000));
    for _ in 0..200 {
        frames.feed([7; 1000]).unwrap();
        assert!(frames.pending() < 64 * 1024);
    }
    assert_eq!(frames.get_ref().writes.len(), 3);
    frames.flush().unwrap();
    assert_eq!(frames.get_ref().written(), [7; 200_000]);
}

#[test]
fn send_fails_when_write_buffer_is_full() {
    let takes = vec![Step::Fail(Io::WouldBlock); 1000];
    let mut frames = Framed::new(Script { takes: takes.into(), ..Script::default() }, FixedLength::new(1000));
    let errors: Vec<_> = (0..200).filter_map(|_| frames.send([7; 1000]).err()).collect();
    assert_eq!(errors.len(), 200);
    let taken = errors.iter().filter(|error| error.is_timeout()).count();
    assert_eq!((taken, frames.pending()), (66, 66_000));
    let last = errors.last().unwrap();
    assert_eq!(last.to_string(), "send: write buffer full: 66000 bytes pending, limit 65536");
    assert!(last.kind() == ErrorKind::ResourceExhausted && last.is_temporary());
    frames.get_mut().takes.clear();
    frames.send([8; 1000]).unwrap();
    assert_eq!(frames.get_ref().written().len(), 67_000);
}

#[test]
fn interrupted_io_is_retried_and_zero_write_is_error() {
    let mut script = Script::reading([Step::Fail(Io::Interrupted), Step::Bytes(b"a\n".to_vec())]);
    script.takes = [Step::Fail(Io::Interrupted), Step::WriteUpTo(9), Step::WriteUpTo(0)].into();
    let mut lines = Framed::new(script, utf_8());
    assert_eq!(lines.recv_ref().unwrap(), Some("a"));
    lines.send("b").unwrap();
    let error = lines.send("c").unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Other, Operation::Send));
    lines.flush().unwrap();
    assert_eq!(lines.get_ref().written(), b"b\nc\n");
}

/// An error of the library comes out of a reader of the library as it was.
#[test]
fn recv_preserves_library_error_from_stream() {
    struct FailingReader(CancelToken);
    impl Read for FailingReader {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            let endpoint = UdpEndpoint::builder().cancel_token(&self.0).bind("127.0.0.1:0")?;
            self.0.cancel();
            Err(endpoint.recv().unwrap_err().into())
        }
    }
    let mut lines = FrameReader::new(FailingReader(CancelToken::new().unwrap()), utf_8());
    let error = lines.recv().unwrap_err();
    assert!(error.is_cancelled() && error.local_addr().is_some(), "{error}");
    assert!(lines.next().is_none(), "an iterator ends with an error that is no timeout");
}

#[test]
fn recv_frame_errors_have_kind_and_detail() {
    let stream = &b"\xC4\xE3\nxx\xFF\n0123456789\nrest"[..];
    let mut lines = FrameReader::new(stream, Lines::new(Encoding::Gb2312).max_length(8));
    assert_eq!(lines.recv().unwrap().as_deref(), Some("你"));
    let error = lines.recv().unwrap_err();
    assert_eq!(error.to_string(), "receive: byte FF at byte 5 is not gb2312");
    assert_eq!(error.kind(), ErrorKind::InvalidText);
    assert_eq!(error.detail::<DecodeError>().map(DecodeError::offset), Some(5));
    let error = lines.recv().unwrap_err();
    assert_eq!(error.to_string(), "receive: frame is longer than the limit of 8 bytes");
    assert_eq!(error.kind(), ErrorKind::FrameTooLong);
    assert_eq!(io::Error::from(error).kind(), Io::InvalidData);
    let error = lines.recv().unwrap_err();
    assert_eq!(error.to_string(), "receive: stream ended in the middle of a frame (4 bytes received)");
    assert!(
        matches!(error.detail(), Some(FrameError::UnexpectedEof { partial, .. }) if partial == b"rest"),
        "{error}"
    );
    assert_eq!((error.kind(), io::Error::from(error).kind()), (ErrorKind::UnexpectedEof, Io::UnexpectedEof));
    assert!(lines.recv().unwrap().is_none());
}

#[test]
fn send_rejects_invalid_frame_and_writes_nothing() {
    let mut lines = Framed::new(Script::default(), Lines::new(Encoding::Gb2312).max_length(8));
    for (line, kind, text) in [
        ("a\nb", ErrorKind::InvalidInput, "send: frame contains the delimiter"),
        ("a\r", ErrorKind::InvalidInput, "send: frame contains the delimiter"),
        ("收😀", ErrorKind::UnencodableText, "send: '😀' (U+1F600) at byte 3 does not exist in gb2312"),
        ("收到收", ErrorKind::FrameTooLong, "send: frame of 9 bytes is longer than the limit of 8"),
    ] {
        let error = lines.send(line).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
        assert!(error.detail::<FrameError>().is_some() || error.detail::<EncodeError>().is_some());
    }
    assert_eq!((lines.pending(), lines.get_ref().writes.len()), (0, 0));

    let mut frames = Framed::new(Script::default(), FixedLength::new(2));
    assert_eq!(frames.send("abc").unwrap_err().to_string(), "send: frame is 3 bytes, expected 2");
    let mut frames = Framed::new(Script::default(), LengthPrefixed::u8());
    let error = frames.send([0; 256]).unwrap_err();
    assert_eq!(error.to_string(), "send: frame of 256 bytes is longer than the limit of 255");
    let mut frames = Framed::new(Script::default(), Delimited::new("aa"));
    assert!(frames.send("xa").is_err(), "with what follows it would be cut too early");
    frames.send("ax").unwrap();
}

#[test]
fn into_parts_keeps_buffered_bytes() {
    let mut lines = Framed::new(Script::of([&b"one\ntw"[..], b"o\n"]), utf_8());
    assert_eq!(lines.recv_ref().unwrap(), Some("one"));
    lines.shrink();
    let (stream, framing) = lines.into_parts();
    let mut lines = Framed::new(stream, framing);
    assert_eq!(lines.recv_ref().unwrap(), Some("two"));
}

#[test]
fn text_chunks_are_received_and_sent_immediately() {
    let mut text =
        Framed::new(Script::of([&b"\xC4\xE3\xBA"[..], b"\xC3"]), TextChunks::new(Encoding::Gb2312));
    assert_eq!(text.recv_ref().unwrap(), Some("你"));
    text.send("收").unwrap();
    assert_eq!(text.recv_ref().unwrap(), Some("好"));
    text.send("到").unwrap();
    assert_eq!(text.recv_ref().unwrap(), None);
    assert_eq!(text.get_ref().writes, [b"\xCA\xD5", b"\xB5\xBD"]);
}

#[test]
fn iterator_continues_after_frame_error_and_timeout() {
    let script = Script::reading([
        Step::Bytes(b"a\n\xFF\n".to_vec()),
        Step::Fail(Io::WouldBlock),
        Step::Bytes(b"b\n".to_vec()),
        Step::Fail(Io::ConnectionReset),
        Step::Bytes(b"never\n".to_vec()),
    ]);
    let kinds: Vec<Result<String, ErrorKind>> =
        FrameReader::new(script, utf_8()).map(|line| line.map_err(|error| error.kind())).collect();
    let expected = [
        Ok("a".to_owned()),
        Err(ErrorKind::InvalidText),
        Err(ErrorKind::TimedOut),
        Ok("b".to_owned()),
        Err(ErrorKind::ConnectionReset),
    ];
    assert_eq!(kinds, expected);
}

/// The same over a connection of the system, whose timeout has another code on each.
#[test]
fn recv_resumes_line_after_tcp_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut lines = Framed::new(&stream, Lines::new(Encoding::Gb2312));
    for piece in [&b"\xC4\xE3\xBA"[..], b"\xC3, hel"] {
        (&peer).write_all(piece).unwrap();
        assert!(lines.recv().unwrap_err().is_timeout());
    }
    (&peer).write_all(b"lo\r\nbye").unwrap();
    assert_eq!(lines.recv().unwrap().as_deref(), Some("你好, hello"));
    peer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(lines.recv().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    lines.send("再见").unwrap();
    drop(lines);
    drop(stream);
    let mut answer = Vec::new();
    (&peer).read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"\xD4\xD9\xBC\xFB\n");
}

/// A stream with a buffer of its own is flushed, and again if that failed.
#[test]
fn flush_flushes_inner_stream_and_retries() {
    #[derive(Default)]
    struct CountingFlush(Vec<io::Result<()>>, usize);
    impl Write for CountingFlush {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            self.1 += 1;
            self.0.pop().unwrap_or(Ok(()))
        }
    }
    let mut lines = Framed::new(CountingFlush(vec![Err(Io::WouldBlock.into())], 0), utf_8());
    assert!(lines.send("a").unwrap_err().is_timeout());
    lines.flush().unwrap();
    lines.flush().unwrap();
    assert_eq!(lines.get_ref().1, 2);
}

#[test]
fn framed_and_frame_reader_are_send() {
    fn is_send<T: Send>() {}
    is_send::<Framed<TcpStream, Lines>>();
    is_send::<Framed<TcpStream, Delimited>>();
    is_send::<Framed<TcpStream, LengthPrefixed>>();
    is_send::<FrameReader<TcpStream, TextChunks>>();
}

fn any_failure() -> impl Strategy<Value = Step> {
    prop::sample::select(vec![Io::WouldBlock, Io::TimedOut, Io::Interrupted]).prop_map(Step::Fail)
}

proptest! {
    /// Reads and writes that fail, or do a little, at random: a program that calls again after each
    /// timeout has an echo in which nothing is missing, doubled or out of order.
    #[test]
    fn echo_is_complete_over_timing_out_stream(
        texts in prop::collection::vec("[a-z你好]{0,20}", 1..30),
        sizes in prop::collection::vec(prop_oneof![Just(0_usize), 1..40_usize], 1..60),
        takes in prop::collection::vec(prop_oneof![any_failure(), (1..9_usize).prop_map(Step::WriteUpTo)], 0..60),
    ) {
        let bytes = crate::kit::frames::encoded::<Lines>(&Lines::new(Encoding::Gbk), &texts);
        let mut reads = Vec::new();
        let mut rest = &bytes[..];
        for size in sizes.into_iter().chain([usize::MAX]) {
            let (piece, behind) = rest.split_at(size.min(rest.len()));
            rest = behind;
            reads.push(if piece.is_empty() { Step::Fail(Io::WouldBlock) } else { Step::Bytes(piece.to_vec()) });
        }
        let script = Script { takes: takes.into(), ..Script::reading(reads) };
        let mut lines = Framed::new(script, Lines::new(Encoding::Gbk));
        loop {
            match lines.recv() {
                Ok(None) => break,
                Ok(Some(line)) => {
                    let sent = lines.send(line);
                    prop_assert!(sent.is_ok() || sent.is_err_and(|error| error.is_timeout()));
                }
                Err(error) => prop_assert!(error.is_timeout(), "{error}"),
            }
        }
        prop_assert_eq!(lines.pending(), 0);
        prop_assert_eq!(lines.get_ref().written(), bytes);
    }
}
