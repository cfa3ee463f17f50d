//! Questions and answers over a network that loses, delays and lies.

mod kit;

use kit::*;
use socketry::{ErrorKind, Retry, UdpEndpoint};
use std::time::{Duration, Instant};

fn quick(attempts: u32) -> Retry {
    Retry::new().attempts(attempts).first(Duration::from_millis(50)).multiplier(1.0)
}

/// Runs `server` in a thread while `client` runs in this one.
fn against<T: Send>(server: impl FnOnce() -> T + Send, client: impl FnOnce()) -> T {
    std::thread::scope(|scope| {
        let server = scope.spawn(server);
        client();
        server.join().unwrap()
    })
}

#[test]
fn a_lost_question_is_asked_again() {
    let server = local();
    let address = server.local_addr();
    against(
        || {
            assert_eq!(server.recv().unwrap().bytes(), b"ask", "and lost");
            let second = server.recv().unwrap();
            server.reply(&second, "answer").unwrap();
        },
        || {
            let answer = local().request_with(address, "ask", &quick(20), |_| true).unwrap();
            assert_eq!(answer.text().unwrap(), "answer");
        },
    );
}

#[test]
fn nobody_else_can_answer() {
    let (server, stranger) = (local(), local());
    let client = UdpEndpoint::builder().max_datagram(100).bind("127.0.0.1:0").unwrap();
    let address = client.local_addr();
    let retry = Retry::once(PATIENCE);
    against(
        || {
            let question = server.recv().unwrap();
            stranger.send_to("lie", address).unwrap();
            stranger.send_to("a lie that does not fit".repeat(100), address).unwrap();
            server.reply(&question, "truth").unwrap();
        },
        || {
            let answer = client.request_with(server.local_addr(), "ask", &retry, |_| true).unwrap();
            assert_eq!(answer.text().unwrap(), "truth");
        },
    );
}

#[test]
fn an_answer_to_another_question_is_waited_past() {
    let server = local();
    let retry = Retry::once(PATIENCE);
    against(
        || {
            let question = server.recv().unwrap();
            server.reply(&question, "6: late").unwrap();
            server.reply(&question, "7: right").unwrap();
        },
        || {
            let mine = |answer: &socketry::Datagram| answer.bytes().starts_with(b"7:");
            let answer = local().request_with(server.local_addr(), "7?", &retry, mine).unwrap();
            assert_eq!(answer.bytes(), b"7: right");
        },
    );
}

#[test]
fn silence_is_a_timeout_after_all_attempts() {
    let silent = local();
    let address = silent.local_addr();
    let start = Instant::now();
    let error = assert_timed_out(local().request_with(address, "ask", &quick(3).jitter(0.0), |_| true));
    assert!(start.elapsed() >= Duration::from_millis(150));
    assert!(error.elapsed().unwrap() >= Duration::from_millis(150), "{error}");
    assert_eq!(error.remote(), Some(address));
    assert!(error.to_string().starts_with(&format!("request to {address}: timed out after ")), "{error}");
    for _ in 0..3 {
        assert_eq!(silent.recv().unwrap().bytes(), b"ask");
    }
    assert!(silent.try_recv().unwrap().is_none(), "three attempts are three datagrams");
}

#[test]
fn the_deadline_of_the_endpoint_ends_a_request() {
    let (silent, client) = (local(), local());
    let start = Instant::now();
    client.set_deadline(start + Duration::from_millis(120));
    assert_timed_out(client.request(silent.local_addr(), "ask"));
    assert!(start.elapsed() >= Duration::from_millis(120));
    assert!(start.elapsed() < Retry::default().total(), "the deadline was not kept: {:?}", start.elapsed());
}

#[test]
fn a_flood_of_strangers_does_not_outlast_the_time() {
    let (silent, client) = (local(), local());
    let (address, end) = (client.local_addr(), Instant::now() + Duration::from_secs(3));
    let done = std::sync::atomic::AtomicBool::new(false);
    against(
        || {
            let flooder = local();
            while Instant::now() < end && !done.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = flooder.send_to("noise", address);
            }
        },
        || {
            let retry = Retry::once(Duration::from_millis(200));
            assert_timed_out(client.request_with(silent.local_addr(), "ask", &retry, |_| true));
            done.store(true, std::sync::atomic::Ordering::Relaxed);
            assert!(Instant::now() < end, "the wait ended with the flood and not with its time");
        },
    );
}

#[test]
fn a_connected_endpoint_learns_at_once_that_nobody_listens() {
    let address = deserted();
    let client = UdpEndpoint::connect(address).unwrap();
    let error = client.request_with(address, "ask", &Retry::once(PATIENCE), |_| true).unwrap_err();
    if cfg!(windows) && error.is_timeout() {
        return skip("a_connected_endpoint_learns_at_once_that_nobody_listens", "Wine does not tell");
    }
    assert!(error.is_refused(), "{error}");
    assert_eq!(error.remote(), Some(address));
    assert!(error.to_string().contains("connection refused"), "{error}");
}

#[test]
fn a_connected_endpoint_asks_its_peer_only() {
    let (peer, other) = (local(), local());
    let error = connected_to(&peer).request(other.local_addr(), "ask").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_unconnected_endpoint_learns_it_as_well() {
    let (address, client, other) = (deserted(), local(), deserted());
    client.send_to("somebody else's fate", other).unwrap();
    let error = client.request_with(address, "ask", &Retry::once(PATIENCE), |_| true).unwrap_err();
    assert!(error.is_refused(), "{error}");
    assert_eq!(error.remote(), Some(address));
    assert!(error.elapsed().unwrap() < PATIENCE);
}

#[cfg(target_os = "linux")]
#[test]
fn reports_about_others_do_not_end_a_call_that_did_not_ask_for_them() {
    let (gone, client, server) = (deserted(), local(), local());
    let _ = client.request_with(gone, "turns the reports on", &Retry::once(PATIENCE), |_| true).unwrap_err();
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
fn whoever_asks_for_reports_gets_them_with_the_address() {
    let client =
        UdpEndpoint::builder().report_unreachable(true).read_timeout(PATIENCE).bind("127.0.0.1:0").unwrap();
    let (one, two) = (deserted(), deserted());
    client.send_to("x", one).unwrap();
    client.send_to("x", two).unwrap();
    let mut reported = [client.recv().unwrap_err(), client.recv().unwrap_err()].map(|error| {
        assert!(error.is_refused(), "{error}");
        error.remote().unwrap()
    });
    reported.sort();
    let mut expected = [one, two];
    expected.sort();
    assert_eq!(reported, expected);
    assert!(client.try_recv().unwrap().is_none());
}
