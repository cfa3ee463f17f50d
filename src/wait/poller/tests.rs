//! What both pollers promise.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crate::wait::CancelToken;

fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

macro_rules! poller_tests {
    ($name:ident, $poller:ty, $exclusive:ty) => {
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
poller_tests!(epoll, super::super::epoll::Poller, super::super::epoll::ExclusiveWait);
poller_tests!(poll, super::super::poll::Poller, super::super::poll::ExclusiveWait);
