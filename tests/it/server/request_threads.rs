//! The threads of a server: none is missing after a silence, at an end, or beside long handlers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::obedient::{ask, ms, serve};
#[cfg(unix)]
use super::obedient::{busy_client, cpu};
use crate::kit::*;
use socketry::tcp::ServerHandle;
use socketry::{Encoding, TcpConnection, TcpServer};

/// All waiting threads exit after 10 s, since parked ones count.
#[test]
fn question_after_a_silence_is_answered_soon() {
    let (handle, _serving) = serve(TcpServer::builder());
    silence(
        &handle,
        true,
        |handle| {
            let client = client_of(handle.local_addr());
            ask(&client, "first");
        },
        |client, millis| client.send(format!("sleep {millis}\n")).unwrap(),
    );
}

#[test]
fn question_after_a_silence_is_answered_soon_by_serve() {
    let server = TcpServer::builder().bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    std::thread::spawn(move || {
        server.serve(|connection| {
            let mut lines = connection.lines(Encoding::Utf8);
            while let Some(line) = lines.recv()? {
                if let Some(millis) = line.strip_prefix("sleep ") {
                    std::thread::sleep(ms(millis.parse()?));
                }
                lines.send(format!("{line}!"))?;
            }
            Ok(())
        })
    });
    silence(
        &handle,
        false,
        |handle| {
            let client = client_of(handle.local_addr());
            ask(&client, "first");
        },
        |client, millis| client.send(format!("sleep {millis}\n")).unwrap(),
    );
}

fn silence(
    handle: &ServerHandle,
    stays: bool,
    question: impl Fn(&ServerHandle),
    sleep: impl Fn(&TcpConnection, u64),
) {
    // First, a burst of short ones beside 20 long ones: there are threads that wait when the long ones end.
    let long: Vec<_> = (0..20).map(|_| client_of(handle.local_addr())).collect();
    long.iter().for_each(|client| sleep(client, 8000));
    let short: Vec<_> = (0..20).map(|_| client_of(handle.local_addr())).collect();
    short.iter().for_each(|client| sleep(client, 1000));
    short.iter().for_each(|client| drop(client.recv(100).unwrap()));
    drop(short);
    long.iter().for_each(|client| drop(client.recv(100).unwrap()));
    // With `serve`, the end of its handler. With requests, connections that stay are no event.
    if !stays {
        long.iter().for_each(|client| client.half_close().unwrap());
    }
    // The short ones were done 7 s ago.
    std::thread::sleep(ms(4500));
    let start = Instant::now();
    question(handle);
    assert!(start.elapsed() < ms(1500), "{:?}", start.elapsed());
}

/// The thread that ends the last connection is parked, and the shutdown ends with that connection.
fn shutdown_ends_with_the_last(word: &str, half_closes: bool) {
    for _ in 0..3 {
        let (handle, serving) = serve(TcpServer::builder());
        let clients: Vec<_> = (0..20).map(|_| client_of(handle.local_addr())).collect();
        let last = client_of(handle.local_addr());
        last.send(format!("{word} 2500\n")).unwrap();
        clients.iter().for_each(|client| client.send(format!("{word} 100\n")).unwrap());
        clients.iter().for_each(|client| drop(client.recv(100).unwrap()));
        drop(clients);
        std::thread::sleep(ms(100));
        if half_closes {
            last.half_close().unwrap();
        }
        let start = Instant::now();
        let shutdown = std::thread::spawn({
            let handle = handle.clone();
            move || handle.shutdown(PATIENCE)
        });
        assert_eq!(last.recv(100).unwrap(), format!("{word} 2500!\n").as_bytes());
        // A client that has ended its stream stays open.
        let _kept = half_closes.then_some(last);
        shutdown.join().unwrap();
        assert!(start.elapsed() < ms(4000), "{:?}", start.elapsed());
        serving.join().unwrap();
    }
}

#[test]
fn shutdown_ends_when_the_last_connection_does() {
    shutdown_ends_with_the_last("bye", false);
}

#[test]
fn shutdown_ends_when_the_last_client_has_gone() {
    shutdown_ends_with_the_last("sleep", true);
}

