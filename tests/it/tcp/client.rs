//! Connecting: every address is tried, one time covers all, an error says what came of each.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::kit::*;
#[cfg(target_os = "linux")]
use socketry::CancelToken;
use socketry::error::Operation;
use socketry::{Address, ErrorKind, Retry, TcpClient, TcpServer};

/// A port at which nobody listens: it was free a moment ago.
fn nobody() -> SocketAddr {
    TcpServer::bind("127.0.0.1:0").unwrap().local_addr()
}

/// A listener whose queue is full, so that the next connect is not answered: Linux drops its
/// packets.
#[cfg(target_os = "linux")]
fn server_with_full_backlog() -> (TcpServer, Vec<std::net::TcpStream>) {
    let server = TcpServer::builder().backlog(0).bind("127.0.0.1:0").unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) =
        std::net::TcpStream::connect_timeout(&server.local_addr(), Duration::from_millis(200))
    {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the queue has no end");
    }
    (server, waiting)
}

#[test]
fn connect_resolves_host_name() {
    let server = server();
    let client = TcpClient::new().connect(("localhost", server.local_addr().port())).unwrap();
    assert_eq!(client.peer_addr(), server.local_addr());
    assert_eq!(client.local_addr().unwrap(), server.accept().unwrap().peer_addr());
}

/// An IPv4 address in the form of IPv6 is IPv4.
#[test]
fn connect_unwraps_ipv4_mapped_address() {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().port();
    let connection = TcpClient::new().connect(format!("[::ffff:127.0.0.1]:{port}")).unwrap();
    assert_eq!(connection.peer_addr(), server.local_addr());
}

#[test]
fn refused_connect_error_has_address_elapsed_and_source() {
    use std::error::Error as _;
    let nobody = nobody();
    let error = TcpClient::new().connect(nobody).unwrap_err();
    assert!(error.is_refused() && error.is_temporary());
    assert_eq!((error.operation(), error.peer_addr()), (Operation::Connect, Some(nobody)));
    let text = error.to_string();
    assert!(text.starts_with(&format!("connect to {nobody}: connection refused after ")), "{text}");
    assert!(error.source().is_some() && error.raw_os_error().is_some());
}

#[test]
fn connect_distinguishes_invalid_address_from_unresolved_name() {
    let error = TcpClient::new().connect("localhost").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidAddress);
    let error = TcpClient::new().connect("no-such-name.invalid:80").unwrap_err();
    assert_eq!(error.operation(), Operation::Resolve, "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn connect_times_out_when_server_does_not_answer() {
    let (server, _waiting) = server_with_full_backlog();
    let start = Instant::now();
    let client = TcpClient::builder().connect_timeout(Duration::from_millis(300));
    let error = client.connect(server.local_addr()).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_elapsed(start, Duration::from_millis(300));
    assert!(error.elapsed().unwrap() >= Duration::from_millis(300));
}

#[cfg(target_os = "linux")]
#[test]
fn cancel_ends_connect_and_retry_delay() {
    let (server, _waiting) = server_with_full_backlog();
    for address in [server.local_addr(), nobody()] {
        let token = CancelToken::new().unwrap();
        let retry = Retry::new().attempts(100).initial_delay(PATIENCE).max_delay(PATIENCE);
        let client =
            TcpClient::builder().connect_timeout(10 * PATIENCE).retry(retry).cancel_token(&token).build();
        std::thread::scope(|scope| {
            let connecting = scope.spawn(|| client.connect(address));
            token.cancel();
            let error = connecting.join().unwrap().unwrap_err();
            assert!(error.is_cancelled(), "{error}");
        });
    }
}

#[test]
fn retry_connects_once_server_listens() {
    let address = nobody();
    let retry = Retry::new().attempts(2_000).initial_delay(Duration::from_millis(5)).multiplier(1.0);
    let client = TcpClient::builder().connect_timeout(PATIENCE).retry(retry).build();
    std::thread::scope(|scope| {
        let connecting = scope.spawn(|| client.connect(address));
        let server = TcpServer::bind(address).unwrap();
        assert_eq!(server.accept_timeout(PATIENCE).unwrap().local_addr().unwrap(), address);
        connecting.join().unwrap().unwrap();
    });
}

#[test]
fn retry_ends_at_max_attempts_or_timeout() {
    let nobody = nobody();
    let retry = Retry::new().attempts(3).initial_delay(Duration::from_millis(20)).multiplier(1.0).jitter(0.0);
    let start = Instant::now();
    let error = TcpClient::builder().retry(retry).connect(nobody).unwrap_err();
    assert!(error.is_refused() && start.elapsed() >= Duration::from_millis(40), "{error}");

    // There is no time for the second attempt, and nobody waits for it in vain.
    let start = Instant::now();
    let retry = retry.initial_delay(10 * PATIENCE).max_delay(10 * PATIENCE);
    let error = TcpClient::builder().connect_timeout(PATIENCE).retry(retry).connect(nobody).unwrap_err();
    assert!(error.is_refused() && start.elapsed() < PATIENCE, "{error}");
}

#[test]
fn connect_with_reports_every_attempt() {
    let nobody = nobody();
    let retry = Retry::new().attempts(2).initial_delay(Duration::from_millis(20)).jitter(0.0);
    let mut told = Vec::new();
    let client = TcpClient::builder().retry(retry).build();
    let error = client.connect_with(nobody, |event| told.push(event.to_string())).unwrap_err();
    assert!(error.is_refused(), "{error}");
    let refused = format!("{nobody}: connection refused after ");
    let round = [format!("addresses: {nobody}"), format!("trying {nobody}"), refused];
    let again = format!("trying again in 20ms: connect to {nobody}: connection refused after ");
    let expected = [&round[..], &[again], &round[..]].concat();
    assert_eq!(told.len(), expected.len(), "{told:?}");
    assert!(told.iter().zip(&expected).all(|(line, begins)| line.starts_with(begins)), "{told:?}");
}

#[test]
fn retry_skips_permanent_errors() {
    let retry = Retry::new().attempts(5).initial_delay(PATIENCE).max_delay(PATIENCE);
    let start = Instant::now();
    let client = TcpClient::builder().connect_timeout(None).retry(retry);
    client.clone().connect("nonsense").unwrap_err();
    // An IPv4 server, from an IPv6 address.
    let v6 = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0));
    client.local_address(v6).connect(nobody()).unwrap_err();
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn local_address_is_bound_and_fixes_family() {
    let server = server();
    let client = TcpClient::builder().local_address(([127, 0, 0, 1], 0)).build();
    let connection = client.connect(server.local_addr()).unwrap();
    assert_eq!(connection.local_addr().unwrap().ip(), server.local_addr().ip());
    // Its family is the only one that is tried.
    let v6 = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 0));
    let error = TcpClient::builder().local_address(v6).connect(server.local_addr()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressNotAvailable, "{error}");
}

/// On Linux a socket that connects to the port that the system chose for it is connected to itself.
#[cfg(target_os = "linux")]
#[test]
fn self_connect_is_refused() {
    let port = nobody().port();
    let client = TcpClient::builder().local_address(([127, 0, 0, 1], port)).build();
    let error = client.connect(("127.0.0.1", port)).unwrap_err();
    assert!(error.is_refused(), "{error}");
}

#[test]
fn client_opens_many_connections() {
    let server = server();
    let client = TcpClient::builder().nodelay(false).build();
    let address = Address::from(server.local_addr());
    let connections: Vec<_> = (0..5).map(|_| client.connect(&address).unwrap()).collect();
    for connection in connections {
        assert!(!connection.nodelay().unwrap());
        server.accept().unwrap();
    }
}
