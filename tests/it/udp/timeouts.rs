//! Timeouts, deadlines and cancel tokens: each call ends at its limit and not before.

use crate::kit::*;
use socketry::{CancelToken, ErrorKind, UdpEndpoint};
use std::time::{Duration, Instant};

/// Below the wait of an idle machine and above it: a wait that is a poll, and one that blocks
/// first.
const WAITS: [Duration; 3] = [Duration::from_millis(3), Duration::from_millis(30), Duration::from_millis(90)];

#[test]
fn recv_timeout_is_not_early_and_reports_elapsed() {
    let endpoint = local();
    for wait in WAITS {
        for receive in [
            (|endpoint, wait| endpoint.recv_timeout(wait))
                as fn(&UdpEndpoint, Duration) -> socketry::Result<_>,
            |endpoint, wait| endpoint.recv_deadline(Instant::now() + wait),
            |endpoint, wait| {
                endpoint.set_read_timeout(wait);
                endpoint.recv()
            },
            |endpoint, wait| {
                endpoint.set_read_timeout(wait);
                endpoint.peek()
            },
            |endpoint, wait| {
                endpoint.set_read_timeout(None);
                endpoint.set_deadline(Instant::now() + wait);
                let result = endpoint.recv();
                endpoint.set_deadline(None);
                result
            },
        ] {
            let start = Instant::now();
            let error = assert_timed_out(receive(&endpoint, wait));
            assert!(start.elapsed() >= wait, "{:?} is less than {wait:?}", start.elapsed());
            assert!(start.elapsed() < wait + PATIENCE);
            assert!(error.elapsed().unwrap() >= wait.saturating_sub(Duration::from_millis(1)), "{error}");
            assert_eq!(error.local_addr(), Some(endpoint.local_addr()));
        }
    }
}

/// Once in several tries, so that a busy machine does not matter: a rule that rounds would make
/// every try late.
#[test]
fn recv_timeout_is_not_rounded_up() {
    let token = CancelToken::new().unwrap();
    let stoppable = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0").unwrap();
    for endpoint in [&local(), &stoppable] {
        for wait in [1, 10, 50, 150, 600].map(Duration::from_millis) {
            let is_on_time = (0..20).any(|_| {
                let start = Instant::now();
                assert_timed_out(endpoint.recv_timeout(wait));
                start.elapsed() - wait < Duration::from_millis(3)
            });
            assert!(is_on_time, "{wait:?} is late every time");
        }
    }
}

/// The kernel's timeout of the call before, which found its datagram, is a little less than this
/// call's whole wait, and would end it late.
#[test]
fn recv_timeout_is_not_delayed_by_previous_timeout() {
    let (endpoint, sender) = (local(), local());
    let address = endpoint.local_addr();
    for (before, wait) in [(400, 352), (400, 310), (700, 620)] {
        let is_on_time = (0..20).any(|_| {
            sender.send_to("x", address).unwrap();
            endpoint.recv_timeout(Duration::from_millis(before)).unwrap();
            let wait = Duration::from_millis(wait);
            let start = Instant::now();
            assert_timed_out(endpoint.recv_timeout(wait));
            start.elapsed() - wait < Duration::from_millis(3)
        });
        assert!(is_on_time, "{wait} ms after {before} ms is late every time");
    }
}

#[test]
fn zero_timeout_returns_pending_datagram() {
    let endpoint = local();
    local().send_to("x", endpoint.local_addr()).unwrap();
    assert_eq!(endpoint.peek().unwrap().bytes(), b"x", "it has arrived");
    assert_eq!(endpoint.recv_timeout(Duration::ZERO).unwrap().bytes(), b"x");
    assert_timed_out(endpoint.recv_timeout(Duration::ZERO));
    let past = Instant::now();
    assert_timed_out(endpoint.recv_deadline(past));
    assert!(endpoint.try_recv().unwrap().is_none());
}

#[test]
fn deadline_spans_multiple_recv_calls() {
    let (endpoint, sender) = (local(), local());
    let address = endpoint.local_addr();
    let start = Instant::now();
    endpoint.set_deadline(start + Duration::from_millis(200));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Sends slowly for longer than the deadline, with shorter pauses.
            while start.elapsed() < Duration::from_millis(400) {
                sender.send_to("drip", address).unwrap();
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let error = loop {
            match endpoint.recv() {
                Ok(_) => assert!(start.elapsed() < PATIENCE, "the drip outlasts the deadline"),
                Err(error) => break error,
            }
        };
        assert!(error.is_timeout(), "{error}");
        assert!(start.elapsed() >= Duration::from_millis(200));
    });
}

#[test]
fn recv_timeout_can_be_shortened_and_cleared() {
    let (endpoint, sender) = (local(), local());
    let address = endpoint.local_addr();
    // A datagram ends each wait, so that the socket keeps the kernel's timeout of the wait before.
    for timeout in [Duration::from_secs(3600), Duration::from_secs(5), Duration::from_millis(300)] {
        sender.send_to("x", address).unwrap();
        endpoint.recv_timeout(timeout).unwrap();
    }
    let start = Instant::now();
    assert_timed_out(endpoint.recv_timeout(Duration::from_millis(60)));
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert!(start.elapsed() < Duration::from_secs(5), "the wait before this one does not count");

    endpoint.set_read_timeout(None);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| endpoint.recv());
        // Longer than every timeout that the kernel could still have.
        std::thread::sleep(Duration::from_millis(150));
        assert!(!waiting.is_finished(), "a wait without a limit ended by itself");
        sender.send_to("end", address).unwrap();
        assert_eq!(waiting.join().unwrap().unwrap().bytes(), b"end");
    });
}

