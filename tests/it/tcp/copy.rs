//! Copying between two connections: every byte, every end, and every limit of both.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::error::TimeLimit;
use socketry::tcp::{CopiedBytes, PartialCopy, copy_bidirectional};
use socketry::{CancelToken, Encoding, Error, ErrorKind, TcpClient, TcpConnection};

const LIMIT: Duration = Duration::from_millis(150);

/// A connection of the proxy, and its peer. Small buffers fill soon.
fn pair(token: Option<&CancelToken>) -> (TcpConnection, TcpConnection) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut builder = TcpClient::builder().send_buffer_size(4_096);
    if let Some(token) = token {
        builder = builder.cancel_connections(token);
    }
    let own = builder.connect(listener.local_addr().unwrap()).unwrap();
    let peer = TcpConnection::try_from(listener.accept().unwrap().0).unwrap();
    peer.set_read_timeout(PATIENCE);
    peer.set_write_timeout(PATIENCE);
    (own, peer)
}

/// A copy in progress, and both peers.
struct Proxied {
    client: TcpConnection,
    server: TcpConnection,
    copying: JoinHandle<Result<CopiedBytes, Error>>,
}

impl Proxied {
    fn start(prepare: impl FnOnce(&TcpConnection, &TcpConnection)) -> Proxied {
        let ((a, client), (b, server)) = (pair(None), pair(None));
        prepare(&a, &b);
        Proxied { client, server, copying: copying(a, b) }
    }

    #[track_caller]
    fn fails(self) -> (Error, TcpConnection, TcpConnection) {
        eventually("the end of the copy", || self.copying.is_finished());
        (self.copying.join().unwrap().unwrap_err(), self.client, self.server)
    }
}

fn copying(a: TcpConnection, b: TcpConnection) -> JoinHandle<Result<CopiedBytes, Error>> {
    std::thread::spawn(move || copy_bidirectional(&a, &b))
}

#[track_caller]
fn copied(error: &Error) -> (u64, u64) {
    let copied = error.detail::<PartialCopy>().unwrap_or_else(|| panic!("{error:?}")).copied;
    (copied.a_to_b, copied.b_to_a)
}

/// The peer must not take what it received for the whole.
#[track_caller]
fn assert_reset(peer: &TcpConnection) {
    if cfg!(target_os = "linux") {
        let kind = peer.recv_to_end(64 << 20).expect_err("an end of stream").kind();
        assert_eq!(kind, ErrorKind::ConnectionReset);
    }
}

/// Bytes that repeat nowhere.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(&mut next).take(length.div_ceil(8)).flatten().collect();
    bytes.truncate(length);
    bytes
}

/// Writes everything, ends the stream, and reads everything, at the same time.
fn exchange(peer: &TcpConnection, sent: &[u8], expected: &[u8]) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            peer.send(sent).unwrap();
            peer.half_close().unwrap();
        });
        let received = peer.recv_to_end(expected.len()).unwrap();
        assert!(received == expected, "{} of {} bytes are right", received.len(), expected.len());
    });
}

/// 50 copies at the same time, each direction of its own length, so that either ends first.
#[test]
fn concurrent_copies_are_exact_in_both_directions() {
    std::thread::scope(|scope| {
        for seed in 0..50_u64 {
            scope.spawn(move || {
                let up = noise(seed, 200 * 1_024 + seed as usize * 17);
                let down = noise(seed + 1_000, 250 * 1_024 - seed as usize * 1_003);
                let proxied = Proxied::start(|_, _| {});
                std::thread::scope(|scope| {
                    scope.spawn(|| exchange(&proxied.client, &up, &down));
                    exchange(&proxied.server, &down, &up);
                });
                let copied = proxied.copying.join().unwrap().unwrap();
                assert_eq!((copied.a_to_b, copied.b_to_a), (up.len() as u64, down.len() as u64));
            });
        }
    });
}

/// A request that ends before its answer begins, and a server that ends before the client does.
#[test]
fn half_close_is_passed_on_and_other_direction_continues() {
    for client_first in [true, false] {
        let proxied = Proxied::start(|_, _| {});
        let (first, second) = match client_first {
            true => (&proxied.client, &proxied.server),
            false => (&proxied.server, &proxied.client),
        };
        first.send("question").unwrap();
        first.half_close().unwrap();
        assert_eq!(second.recv_to_end(100).unwrap(), b"question");
        // Longer than a watch lasts.
        std::thread::sleep(Duration::from_millis(600));
        assert!(!proxied.copying.is_finished());
        second.send("answer").unwrap();
        assert_eq!(first.recv(100).unwrap(), b"answer");
        second.send("more").unwrap();
        second.half_close().unwrap();
        assert_eq!(first.recv_to_end(100).unwrap(), b"more");
        let copied = proxied.copying.join().unwrap().unwrap();
        let expected = if client_first { (8, 10) } else { (10, 8) };
        assert_eq!((copied.a_to_b, copied.b_to_a), expected);
    }
}

