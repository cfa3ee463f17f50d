//! Questions and answers over a network that loses, delays and lies.

use crate::kit::*;
use socketry::{ErrorKind, Retry, UdpEndpoint};
use std::time::{Duration, Instant};

fn fast_retry(attempts: u32) -> Retry {
    Retry::new().attempts(attempts).initial_delay(Duration::from_millis(50)).multiplier(1.0)
}

/// Runs `server` in a thread while `client` runs in this one.
fn with_server<T: Send>(server: impl FnOnce() -> T + Send, client: impl FnOnce()) -> T {
    std::thread::scope(|scope| {
        let server = scope.spawn(server);
        client();
        server.join().unwrap()
    })
}

#[test]
fn request_is_resent_after_loss() {
    let server = local();
    let address = server.local_addr();
    with_server(
        || {
            assert_eq!(server.recv().unwrap().bytes(), b"ask", "and lost");
            let second = server.recv().unwrap();
            server.reply(&second, "answer").unwrap();
        },
        || {
            let answer = local().request_with("ask", address, &fast_retry(20), |_| true).unwrap();
            assert_eq!(answer.text().unwrap(), "answer");
        },
    );
}

#[test]
fn request_ignores_other_senders() {
    let (server, stranger) = (local(), local());
    let client = UdpEndpoint::builder().max_datagram(100).bind("127.0.0.1:0").unwrap();
    let address = client.local_addr();
    let retry = Retry::single(PATIENCE);
    with_server(
        || {
            let question = server.recv().unwrap();
            stranger.send_to("lie", address).unwrap();
            stranger.send_to("a lie that does not fit".repeat(100), address).unwrap();
            server.reply(&question, "truth").unwrap();
        },
        || {
            let answer = client.request_with("ask", server.local_addr(), &retry, |_| true).unwrap();
            assert_eq!(answer.text().unwrap(), "truth");
        },
    );
}

#[test]
fn request_with_skips_response_rejected_by_filter() {
    let server = local();
    let retry = Retry::single(PATIENCE);
    with_server(
        || {
            let question = server.recv().unwrap();
            server.reply(&question, "6: late").unwrap();
            server.reply(&question, "7: right").unwrap();
        },
        || {
            let mine = |answer: &socketry::Datagram| answer.bytes().starts_with(b"7:");
            let answer = local().request_with("7?", server.local_addr(), &retry, mine).unwrap();
            assert_eq!(answer.bytes(), b"7: right");
        },
    );
}

#[test]
fn request_times_out_after_all_attempts() {
    let silent = local();
    let address = silent.local_addr();
    let start = Instant::now();
    let error = assert_timed_out(local().request_with("ask", address, &fast_retry(3).jitter(0.0), |_| true));
    assert!(start.elapsed() >= Duration::from_millis(150));
    assert!(error.elapsed().unwrap() >= Duration::from_millis(150), "{error}");
    assert_eq!(error.peer_addr(), Some(address));
    assert!(error.to_string().starts_with(&format!("request to {address}: timed out after ")), "{error}");
    for _ in 0..3 {
        assert_eq!(silent.recv().unwrap().bytes(), b"ask");
    }
    assert!(silent.try_recv().unwrap().is_none(), "three attempts are three datagrams");
}

#[test]
fn request_ends_at_endpoint_deadline() {
    let (silent, client) = (local(), local());
    let start = Instant::now();
    client.set_deadline(start + Duration::from_millis(120));
    assert_timed_out(client.request_to("ask", silent.local_addr()));
    assert!(start.elapsed() >= Duration::from_millis(120));
    assert!(
        start.elapsed() < Retry::default().total_delay(),
        "the deadline was not kept: {:?}",
        start.elapsed()
    );
}

#[test]
fn request_timeout_holds_under_datagram_flood() {
    let (silent, client) = (local(), local());
    let (address, end) = (client.local_addr(), Instant::now() + Duration::from_secs(3));
    let done = std::sync::atomic::AtomicBool::new(false);
    with_server(
        || {
            let flooder = local();
            while Instant::now() < end && !done.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = flooder.send_to("noise", address);
            }
        },
        || {
            let retry = Retry::single(Duration::from_millis(200));
            assert_timed_out(client.request_with("ask", silent.local_addr(), &retry, |_| true));
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(Instant::now() < end, "the call ended with the flood and not with its timeout");
        },
    );
}

#[test]
fn connected_request_reports_connection_refused() {
    let address = deserted();
    let client = UdpEndpoint::connect(address).unwrap();
    let error = client.request_with("ask", address, &Retry::single(PATIENCE), |_| true).unwrap_err();
    if cfg!(windows) && error.is_timeout() {
        return skip(Need::Platform, "Wine does not report an unreachable port");
    }
    assert!(error.is_refused(), "{error}");
    assert_eq!(error.peer_addr(), Some(address));
    assert!(error.to_string().contains("connection refused"), "{error}");
}

