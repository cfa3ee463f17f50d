//! The end of a server: at once, in order, and with numbers that add up.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::tcp::ServerCounters;
use socketry::{CancelToken, TcpClient, TcpConnection, TcpServer};

#[track_caller]
fn assert_counters_add_up(counters: ServerCounters) {
    let ServerCounters { accepted, active, served, drained, aborted, .. } = counters;
    assert_eq!(accepted, active + served + drained + aborted, "{counters:?}");
}

/// However it waits, and at whatever moment: at once, without a connection that somebody makes to
/// wake it.
#[test]
fn shutdown_wakes_blocked_server_at_once() {
    type WaitFn = fn(TcpServer) -> bool;
    let ways: [WaitFn; 4] = [
        |server| server.accept().unwrap_err().is_cancelled(),
        |server| server.incoming().next().is_none(),
        |server| server.serve_sequential(|_| Ok(())).is_ok(),
        |server| server.serve(|_| Ok(())).is_ok(),
    ];
    for step in 0..20 {
        for wait in ways {
            let server = server();
            let handle = server.handle();
            let waiting = std::thread::spawn(move || wait(server));
            let moment = Instant::now() + Duration::from_micros(step * 100);
            while Instant::now() < moment {
                std::thread::yield_now();
            }
            let report = handle.shutdown(PATIENCE);
            let elapsed = moment.elapsed();
            assert!(waiting.join().unwrap());
            assert!(elapsed < SLACK, "{elapsed:?}");
            assert_eq!((report.served, report.drained, report.aborted, report.refused), (0, 0, 0, 0));
            assert!(std::net::TcpStream::connect(handle.local_addr()).is_err(), "the port is closed");
        }
    }
}

/// Forty connections wait in the system's queue; all are served, none is reset.
#[test]
fn shutdown_serves_backlog() {
    const WAITING: usize = 40;
    type ServeFn = fn(TcpServer) -> bool;
    fn answer(connection: TcpConnection) -> socketry::tcp::HandlerResult {
        let question = connection.recv_text(100)?;
        Ok(connection.send(format!("answer to {question}"))?)
    }
    let ways: [ServeFn; 4] = [
        |server| server.serve(answer).is_ok(),
        |server| server.serve_sequential(answer).is_ok(),
        |server| server.incoming().all(|connection| answer(connection.unwrap()).is_ok()),
        |server| TcpServer::serve(server, answer).is_ok(),
    ];
    for (number, serve) in ways.into_iter().enumerate() {
        // The last one has few threads for many.
        let builder = if number == 3 { TcpServer::builder().threads(2) } else { TcpServer::builder() };
        let server = builder.bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let clients: Vec<_> = (0..WAITING).map(|_| client_of(handle.local_addr())).collect();
        handle.begin_shutdown(PATIENCE);
        let serving = std::thread::spawn(move || serve(server));
        for (number, client) in clients.iter().enumerate() {
            client.send(number.to_string()).unwrap();
        }
        for (number, client) in clients.into_iter().enumerate() {
            let answer = client.recv_to_end(100).unwrap();
            assert_eq!(answer, format!("answer to {number}").as_bytes());
        }
        let report = handle.shutdown(PATIENCE);
        assert!(serving.join().unwrap());
        assert_eq!((report.drained, report.aborted), (WAITING as u64, 0), "{report}");
        assert_counters_add_up(handle.counters());
    }
}

#[test]
fn shutdown_lets_handlers_finish() {
    // Whether the port is closed takes a second to see: dropped SYNs are retried.
    let server = TcpServer::builder().shutdown_idle_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let (begun, beginning) = mpsc::channel();
    let begun = std::sync::Mutex::new(begun);
    let serving = std::thread::spawn(move || {
        server.serve(move |connection| {
            begun.lock().unwrap().send(()).unwrap();
            let text = connection.recv_text(100)?;
            Ok(connection.send(text)?)
        })
    });
    let client = client_of(handle.local_addr());
    beginning.recv_timeout(PATIENCE).unwrap();
    handle.begin_shutdown(PATIENCE);
    eventually("the port is closed", || std::net::TcpStream::connect(handle.local_addr()).is_err());
    client.send("late").unwrap();
    assert_eq!(client.recv_to_end(100).unwrap(), b"late");
    let report = serving.join().unwrap().unwrap();
    // Those that looked whether the port is closed are among them.
    assert!((report.served, report.aborted) == (0, 0) && report.drained >= 1, "{report}");
}