#[test]
fn pushed_back_bytes_are_copied_first() {
    let ((a, client), (b, server)) = (pair(None), pair(None));
    client.send("abc").unwrap();
    a.set_read_timeout(Duration::from_millis(20));
    assert_timed_out(a.recv_exact(&mut [0; 5]));
    a.set_read_timeout(None);
    let copying = copying(a, b);
    client.send("de").unwrap();
    client.half_close().unwrap();
    server.half_close().unwrap();
    assert_eq!(server.recv_to_end(100).unwrap(), b"abcde");
    assert_eq!(copying.join().unwrap().unwrap().a_to_b, 5);
}

/// In each direction: a peer resets while nothing is sent, and after it has ended its stream.
#[test]
fn reset_is_passed_on_in_each_direction() {
    if is_wine() {
        return skip(Need::Platform, "Wine does not report a reset");
    }
    for by_client in [true, false] {
        for ends_before in [None, Some(true), Some(false)] {
            let proxied = Proxied::start(|_, _| {});
            proxied.client.send("half a ques").unwrap();
            assert_eq!(proxied.server.recv(100).unwrap(), b"half a ques");
            let (one, other) = match by_client {
                true => (proxied.client, proxied.server),
                false => (proxied.server, proxied.client),
            };
            if let Some(resetting_one) = ends_before {
                let (ending, seeing) = if resetting_one { (&one, &other) } else { (&other, &one) };
                ending.half_close().unwrap();
                assert_eq!(seeing.recv(100).unwrap(), b"");
            }
            let address = one.local_addr().unwrap();
            one.abort();
            let error = proxied.copying.join().unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
            assert_eq!(error.peer_addr(), Some(address), "{error}");
            assert_eq!(copied(&error), (11, 0));
            assert!(error.to_string().contains("with 11 bytes from a to b, 0 bytes from b to a"), "{error}");
            if ends_before == Some(true) {
                // It has read the end of the stream; what it sends is refused.
                eventually("a reset", || other.send("x").is_err());
            } else {
                assert_reset(&other);
            }
        }
    }
}

/// A direction that waits for buffer space reads nothing, and still finds the reset of its source.
#[test]
fn reset_ends_blocked_write_to_other_side() {
    if is_wine() {
        return skip(Need::Platform, "Wine does not report a reset");
    }
    for by_source in [true, false] {
        let proxied = Proxied::start(|_, _| {});
        proxied.client.set_write_timeout(Duration::from_millis(300));
        proxied.client.send(vec![7; 64 << 20]).unwrap_err();
        let (one, other) = match by_source {
            true => (proxied.client, proxied.server),
            false => (proxied.server, proxied.client),
        };
        one.abort();
        let error = proxied.copying.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
        assert!(copied(&error).0 > 0);
        assert_reset(&other);
    }
}

/// The data that preceded a reset arrives before it.
#[test]
fn data_before_reset_is_copied() {
    if is_wine() {
        return skip(Need::Platform, "Wine does not report a reset");
    }
    let proxied = Proxied::start(|_, _| {});
    proxied.server.send("answer").unwrap();
    assert_eq!(proxied.client.recv(100).unwrap(), b"answer");
    proxied.server.abort();
    assert_reset(&proxied.client);
    assert_eq!(copied(&proxied.copying.join().unwrap().unwrap_err()), (0, 6));
}

#[track_caller]
fn assert_limit(error: &Error, limit: TimeLimit) {
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.limit(), Some(limit), "{error}");
    assert!(error.elapsed() >= Some(LIMIT), "{error}");
}

#[test]
fn read_timeout_of_either_side_ends_both() {
    for of_a in [true, false] {
        let began = Instant::now();
        let proxied = Proxied::start(|a, b| (if of_a { a } else { b }).set_read_timeout(LIMIT));
        let (error, client, server) = proxied.fails();
        assert_elapsed(began, LIMIT);
        assert_limit(&error, TimeLimit::ReadTimeout);
        assert_reset(&client);
        assert_reset(&server);
    }
}