#[test]
fn connected_request_rejects_other_address() {
    let (peer, other) = (local(), local());
    let error = connected_to(&peer).request_to("ask", other.local_addr()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn unconnected_request_reports_connection_refused() {
    let (address, client, other) = (deserted(), local(), deserted());
    client.send_to("to a closed port", other).unwrap();
    let error = client.request_with("ask", address, &Retry::single(PATIENCE), |_| true).unwrap_err();
    assert!(error.is_refused(), "{error}");
    assert_eq!(error.peer_addr(), Some(address));
    assert!(error.elapsed().unwrap() < PATIENCE);
}

#[cfg(target_os = "linux")]
#[test]
fn recv_ignores_icmp_errors_without_report_unreachable() {
    let (gone, client, server) = (deserted(), local(), local());
    let _ =
        client.request_with("turns the reports on", gone, &Retry::single(PATIENCE), |_| true).unwrap_err();
    for _ in 0..20 {
        client.send_to("x", gone).unwrap();
        client.send_to("ping", server.local_addr()).unwrap();
        server.reply(server.recv().unwrap(), "pong").unwrap();
        assert_eq!(client.recv().unwrap().bytes(), b"pong");
    }
    client.send_to("x", gone).unwrap();
    let start = Instant::now();
    assert_timed_out(client.recv_timeout(Duration::from_millis(60)));
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[cfg(target_os = "linux")]
#[test]
fn report_unreachable_returns_failed_address() {
    let client =
        UdpEndpoint::builder().report_unreachable(true).read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let (one, two) = (deserted(), deserted());
    client.send_to("x", one).unwrap();
    client.send_to("x", two).unwrap();
    let mut reported = [client.recv().unwrap_err(), client.recv().unwrap_err()].map(|error| {
        assert!(error.is_refused(), "{error}");
        error.peer_addr().unwrap()
    });
    reported.sort();
    let mut expected = [one, two];
    expected.sort();
    assert_eq!(reported, expected);
    assert!(client.try_recv().unwrap().is_none());
}

#[test]
fn request_of_connected_endpoint_needs_no_address() {
    let server = local();
    let client = connected_to(&server);
    with_server(
        || {
            let request = server.recv().unwrap();
            server.reply(&request, "answer").unwrap();
        },
        || assert_eq!(client.request("ask").unwrap().bytes(), b"answer"),
    );
    assert_eq!(local().request("ask").unwrap_err().kind(), ErrorKind::NotConnected);
}

/// The ICMP error that a send takes from the OS is returned by the next receive, in every form.
#[test]
fn connected_send_leaves_refused_port_for_the_next_receive() {
    if !cfg!(target_os = "linux") {
        return skip(Need::Platform, "an unreachable port is not reported immediately on this OS");
    }
    type Receive = fn(&UdpEndpoint) -> Result<(), socketry::Error>;
    let forms: [Receive; 4] = [
        |endpoint| endpoint.recv().map(drop),
        |endpoint| endpoint.try_recv().map(drop),
        |endpoint| endpoint.recv_into(&mut [0; 9]).map(drop),
        |endpoint| endpoint.peek().map(drop),
    ];
    for receive in forms {
        let client = UdpEndpoint::builder().read_timeout(PATIENCE).connect(deserted()).unwrap();
        for _ in 0..3 {
            client.send("to a closed port").unwrap();
        }
        assert!(receive(&client).unwrap_err().is_refused());
    }
}

/// A server that is starting.
#[test]
fn request_continues_while_port_is_closed_if_asked_to() {
    let server = local();
    let address = server.local_addr();
    drop(server);
    for connected in [false, true] {
        let builder = UdpEndpoint::builder().request_fails_on(&[]);
        let client = if connected { builder.connect(address) } else { builder.bind("127.0.0.1:0") }.unwrap();
        let error = client.request_with("ask", address, &fast_retry(3), |_| true).unwrap_err();
        assert!(error.is_timeout(), "{error}");
        if cfg!(target_os = "linux") {
            assert!(error.to_string().contains("last error: connection refused"), "{error}");
        }
        with_server(
            || {
                std::thread::sleep(Duration::from_millis(150));
                let server = UdpEndpoint::builder().read_timeout(PATIENCE).bind(address).unwrap();
                let request = server.recv().unwrap();
                server.reply(&request, "answer").unwrap();
            },
            || {
                let answer = client.request_with("ask", address, &fast_retry(40), |_| true).unwrap();
                assert_eq!(answer.bytes(), b"answer");
            },
        );
    }
}
