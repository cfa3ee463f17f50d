//! The edges of servers: idle connections at a shutdown, panics in drops, lingering connections, and
//! changes while a server runs.

use std::fmt;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::frame::Lines as LineFraming;
use socketry::tcp::{OverLimit, ServerHandle, ShutdownReport, TcpServerBuilder};
use socketry::{Encoding, ErrorKind, TcpServer};

const IDLE: Duration = Duration::from_millis(300);

type Serving = JoinHandle<ShutdownReport>;

/// Answers each line, and says whether the server is shutting down.
fn answer(frame: &str, is_last: bool) -> String {
    format!("{frame} {is_last}")
}

fn serve_lines(builder: TcpServerBuilder) -> (ServerHandle, Serving) {
    let server = builder.bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || {
        let report = server.serve(|connection| {
            let mut lines = connection.lines(Encoding::Utf8);
            while let Some(line) = lines.recv()? {
                let is_last = connection.is_shutting_down();
                lines.send(answer(&line, is_last))?;
                if is_last {
                    break;
                }
            }
            Ok(())
        });
        report.unwrap()
    });
    (handle, serving)
}

fn serve_requests(builder: TcpServerBuilder) -> (ServerHandle, Serving) {
    let server = builder.bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || {
        let report = server.serve_requests(LineFraming::new(Encoding::Utf8), |request| {
            Ok(request.reply(answer(request.frame(), request.is_shutting_down()))?)
        });
        report.unwrap()
    });
    (handle, serving)
}

type Serve = fn(TcpServerBuilder) -> (ServerHandle, Serving);
const BOTH: [Serve; 2] = [serve_lines, serve_requests];

#[test]
fn shutdown_serves_one_more_request_then_closes_idle() {
    for serve in BOTH {
        let (handle, serving) = serve(TcpServer::builder().shutdown_idle_timeout(IDLE));
        let clients = [(); 12].map(|()| client_of(handle.local_addr()));
        for client in &clients {
            client.send("one\n").unwrap();
            assert_eq!(client.recv_text(100).unwrap(), "one false\n");
        }
        let began = Instant::now();
        handle.begin_shutdown(PATIENCE);
        let (asking, silent) = clients.split_at(4);
        for client in asking {
            client.send("two\n").unwrap();
            assert_eq!(client.recv_to_end(100).unwrap(), b"two true\n");
        }
        for client in silent {
            assert_eq!(client.recv_to_end(100).unwrap(), b"");
        }
        assert_elapsed(began, IDLE);
        let report = serving.join().unwrap();
        assert_eq!((report.drained, report.aborted, report.failed), (12, 0, 0), "{report}");
    }
}

#[test]
fn shutdown_lets_a_begun_request_finish() {
    for serve in BOTH {
        let (handle, serving) = serve(TcpServer::builder().shutdown_idle_timeout(IDLE));
        let (begun, idle) = (client_of(handle.local_addr()), client_of(handle.local_addr()));
        begun.send("thr").unwrap();
        eventually("both are accepted", || handle.counters().active == 2);
        std::thread::sleep(Duration::from_millis(50));
        handle.begin_shutdown(PATIENCE);
        assert_eq!(idle.recv_to_end(100).unwrap(), b"");
        begun.send("ee\n").unwrap();
        assert_eq!(begun.recv_to_end(100).unwrap(), b"three true\n");
        drop((begun, idle));
        let report = serving.join().unwrap();
        assert_eq!((report.drained, report.aborted, report.failed), (2, 0, 0), "{report}");
    }
}

#[test]
fn zero_idle_timeout_closes_idle_connections_at_once() {
    for serve in BOTH {
        let (handle, serving) = serve(TcpServer::builder().shutdown_idle_timeout(Duration::ZERO));
        let clients = [(); 3].map(|()| client_of(handle.local_addr()));
        eventually("all are accepted", || handle.counters().active == 3);
        drop(std::thread::spawn(move || handle.shutdown(PATIENCE)));
        for client in &clients {
            assert_eq!(client.recv_to_end(100).unwrap(), b"");
        }
        assert_eq!(serving.join().unwrap().aborted, 0);
    }
}

#[test]
fn shutdown_without_time_counts_reset_connections() {
    let server = server();
    let handle = server.handle();
    let clients: Vec<_> = (0..30).map(|_| TcpStream::connect(handle.local_addr()).unwrap()).collect();
    let report = handle.shutdown(Duration::ZERO);
    assert_eq!((report.served, report.drained, report.aborted), (0, 0, 30), "{report}");
    for mut client in clients {
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        // Wine ends the stream instead.
        let end = client.read(&mut [0]);
        let is_reset = end.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
        assert!(is_reset || (is_wine() && end.is_ok_and(|length| length == 0)));
    }
    assert_eq!(handle.counters().accepted, 30);
}

