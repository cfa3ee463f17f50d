//! The serve loop: handlers on several threads, errors and panics, replies, counters, shutdown.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::udp::{
    HandlerResult, UdpRequest, UdpServer, UdpServerEvent, UdpServerHandle, UdpShutdownReport,
};
use socketry::{CancelToken, Encoding, ErrorKind, Retry, UdpEndpoint};

type Serving = JoinHandle<Result<UdpShutdownReport, socketry::Error>>;

fn start(
    server: UdpServer,
    handler: impl Fn(&mut UdpRequest<'_>) -> HandlerResult + Send + Sync + 'static,
) -> (UdpServerHandle, Serving) {
    let handle = server.handle();
    (handle, std::thread::spawn(move || server.serve(handler)))
}

fn echo(request: &mut UdpRequest<'_>) -> HandlerResult {
    Ok(request.reply(request.bytes())?)
}

fn client_of(handle: &UdpServerHandle) -> UdpEndpoint {
    let port = handle.local_addr().port();
    UdpEndpoint::builder().read_timeout(PATIENCE).connect(("127.0.0.1", port)).unwrap()
}

/// A server whose handlers block until they are released, and report when they begin.
fn blocking_server(threads: usize) -> (UdpServerHandle, Serving, Receiver<()>, Sender<()>) {
    let (entered, has_entered) = channel();
    let (release, released) = channel::<()>();
    let (entered, released) = (Mutex::new(entered), Mutex::new(released));
    let server = UdpServer::bind("127.0.0.1:0").unwrap().threads(threads);
    let (handle, serving) = start(server, move |request| {
        entered.lock().unwrap().send(())?;
        let _ = released.lock().unwrap().recv_timeout(PATIENCE);
        Ok(request.reply("done")?)
    });
    (handle, serving, has_entered, release)
}

#[test]
fn server_replies_from_the_address_of_the_request() {
    let mut binds =
        vec![("0.0.0.0:0", vec!["127.0.0.1"]), ("[::]:0", vec!["::1"]), ("127.0.0.1:0", vec!["127.0.0.1"])];
    if cfg!(target_os = "linux") {
        binds[0].1.extend(["127.0.0.2", "127.0.0.3"]);
    }
    for (address, asked) in binds {
        let Ok(server) = UdpServer::bind(address) else {
            skip(Need::Ipv6, format!("{address} cannot be bound"));
            continue;
        };
        let (handle, serving) = start(server.threads(3), echo);
        let port = handle.local_addr().port();
        for ip in &asked {
            let ip: IpAddr = ip.parse().unwrap();
            let client =
                UdpEndpoint::builder().read_timeout(PATIENCE).connect(SocketAddr::new(ip, port)).unwrap();
            for number in 0..20_u8 {
                client.send([number; 30]).unwrap();
                assert_eq!(client.recv().unwrap().bytes(), [number; 30]);
            }
        }
        let report = handle.shutdown(PATIENCE);
        let expected = 20 * asked.len() as u64;
        assert_eq!((report.counters.requests, report.counters.replies), (expected, expected));
        assert_eq!((report.unfinished, report.counters.active), (0, 0));
        assert_eq!(serving.join().unwrap().unwrap(), report);
    }
}

/// Many clients at the same time, and no reply is lost, doubled or sent to another client.
#[test]
fn each_client_receives_its_own_replies() {
    const CLIENTS: usize = 8;
    const REQUESTS: usize = 400;
    let endpoint = UdpEndpoint::builder().receive_buffer_size(1 << 20).bind("0.0.0.0:0").unwrap();
    let (handle, serving) = start(UdpServer::new(endpoint).unwrap().threads(4), echo);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let handle = &handle;
            scope.spawn(move || {
                let client = client_of(handle);
                // A few requests are on their way at any time.
                let mut missing = HashSet::new();
                for index in 0..REQUESTS {
                    let request = format!("{number} {index}");
                    client.send(&*request).unwrap();
                    missing.insert(request);
                    if missing.len() == 8 {
                        let reply = client.recv().unwrap();
                        assert!(missing.remove(&*reply.text().unwrap()), "{reply:?}");
                    }
                }
                while !missing.is_empty() {
                    let reply = client.recv().unwrap();
                    assert!(missing.remove(&*reply.text().unwrap()), "{reply:?}");
                }
            });
        }
    });
    let report = handle.shutdown(PATIENCE);
    let expected = (CLIENTS * REQUESTS) as u64;
    assert_eq!((report.counters.requests, report.counters.replies), (expected, expected));
    serving.join().unwrap().unwrap();
}

