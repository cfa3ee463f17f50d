//! Files over connections: whole, in part, and to a peer that does not read.

use std::io::{Seek, SeekFrom};
use std::time::{Duration, Instant};

use crate::kit::temp_file::TempFile;
use crate::kit::*;
use socketry::error::{Operation, PartialTransfer};

/// A file, and its bytes.
fn page(length: usize) -> (TempFile, Vec<u8>) {
    let bytes: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
    (TempFile::with(&bytes), bytes)
}

#[test]
fn send_file_starts_at_file_position() {
    let (page, bytes) = page(3_000_001);
    for skip in [0, 1, 2_999_999, 3_000_001, 4_000_000] {
        for limited in [false, true] {
            let (client, peer) = connection();
            peer.set_write_timeout(limited.then_some(PATIENCE));
            let mut file = page.open();
            file.seek(SeekFrom::Start(skip)).unwrap();
            let sending = std::thread::spawn(move || {
                let sent = peer.send_file(&file).unwrap();
                (sent, file.stream_position().unwrap())
            });
            let received = client.recv_to_end(4_000_000).unwrap();
            let expected = bytes.get(skip as usize..).unwrap_or(&[]);
            assert!(received == expected, "{} bytes from {skip}", received.len());
            let (sent, stands) = sending.join().unwrap();
            assert_eq!((sent, stands), (expected.len() as u64, skip + expected.len() as u64));
        }
    }
}

#[test]
fn send_file_range_sends_requested_range() {
    let (page, bytes) = page(1_000_000);
    let file = page.open();
    for (offset, length) in [(0, 10), (500_000, 400_000), (999_990, 100), (2_000_000, 5), (7, 0)] {
        let (client, peer) = connection();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let end = bytes.len().min(offset + length);
                let expected = bytes.get(offset..end).unwrap_or(&[]);
                assert_eq!(
                    peer.send_file_range(&file, offset as u64, length as u64).unwrap(),
                    expected.len() as u64
                );
                peer.half_close().unwrap();
            });
            let received = client.recv_to_end(1_000_000).unwrap();
            let end = bytes.len().min(offset + length);
            assert!(received == bytes.get(offset..end).unwrap_or(&[]));
        });
    }
    if cfg!(target_os = "linux") {
        assert_eq!((&file).stream_position().unwrap(), 0, "where it stands does not change");
    }
}

#[test]
fn send_file_timeout_leaves_position_at_sent_bytes() {
    let (page, bytes) = page(32 << 20);
    let (client, peer) = connection();
    peer.set_write_timeout(Duration::from_millis(100));
    let mut file = page.open();
    let start = Instant::now();
    let error = peer.send_file(&file).unwrap_err();
    let elapsed = start.elapsed();
    assert!(error.is_timeout() && error.operation() == Operation::SendFile, "{error}");
    assert!(elapsed >= Duration::from_millis(100) && elapsed < Duration::from_secs(5), "{elapsed:?}");
    let done = error.detail::<PartialTransfer>().unwrap().transferred;
    assert_eq!(file.stream_position().unwrap(), done as u64);
    // It goes on from there, and a read meanwhile is not disturbed by what was done for the limit.
    peer.set_write_timeout(PATIENCE);
    let sending = std::thread::spawn(move || {
        let rest = peer.send_file(&file).unwrap();
        assert_eq!(done as u64 + rest, 32 << 20);
    });
    assert!(client.recv_to_end(32 << 20).unwrap() == bytes);
    sending.join().unwrap();
}

/// A file that the system cannot send by itself, such as a pipe, is copied.
#[cfg(unix)]
#[test]
fn send_file_copies_from_pipe() {
    if !needs("printf") {
        return;
    }
    let (client, peer) = connection();
    let mut child = Running::start(std::process::Command::new("printf").arg("from a pipe"));
    let pipe = std::fs::File::from(std::os::fd::OwnedFd::from(child.stdout()));
    assert_eq!(peer.send_file(&pipe).unwrap(), 11);
    drop(peer);
    assert_eq!(client.recv_to_end(100).unwrap(), b"from a pipe");
    assert!(child.finish().status.success());
}

#[test]
fn cancel_ends_send_file() {
    let (page, _) = page(32 << 20);
    let token = socketry::CancelToken::new().unwrap();
    let server = socketry::TcpServer::builder().cancel_connections(&token).bind("127.0.0.1:0").unwrap();
    let _client = client_of(server.local_addr());
    let peer = server.accept().unwrap();
    let file = page.open();
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| peer.send_file(&file));
        token.cancel();
        assert!(sending.join().unwrap().unwrap_err().is_cancelled());
    });
}
