//! How a connection ends: half-close, graceful close, abort.

use std::io::Read;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use crate::kit::*;
use socketry::{ErrorKind, TcpClient, TcpConnection};

/// Waits until the OS has received the end of the peer's stream, without reading it.
fn await_eof(connection: &TcpConnection) {
    assert_eq!(connection.peek(&mut [0; 1]).unwrap(), 0);
}

/// A request, its half-close, the answer, its half-close: no data is lost, so closing succeeds.
#[test]
fn close_succeeds_after_both_sides_ended() {
    for reads_eof in [true, false] {
        let (client, peer) = connection();
        client.send("question").unwrap();
        client.half_close().unwrap();
        assert_eq!(peer.recv_to_end(100).unwrap(), b"question");
        peer.send("answer").unwrap();
        peer.close().unwrap();
        let mut answer = [0; 6];
        client.recv_exact(&mut answer).unwrap();
        if reads_eof {
            assert_eq!(client.recv_to_end(100).unwrap(), b"");
        } else {
            await_eof(&client);
        }
        client.close().unwrap();
    }
}

/// The side that ends last: it has read the end of the peer before it sends its own.
#[test]
fn close_succeeds_twice_on_side_that_ends_last() {
    let (client, peer) = connection();
    client.half_close().unwrap();
    assert_eq!(peer.recv_to_end(10).unwrap(), b"");
    peer.half_close().unwrap();
    await_eof(&client);
    // The peer's kernel has the acknowledgment of its FIN by then, or soon.
    let other = peer.clone();
    peer.half_close().unwrap();
    other.close().unwrap();
    client.close().unwrap();
}

#[test]
fn half_close_can_be_repeated() {
    let (client, peer) = connection();
    client.half_close().unwrap();
    client.half_close().unwrap();
    peer.half_close().unwrap();
    await_eof(&client);
    client.half_close().unwrap();
    assert_eq!(client.recv(1).unwrap(), b"");
    client.half_close().unwrap();
}

#[test]
fn close_succeeds_after_write_half_was_dropped() {
    let (client, peer) = connection();
    let (reader, writer) = client.split();
    drop(writer);
    assert_eq!(peer.recv_to_end(10).unwrap(), b"");
    drop(peer);
    assert_eq!(reader.recv(1).unwrap(), b"");
    reader.connection().half_close().unwrap();
    reader.connection().clone().close().unwrap();
}

/// A peer that resets the connection may have lost data, whatever was sent and received before.
#[test]
fn close_fails_after_reset() {
    if is_wine() {
        return skip(Need::Platform, "Wine does not report a reset");
    }
    let is_ours_ended_and_known = [(false, false), (false, true), (true, false), (true, true)];
    for (is_ours_ended, is_known) in is_ours_ended_and_known {
        let (client, peer) = connection();
        if is_ours_ended {
            client.half_close().unwrap();
        }
        peer.abort();
        if is_known {
            assert_eq!(client.recv(1).unwrap_err().kind(), ErrorKind::ConnectionReset);
        } else {
            eventually("a reset", || client.peek(&mut [0; 1]).is_err());
        }
        let error = client.half_close().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::NotConnected), "{error}");
        let error = client.close().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::NotConnected), "{error}");
    }
}

/// The peer has ended its stream, and then resets: data that was sent to it is lost.
#[test]
fn close_fails_after_reset_behind_eof() {
    if is_wine() {
        return skip(Need::Platform, "Wine does not report a reset");
    }
    let (client, peer) = connection();
    peer.half_close().unwrap();
    assert_eq!(client.recv(1).unwrap(), b"");
    client.send("never read").unwrap();
    eventually("arrival", || peer.peek(&mut [0; 1]).is_ok_and(|length| length == 1));
    peer.abort();
    eventually("a reset", || client.half_close().is_err());
    assert!(client.half_close().is_err());
    assert!(client.close().is_err());
}

