//! Connecting again and again: rounds with waits between, which end with the attempts, a mistake or
//! the cancel token.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::{CancelToken, ErrorKind, Retry, TcpClient, TcpServer};

const MS: Duration = Duration::from_millis(1);

/// Waits that are the same each time.
fn waits(attempts: u32, first: Duration, longest: Duration) -> Retry {
    Retry::new().attempts(attempts).initial_delay(first).max_delay(longest).jitter(0.0)
}

#[test]
fn reconnect_yields_each_failure_up_to_max_attempts() {
    let client = TcpClient::builder().retry(waits(3, 20 * MS, 40 * MS)).build();
    let start = Instant::now();
    let rounds: Vec<_> = client.reconnect(deserted_by_tcp()).unwrap().collect();
    assert!(rounds.iter().all(|round| round.as_ref().is_err_and(socketry::Error::is_refused)), "{rounds:?}");
    // A wait after each but the last.
    assert_eq!(rounds.len(), 3);
    assert!(start.elapsed() >= 60 * MS, "{:?}", start.elapsed());

    // A round is one attempt, and not as many as a connect makes: the first is told before there is
    // a wait.
    let client = TcpClient::builder().connect_timeout(None).retry(waits(3, PATIENCE, PATIENCE)).build();
    let start = Instant::now();
    assert!(client.reconnect(deserted_by_tcp()).unwrap().next().unwrap().unwrap_err().is_refused());
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn reconnect_succeeds_when_server_returns() {
    let address = deserted_by_tcp();
    let client = TcpClient::builder().retry(waits(1_000, 10 * MS, 10 * MS)).build();
    let mut rounds = client.reconnect(address).unwrap();
    for word in ["one", "two"] {
        assert!(rounds.next().unwrap().unwrap_err().is_refused(), "nobody listens");
        let server = TcpServer::bind(address).unwrap();
        let connection = rounds.next().unwrap().unwrap();
        server.accept().unwrap().send(word).unwrap();
        assert_eq!(connection.recv_text(100).unwrap(), word);
    }
}

/// It accepts, and closes at once: that is no failure, and no reason to hurry.
#[test]
fn reconnect_backs_off_when_server_hangs_up() {
    let server = server();
    let address = server.local_addr();
    let client = TcpClient::builder().retry(waits(1, 20 * MS, 80 * MS)).build();
    let start = Instant::now();
    std::thread::scope(|scope| {
        let hanging_up = scope.spawn(|| (0..5).for_each(|_| drop(server.accept_timeout(PATIENCE).unwrap())));
        for connection in client.reconnect(address).unwrap().take(5) {
            assert_eq!(connection.unwrap().recv(1).unwrap(), b"");
        }
        hanging_up.join().unwrap();
    });
    assert!(start.elapsed() >= (20 + 40 + 80 + 80) * MS, "{:?}", start.elapsed());
}

/// One that has lasted as long as the longest wait is followed by the next at once.
#[test]
fn reconnect_skips_delay_after_long_connection() {
    let server = server();
    let client = TcpClient::builder().retry(waits(1, 3_000 * MS, 3_000 * MS)).build();
    let mut rounds = client.reconnect(server.local_addr()).unwrap();
    let first = rounds.next().unwrap().unwrap();
    first.set_read_timeout(3_010 * MS);
    assert_timed_out(first.recv(1));
    let start = Instant::now();
    rounds.next().unwrap().unwrap();
    assert!(start.elapsed() < 3_000 * MS, "{:?}", start.elapsed());
}

#[test]
fn reconnect_ends_after_permanent_error() {
    let v6 = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0));
    let client = TcpClient::builder().local_address(v6).retry(waits(5, PATIENCE, PATIENCE)).build();
    let start = Instant::now();
    let mut rounds = client.reconnect(deserted_by_tcp()).unwrap();
    assert_eq!(rounds.next().unwrap().unwrap_err().kind(), ErrorKind::AddressNotAvailable);
    assert!(rounds.next().is_none() && rounds.next().is_none());
    assert!(start.elapsed() < PATIENCE);
    assert_eq!(client.reconnect("no port").unwrap_err().kind(), ErrorKind::InvalidAddress);
}

#[test]
fn cancel_ends_reconnect_without_error() {
    let token = CancelToken::new().unwrap();
    let endless = waits(u32::MAX, 10 * PATIENCE, 10 * PATIENCE);
    let client = TcpClient::builder().retry(endless).cancel_token(&token).build();
    let start = Instant::now();
    let mut rounds = client.reconnect(deserted_by_tcp()).unwrap();
    assert!(rounds.next().unwrap().unwrap_err().is_refused());
    std::thread::scope(|scope| {
        // In its wait, or before it.
        let waiting = scope.spawn(|| rounds.next().is_none());
        token.cancel();
        assert!(waiting.join().unwrap());
    });
    assert!(rounds.next().is_none());
    let server = server();
    assert!(client.reconnect(server.local_addr()).unwrap().next().is_none(), "stopped before it began");
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn reconnect_uses_default_retry() {
    let client = TcpClient::builder().connect_timeout(PATIENCE).build();
    let start = Instant::now();
    let rounds = client.reconnect(deserted_by_tcp()).unwrap().count();
    let total = Retry::default().total_delay();
    // Four, and three waits, each ±25 %.
    assert_eq!(rounds, 4);
    assert!(start.elapsed() >= (total - 2_000 * MS).mul_f64(0.75), "{:?}", start.elapsed());
}