/// The thread that ends the last connection is parked, and those that poll are not notified: the server ends
/// when one of them has waited for 10 s.
#[test]
fn end_of_the_last_connection_ends_the_shutdown() {
    // At the end of this time, and each 250 ms from then on, a thread is woken by chance.
    let (handle, serving) = serve(TcpServer::builder().shutdown_idle_timeout(Duration::from_secs(15)));
    let last = client_of(handle.local_addr());
    last.send("bye 3000\n").unwrap();
    let processors = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    let other: Vec<_> = (1..processors).map(|_| client_of(handle.local_addr())).collect();
    other.iter().for_each(|other| other.send("bye 300\n").unwrap());
    other.iter().for_each(|other| assert_eq!(other.recv(100).unwrap(), b"bye 300!\n"));
    drop(other);
    std::thread::sleep(ms(100));
    let start = Instant::now();
    let shutdown = std::thread::spawn({
        let handle = handle.clone();
        move || handle.shutdown(PATIENCE)
    });
    assert_eq!(last.recv(100).unwrap(), b"bye 3000!\n");
    drop(last);
    let answered = start.elapsed();
    shutdown.join().unwrap();
    serving.join().unwrap();
    assert!(start.elapsed() < answered + ms(1000), "{:?} after the last answer", start.elapsed() - answered);
}

/// An abort at any moment ends the server.
#[test]
fn abort_amid_requests_ends() {
    for round in 0..150 {
        let (handle, serving) = serve(TcpServer::builder());
        let clients: Vec<_> = (0..12)
            .map(|number| {
                let client = client_of(handle.local_addr());
                std::thread::spawn(move || {
                    let mut lines = client.lines(Encoding::Utf8);
                    let question = if number % 3 == 0 { "sleep 1" } else { "x" };
                    while lines.send(question).is_ok() && matches!(lines.recv(), Ok(Some(_))) {}
                })
            })
            .collect();
        eventually("some requests", || handle.counters().requests > 50 + 7 * round);
        let start = Instant::now();
        let report = handle.shutdown(Duration::ZERO);
        assert!(start.elapsed() < ms(3000), "{:?} {report}", start.elapsed());
        serving.join().unwrap();
        clients.into_iter().for_each(|client| client.join().unwrap());
    }
}

/// 50 long conversations at once, then short ones.
#[test]
fn short_conversations_beside_long_ones_do_not_wait() {
    let server = TcpServer::builder().bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    std::thread::spawn(move || {
        server.serve(|connection| {
            let mut lines = connection.lines(Encoding::Utf8);
            while let Some(line) = lines.recv()? {
                lines.send(format!("{line}!"))?;
            }
            Ok(())
        })
    });
    let mut worst = Duration::ZERO;
    for _ in 0..4 {
        let long: Vec<_> = (0..50).map(|_| client_of(handle.local_addr())).collect();
        for client in &long {
            let start = Instant::now();
            ask(client, "long");
            worst = worst.max(start.elapsed());
        }
        for _ in 0..200 {
            let start = Instant::now();
            ask(&client_of(handle.local_addr()), "short");
            worst = worst.max(start.elapsed());
        }
        drop(long);
        for _ in 0..200 {
            let start = Instant::now();
            ask(&client_of(handle.local_addr()), "short");
            worst = worst.max(start.elapsed());
        }
    }
    assert!(worst < ms(500), "{worst:?}");
}

#[test]
fn limits_of_peers_and_refusals_lose_no_client() {
    let (handle, serving) = serve(TcpServer::builder().threads(2).max_connections_per_peer(3));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let handle = &handle;
            scope.spawn(move || {
                for _ in 0..60 {
                    let mut client = TcpStream::connect(handle.local_addr()).unwrap();
                    client.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
                    let _ = client.write_all(b"ask\n");
                    let mut answer = Vec::new();
                    let _ = client.shutdown(std::net::Shutdown::Write);
                    match client.read_to_end(&mut answer) {
                        Ok(_) => assert!(answer == b"ask!\n" || answer.is_empty(), "{answer:?}"),
                        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
                    }
                }
            });
        }
    });
    let report = handle.shutdown(PATIENCE);
    assert_eq!((report.failed, report.aborted), (0, 0), "{report}");
    assert_eq!(report.served + report.drained + report.refused, 480, "{report}");
    serving.join().unwrap();
}