/// A byte in either direction extends it, and the read timeout does not apply then.
#[test]
fn idle_timeout_counts_both_directions() {
    for of_a in [true, false] {
        let limit = LIMIT * 4;
        let proxied = Proxied::start(|a, b| {
            let end = if of_a { a } else { b };
            end.set_idle_timeout(limit);
            end.set_read_timeout(LIMIT);
        });
        let began = Instant::now();
        // One direction is busy, whichever side has the limit.
        while began.elapsed() < limit * 2 {
            proxied.client.send("x").unwrap();
            assert_eq!(proxied.server.recv(1).unwrap(), b"x");
            std::thread::sleep(LIMIT / 4);
        }
        let quiet = Instant::now();
        let (error, client, server) = proxied.fails();
        assert!(quiet.elapsed() > limit / 2 && quiet.elapsed() < limit + SLACK, "{:?}", quiet.elapsed());
        assert_limit(&error, TimeLimit::IdleTimeout);
        assert!(error.elapsed() > Some(limit * 2), "of the whole call: {error}");
        assert_reset(&client);
        assert_reset(&server);
    }
}

#[test]
fn write_limits_end_copy_to_peer_that_reads_nothing() {
    for stall in [true, false] {
        let proxied = Proxied::start(|_, b| {
            if stall {
                b.set_stall_timeout(LIMIT);
            } else {
                b.set_write_timeout(LIMIT);
            }
        });
        proxied.client.set_write_timeout(PATIENCE);
        let sent = proxied.client.send(vec![7; 64 << 20]);
        let is_reset = |error: socketry::Error| error.kind() == ErrorKind::ConnectionReset;
        assert!(sent.is_err_and(|error| is_reset(error) || !cfg!(target_os = "linux")));
        let (error, _, server) = proxied.fails();
        assert_limit(&error, if stall { TimeLimit::StallTimeout } else { TimeLimit::WriteTimeout });
        assert_reset(&server);
    }
}