/// An error that panics when it is dropped.
#[derive(Debug)]
struct Thorny;

impl fmt::Display for Thorny {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("thorny")
    }
}

impl std::error::Error for Thorny {}

impl Drop for Thorny {
    fn drop(&mut self) {
        panic!("dropped on purpose");
    }
}

/// A payload of a panic that panics when it is dropped, with another such.
struct Payload(u32);

impl Drop for Payload {
    fn drop(&mut self) {
        if self.0 > 0 {
            std::panic::panic_any(Payload(self.0 - 1));
        }
    }
}

fn misbehave(what: &str) -> socketry::tcp::HandlerResult {
    match what {
        "error" => Err(Box::new(Thorny)),
        "payload" => std::panic::panic_any(Payload(3)),
        _ => Ok(()),
    }
}

#[test]
fn panic_in_drop_of_error_or_payload_ends_one_connection() {
    let serve: Serve = |builder| {
        let server = builder.bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let serving = std::thread::spawn(move || {
            let report = server.serve(|connection| {
                let what = connection.lines(Encoding::Utf8).recv()?.unwrap_or_default().to_owned();
                misbehave(&what)?;
                Ok(connection.send("well\n")?)
            });
            report.unwrap()
        });
        (handle, serving)
    };
    let requests: Serve = |builder| {
        let server = builder.bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let serving = std::thread::spawn(move || {
            let report = server.serve_requests(LineFraming::new(Encoding::Utf8), |request| {
                misbehave(request.frame())?;
                Ok(request.reply("well")?)
            });
            report.unwrap()
        });
        (handle, serving)
    };
    for serve in [serve, requests] {
        // The observer panics, too.
        let events = Arc::new(AtomicU32::new(0));
        let own = Arc::clone(&events);
        let builder = TcpServer::builder().threads(2).on_event(move |_| {
            own.fetch_add(1, Ordering::SeqCst);
            std::panic::panic_any(Payload(1));
        });
        let (handle, serving) = serve(builder);
        for what in ["error", "payload"].repeat(6) {
            let client = client_of(handle.local_addr());
            client.send(format!("{what}\n")).unwrap();
            assert_eq!(client.recv_to_end(100).unwrap(), b"");
        }
        let client = client_of(handle.local_addr());
        client.send("good\n").unwrap();
        assert_eq!(client.recv_text(100).unwrap(), "well\n");
        drop(client);
        let report = handle.shutdown(PATIENCE);
        assert_eq!(serving.join().unwrap(), report);
        // The drop of the error is a panic of the handler, too.
        assert_eq!((report.failed, report.panicked), (6, 12), "{report}");
        assert_eq!(events.load(Ordering::SeqCst), 18);
        assert_eq!(handle.counters().threads, 0);
    }
}

#[test]
fn thread_that_cannot_be_started_is_resource_exhausted() {
    let builder = TcpServer::builder().thread_stack_size(1 << 46);
    let error = builder.bind("127.0.0.1:0").unwrap().serve(|_| Ok(())).unwrap_err();
    assert!(!error.is_timeout(), "{error}");
    assert_eq!(error.kind(), ErrorKind::ResourceExhausted, "{error}");
}

/// A server whose handler answers and returns; its clients do not close.
fn answering(builder: TcpServerBuilder) -> (ServerHandle, Serving) {
    let server = builder.bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || server.serve(|c| Ok(c.send("answer")?)).unwrap());
    (handle, serving)
}

