//! A server of requests: idle connections hold nothing, and everything else is as with threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::frame::{LengthPrefixed, Lines};
use socketry::tcp::{ServerEvent, ServerHandle, TcpServerBuilder};
use socketry::{Encoding, TcpServer};

/// How many handlers of `meet` wait for each other.
const MEETING: usize = 10;

/// Answers each line by itself; `sleep N` takes so many milliseconds, `fail`, `panic` and `bye` do
/// what they say.
fn lines(
    builder: TcpServerBuilder,
) -> (ServerHandle, std::thread::JoinHandle<socketry::tcp::ShutdownReport>) {
    let server = builder.bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let all = std::sync::Barrier::new(MEETING);
    let serving = std::thread::spawn(move || {
        let served = server.serve_requests(Lines::new(Encoding::Gb2312), move |request| {
            match request.frame() {
                "fail" => return Err("as wished".into()),
                "panic" => panic!("as asked"),
                "bye" => request.close(),
                "meet" => drop(all.wait()),
                other => {
                    if let Some(milliseconds) = other.strip_prefix("sleep ") {
                        std::thread::sleep(Duration::from_millis(milliseconds.parse()?));
                    }
                }
            }
            let answer = format!("{}!", request.frame());
            Ok(request.reply(answer)?)
        });
        served.unwrap()
    });
    (handle, serving)
}

#[track_caller]
fn ask(client: &socketry::TcpConnection, question: &str) -> Option<String> {
    let mut lines = client.lines(Encoding::Gb2312);
    lines.send(question).unwrap();
    lines.recv().unwrap()
}

#[test]
fn serve_requests_handles_100_clients_with_fewer_threads() {
    let (handle, serving) = lines(TcpServer::builder());
    let clients: Vec<_> = (0..100).map(|_| client_of(handle.local_addr())).collect();
    for round in 0..3 {
        for client in clients.iter().rev() {
            assert_eq!(ask(client, &format!("你好 {round}")).unwrap(), format!("你好 {round}!"));
        }
    }
    // All at once.
    for (number, client) in clients.iter().enumerate() {
        client.send(format!("{number}\n")).unwrap();
    }
    for (number, client) in clients.iter().enumerate() {
        let answer = client.lines(Encoding::Utf8).recv().unwrap().unwrap();
        assert_eq!(answer, format!("{number}!"));
    }
    // They are counted when they are answered, and who was answered may look before that.
    eventually("all are counted", || handle.counters().requests == 400);
    let counters = handle.counters();
    assert_eq!(counters.active, 100);
    assert!(counters.threads < 60, "{} threads for a hundred idle connections", counters.threads);
    let start = Instant::now();
    let report = handle.shutdown(PATIENCE);
    assert!(start.elapsed() < Duration::from_secs(10), "idle connections are closed at once");
    assert_eq!((report.served, report.drained, report.aborted), (0, 100, 0));
    for client in &clients {
        assert_eq!(client.recv(10).unwrap(), b"", "the end, and no reset");
    }
    assert_eq!(serving.join().unwrap(), report);
}

/// A shutdown at any moment finds connections in the hands of threads, in the queue, and waiting:
/// none is forgotten.
#[test]
fn shutdown_amid_requests_returns_before_timeout() {
    for step in 0..40 {
        let (handle, serving) = lines(TcpServer::builder());
        let asking: Vec<_> = (0..4)
            .map(|_| {
                let client = client_of(handle.local_addr());
                std::thread::spawn(move || {
                    let mut lines = client.lines(Encoding::Utf8);
                    // It may end at any time, and every answer that comes is the right one.
                    while lines.send("x").is_ok() {
                        match lines.recv() {
                            Ok(Some(answer)) => assert_eq!(answer, "x!"),
                            _ => break,
                        }
                    }
                })
            })
            .collect();
        eventually("some requests", || handle.counters().requests > 4 + step);
        let start = Instant::now();
        let report = handle.shutdown(PATIENCE);
        assert!(start.elapsed() < PATIENCE / 2, "somebody was forgotten: {report}");
        asking.into_iter().for_each(|asking| asking.join().unwrap());
        serving.join().unwrap();
    }
}

#[test]
fn blocking_handlers_run_in_parallel() {
    let (handle, _serving) = lines(TcpServer::builder());
    let clients: Vec<_> = (0..MEETING).map(|_| client_of(handle.local_addr())).collect();
    clients.iter().for_each(|client| client.send("meet\n").unwrap());
    for client in &clients {
        assert_eq!(client.recv(100).unwrap(), b"meet!\n");
    }
    handle.shutdown(PATIENCE);
}