/// One waits for a client that says nothing, one computes for ever, one sends to a client that does
/// not read.
#[test]
fn shutdown_timeout_aborts_remaining_connections() {
    let server = server();
    let handle = server.handle();
    let (ends, ended) = mpsc::channel();
    let ends = std::sync::Mutex::new(ends);
    let serving = std::thread::spawn(move || {
        server.serve(move |connection| {
            connection.send("begun")?;
            let what = connection.recv(1)?;
            let result = match &what[..] {
                b"r" => connection.recv(1).map(drop),
                b"w" => connection.send(vec![0; 64 << 20]),
                b"p" => return Ok(connection.recv(1).map(drop)?),
                _ => loop {
                    std::thread::sleep(Duration::from_secs(3_600));
                },
            };
            ends.lock().unwrap().send(result.unwrap_err().is_cancelled()).unwrap();
            Ok(())
        })
    });
    let clients = ["r", "w", "c", "r", "p"].map(|what| {
        let client = client_of(handle.local_addr());
        assert_eq!(client.recv(10).unwrap(), b"begun");
        client.send(what).unwrap();
        client
    });
    let grace = Duration::from_millis(150);
    let start = Instant::now();
    let report = handle.shutdown(grace);
    assert_elapsed(start, grace);
    assert_eq!((report.served, report.drained, report.aborted), (0, 0, 5), "{report}");
    assert_eq!(serving.join().unwrap().unwrap(), report, "who serves returns, with a handler left behind");
    for _ in 0..3 {
        assert!(ended.recv_timeout(PATIENCE).unwrap(), "the handler is told that it was stopped");
    }
    // A reset, so that a part of an answer does not look whole; elsewhere it can be an end.
    let end = clients[2].recv(10);
    match cfg!(target_os = "linux") {
        true => assert_eq!(end.unwrap_err().kind(), socketry::ErrorKind::ConnectionReset),
        false => assert!(end.map_or(true, |end| end.is_empty())),
    }
    assert_eq!(handle.counters().aborted, 5);
    assert_eq!(handle.counters().failed, 0, "what was cut is not a failure of the handler");
}

/// Returns whether one of several tries takes less than the two seconds of a lingering close: a
/// busy machine may delay some.
fn is_quick_once(mut attempt: impl FnMut() -> Duration) -> bool {
    (0..5).any(|_| attempt() < Duration::from_millis(1_500))
}

/// A client that never closes its connection does not delay a shutdown beyond the shutdown's own
/// timeout.
#[test]
fn shutdown_timeout_bounds_lingering_close() {
    let is_quick = is_quick_once(|| {
        let server = server();
        let handle = server.handle();
        let serving = std::thread::spawn(move || server.serve(|connection| Ok(connection.send("bye")?)));
        let client = client_of(handle.local_addr());
        assert_eq!(client.recv_to_end(10).unwrap(), b"bye");
        let start = Instant::now();
        let report = handle.shutdown(Duration::from_millis(100));
        let elapsed = start.elapsed();
        assert_eq!(report.served + report.drained + report.aborted, 1);
        serving.join().unwrap().unwrap();
        elapsed
    });
    assert!(is_quick, "every shutdown has waited for the lingering close");
}

/// A program that exits after its server's shutdown resets no connection: the shutdown waits for
/// lingering ones.
#[test]
fn shutdown_waits_for_lingering_close() {
    let stay = Duration::from_millis(200);
    let is_quick = is_quick_once(|| {
        let server = server();
        let handle = server.handle();
        let serving = std::thread::spawn(move || server.serve(|connection| Ok(connection.send("bye")?)));
        let client = client_of(handle.local_addr());
        assert_eq!(client.recv_to_end(10).unwrap(), b"bye");
        let start = Instant::now();
        let leaving = std::thread::spawn(move || {
            // The test's subject is time.
            std::thread::sleep(stay);
            drop(client);
        });
        handle.shutdown(PATIENCE);
        let elapsed = start.elapsed();
        assert!(elapsed >= stay, "{elapsed:?}");
        leaving.join().unwrap();
        serving.join().unwrap().unwrap();
        elapsed
    });
    assert!(is_quick, "no shutdown has noticed that the client closed its connection");
}

/// Whoever comes all the time cannot keep a server from ending.
#[test]
fn shutdown_returns_under_load() {
    let server = TcpServer::builder().backlog(16).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || server.serve(|connection| Ok(connection.send("x")?)));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let address = handle.local_addr();
                while let Ok(client) = socketry::TcpClient::new().connect(address) {
                    let _ = client.recv(1);
                }
            });
        }
        eventually("some are served", || handle.counters().served > 100);
        let start = Instant::now();
        let report = handle.shutdown(PATIENCE);
        assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
        assert_eq!(report.aborted, 0);
    });
    assert_counters_add_up(handle.counters());
    serving.join().unwrap().unwrap();
}

