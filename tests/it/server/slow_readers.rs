//! Peers that do not read their replies: they use no thread, their requests wait, and the limits of
//! writes apply.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::error::{Operation, TimeLimit};
use socketry::frame::Lines;
use socketry::tcp::{ServerEvent, ServerHandle, TcpServerBuilder};
use socketry::{Encoding, TcpServer};

/// Replies with a line of `length` bytes, which ends with the number of the request.
fn serve(builder: TcpServerBuilder, length: usize) -> ServerHandle {
    let server = builder.threads(1).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let lines = || Lines::new(Encoding::Utf8).max_length(1 << 24);
    std::thread::spawn(move || {
        let served = server.serve_requests(lines(), move |request| {
            let reply = match request.frame() {
                "ask" => "answer".to_owned(),
                number => reply(number, length),
            };
            Ok(request.reply(reply)?)
        });
        served.unwrap();
    });
    handle
}

fn reply(number: &str, length: usize) -> String {
    "x".repeat(length - number.len()) + number
}

fn ask(handle: &ServerHandle) {
    let client = client_of(handle.local_addr());
    client.send("ask\n").unwrap();
    assert_eq!(client.recv(100).unwrap(), b"answer\n");
}

/// As many connections as a server of threads would be held by.
#[test]
fn peers_that_do_not_read_hold_no_thread_and_lose_nothing() {
    const LENGTH: usize = 300_000;
    let handle = serve(TcpServer::builder(), LENGTH);
    let slow: Vec<_> = (0..20).map(|_| TcpStream::connect(handle.local_addr()).unwrap()).collect();
    for mut client in &slow {
        // More than the buffers of both sides hold.
        for number in 0..40 {
            writeln!(client, "{number}").unwrap();
        }
    }
    eventually("all have requests", || handle.counters().requests >= 20);
    for _ in 0..20 {
        let start = Instant::now();
        ask(&handle);
        assert!(start.elapsed() < Duration::from_secs(5));
    }
    assert_eq!(handle.counters().threads, 1);
    // The rest of their requests waits with their replies.
    assert!(handle.counters().requests < 20 * 40, "{}", handle.counters().requests);
    for mut client in &slow {
        let mut received = vec![0; LENGTH + 1];
        for number in 0..40 {
            client.read_exact(&mut received).unwrap();
            let expected = reply(&number.to_string(), LENGTH) + "\n";
            assert!(received == expected.as_bytes(), "reply {number} is not intact");
        }
    }
    drop(slow);
    let report = handle.shutdown(PATIENCE);
    assert_eq!((report.failed, report.aborted), (0, 0), "{report}");
}

/// A peer that reads a little from time to time does not extend the write timeout, and a peer that reads
/// nothing does not exceed the stall timeout.
#[test]
fn write_timeout_and_stall_timeout_apply_to_replies_that_wait() {
    let limit = Duration::from_millis(300);
    for is_stall in [false, true] {
        let expired = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&expired);
        let builder = TcpServer::builder().send_buffer_size(64 * 1024).on_event(move |event| {
            if let ServerEvent::Expired { error, .. } = event {
                let limit = if is_stall { TimeLimit::StallTimeout } else { TimeLimit::WriteTimeout };
                assert_eq!((error.limit(), error.operation()), (Some(limit), Operation::Send), "{error}");
                seen.fetch_add(1, Ordering::SeqCst);
            }
        });
        let builder = match is_stall {
            true => builder.stall_timeout(limit),
            false => builder.stall_timeout(None).write_timeout(limit),
        };
        let handle = serve(builder, 16_000_000);
        let mut client = TcpStream::connect(handle.local_addr()).unwrap();
        let start = Instant::now();
        client.write_all(b"1\n").unwrap();
        let mut scratch = [0; 512];
        while expired.load(Ordering::SeqCst) == 0 {
            assert!(start.elapsed() < PATIENCE);
            if !is_stall {
                let _ = client.read(&mut scratch);
            }
            ask(&handle);
        }
        assert!(start.elapsed() >= limit);
        eventually("it is closed", || handle.counters().active == 0);
        assert_eq!(handle.counters().expired, 1);
        drop(client);
        handle.shutdown(PATIENCE);
    }
}

/// The reply of a connection that a shutdown closes is sent to its end.
#[test]
fn shutdown_sends_replies_that_wait() {
    const LENGTH: usize = 16_000_000;
    let handle = serve(TcpServer::builder(), LENGTH);
    let mut client = TcpStream::connect(handle.local_addr()).unwrap();
    client.write_all(b"1\n").unwrap();
    eventually("it has a request", || handle.counters().requests == 1);
    handle.begin_shutdown(PATIENCE);
    std::thread::sleep(Duration::from_millis(50));
    let mut received = Vec::new();
    client.read_to_end(&mut received).unwrap();
    assert_eq!(received.len(), LENGTH + 1);
    let report = handle.shutdown(PATIENCE);
    assert_eq!((report.drained, report.aborted), (1, 0), "{report}");
}

/// An abort does not wait for a peer that does not read.
#[test]
fn shutdown_timeout_aborts_replies_that_wait() {
    let handle = serve(TcpServer::builder(), 16_000_000);
    let mut client = TcpStream::connect(handle.local_addr()).unwrap();
    client.write_all(b"1\n").unwrap();
    eventually("it has a request", || handle.counters().requests == 1);
    let start = Instant::now();
    let report = handle.shutdown(Duration::from_millis(100));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!((report.drained, report.aborted), (0, 1), "{report}");
}