#[test]
fn pipelined_and_fragmented_requests_answered_in_order() {
    let (handle, _serving) = lines(TcpServer::builder());
    let client = client_of(handle.local_addr());
    let questions: String = (0..5_000).map(|number| format!("{number}\n")).collect();
    let sending = client.clone();
    let sending = std::thread::spawn(move || {
        sending.send(questions).unwrap();
        for byte in b"in pieces\n" {
            sending.send([*byte]).unwrap();
            std::thread::yield_now();
        }
    });
    let mut answers = client.lines(Encoding::Utf8);
    for number in 0..5_000 {
        assert_eq!(answers.recv_ref().unwrap(), Some(format!("{number}!").as_str()));
    }
    assert_eq!(answers.recv().unwrap().as_deref(), Some("in pieces!"));
    sending.join().unwrap();
    handle.shutdown(PATIENCE);
}

#[test]
fn failed_request_ends_only_its_connection() {
    let events = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&events);
    let (handle, _serving) = lines(TcpServer::builder().on_event(move |event| {
        let is_wrong =
            matches!(event, ServerEvent::HandlerFailed { .. } | ServerEvent::HandlerPanicked { .. });
        seen.fetch_add(usize::from(is_wrong), Ordering::SeqCst);
    }));
    let other = client_of(handle.local_addr());
    assert_eq!(ask(&other, "x").unwrap(), "x!");
    for (question, answer) in [("fail\n", ""), ("panic\n", ""), ("bye\n", "bye!\n"), ("sleep x\n", "")] {
        let client = client_of(handle.local_addr());
        client.send(question).unwrap();
        assert_eq!(client.recv_to_end(100).unwrap(), answer.as_bytes(), "{question}");
    }
    // Bytes that are no text, and a line without an end.
    for bytes in [b"\xFF\xFF\n".to_vec(), vec![b'x'; 200_000]] {
        let client = client_of(handle.local_addr());
        let _ = client.send(bytes);
        assert!(client.recv_to_end(100).is_ok_and(|end| end.is_empty()));
    }
    assert_eq!(ask(&other, "still here").unwrap(), "still here!");
    eventually("all is told", || events.load(Ordering::SeqCst) == 5);
    eventually("all but one are gone", || handle.counters().active == 1);
    let counters = handle.counters();
    assert_eq!((counters.failed, counters.panicked), (4, 1));
    handle.shutdown(PATIENCE);
}