/// Also while both connections have data all the time, and while a direction waits for space.
#[test]
fn deadline_of_either_side_ends_both() {
    for (of_a, is_busy) in [(true, true), (true, false), (false, true), (false, false)] {
        let ((a, client), (b, server)) = (pair(None), pair(None));
        let began = Instant::now();
        (if of_a { &a } else { &b }).set_deadline(began + LIMIT);
        let copying = copying(a, b);
        std::thread::scope(|scope| {
            if is_busy {
                scope.spawn(|| while client.send([7; 4_096]).is_ok() {});
                scope.spawn(|| while server.recv(4_096).is_ok_and(|bytes| !bytes.is_empty()) {});
            } else {
                scope.spawn(|| client.send(vec![7; 64 << 20]).unwrap_err());
            }
            let error = copying.join().unwrap().unwrap_err();
            assert_elapsed(began, LIMIT);
            assert!(error.is_timeout() && error.limit() == Some(TimeLimit::Deadline), "{error}");
        });
        let ((a, _client), (b, _server)) = (pair(None), pair(None));
        a.set_deadline(began);
        assert!(copy_bidirectional(&a, &b).unwrap_err().is_timeout(), "a deadline in the past");
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Before,
    Reading,
    AfterEof,
    Writing,
}

#[test]
fn cancel_token_of_either_side_ends_both() {
    for of_a in [true, false] {
        for stage in [Stage::Before, Stage::Reading, Stage::AfterEof, Stage::Writing] {
            let token = CancelToken::new().unwrap();
            let (of_client, of_server) = if of_a { (Some(&token), None) } else { (None, Some(&token)) };
            let ((a, client), (b, server)) = (pair(of_client), pair(of_server));
            if stage == Stage::Before {
                token.cancel();
            }
            let copying = copying(a, b);
            match stage {
                Stage::AfterEof => {
                    client.half_close().unwrap();
                    assert_eq!(server.recv(1).unwrap(), b"");
                }
                Stage::Writing => {
                    client.set_write_timeout(Duration::from_millis(200));
                    client.send(vec![7; 64 << 20]).unwrap_err();
                }
                _ => {}
            }
            token.cancel();
            eventually("the end of the copy", || copying.is_finished());
            let error = copying.join().unwrap().unwrap_err();
            assert!(error.is_cancelled() && error.limit().is_none(), "{stage:?}: {error}");
            assert_reset(&client);
            if stage != Stage::AfterEof {
                assert_reset(&server);
            }
        }
    }
}

/// A token that is cancelled after the copy has no effect on its connections.
#[test]
fn cancel_after_copy_leaves_connections_unchanged() {
    let token = CancelToken::new().unwrap();
    let ((a, client), (b, server)) = (pair(Some(&token)), pair(None));
    client.half_close().unwrap();
    server.half_close().unwrap();
    assert_eq!(copy_bidirectional(&a, &b).unwrap(), CopiedBytes::default());
    token.cancel();
    a.close().unwrap();
    b.close().unwrap();
    assert_eq!(client.recv_to_end(10).unwrap(), b"");
}

#[test]
fn abort_by_another_handle_ends_copy() {
    for of_a in [true, false] {
        for is_writing in [true, false] {
            let ((a, client), (b, server)) = (pair(None), pair(None));
            let other = if of_a { a.clone() } else { b.clone() };
            let copying = copying(a, b);
            if is_writing {
                client.set_write_timeout(Duration::from_millis(200));
                client.send(vec![7; 64 << 20]).unwrap_err();
            }
            other.abort();
            eventually("the end of the copy", || copying.is_finished());
            assert!(copying.join().unwrap().unwrap_err().is_cancelled());
            assert_reset(&client);
            assert_reset(&server);
        }
    }
}

/// A server that closes with the connection of a client, at random: never a whole answer that is
/// not.
#[test]
fn truncated_answer_never_looks_whole() {
    if !cfg!(target_os = "linux") {
        return skip(Need::Platform, "the reset follows an end of stream");
    }
    for round in 0..200_u64 {
        let proxied = Proxied::start(|_, _| {});
        let server = proxied.server;
        let answer = noise(round, 100_000);
        let sending = std::thread::spawn(move || {
            let _ = server.send(&answer[..(round as usize * 500).max(1)]);
            server.abort();
        });
        // Writes of the proxy to the server may meet the reset before its reads do.
        while proxied.client.send("a request").is_ok() && !sending.is_finished() {}
        sending.join().unwrap();
        let error = proxied.client.recv_to_end(1 << 20).expect_err("an end of stream");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
        assert!(proxied.copying.join().unwrap().is_err());
    }
}

/// With text and frames around it, a copy takes over in mid-stream.
#[test]
fn copy_follows_a_request_line() {
    let ((a, client), (b, server)) = (pair(None), pair(None));
    client.send("CONNECT server\n").unwrap();
    let mut line = [0; 15];
    a.recv_exact(&mut line).unwrap();
    a.send("OK\n").unwrap();
    let copying = copying(a, b);
    client.lines(Encoding::Utf8).send("hello").unwrap();
    client.half_close().unwrap();
    assert_eq!(server.recv_to_end(100).unwrap(), b"hello\n");
    server.half_close().unwrap();
    assert_eq!(client.recv_to_end(100).unwrap(), b"OK\n");
    assert_eq!(copying.join().unwrap().unwrap().a_to_b, 6);
}

/// A side that was half-closed before takes no data.
#[test]
fn copy_to_half_closed_side_ends_with_error() {
    let ((a, client), (b, _server)) = (pair(None), pair(None));
    b.half_close().unwrap();
    client.send("x").unwrap();
    let error = copy_bidirectional(&a, &b).unwrap_err();
    assert_eq!(copied(&error), (0, 0), "{error}");
    assert_reset(&client);
}

#[test]
fn copy_to_same_connection_echoes() {
    let (a, client) = pair(None);
    let copying = copying(a.clone(), a);
    client.send("echo").unwrap();
    assert_eq!(client.recv(4).unwrap(), b"echo");
    client.half_close().unwrap();
    assert_eq!(client.recv_to_end(4).unwrap(), b"");
    eventually("the end of the copy", || copying.is_finished());
    copying.join().unwrap().unwrap();
}

/// Streams that were shut down through another handle of the OS end the copy.
#[test]
fn streams_shut_down_from_outside_end_the_copy() {
    let ((a, client), (b, server)) = (pair(None), pair(None));
    let raw = TcpStream::try_from(b.clone()).unwrap();
    let copying = copying(a, b);
    raw.shutdown(Shutdown::Both).unwrap();
    assert_eq!(client.recv_to_end(10).unwrap(), b"");
    client.half_close().unwrap();
    drop(server);
    eventually("the end of the copy", || copying.is_finished());
}

/// The OS reports a reset once, perhaps to a write of the other direction, and then an end of stream.
#[test]
fn reset_that_another_call_received_is_no_eof() {
    if !cfg!(target_os = "linux") {
        return skip(Need::Platform, "the OS reports a reset each time");
    }
    let ((a, client), (b, server)) = (pair(None), pair(None));
    client.abort();
    eventually("a reset", || socket2::SockRef::from(&a).take_error().unwrap().is_some());
    b.set_deadline(Instant::now() + PATIENCE);
    let error = copy_bidirectional(&a, &b).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    assert_reset(&server);
}
