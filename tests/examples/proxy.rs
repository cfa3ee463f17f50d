//! `tcp_proxy` at work: between clients and a server that end, reset, or are silent.

use crate::kit::listening::*;
use crate::kit::*;
use socketry::{ErrorKind, TcpClient, TcpServer};

/// A proxy in front of this server.
fn proxy_of(server: &TcpServer, more: &[&str]) -> Listening {
    let to = server.local_addr().to_string();
    listen("tcp_proxy", &[&["127.0.0.1:0", "--to", &to], more].concat())
}

/// Each connection has its own lengths, so that either direction ends first.
#[test]
fn tcp_proxy_forwards_concurrent_connections_with_half_close() {
    let server = TcpServer::builder().read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let proxy = proxy_of(&server, &[]);
    let noise = |seed: usize, length: usize| -> Vec<u8> {
        (0..length).map(|at| ((at * (seed * 2 + 1)) >> 7) as u8 ^ at as u8).collect()
    };
    let serving = std::thread::spawn(move || {
        server.serve(|connection| {
            let question = connection.recv_to_end(1 << 20)?;
            connection.send(question.iter().map(|byte| !byte).collect::<Vec<u8>>())?;
            Ok(())
        })
    });
    std::thread::scope(|scope| {
        for seed in 0..50 {
            let address = proxy.address;
            scope.spawn(move || {
                let question = noise(seed, 200 * 1_024 + seed);
                let client = client_of(address);
                client.send(&question).unwrap();
                client.half_close().unwrap();
                let answer = client.recv_to_end(question.len()).unwrap();
                assert!(answer.iter().eq(question.iter().map(|byte| !byte).collect::<Vec<_>>().iter()));
                client.close().unwrap();
            });
        }
    });
    let mut lengths: Vec<usize> = (0..50)
        .map(|_| {
            let line = proxy.lines.next();
            let (_, counts) = line.split_once(": ").unwrap();
            let (up, down) = counts.split_once(" bytes to the server, ").unwrap();
            assert_eq!(format!("{up} bytes back"), down, "{line}");
            up.parse().unwrap()
        })
        .collect();
    lengths.sort_unstable();
    assert_eq!(lengths, (0..50).map(|seed| 200 * 1_024 + seed).collect::<Vec<_>>());
    handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
}

#[test]
fn tcp_proxy_passes_resets_on_and_aborts_idle_connections() {
    if !cfg!(target_os = "linux") {
        return skip(Need::Platform, "the reset follows an end of stream");
    }
    let server = TcpServer::builder().read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let proxy = proxy_of(&server, &["--timeout", "1"]);
    for (by_client, end) in
        [(Some(true), "connection reset"), (Some(false), "connection reset"), (None, "timed out")]
    {
        let client = client_of(proxy.address);
        let from = client.local_addr().unwrap();
        client.send("half a quest").unwrap();
        let accepted = server.accept_timeout(PATIENCE).unwrap();
        assert_eq!(accepted.recv(100).unwrap(), b"half a quest");
        let other = match by_client {
            Some(true) => {
                client.abort();
                accepted
            }
            Some(false) => {
                accepted.abort();
                client
            }
            None => client,
        };
        assert_eq!(other.recv(1).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(proxy.lines.next(), format!("{from}: 12 bytes to the server, 0 bytes back: {end}"));
    }
    drop(server);
    // The reset may precede the end of the connect.
    let result = TcpClient::new().connect(proxy.address).and_then(|client| client.recv(1));
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(proxy.notes.next().contains("connection refused"));
}
