//! What both pollers promise.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::{Event, Interest};
use crate::wait::CancelToken;

fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

macro_rules! poller_tests {
    ($name:ident, $poller:ty, $exclusive:ty, $edge:ty) => {
        mod $name {
            use super::*;

            type Poller = $poller;
            const LONG: Option<Duration> = Some(Duration::from_secs(20));
            const SHORT: Option<Duration> = Some(Duration::from_millis(20));

            #[test]
            fn exclusive_wait_ends_on_connection_cancellation_and_timeout() {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let tokens = [(); 2].map(|()| CancelToken::new().unwrap());
                // Elsewhere than on Linux there is none.
                let wait = <$exclusive>::new(&listener, [&tokens[0], &tokens[1]]).unwrap();
                let Some(wait) = wait else { return };
                wait.wait(SHORT).unwrap();
                let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                wait.wait(None).unwrap();
                drop((listener.accept().unwrap(), client));
                tokens[1].cancel();
                wait.wait(None).unwrap();
            }

            fn events(poller: &$edge, max: usize, timeout: Option<Duration>) -> Vec<Event> {
                let mut events = Vec::new();
                poller.wait(&mut events, max, timeout).unwrap();
                events
            }

            #[test]
            fn edge_poller_reports_each_arrival_once() {
                let poller = <$edge>::new().unwrap();
                let (mut one, mut peer) = connection();
                poller.add(&peer, 3, Interest::Read).unwrap();
                for _ in 0..2 {
                    one.write_all(b"x").unwrap();
                    let event = Event { key: 3, is_writable: false, drains: false };
                    let seen =
                        std::iter::repeat_with(|| events(&poller, 9, LONG)).find(|seen| !seen.is_empty());
                    assert_eq!(seen.unwrap(), [event]);
                    assert_eq!(peer.read(&mut [0; 9]).unwrap(), 1);
                    poller.rearm(&peer, 3, (Interest::Read, Interest::Read)).unwrap();
                    assert!(events(&poller, 9, SHORT).is_empty());
                }
                drop(one);
                let seen = std::iter::repeat_with(|| events(&poller, 9, LONG)).find(|seen| !seen.is_empty());
                assert_eq!(seen.unwrap()[0].key, 3);
                poller.remove(&peer, 3);
            }

            #[test]
            fn paused_socket_is_reported_once_it_is_resumed() {
                let poller = <$edge>::new().unwrap();
                let (mut one, mut peer) = connection();
                poller.add(&peer, 3, Interest::Read).unwrap();
                one.write_all(b"x").unwrap();
                let next =
                    || std::iter::repeat_with(|| events(&poller, 9, LONG)).find(|seen| !seen.is_empty());
                assert_eq!(next().unwrap()[0].key, 3);
                poller.pause(&peer, 3).unwrap();
                assert_eq!(peer.read(&mut [0; 9]).unwrap(), 1);
                one.write_all(b"y").unwrap();
                assert!(events(&poller, 9, SHORT).is_empty());
                poller.resume(&peer, 3).unwrap();
                assert_eq!(next().unwrap()[0].key, 3);
            }

            #[test]
            fn edge_poller_reports_space_once_the_peer_reads() {
                let poller = <$edge>::new().unwrap();
                let (mut one, mut peer) = connection();
                peer.set_nonblocking(true).unwrap();
                poller.add(&peer, 3, Interest::Read).unwrap();
                for _ in 0..2 {
                    while peer.write(&[0; 1 << 16]).is_ok() {}
                    let before = poller.rearm(&peer, 3, (Interest::Read, Interest::Write)).unwrap();
                    // Space that a retransmission timer makes does not count.
                    assert!(events(&poller, 9, SHORT).iter().all(|event| !event.is_writable));
                    let mut buffer = vec![0; 1 << 20];
                    let start = Instant::now();
                    loop {
                        assert!(start.elapsed() < Duration::from_secs(20));
                        let _ = one.read(&mut buffer).unwrap();
                        if events(&poller, 9, SHORT).iter().any(|event| event.is_writable) {
                            break;
                        }
                    }
                    poller.rearm(&peer, 3, (before, Interest::Read)).unwrap();
                }
            }

            /// Each event and each wake reaches one of the threads, so that none is left.
            #[test]
            fn edge_poller_shares_events_among_threads() {
                let poller = <$edge>::new().unwrap();
                let pairs: Vec<_> = (0..20).map(|_| connection()).collect();
                for (key, (one, peer)) in (0..).zip(&pairs) {
                    poller.add(peer, key, Interest::Read).unwrap();
                    (&*one).write_all(b"x").unwrap();
                }
                let seen = std::sync::Mutex::new(Vec::new());
                let count = || seen.lock().unwrap().len();
                std::thread::scope(|scope| {
                    for _ in 0..4 {
                        scope.spawn(|| {
                            while count() < pairs.len() {
                                let events = events(&poller, 1, LONG);
                                seen.lock().unwrap().extend(events.iter().map(|event| event.key));
                            }
                            // The next one is to see it, too.
                            poller.wake();
                        });
                    }
                });
                let mut seen = seen.into_inner().unwrap();
                seen.sort_unstable();
                assert_eq!(seen, (0..20).collect::<Vec<u64>>());
            }

            #[test]
            fn wait_reports_socket_once_until_reregistered() {
                let poller = Poller::new().unwrap();
                let (mut one, one_peer) = connection();
                let (_two, two_peer) = connection();
                poller.add(&one_peer, 1).unwrap();
                poller.add(&two_peer, 2).unwrap();
                one.write_all(b"x").unwrap();
                let mut ready = Vec::new();
                while ready.is_empty() {
                    poller.wait(&mut ready, LONG).unwrap();
                }
                assert_eq!(std::mem::take(&mut ready), [1]);
                poller.wait(&mut ready, SHORT).unwrap();
                assert!(ready.is_empty(), "it is not registered");
                poller.reregister(&one_peer, 1).unwrap();
                while ready.is_empty() {
                    poller.wait(&mut ready, LONG).unwrap();
                }
                assert_eq!(std::mem::take(&mut ready), [1], "readable data is reported immediately");
                drop(one);
                poller.remove(&one_peer, 1);
                poller.wait(&mut ready, SHORT).unwrap();
                assert!(ready.is_empty(), "it is removed");
            }

            #[test]
            fn wait_reports_eof_and_returns_on_wake() {
                let poller = Poller::new().unwrap();
                let (one, one_peer) = connection();
                poller.add(&one_peer, 7).unwrap();
                poller.wake();
                let start = Instant::now();
                let mut ready = Vec::new();
                poller.wait(&mut ready, LONG).unwrap();
                assert!(ready.is_empty() && start.elapsed() < Duration::from_secs(10));
                std::thread::scope(|scope| {
                    let waiting = scope.spawn(|| {
                        let mut ready = Vec::new();
                        while ready.is_empty() {
                            poller.wait(&mut ready, LONG).unwrap();
                        }
                        ready
                    });
                    drop(one);
                    assert_eq!(waiting.join().unwrap(), [7]);
                });
                let start = Instant::now();
                poller.wait(&mut ready, SHORT).unwrap();
                assert!(ready.is_empty() && start.elapsed() >= Duration::from_millis(19));
            }
        }
    };
}

#[cfg(any(target_os = "linux", target_os = "android"))]
poller_tests!(
    epoll,
    super::super::epoll::Poller,
    super::super::epoll::ExclusiveWait,
    super::super::epoll::EdgePoller
);
poller_tests!(
    poll,
    super::super::poll::Poller,
    super::super::poll::ExclusiveWait,
    super::super::poll::EdgePoller
);