#[test]
fn handler_can_reply_several_times_or_to_another_address() {
    let other = local();
    let to = other.local_addr();
    let server = UdpServer::bind("127.0.0.1:0").unwrap().threads(1);
    let (handle, serving) = start(server, move |request| {
        match request.bytes() {
            b"none" => {}
            b"many" => (0..40_u8).try_for_each(|number| request.reply([number; 9]))?,
            b"flush" => {
                request.reply("first")?;
                request.flush();
                request.reply("second")?;
            }
            _ => request.send_to(request.bytes(), to)?,
        }
        Ok(())
    });
    let client = client_of(&handle);
    for request in ["none", "many", "flush", "other"] {
        client.send(request).unwrap();
    }
    for number in 0..40_u8 {
        assert_eq!(client.recv().unwrap().bytes(), [number; 9]);
    }
    assert_eq!(client.recv().unwrap().bytes(), b"first");
    assert_eq!(client.recv().unwrap().bytes(), b"second");
    assert_eq!(other.recv_timeout(PATIENCE).unwrap().bytes(), b"other");
    let report = handle.shutdown(PATIENCE);
    assert_eq!((report.counters.requests, report.counters.replies), (4, 43));
    serving.join().unwrap().unwrap();
}

/// A reply is not held back while the handler of another request of the same thread blocks.
#[test]
fn flushed_reply_arrives_while_the_handler_works() {
    let barrier = Arc::new(Barrier::new(2));
    let wait = Arc::clone(&barrier);
    let (handle, serving) = start(UdpServer::bind("127.0.0.1:0").unwrap().threads(1), move |request| {
        request.reply("accepted")?;
        request.flush();
        wait.wait();
        Ok(())
    });
    let client = client_of(&handle);
    client.send("job").unwrap();
    assert_eq!(client.recv().unwrap().bytes(), b"accepted");
    assert_eq!(handle.counters().active, 1);
    barrier.wait();
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

#[test]
fn errors_and_panics_end_their_request_only() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let endpoint = UdpEndpoint::builder().encoding(Encoding::Gb2312).max_datagram(20).bind("127.0.0.1:0");
    let server = UdpServer::new(endpoint.unwrap()).unwrap().threads(2).on_event(move |event| {
        let peer = match event {
            UdpServerEvent::HandlerFailed { peer, .. } | UdpServerEvent::HandlerPanicked { peer, .. } => {
                *peer
            }
            UdpServerEvent::ReceiveFailed { error } => error.peer_addr().unwrap(),
            other => panic!("{other}"),
        };
        seen.lock().unwrap().push(event.to_string().replace(&peer.to_string(), "PEER"));
        panic!("of the callback");
    });
    let (handle, serving) = start(server, |request| {
        match &*request.text()? {
            "panic" => panic!("oh"),
            "panic without text" => std::panic::panic_any(7),
            "unencodable" => request.reply("🦀")?,
            text => request.reply(text)?,
        }
        Ok(())
    });
    let client = client_of(&handle);
    let requests: [&[u8]; 5] = [b"panic", b"panic without text", b"unencodable", b"\xff\xff", &[b'x'; 21]];
    for request in requests {
        client.send(request).unwrap();
        // The next one is served.
        client.send("alive").unwrap();
        assert_eq!(client.recv().unwrap().bytes(), b"alive");
    }
    let report = handle.shutdown(PATIENCE);
    let counters = report.counters;
    assert_eq!((counters.panicked, counters.failed, counters.truncated), (2, 2, 1));
    assert_eq!((counters.requests, counters.replies), (9, 5));
    serving.join().unwrap().unwrap();
    let mut events = events.lock().unwrap().clone();
    events.sort();
    assert_eq!(events.len(), 5, "{events:?}");
    assert!(events[0].starts_with("handler of PEER failed: "), "{events:?}");
    assert_eq!(events[2..4], ["handler of PEER panicked", "handler of PEER panicked: oh"]);
    assert!(events[4].contains("21 bytes"), "{events:?}");
}

#[test]
fn threads_limit_the_handlers_that_run() {
    let (handle, serving, entered, release) = blocking_server(2);
    let client = client_of(&handle);
    (0..5).for_each(|_| client.send("work").unwrap());
    (0..2).for_each(|_| entered.recv_timeout(PATIENCE).unwrap());
    assert_eq!(handle.counters().active, 2);
    assert!(entered.try_recv().is_err(), "a third handler");
    // Those that wait are served when a thread is free, also in a shutdown.
    handle.begin_shutdown(PATIENCE);
    (0..5).for_each(|_| release.send(()).unwrap());
    let report = handle.wait();
    assert_eq!((report.counters.requests, report.counters.replies, report.unfinished), (5, 5, 0));
    (0..5).for_each(|_| assert_eq!(client.recv().unwrap().bytes(), b"done"));
    serving.join().unwrap().unwrap();
}