fn open_client(handle: &ServerHandle) -> TcpStream {
    let client = TcpStream::connect(handle.local_addr()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

fn read_all(mut client: &TcpStream) -> String {
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn lingering_connections_count_in_the_limits() {
    let builder = TcpServer::builder().max_connections(3).when_full(OverLimit::Refuse);
    let (handle, serving) = answering(builder.max_connections_per_peer(2));
    let held = [(); 2].map(|()| open_client(&handle));
    for client in &held {
        assert_eq!(read_all(client), "answer");
    }
    eventually("both linger", || handle.counters().lingering == 2);
    assert_eq!(handle.counters().active, 0);
    // A third of this peer takes the place of the oldest, so that it never has more than two.
    let third = open_client(&handle);
    assert_eq!(read_all(&third), "answer");
    let counters = handle.counters();
    assert_eq!((counters.refused, counters.closed_early), (0, 1), "{counters:?}");
    assert!(counters.active + counters.lingering <= 2, "{counters:?}");
    // When they close, their places are free.
    drop((held, third));
    eventually("none lingers", || handle.counters().lingering == 0);
    assert_eq!(read_all(&open_client(&handle)), "answer");
    handle.shutdown(PATIENCE);
    serving.join().unwrap();
}

#[test]
fn full_server_closes_oldest_lingering_connection() {
    for threads in [1, 8] {
        let (handle, serving) = answering(TcpServer::builder().max_connections(2).threads(threads));
        let began = Instant::now();
        // Without it, each but the first two would wait for 2 s.
        let held: Vec<_> = (0..8)
            .map(|_| {
                let client = open_client(&handle);
                assert_eq!(read_all(&client), "answer");
                let counters = handle.counters();
                assert!(counters.active + counters.lingering <= 2, "{counters:?}");
                client
            })
            .collect();
        assert!(began.elapsed() >= Duration::from_millis(200), "the first lingered");
        assert!(handle.counters().closed_early >= 5, "{:?}", handle.counters());
        drop(held);
        handle.shutdown(PATIENCE);
        serving.join().unwrap();
    }
}

#[test]
fn connection_over_max_lingering_is_closed_and_counted() {
    let (handle, serving) = answering(TcpServer::builder().max_lingering(1));
    let held = [(); 4].map(|()| open_client(&handle));
    for client in &held {
        assert_eq!(read_all(client), "answer");
    }
    eventually("three are closed", || handle.counters().closed_early == 3);
    assert_eq!(handle.counters().lingering, 1);
    drop(held);
    let report = handle.shutdown(PATIENCE);
    assert_eq!(report.served + report.drained, 4, "{report}");
    serving.join().unwrap();
}

#[test]
fn suspended_server_leaves_connections_in_the_backlog() {
    for serve in BOTH {
        let (handle, serving) = serve(TcpServer::builder());
        let before = client_of(handle.local_addr());
        before.send("before\n").unwrap();
        assert_eq!(before.recv_text(100).unwrap(), "before false\n");
        handle.suspend().unwrap();
        let waiting = [(); 3].map(|()| client_of(handle.local_addr()));
        for client in &waiting {
            client.send("waiting\n").unwrap();
        }
        // Open connections are served meanwhile.
        before.send("again\n").unwrap();
        assert_eq!(before.recv_text(100).unwrap(), "again false\n");
        assert_timed_out(waiting[2].recv_timeout(100, Duration::from_millis(50)));
        assert_eq!(handle.counters().accepted, 1);
        handle.resume();
        for client in &waiting {
            assert_eq!(client.recv_text(100).unwrap(), "waiting false\n");
        }
        // A shutdown serves the backlog also of a suspended server.
        handle.suspend().unwrap();
        let late = client_of(handle.local_addr());
        late.send("late\n").unwrap();
        let report = handle.shutdown(PATIENCE);
        assert_eq!(late.recv_to_end(100).unwrap(), b"late true\n");
        assert_eq!((report.drained + report.served, report.aborted), (5, 0), "{report}");
        serving.join().unwrap();
    }
}

#[test]
fn suspend_reaches_threads_that_wait_for_a_connection() {
    let server = server();
    let handle = server.handle();
    std::thread::scope(|scope| {
        let accepts: Vec<_> = (0..3).map(|_| scope.spawn(|| server.accept().unwrap())).collect();
        std::thread::sleep(Duration::from_millis(30));
        handle.suspend().unwrap();
        let clients = [(); 3].map(|()| client_of(handle.local_addr()));
        std::thread::sleep(Duration::from_millis(50));
        // A thread that was on its way into the wait can have accepted before.
        assert!(accepts.iter().filter(|accept| accept.is_finished()).count() <= 1);
        assert!(server.try_accept().unwrap().is_none());
        handle.resume();
        for accept in accepts {
            accept.join().unwrap();
        }
        drop(clients);
    });
}

#[test]
fn limits_change_while_the_server_runs() {
    let (handle, serving) = serve_lines(TcpServer::builder().max_connections(1));
    let clients = [(); 3].map(|()| client_of(handle.local_addr()));
    let ask = |client: &socketry::TcpConnection| {
        client.send("x\n").unwrap();
        client.recv_timeout(100, Duration::from_millis(100)).map(drop)
    };
    eventually("one is accepted", || handle.counters().active == 1);
    assert_eq!(clients.iter().filter(|client| ask(client).is_ok()).count(), 1);
    handle.set_max_connections(3);
    eventually("all are served", || handle.counters().active == 3);
    assert_eq!(clients.iter().filter(|client| client.recv(100).is_ok()).count(), 2);
    // One more of this peer is refused now, and none counts that was open before.
    handle.set_max_connections(9);
    handle.set_max_connections_per_peer(Some(1));
    let fourth = client_of(handle.local_addr());
    ask(&fourth).unwrap();
    let mut fifth = open_client(&handle);
    let _ = fifth.write_all(b"x\n").and_then(|()| fifth.shutdown(Shutdown::Write));
    assert!(fifth.read(&mut [0]).map_or(true, |length| length == 0), "it is refused");
    handle.set_max_connections_per_peer(None);
    ask(&client_of(handle.local_addr())).unwrap();
    drop((clients, fourth));
    handle.shutdown(PATIENCE);
    serving.join().unwrap();
}