/// A reset stays an error: a read after it does not look like the end of the stream.
#[test]
fn reset_is_not_followed_by_eof() {
    if is_wine() {
        return skip(Need::Platform, "Wine does not report a reset");
    }
    let (client, peer) = connection();
    peer.abort();
    for _ in 0..3 {
        assert_eq!(client.recv(1).unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    assert_eq!(client.try_recv(1).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(client.peek(&mut [0; 1]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// A connection, and the stream of its peer, which reports what the OS does.
fn raw_peer() -> (TcpConnection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client_of(listener.local_addr().unwrap());
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    (client, peer)
}

/// The peer must not take what it received for a whole answer.
#[track_caller]
fn assert_reset(mut peer: TcpStream, what: &str) {
    let mut received = Vec::new();
    let result = peer.read_to_end(&mut received);
    if cfg!(target_os = "linux") {
        let error = result.expect_err(what);
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{what}: {error}");
    }
}

#[test]
fn abort_of_only_handle_resets() {
    let (client, peer) = raw_peer();
    client.send("half an ans").unwrap();
    client.abort();
    assert_reset(peer, "the only handle");
}

#[test]
fn abort_resets_with_other_handles() {
    for halves in [false, true] {
        let (client, peer) = raw_peer();
        client.send("half an ans").unwrap();
        let (local, remote) = (client.local_addr().unwrap(), client.peer_addr());
        let other = client.clone();
        if halves {
            let (reader, writer) = other.split();
            client.abort();
            assert_reset(peer, "halves");
            assert!(reader.recv(1).unwrap_err().is_cancelled());
            assert!(writer.send("er").unwrap_err().is_cancelled());
            continue;
        }
        client.abort();
        // The peer receives the reset although this handle is open.
        assert_reset(peer, "a clone");
        assert!(other.recv(1).unwrap_err().is_cancelled());
        assert!(other.try_recv(1).unwrap_err().is_cancelled());
        assert!(other.peek(&mut [0; 1]).unwrap_err().is_cancelled());
        assert!(other.recv_to_end(1).unwrap_err().is_cancelled());
        assert!(other.send("er").unwrap_err().is_cancelled());
        assert!(other.half_close().unwrap_err().is_cancelled());
        assert_eq!((other.local_addr().unwrap(), other.peer_addr()), (local, remote));
        let error = other.recv(1).unwrap_err();
        assert_eq!((error.local_addr(), error.peer_addr()), (Some(local), Some(remote)));
        assert!(other.close().unwrap_err().is_cancelled());
    }
}

/// With and without limits, which decide how a call waits.
#[test]
fn abort_resets_and_ends_blocked_calls() {
    for limit in [None, Some(PATIENCE * 3)] {
        let (client, peer) = raw_peer();
        client.set_read_timeout(limit);
        client.set_write_timeout(limit);
        std::thread::scope(|scope| {
            let receiving = scope.spawn(|| client.recv(1));
            let peeking = scope.spawn(|| client.peek(&mut [0; 1]));
            let sending = scope.spawn(|| client.send(vec![7; 64 << 20]));
            let partial = scope.spawn(|| {
                loop {
                    if let Err(error) = client.recv_timeout(1, PATIENCE * 3) {
                        return error;
                    }
                }
            });
            // The buffers fill, and then the call blocks.
            std::thread::sleep(Duration::from_millis(150));
            client.clone().abort();
            assert!(receiving.join().unwrap().unwrap_err().is_cancelled());
            assert!(peeking.join().unwrap().unwrap_err().is_cancelled());
            assert!(sending.join().unwrap().unwrap_err().is_cancelled());
            assert!(partial.join().unwrap().is_cancelled());
            assert_reset(peer, "blocked calls");
        });
    }
}

/// An abort after the own end was sent is a reset, too.
#[test]
fn abort_resets_after_half_close() {
    let (client, mut peer) = raw_peer();
    client.send("x").unwrap();
    client.half_close().unwrap();
    let mut received = Vec::new();
    peer.read_to_end(&mut received).unwrap();
    let other = client.clone();
    client.abort();
    if cfg!(target_os = "linux") {
        eventually("a reset", || std::io::Write::write(&mut peer, b"y").is_err());
    }
    assert!(other.recv(1).unwrap_err().is_cancelled());
    let _ = peer.shutdown(Shutdown::Both);
}

/// An aborted connection of a client that is bound to a port keeps its addresses for messages.
#[test]
fn addresses_survive_abort_of_bound_client() {
    let server = server();
    let client = TcpClient::builder().local_address(([127, 0, 0, 1], 0));
    let client = client.connect(server.local_addr()).unwrap();
    let accepted = server.accept().unwrap();
    for connection in [client, accepted] {
        let other = connection.clone();
        let local = connection.local_addr().unwrap();
        connection.abort();
        assert_eq!(other.local_addr().unwrap(), local);
        assert!(format!("{other:?}").contains(&local.to_string()), "{other:?}");
    }
}