#[test]
fn shutdown_wakes_idle_threads_at_once() {
    for address in ["127.0.0.1:0", "0.0.0.0:0"] {
        let (handle, serving) = start(UdpServer::bind(address).unwrap().threads(8), echo);
        // The threads have begun to wait once a request was served; not all of them must.
        let client = client_of(&handle);
        client.send("x").unwrap();
        client.recv().unwrap();
        let report = handle.shutdown(PATIENCE);
        assert!(report.elapsed < PATIENCE / 2 && report.unfinished == 0, "{report}");
        assert_eq!(serving.join().unwrap().unwrap(), report);
        assert_eq!(handle.shutdown(PATIENCE), report, "a second one returns the same");
    }
}

#[test]
fn shutdown_ends_at_its_timeout_without_the_handler() {
    let (handle, serving, entered, release) = blocking_server(1);
    let client = client_of(&handle);
    client.send("work").unwrap();
    entered.recv_timeout(PATIENCE).unwrap();
    let start = Instant::now();
    let timeout = Duration::from_millis(50);
    let report = handle.shutdown(timeout);
    assert!(start.elapsed() >= timeout && report.elapsed >= timeout);
    assert_eq!((report.unfinished, report.counters.active), (1, 1));
    assert!(report.to_string().contains("1 unfinished"), "{report}");
    assert_eq!(serving.join().unwrap().unwrap(), report);
    release.send(()).unwrap();
}

#[test]
fn shutdown_of_zero_does_not_serve_the_backlog() {
    let (handle, serving, entered, release) = blocking_server(1);
    let client = client_of(&handle);
    (0..3).for_each(|_| client.send("work").unwrap());
    entered.recv_timeout(PATIENCE).unwrap();
    handle.begin_shutdown(Duration::ZERO);
    release.send(()).unwrap();
    assert!(handle.wait().counters.requests == 1);
    serving.join().unwrap().unwrap();
}

/// Clients that send without end do not keep the server from ending.
#[test]
fn flood_does_not_extend_a_shutdown() {
    let (handle, serving) = start(UdpServer::bind("127.0.0.1:0").unwrap().threads(1), |_| Ok(()));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let client = client_of(&handle);
        let (stop, sent) = (&stop, Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&sent);
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let _ = client.send([0; 9]);
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let patience = Instant::now() + PATIENCE;
        while sent.load(Ordering::Relaxed) < 1_000 && Instant::now() < patience {
            std::thread::yield_now();
        }
        let report = handle.shutdown(PATIENCE * 10);
        assert!(report.elapsed < PATIENCE * 5, "{report}");
        stop.store(true, Ordering::Relaxed);
    });
    serving.join().unwrap().unwrap();
}

#[test]
fn handler_sees_that_the_shutdown_has_begun() {
    let server = UdpServer::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let own = handle.clone();
    let (handle, serving) = {
        let (_, serving) = start(server, move |request| {
            assert!(!request.is_shutting_down());
            own.begin_shutdown(PATIENCE);
            assert!(request.is_shutting_down());
            Ok(request.reply("bye")?)
        });
        (handle, serving)
    };
    let client = client_of(&handle);
    client.send("end").unwrap();
    assert_eq!(client.recv().unwrap().bytes(), b"bye");
    let report = serving.join().unwrap().unwrap();
    assert_eq!((report.counters.panicked, report.counters.replies), (0, 1));
}

#[test]
fn cancel_token_of_the_endpoint_ends_the_server() {
    let token = CancelToken::new().unwrap();
    let endpoint = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0").unwrap();
    let (handle, serving) = start(UdpServer::new(endpoint).unwrap(), echo);
    let client = client_of(&handle);
    client.send("x").unwrap();
    client.recv().unwrap();
    token.cancel();
    assert_eq!(serving.join().unwrap().unwrap().counters.requests, 1);
    // One that is cancelled before it serves ends at once.
    let endpoint = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0").unwrap();
    UdpServer::new(endpoint).unwrap().serve(echo).unwrap();
}

#[test]
fn wait_is_limited_and_leaves_the_server_running() {
    let server = UdpServer::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let short = Duration::from_millis(20);
    assert!(handle.wait_timeout(short).unwrap_err().is_timeout());
    let error = handle.wait_deadline(Instant::now() + short).unwrap_err();
    assert_eq!((error.kind(), error.local_addr()), (ErrorKind::TimedOut, Some(handle.local_addr())));
    // A server that is dropped unserved has ended.
    drop(server);
    assert_eq!(handle.wait_timeout(PATIENCE).unwrap().counters.requests, 0);
    assert_eq!(handle.shutdown(PATIENCE).counters.requests, 0);
}