#[test]
fn backlog_of_a_full_server_is_served_in_a_shutdown() {
    for threads in [1, 2] {
        let builder =
            TcpServer::builder().threads(threads).max_connections(1).shutdown_idle_timeout(ms(3000));
        let (handle, serving) = serve(builder);
        let first = client_of(handle.local_addr());
        ask(&first, "first");
        let waiting: Vec<_> = (0..5).map(|_| client_of(handle.local_addr())).collect();
        waiting.iter().for_each(|client| client.send("ask\n").unwrap());
        handle.begin_shutdown(PATIENCE);
        std::thread::sleep(ms(100));
        ask(&first, "last");
        for client in &waiting {
            assert_eq!(client.recv(100).unwrap(), b"ask!\n");
            assert_eq!(client.recv(100).unwrap(), b"");
        }
        drop((first, waiting));
        let report = handle.wait();
        assert_eq!((report.drained, report.aborted, report.failed), (6, 0, 0), "{report}");
        serving.join().unwrap();
    }
}

#[test]
fn write_limits_that_a_handler_sets_hold_for_replies_that_wait() {
    for question in ["write 300", "stall 300", "deadline 300"] {
        let (handle, _serving) = serve(TcpServer::builder().threads(2));
        let mut client = TcpStream::connect(handle.local_addr()).unwrap();
        writeln!(client, "{question}").unwrap();
        std::thread::sleep(ms(50));
        writeln!(client, "large 16000000").unwrap();
        let start = Instant::now();
        eventually("it has", || handle.counters().accepted == 1);
        eventually("it is closed", || handle.counters().active == 0);
        assert!(start.elapsed() < ms(1500), "{question} {:?}", start.elapsed());
        let _ = client.read(&mut [0; 10]);
    }
}

#[test]
fn many_expire_at_once_and_drops_of_bytes_do_not_help() {
    for threads in [1, 2] {
        let (handle, serving) = serve(TcpServer::builder().threads(threads).read_timeout(ms(600)));
        let clients: Vec<_> = (0..200).map(|_| client_of(handle.local_addr())).collect();
        let start = Instant::now();
        while start.elapsed() < ms(500) {
            clients[..20].iter().for_each(|client| client.send("x").unwrap());
            std::thread::sleep(ms(5));
        }
        while start.elapsed() < ms(1100) {
            clients[..20].iter().for_each(|client| drop(client.send("x")));
            std::thread::sleep(ms(5));
        }
        assert_eq!(handle.counters().expired, 200, "{:?}", handle.counters());
        let report = handle.shutdown(PATIENCE);
        assert_eq!((report.failed, report.aborted), (0, 0), "{report}");
        serving.join().unwrap();
    }
}

#[test]
#[cfg(unix)]
fn servers_that_wait_take_no_processor_time() {
    // The processor time is that of the process.
    if !children::in_own_process() {
        return;
    }
    let quiet = |what: &str| {
        std::thread::sleep(ms(300));
        let start = cpu();
        std::thread::sleep(ms(700));
        let used = cpu() - start;
        assert!(used < ms(30), "{what}: {used:?}");
    };
    let (handle, _serving) = serve(TcpServer::builder().max_connections(304));
    let idle: Vec<_> = (0..300).map(|_| client_of(handle.local_addr())).collect();
    idle.iter().for_each(|client| ask(client, "ask"));
    quiet("300 idle");
    let kept = client_of(handle.local_addr());
    ask(&kept, "keep");
    kept.half_close().unwrap();
    quiet("half-closed, kept");
    let kept = busy_client(&handle);
    ask(&kept, "keep");
    kept.half_close().unwrap();
    quiet("half-closed after it was followed, kept");
    let mut pending = TcpStream::connect(handle.local_addr()).unwrap();
    pending.write_all(b"large 16000000\n").unwrap();
    quiet("pending");
    pending.write_all(b"large 16000000\n").unwrap();
    pending.shutdown(std::net::Shutdown::Write).unwrap();
    quiet("pending, half-closed");
    let mut busy = busy_client(&handle);
    busy.send("par").unwrap();
    quiet("begun");
    let more: Vec<_> = (0..20).map(|_| TcpStream::connect(handle.local_addr()).unwrap()).collect();
    more.iter().for_each(|mut client| client.write_all(b"ask\n").unwrap());
    quiet("at capacity");
    busy = idle.into_iter().last().unwrap();
    drop(busy);
    for mut client in more {
        let mut answer = [0; 5];
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.read_exact(&mut answer).unwrap();
        drop(client);
    }
}
