use super::*;
use std::time::{Duration, Instant};

fn listening() -> (TcpListener, CancelToken, AcceptQueue) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let closing = CancelToken::new().unwrap();
    let queue = AcceptQueue::new(&closing).unwrap();
    (listener, closing, queue)
}

#[test]
fn each_thread_waits_within_its_own_limit() {
    let (listener, closing, queue) = listening();
    std::thread::scope(|scope| {
        let unlimited = scope.spawn(|| queue.accept(&listener, &queue.watch(), &WaitLimit::unlimited()));
        let began = Instant::now();
        let limit = WaitLimit::timeout(Duration::from_millis(50));
        assert!(matches!(queue.accept(&listener, &queue.watch(), &limit), Err(WaitError::TimedOut)));
        assert!(began.elapsed() >= Duration::from_millis(50));
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_, peer) = unlimited.join().unwrap().unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
    });
    closing.cancel();
    assert!(matches!(
        queue.accept(&listener, &queue.watch(), &WaitLimit::unlimited()),
        Err(WaitError::Cancelled)
    ));
}

#[test]
fn connection_in_the_backlog_is_accepted_without_time() {
    let (listener, _, queue) = listening();
    assert!(matches!(
        queue.accept(&listener, &queue.watch(), &WaitLimit::no_wait()),
        Err(WaitError::TimedOut)
    ));
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    queue.accept(&listener, &queue.watch(), &WaitLimit::no_wait()).unwrap();
}

/// Each connection reaches a thread, however the threads come and go.
#[test]
fn no_connection_is_left_waiting() {
    const CONNECTIONS: usize = 400;
    let (listener, _, queue) = listening();
    let address = listener.local_addr().unwrap();
    let left = std::sync::atomic::AtomicUsize::new(CONNECTIONS);
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (queue, listener, left) = (&queue, &listener, &left);
            scope.spawn(move || {
                while left.load(std::sync::atomic::Ordering::SeqCst) > 0 {
                    let limit = WaitLimit::timeout(Duration::from_micros(100 + 700 * number));
                    if queue.accept(listener, &queue.watch(), &limit).is_ok() {
                        left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    }
                }
            });
        }
        for _ in 0..CONNECTIONS {
            drop(TcpStream::connect(address).unwrap());
        }
    });
}

#[test]
fn interrupt_ends_every_wait_and_no_later_one() {
    let (listener, _, queue) = listening();
    std::thread::scope(|scope| {
        let waits: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    queue.accept(&listener, &queue.watch(), &WaitLimit::timeout(Duration::from_secs(20)))
                })
            })
            .collect();
        while waits.iter().any(|wait| !wait.is_finished()) {
            queue.interrupt().unwrap();
            std::thread::yield_now();
        }
        for wait in waits {
            assert!(matches!(wait.join().unwrap(), Err(WaitError::Cancelled)));
        }
    });
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    queue.accept(&listener, &queue.watch(), &WaitLimit::unlimited()).unwrap();
}