#[test]
fn read_timeout_closes_silent_and_dripping_clients() {
    let wait = Duration::from_millis(600);
    let (handle, _serving) = lines(TcpServer::builder().read_timeout(wait));
    let (silent, dripping, busy) =
        (client_of(handle.local_addr()), client_of(handle.local_addr()), client_of(handle.local_addr()));
    let start = Instant::now();
    let drips = dripping.clone();
    std::thread::spawn(move || {
        // The test's subject is time.
        while drips.send("x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    // One that asks now and then begins anew with each request.
    let asking = std::thread::spawn(move || {
        while start.elapsed() < 3 * wait {
            assert_eq!(ask(&busy, "x").as_deref(), Some("x!"));
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    assert_eq!(silent.recv(1).unwrap(), b"");
    assert_elapsed(start, wait);
    let _ = dripping.recv_to_end(10);
    assert_elapsed(start, wait);
    asking.join().unwrap();
    assert_eq!(handle.counters().expired, 2);
    handle.shutdown(PATIENCE);
}

/// Requests that have arrived are answered, handlers go on, connections of the queue are taken, and
/// then it ends.
#[test]
fn shutdown_answers_received_and_queued_requests() {
    const WAITING: usize = 40;
    let (handle, serving) = lines(TcpServer::builder().threads(4));
    let inside: Vec<_> = (0..10).map(|_| client_of(handle.local_addr())).collect();
    for client in &inside {
        assert_eq!(ask(client, "x").as_deref(), Some("x!"));
    }
    for client in &inside {
        client.send("sleep 100\n").unwrap();
    }
    let queued: Vec<_> = (0..WAITING).map(|_| client_of(handle.local_addr())).collect();
    for client in &queued {
        client.send("late\n").unwrap();
    }
    let report = handle.shutdown(PATIENCE);
    for client in inside {
        assert_eq!(client.recv_to_end(100).unwrap(), b"sleep 100!\n");
    }
    for client in queued {
        assert_eq!(client.recv_to_end(100).unwrap(), b"late!\n");
    }
    assert_eq!((report.served + report.drained, report.aborted), (10 + WAITING as u64, 0), "{report}");
    assert_eq!(serving.join().unwrap(), report);
}

/// Those who waited in the queue when the shutdown began may ask once they are accepted; then they
/// are seen off.
#[test]
fn queued_client_may_send_request_after_shutdown_begins() {
    let server = server();
    let handle = server.handle();
    let queued: Vec<_> = (0..10).map(|_| client_of(handle.local_addr())).collect();
    handle.begin_shutdown(PATIENCE);
    let serving = std::thread::spawn(move || {
        server.serve_requests(Lines::new(Encoding::Utf8), |request| {
            let answer = format!("{}!", request.frame());
            Ok(request.reply(answer)?)
        })
    });
    eventually("all are accepted", || handle.counters().accepted == 10);
    for client in queued {
        assert_eq!(ask(&client, "late").as_deref(), Some("late!"));
        assert_eq!(client.recv(1).unwrap(), b"");
    }
    let report = serving.join().unwrap().unwrap();
    assert_eq!((report.drained, report.aborted), (10, 0), "{report}");
}

/// One connection that always has another request does not keep the only thread from the others.
#[test]
fn flooding_connection_leaves_turns_to_others() {
    let builder = TcpServer::builder().threads(1).read_timeout(PATIENCE).receive_buffer_size(1 << 20);
    let server = builder.bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || {
        server.serve_requests(Lines::new(Encoding::Utf8), |request| {
            if request.frame() == "ask" {
                return Ok(request.reply("answer")?);
            }
            // Slower than the client, so that every read fills the buffer.
            std::thread::sleep(Duration::from_millis(1));
            Ok(())
        })
    });
    let flooding = client_of(handle.local_addr());
    let flood = flooding.clone();
    let flooder = std::thread::spawn(move || {
        let line = [&[b'x'; 4_095][..], b"\n"].concat();
        while flood.send(line.repeat(64)).is_ok() {}
    });
    eventually("the flood is served", || handle.counters().requests > 0 || handle.counters().active > 0);
    let other = client_of(handle.local_addr());
    for _ in 0..3 {
        other.send("ask\n").unwrap();
        assert_eq!(other.recv(100).unwrap(), b"answer\n");
    }
    flooding.abort();
    flooder.join().unwrap();
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

#[test]
fn shutdown_timeout_abandons_stuck_handler() {
    let (handle, serving) = lines(TcpServer::builder());
    let (client, idle) = (client_of(handle.local_addr()), client_of(handle.local_addr()));
    client.send("sleep 3600000\n").unwrap();
    idle.send("the beginning of a request").unwrap();
    eventually("the handler runs", || handle.counters().threads > 1);
    let start = Instant::now();
    let report = handle.shutdown(Duration::from_millis(100));
    assert_elapsed(start, Duration::from_millis(100));
    assert_eq!((report.drained, report.aborted), (0, 2), "{report}");
    serving.join().unwrap();
}

#[test]
fn max_connections_makes_next_client_wait() {
    let (handle, _serving) = lines(TcpServer::builder().max_connections(5));
    let mut inside: Vec<_> = (0..5).map(|_| client_of(handle.local_addr())).collect();
    for client in &inside {
        assert_eq!(ask(client, "x").as_deref(), Some("x!"));
    }
    let next = client_of(handle.local_addr());
    next.send("waiting\n").unwrap();
    next.set_read_timeout(Duration::from_millis(50));
    assert_timed_out(next.recv(10));
    inside.pop();
    next.set_read_timeout(PATIENCE);
    assert_eq!(next.recv(100).unwrap(), b"waiting!\n");
    handle.shutdown(PATIENCE);
}

#[test]
fn serve_requests_accepts_length_prefixed_frames() {
    let server = server();
    let handle = server.handle();
    std::thread::spawn(move || {
        server.serve_requests(LengthPrefixed::u32(), |request| {
            let reversed: Vec<u8> = request.frame().iter().rev().copied().collect();
            Ok(request.reply(reversed)?)
        })
    });
    let mut client = client_of(handle.local_addr()).into_framed(LengthPrefixed::u32());
    let large: Vec<u8> = (0..1_000_000_u32).map(|number| number as u8).collect();
    for frame in [&b"abc"[..], b"", &large] {
        client.send(frame).unwrap();
        let expected: Vec<u8> = frame.iter().rev().copied().collect();
        assert!(client.recv().unwrap().unwrap() == expected);
    }
    handle.shutdown(PATIENCE);
}

/// Clients come without a pause, also in the moment between the last accept and the end of the
/// listener. Who is connected is answered or sees an end, and is not reset.
#[test]
#[cfg(target_os = "linux")]
fn shutdown_under_load_resets_no_client() {
    use std::io::{ErrorKind, Read, Write};
    use std::net::TcpStream;
    if !namespaces::as_root() {
        return;
    }
    let visit = |address| {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"question\n")?;
        stream.read_to_end(&mut Vec::new())
    };
    for _ in 0..8 {
        let server = server();
        let handle = server.handle();
        let serving = std::thread::spawn(move || {
            server.serve_requests(Lines::new(Encoding::Utf8), |request| {
                request.reply("answer")?;
                request.close();
                Ok(())
            })
        });
        let address = handle.local_addr();
        let clients = [(); 50].map(|()| {
            std::thread::spawn(move || {
                loop {
                    match visit(address) {
                        Ok(_) => {}
                        Err(error) => return error,
                    }
                }
            })
        });
        eventually("some are answered", || handle.counters().requests > 100);
        handle.shutdown(PATIENCE);
        serving.join().unwrap().unwrap();
        for client in clients {
            let error = client.join().unwrap();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
        }
    }
}
