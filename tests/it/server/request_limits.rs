//! Limits of connections that wait: timers, deadlines, and requests that arrive in time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::obedient::{ask, busy_client, ms, read_large, serve};
use crate::kit::*;
use socketry::{TcpConnection, TcpServer};

#[test]
fn timer_of_a_removed_read_timeout_does_not_expire() {
    let (handle, _serving) = serve(TcpServer::builder().threads(2).read_timeout(ms(400)));
    let client = client_of(handle.local_addr());
    ask(&client, "first");
    ask(&client, "endless");
    std::thread::sleep(ms(1200));
    ask(&client, "still open");
}

#[test]
fn timer_of_a_write_that_is_done_does_not_expire() {
    let (handle, _serving) = serve(TcpServer::builder().threads(2).write_timeout(ms(1000)));
    let mut client = TcpStream::connect(handle.local_addr()).unwrap();
    client.write_all(b"large 16000000\n").unwrap();
    std::thread::sleep(ms(100));
    read_large(&mut client, 16_000_000);
    std::thread::sleep(ms(2000));
    client.write_all(b"ask\n").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = [0; 5];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ask!\n");
}

#[test]
fn read_timeout_does_not_end_a_reply_that_waits() {
    let builder = TcpServer::builder().threads(2).read_timeout(ms(1000)).stall_timeout(None);
    let (handle, _serving) = serve(builder);
    let mut client = TcpStream::connect(handle.local_addr()).unwrap();
    client.write_all(b"ask\n").unwrap();
    client.read_exact(&mut [0; 5]).unwrap();
    // It waits, with a timer.
    std::thread::sleep(ms(100));
    client.write_all(b"large 16000000\n").unwrap();
    std::thread::sleep(ms(2500));
    read_large(&mut client, 16_000_000);
}

#[test]
fn request_in_time_is_answered_although_the_threads_are_busy() {
    let (handle, _serving) = serve(TcpServer::builder().threads(1).read_timeout(ms(500)));
    let client = client_of(handle.local_addr());
    ask(&client, "first");
    let blocking = client_of(handle.local_addr());
    ask(&blocking, "first");
    blocking.send("sleep 1500\n").unwrap();
    std::thread::sleep(ms(50));
    ask(&client, "in time");
}

#[test]
fn reply_that_was_read_in_time_is_no_expired_write() {
    let (handle, _serving) = serve(TcpServer::builder().threads(1).write_timeout(ms(500)));
    let mut client = TcpStream::connect(handle.local_addr()).unwrap();
    client.write_all(b"large 16000000\n").unwrap();
    let blocking = client_of(handle.local_addr());
    ask(&blocking, "first");
    blocking.send("sleep 1500\n").unwrap();
    std::thread::sleep(ms(50));
    read_large(&mut client, 16_000_000);
}

#[test]
fn deadline_holds_for_a_connection_that_waits() {
    for begins in [false, true] {
        let (handle, _serving) = serve(TcpServer::builder().threads(2));
        let client = client_of(handle.local_addr());
        ask(&client, "deadline 300");
        if begins {
            client.send("beg").unwrap();
        }
        assert_eq!(client.recv_timeout_or_end(), Some(0), "begins: {begins}");
    }
}

#[test]
fn deadline_holds_for_a_reply_that_waits() {
    let (handle, _serving) = serve(TcpServer::builder().threads(2));
    let mut client = TcpStream::connect(handle.local_addr()).unwrap();
    client.write_all(b"deadline 500\nlarge 16000000\n").unwrap();
    eventually("it is closed", || handle.counters().active == 0 && handle.counters().accepted == 1);
    let _ = client.read(&mut [0; 1]);
}

trait Ends {
    fn recv_timeout_or_end(&self) -> Option<usize>;
}

impl Ends for TcpConnection {
    fn recv_timeout_or_end(&self) -> Option<usize> {
        self.set_read_timeout(ms(3000));
        self.recv(100).ok().map(|received| received.len())
    }
}

#[test]
fn limits_that_change_under_load_lose_no_client() {
    for (threads, max) in [(1, 1), (2, 2), (2, 5)] {
        let (handle, serving) = serve(TcpServer::builder().threads(threads).max_connections(max));
        let over = Arc::new(AtomicBool::new(false));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                let (over, handle) = (&over, &handle);
                scope.spawn(move || {
                    while !over.load(Ordering::SeqCst) {
                        let client = client_of(handle.local_addr());
                        (0..3).for_each(|_| ask(&client, "ask"));
                    }
                });
            }
            for round in 0..200 {
                handle.set_max_connections(1 + round % 7);
                if round % 5 == 0 {
                    handle.suspend().unwrap();
                }
                std::thread::sleep(ms(4));
                handle.resume();
            }
            over.store(true, Ordering::SeqCst);
        });
        let report = handle.shutdown(PATIENCE);
        assert_eq!((report.failed, report.aborted), (0, 0), "{report}");
        serving.join().unwrap();
    }
}

#[test]
fn timeouts_that_a_handler_sets_hold_for_a_followed_connection() {
    for (question, begins, stays) in [
        ("read 400", true, false),
        ("read 400", false, false),
        ("idle 400", false, false),
        ("idle 400", true, true),
        ("read 50", false, false),
        ("idle 50", false, false),
    ] {
        let (handle, _serving) = serve(TcpServer::builder().threads(4));
        let client = busy_client(&handle);
        ask(&client, question);
        let start = Instant::now();
        if begins {
            client.send("beg").unwrap();
        }
        let ended = client.recv_timeout_or_end() == Some(0);
        assert_eq!(ended, !stays, "{question}, begins: {begins}");
        if ended {
            assert!(start.elapsed() < ms(1000), "{question} {begins} {:?}", start.elapsed());
        }
    }
}

#[test]
fn handler_of_a_followed_connection_can_read() {
    let (handle, _serving) = serve(TcpServer::builder().threads(4));
    let client = busy_client(&handle);
    for _ in 0..3 {
        client.send("body\n").unwrap();
        std::thread::sleep(ms(300));
        client.send("12345").unwrap();
        assert_eq!(client.recv(100).unwrap(), b"body!\n");
        (0..30).for_each(|number| ask(&client, &format!("ask {number}")));
    }
}

#[test]
fn half_close_of_a_followed_connection_is_seen() {
    let (handle, _serving) = serve(TcpServer::builder().threads(4));
    for _ in 0..50 {
        let client = busy_client(&handle);
        client.send("last\n").unwrap();
        client.half_close().unwrap();
        assert_eq!(client.recv(100).unwrap(), b"last!\n");
        assert_eq!(client.recv(100).unwrap(), b"");
    }
}