/// The socket is closed when the server has ended, also while a handle exists.
#[test]
fn port_is_free_after_the_end() {
    let (handle, serving) = start(UdpServer::bind("127.0.0.1:0").unwrap().threads(4), echo);
    let address = handle.local_addr();
    let report = handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
    UdpEndpoint::bind(address).unwrap();
    assert_eq!(handle.counters(), report.counters);
    // A server that was not served, and one that is dropped.
    for drops in [true, false] {
        let server = UdpServer::bind(address).unwrap();
        let handle = server.handle();
        if drops {
            drop(server);
        } else {
            handle.begin_shutdown(Duration::ZERO);
            server.serve(echo).unwrap();
        }
        UdpEndpoint::bind(address).unwrap();
        handle.wait();
    }
}

/// Requests that arrived before the shutdown are handled, those of a server under load included.
#[test]
fn shutdown_serves_the_receive_buffer() {
    let (handle, serving, entered, release) = blocking_server(1);
    let client = client_of(&handle);
    (0..100).for_each(|_| client.send("work").unwrap());
    entered.recv_timeout(PATIENCE).unwrap();
    let waiting = std::thread::spawn({
        let handle = handle.clone();
        move || handle.shutdown(PATIENCE)
    });
    (0..100).for_each(|_| release.send(()).unwrap());
    let report = waiting.join().unwrap();
    assert_eq!((report.counters.requests, report.counters.replies), (100, 100));
    assert_eq!(serving.join().unwrap().unwrap(), report);
}

/// Replies that the OS rejects are counted and reported, and the others are sent.
#[test]
fn reply_that_is_too_long_is_reported() {
    let (sender, events) = channel();
    let sender = Mutex::new(sender);
    let server = UdpServer::bind("127.0.0.1:0").unwrap().threads(1).on_event(move |event| {
        sender.lock().unwrap().send(event.to_string()).unwrap();
    });
    let (handle, serving) = start(server, |request| {
        request.reply("before")?;
        request.reply(vec![0; 65_508])?;
        Ok(request.reply("after")?)
    });
    let client = client_of(&handle);
    client.send("x").unwrap();
    assert_eq!(client.recv().unwrap().bytes(), b"before");
    assert_eq!(client.recv().unwrap().bytes(), b"after");
    let event = events.recv_timeout(PATIENCE).unwrap();
    assert!(event.contains("does not fit a datagram"), "{event}");
    let counters = handle.shutdown(PATIENCE).counters;
    assert_eq!((counters.replies, counters.reply_errors, counters.failed), (2, 1, 0));
    serving.join().unwrap().unwrap();
}

/// Endpoints with other options, as servers.
#[test]
fn every_endpoint_can_be_a_server() {
    let peer = local();
    let busy = UdpEndpoint::builder().busy_poll(Duration::from_micros(50));
    let reporting = UdpEndpoint::builder().report_unreachable(true);
    let past = UdpEndpoint::bind("127.0.0.1:0").unwrap();
    past.set_deadline(Instant::now());
    past.set_read_timeout(Duration::ZERO);
    let endpoints = [
        UdpEndpoint::connect(peer.local_addr()).unwrap(),
        busy.bind("127.0.0.1:0").unwrap(),
        reporting.bind("127.0.0.1:0").unwrap(),
        UdpEndpoint::builder().packet_info(true).bind("127.0.0.1:0").unwrap(),
        past,
    ];
    for endpoint in endpoints {
        let address = endpoint.local_addr();
        let (handle, serving) = start(UdpServer::new(endpoint).unwrap(), echo);
        for _ in 0..3 {
            peer.send_to("request", address).unwrap();
            assert_eq!(peer.recv_timeout(PATIENCE).unwrap().bytes(), b"request");
        }
        let report = handle.shutdown(PATIENCE);
        assert_eq!((report.counters.replies, report.unfinished), (3, 0), "{address}");
        serving.join().unwrap().unwrap();
    }
}

/// Requests over the crate's own client: resent when they are lost, matched by their reply.
#[test]
fn requests_are_answered_under_a_slow_handler() {
    let (handle, serving) = start(UdpServer::bind("127.0.0.1:0").unwrap().threads(4), |request| {
        if request.bytes().ends_with(b"0") {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(request.reply(request.bytes())?)
    });
    std::thread::scope(|scope| {
        for number in 0..4 {
            let client = client_of(&handle);
            scope.spawn(move || {
                for index in 0..50 {
                    let request = format!("{number} {index}");
                    let retry = Retry::single(PATIENCE);
                    let to = client.peer_addr().unwrap();
                    let reply = client
                        .request_with(&*request, to, &retry, |reply| reply.bytes() == request.as_bytes());
                    assert_eq!(reply.unwrap().text().unwrap(), request);
                }
            });
        }
    });
    assert_eq!(handle.shutdown(PATIENCE).counters.requests, 200);
    serving.join().unwrap().unwrap();
}