#[test]
fn cancel_begins_shutdown() {
    for cancelled_before in [true, false] {
        let token = CancelToken::new().unwrap();
        if cancelled_before {
            token.cancel();
        }
        let builder = TcpServer::builder().cancel_token(&token).shutdown_timeout(PATIENCE);
        let server = builder.max_connections(1).bind("127.0.0.1:0").unwrap();
        let address = server.local_addr();
        let serving = std::thread::spawn(move || server.serve(|_| Ok(())));
        if !cancelled_before {
            client_of(address);
        }
        token.cancel();
        serving.join().unwrap().unwrap();
    }
}

/// Who is inside when the cancel token is cancelled has the grace to finish: five seconds, unless
/// somebody says otherwise.
#[test]
fn cancel_gives_handlers_shutdown_timeout() {
    for grace in [None, Some(Duration::ZERO)] {
        let token = CancelToken::new().unwrap();
        let builder = TcpServer::builder().cancel_token(&token);
        let builder = grace.map_or(builder.clone(), |grace| builder.shutdown_timeout(grace));
        let server = builder.bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let serving =
            std::thread::spawn(move || server.serve(|connection| Ok(connection.recv(1).map(drop)?)));
        let client = client_of(handle.local_addr());
        eventually("it is inside", || handle.counters().active == 1);
        token.cancel();
        if grace.is_none() {
            eventually("the port is closed", || TcpClient::new().connect(handle.local_addr()).is_err());
            client.send("x").unwrap();
        }
        let report = serving.join().unwrap().unwrap();
        // Those who asked whether the port is closed may have been in its queue.
        assert_eq!(
            (report.drained > 0, report.aborted),
            (grace.is_none(), grace.iter().len() as u64),
            "{report}"
        );
    }
}

/// At the limit nobody waits for connections, but for somebody to leave.
#[test]
fn shutdown_at_connection_limit_serves_waiting_client() {
    let server = TcpServer::builder().max_connections(1).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let (inside, waiting) = (client_of(handle.local_addr()), client_of(handle.local_addr()));
    let connection = server.accept().unwrap();
    std::thread::scope(|scope| {
        let accepting = scope.spawn(|| server.accept());
        handle.begin_shutdown(PATIENCE);
        drop((inside, connection));
        let last = accepting.join().unwrap().unwrap();
        assert_eq!(last.peer_addr(), waiting.local_addr().unwrap(), "the one that waited is served");
    });
    assert!(server.accept().unwrap_err().is_cancelled());
}

#[test]
fn concurrent_shutdown_and_wait_all_return() {
    let server = server();
    let handle = server.handle();
    let serving = std::thread::spawn(move || server.serve(|connection| Ok(connection.recv(1).map(drop)?)));
    let client = client_of(handle.local_addr());
    eventually("it is inside", || handle.counters().active == 1);
    std::thread::scope(|scope| {
        let waiting = [
            scope.spawn(|| handle.shutdown(PATIENCE)),
            scope.spawn(|| handle.shutdown(2 * PATIENCE)),
            scope.spawn(|| handle.wait()),
        ];
        drop(client);
        for waiting in waiting {
            let report = waiting.join().unwrap();
            assert_eq!((report.served + report.drained, report.aborted), (1, 0));
        }
    });
    serving.join().unwrap().unwrap();
}

/// Fifty clients come without a pause, also in the moment between the last accept and the end of
/// the listener: who is connected is answered.
#[test]
#[cfg(target_os = "linux")]
fn shutdown_under_load_resets_no_client() {
    if !namespaces::as_root() {
        return;
    }
    for _ in 0..5 {
        let server = server();
        let handle = server.handle();
        let serving = std::thread::spawn(move || {
            server.serve(|connection| {
                let mut lines = connection.lines(socketry::Encoding::Utf8);
                lines.send(std::process::id().to_string())?;
                while let Some(line) = lines.recv()? {
                    lines.send(line)?;
                }
                Ok(())
            })
        });
        let load = crate::kit::load::Load::start(handle.local_addr(), 50);
        load.more(100);
        let report = handle.shutdown(PATIENCE);
        let (answered, _, failures) = load.end();
        serving.join().unwrap().unwrap();
        assert!(failures.is_empty(), "{failures:?}");
        assert_eq!(report.served + report.drained, answered, "{report}");
    }
}
