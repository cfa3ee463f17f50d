//! Servers at their limits, under faults, and in shutdowns that no thread waits for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::frame::Lines as LineFraming;
use socketry::tcp::{OverLimit, ServerHandle, TcpServerBuilder};
use socketry::{CancelToken, Encoding, TcpServer};

/// Serves one exchange for each connection.
fn answering(builder: TcpServerBuilder) -> ServerHandle {
    let server = builder.bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    std::thread::spawn(move || {
        server.serve(|connection| {
            connection.recv(10)?;
            connection.send("answer")?;
            connection.recv(10)?;
            Ok(())
        })
    });
    handle
}

fn ask(handle: &ServerHandle) -> String {
    let mut client = TcpStream::connect(handle.local_addr()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = client.write_all(b"question");
    let mut answer = [0; 6];
    match client.read_exact(&mut answer) {
        Ok(()) => String::from_utf8_lossy(&answer).into_owned(),
        Err(_) => String::new(),
    }
}

#[test]
fn waiting_threads_take_no_places_of_a_refusing_server() {
    let handle = answering(TcpServer::builder().max_connections(1).when_full(OverLimit::Refuse));
    for _ in 0..20 {
        assert_eq!(ask(&handle), "answer", "{:?}", handle.counters());
        eventually("it has ended", || handle.counters().active == 0);
    }
    assert_eq!(handle.counters().refused, 0);
    handle.shutdown(PATIENCE);
}

#[test]
fn peer_over_its_limit_ends_no_graceful_close_of_others() {
    let server = TcpServer::builder().max_connections_per_peer(1).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let port = handle.local_addr().port();
    let serving = std::thread::spawn(move || {
        server.serve(|connection| {
            if connection.peer_addr().ip().to_string() == "127.0.0.9" {
                connection.recv_to_end(100)?;
            }
            Ok(())
        })
    });
    let from = |last: u8| {
        let client = socketry::TcpClient::builder().local_address(([127, 0, 0, last], 0));
        client.read_timeout(PATIENCE).connect(("127.0.0.1", port)).unwrap()
    };
    let held = from(9);
    let lingering: Vec<_> = (2..7).map(from).collect();
    eventually("they linger", || handle.counters().lingering == 5);
    for _ in 0..5 {
        let refused = from(9);
        assert!(refused.recv(1).map_or(true, |end| end.is_empty()));
    }
    let counters = handle.counters();
    assert_eq!((counters.refused, counters.lingering, counters.closed_early), (5, 5, 0), "{counters:?}");
    drop((held, lingering));
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

#[test]
fn lingering_connection_makes_place_in_a_request_server() {
    let server = TcpServer::builder().max_connections(1).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || {
        server.serve_requests(LineFraming::new(Encoding::Utf8), |request| {
            request.reply("ok")?;
            request.close();
            Ok(())
        })
    });
    let first = client_of(handle.local_addr());
    let second = client_of(handle.local_addr());
    second.send("hello\n").unwrap();
    let began = Instant::now();
    first.send("hello\n").unwrap();
    assert_eq!(first.recv_to_end(10).unwrap(), b"ok\n");
    assert_eq!(second.recv(10).unwrap(), b"ok\n");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    drop((first, second));
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

/// A connection lingers for its 2 s if no other one waits for its place.
#[test]
fn lingering_connection_stays_while_no_other_waits() {
    let server = TcpServer::builder().max_connections(1).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || server.serve(|connection| Ok(connection.send("x")?)));
    let client = client_of(handle.local_addr());
    assert_eq!(client.recv_to_end(10).unwrap(), b"x");
    std::thread::sleep(Duration::from_millis(500));
    let counters = handle.counters();
    assert_eq!((counters.lingering, counters.closed_early), (1, 0), "{counters:?}");
    drop(client);
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

#[test]
fn shutdown_timeout_applies_without_a_thread_that_waits_for_it() {
    let timeout = Duration::from_millis(200);
    // The token of the builder, and a handler that blocks in the only thread.
    let token = CancelToken::new().unwrap();
    let builder = TcpServer::builder().cancel_token(&token).shutdown_timeout(timeout);
    let server = builder.shutdown_idle_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || {
        server.serve_sequential(|connection| {
            connection.recv(10)?;
            Ok(())
        })
    });
    let _silent = client_of(handle.local_addr());
    eventually("it is served", || handle.counters().active == 1);
    let began = Instant::now();
    token.cancel();
    assert_eq!(serving.join().unwrap().unwrap().aborted, 1);
    assert_elapsed(began, timeout);
    // A thread in accept that waits for capacity.
    let server = TcpServer::builder().max_connections(1).bind("127.0.0.1:0").unwrap();
    let _client = client_of(server.local_addr());
    let _open = server.accept().unwrap();
    std::thread::scope(|scope| {
        let accepting = scope.spawn(|| server.accept().map(drop));
        server.handle().begin_shutdown(timeout);
        assert!(accepting.join().unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn shutdown_serves_any_number_of_queued_request_clients() {
    for clients in [63, 64, 65, 128] {
        let server = TcpServer::bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let serving = std::thread::spawn(move || {
            server.serve_requests(LineFraming::new(Encoding::Utf8), |request| Ok(request.reply("ok")?))
        });
        handle.suspend().unwrap();
        let waiting: Vec<_> =
            (0..clients).map(|_| TcpStream::connect(handle.local_addr()).unwrap()).collect();
        let began = Instant::now();
        let report = handle.shutdown(PATIENCE);
        assert!(began.elapsed() < PATIENCE / 2, "{clients}: {:?}", began.elapsed());
        assert_eq!((report.drained, report.aborted), (clients, 0), "{report}");
        drop(waiting);
        serving.join().unwrap().unwrap();
    }
}

#[test]
fn suspend_has_no_effect_on_a_shutdown() {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    handle.begin_shutdown(PATIENCE);
    handle.suspend().unwrap();
    let began = Instant::now();
    assert!(server.accept().unwrap_err().is_cancelled());
    assert!(began.elapsed() < PATIENCE / 2);
}

/// A connection that is accepted while the others are aborted is aborted, too.
#[test]
fn abort_reaches_connections_that_are_being_accepted() {
    for round in 0..60 {
        let server = TcpServer::bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let serving = std::thread::spawn(move || {
            server.serve(|connection| {
                let _ = connection.recv(1);
                Ok(())
            })
        });
        let address = handle.local_addr();
        let clients: Vec<_> =
            (0..3).map(|_| std::thread::spawn(move || TcpStream::connect(address))).collect();
        std::thread::sleep(Duration::from_micros(100 * (round % 16)));
        handle.shutdown(Duration::ZERO);
        serving.join().unwrap().unwrap();
        eventually("no handler is left", || handle.counters().threads == 0);
        assert_eq!(handle.counters().active, 0);
        drop(clients.into_iter().map(|client| client.join().unwrap()).collect::<Vec<_>>());
    }
}

#[test]
fn lower_limit_applies_to_threads_that_wait() {
    let server = TcpServer::builder().max_connections(5).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    std::thread::scope(|scope| {
        let accepts: Vec<_> =
            (0..5).map(|_| scope.spawn(|| server.accept_timeout(Duration::from_millis(400)))).collect();
        std::thread::sleep(Duration::from_millis(50));
        handle.set_max_connections(1);
        let clients: Vec<_> = (0..5).map(|_| TcpStream::connect(handle.local_addr()).unwrap()).collect();
        let accepted: Vec<_> = accepts.into_iter().filter_map(|accept| accept.join().unwrap().ok()).collect();
        assert_eq!(accepted.len(), 1);
        drop(clients);
    });
}

/// A reply that its client has not taken yet is not lost when the client sends more in a shutdown. Other
/// systems do not report whether all was sent.
#[cfg(target_os = "linux")]
#[test]
fn idle_close_of_a_shutdown_loses_no_reply() {
    const LENGTH: usize = 3 << 20;
    let builder = TcpServer::builder().shutdown_idle_timeout(Duration::from_millis(100));
    let server = builder.send_buffer_size(16 << 20).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || {
        server.serve(|connection| {
            while !connection.recv(100)?.is_empty() {
                connection.send(vec![7; LENGTH])?;
            }
            Ok(())
        })
    });
    let client = socketry::TcpClient::builder().receive_buffer_size(64 << 10).read_timeout(PATIENCE);
    let client = client.connect(handle.local_addr()).unwrap();
    client.send("question").unwrap();
    eventually("the reply is sent", || handle.counters().active == 1);
    std::thread::sleep(Duration::from_millis(50));
    handle.begin_shutdown(PATIENCE);
    std::thread::sleep(Duration::from_millis(400));
    let mut reply = vec![0; LENGTH];
    client.recv_exact(&mut reply[..1000]).unwrap();
    client.send("another").unwrap();
    client.recv_exact(&mut reply[1000..]).unwrap();
    assert!(reply.iter().all(|byte| *byte == 7));
    drop(client);
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

#[test]
fn copy_is_not_idle_in_a_shutdown() {
    let upstream = TcpServer::bind("127.0.0.1:0").unwrap();
    let address = upstream.local_addr();
    let receiving =
        std::thread::spawn(move || upstream.accept().unwrap().recv_to_end(1 << 20).unwrap().len());
    let builder = TcpServer::builder().shutdown_idle_timeout(Duration::from_millis(50));
    let server = builder.bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || {
        server.serve(move |connection| {
            let upstream = socketry::TcpClient::new().connect(address)?;
            socketry::tcp::copy_bidirectional(&connection, &upstream)?;
            Ok(())
        })
    });
    let client = client_of(handle.local_addr());
    for number in 0..20 {
        client.send([1; 1000]).unwrap();
        if number == 2 {
            handle.begin_shutdown(PATIENCE);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    client.half_close().unwrap();
    assert_eq!(client.recv_to_end(10).unwrap(), b"");
    assert_eq!(receiving.join().unwrap(), 20_000);
    assert_eq!(serving.join().unwrap().unwrap().aborted, 0);
}