#[test]
fn concurrent_recv_timeouts_are_independent() {
    let endpoint = local();
    std::thread::scope(|scope| {
        for wait in [500, 50, 250, 100, 400, 60] {
            let endpoint = &endpoint;
            scope.spawn(move || {
                let wait = Duration::from_millis(wait);
                let start = Instant::now();
                assert_timed_out(endpoint.recv_timeout(wait));
                assert!(start.elapsed() >= wait);
                assert!(
                    start.elapsed() < wait + Duration::from_secs(5),
                    "{:?} for {wait:?}",
                    start.elapsed()
                );
            });
        }
    });
}

#[test]
fn recv_timeout_accepts_duration_max() {
    let endpoint = local();
    local().send_to("x", endpoint.local_addr()).unwrap();
    assert_eq!(endpoint.recv_timeout(Duration::MAX).unwrap().bytes(), b"x");
    endpoint.set_read_timeout(Duration::MAX);
    local().send_to("x", endpoint.local_addr()).unwrap();
    assert_eq!(endpoint.recv().unwrap().bytes(), b"x");
}

/// Stopped at forty moments, from before a thread waits to long after it has begun to; a wait that
/// the cancel token does not reach lasts as long as its timeout.
#[test]
fn cancel_ends_recv_at_any_stage() {
    for step in 0..40 {
        let token = CancelToken::new().unwrap();
        let builder = UdpEndpoint::builder().read_timeout(PATIENCE).cancel_token(&token);
        let endpoints = [builder.clone().bind("127.0.0.1:0").unwrap(), builder.bind(":0").unwrap()];
        std::thread::scope(|scope| {
            let waiting = endpoints.each_ref().map(|endpoint| {
                [
                    scope.spawn(|| endpoint.recv().map(drop)),
                    scope.spawn(|| endpoint.recv_deadline(Instant::now() + PATIENCE).map(drop)),
                    scope.spawn(|| endpoint.peek_into(&mut [0; 8]).map(drop)),
                ]
            });
            let moment = Instant::now() + Duration::from_micros(step * 50);
            while Instant::now() < moment {
                std::thread::yield_now();
            }
            token.cancel();
            for waiting in waiting.into_iter().flatten() {
                let error = waiting.join().unwrap().unwrap_err();
                assert!(error.is_cancelled(), "{error}");
                assert_eq!(error.kind(), ErrorKind::Cancelled);
                assert!(moment.elapsed() < PATIENCE / 2, "it was not woken: {error}");
            }
        });
    }
}

#[test]
fn cancelled_token_stays_cancelled() {
    let token = CancelToken::new().unwrap();
    let endpoint = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0").unwrap();
    let peer = local();
    peer.send_to("waiting", endpoint.local_addr()).unwrap();
    assert!(!token.is_cancelled());
    token.clone().cancel();
    token.cancel();
    assert!(token.is_cancelled());
    assert!(endpoint.recv().unwrap_err().is_cancelled(), "even with a datagram there");
    assert!(endpoint.send_to("x", peer.local_addr()).unwrap_err().is_cancelled());
    assert!(endpoint.request_to("x", peer.local_addr()).unwrap_err().is_cancelled());
}

#[test]
fn recv_with_cancel_token_receives_and_times_out() {
    let token = CancelToken::new().unwrap();
    let endpoint = UdpEndpoint::builder().cancel_token(&token).bind("127.0.0.1:0").unwrap();
    for wait in WAITS {
        let start = Instant::now();
        assert_timed_out(endpoint.recv_timeout(wait));
        assert!(start.elapsed() >= wait);
    }
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| endpoint.recv());
        local().send_to("x", endpoint.local_addr()).unwrap();
        assert_eq!(waiting.join().unwrap().unwrap().bytes(), b"x");
    });
}

/// Looking before waiting changes when a datagram is found, and nothing of what ends a wait.
#[test]
fn busy_poll_preserves_timeout_and_cancellation() {
    let token = CancelToken::new().unwrap();
    for spin in [Duration::from_micros(50), Duration::from_secs(3_600)] {
        let endpoint =
            UdpEndpoint::builder().busy_poll(spin).cancel_token(&token).bind("127.0.0.1:0").unwrap();
        let address = endpoint.local_addr();
        assert_timed_out(endpoint.recv_timeout(Duration::from_millis(20)));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| endpoint.recv_timeout(PATIENCE).unwrap());
            local().send_to("found", address).unwrap();
            assert_eq!(waiting.join().unwrap().bytes(), b"found");
        });
        local().send_to("seen", address).unwrap();
        assert_eq!(endpoint.peek().unwrap().bytes(), endpoint.recv().unwrap().bytes());
        assert!(endpoint.try_recv().unwrap().is_none());
    }
    let endless =
        UdpEndpoint::builder().busy_poll(Duration::MAX).cancel_token(&token).bind("127.0.0.1:0").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| endless.recv().unwrap_err());
        token.cancel();
        assert!(waiting.join().unwrap().is_cancelled());
    });
}
