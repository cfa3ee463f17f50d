//! What both pollers promise.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

macro_rules! poller_tests {
    ($name:ident, $poller:ty) => {
        mod $name {
            use super::*;

            type Poller = $poller;
            const LONG: Option<Duration> = Some(Duration::from_secs(20));
            const SHORT: Option<Duration> = Some(Duration::from_millis(20));

            /// The bell ends a doze, also one that was rung before; where listeners can be shared, a connection does.
            #[cfg(all(unix, feature = "process"))]
            #[test]
            fn wait_any_ends_on_wake_or_shared_connection() {
                let poller = Poller::new().unwrap();
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                poller.wake();
                poller.wait_any().unwrap();
                let is_shared = poller.add_shared(&listener).unwrap();
                std::thread::scope(|scope| {
                    let dozing = scope.spawn(|| poller.wait_any().unwrap());
                    if is_shared {
                        TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                    } else {
                        poller.wake();
                    }
                    dozing.join().unwrap();
                });
                poller.remove_shared(&listener);
                poller.wake();
                poller.wait_any().unwrap();
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
poller_tests!(epoll, super::super::epoll::Poller);
poller_tests!(poll, super::super::poll::Poller);
