use std::io::Write;

use super::*;
use crate::error::ErrorKind;
use crate::proto::server::lifecycle::Phase;

const TIMEOUT: Duration = Duration::from_secs(20);

fn begin(version: u64) -> Note {
    Note::Begin { version, number: 3, grace: Duration::from_secs(7), workers: 4 }
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// The parent's end, and what the worker takes itself for.
fn begun(note: &Note, listener: Option<&TcpListener>) -> (ControlSocket, Result<Worker>) {
    let (parent, own) = ControlSocket::pair().unwrap();
    match listener {
        Some(listener) => sys::send_listener(&parent, &note.encode(), listener).unwrap(),
        None => (&parent).write_all(&note.encode()).unwrap(),
    }
    (parent, Worker::begin(own))
}

#[test]
fn worker_begin_reads_settings_and_sets_cloexec() {
    let listener = listener();
    let (_parent, worker) = begun(&begin(VERSION), Some(&listener));
    let worker = worker.unwrap();
    assert_eq!((worker.index(), worker.grace), (3, Duration::from_secs(7)));
    assert_eq!(worker.listener.local_addr().unwrap(), listener.local_addr().unwrap());
    assert!(rustix::io::fcntl_getfd(&worker.listener).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
}

/// Another version, something else than the beginning, or a beginning without a listener.
#[test]
fn worker_rejects_invalid_begin_message() {
    let listener = listener();
    let some = Some(&listener);
    for (note, listener) in [(begin(VERSION + 1), some), (begin(VERSION), None), (Note::Ready, some)] {
        let (_parent, worker) = begun(&note, listener);
        let error = worker.unwrap_err();
        assert!(matches!(error.detail(), Some(ProcessError::UnknownParent)), "{note:?}: {error}");
    }
}

#[test]
fn worker_begin_fails_when_parent_is_gone() {
    let (parent, own) = ControlSocket::pair().unwrap();
    drop(parent);
    assert_eq!(Worker::begin(own).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}

#[test]
fn worker_leave_hands_off_backlog_and_drain_serves_it() {
    const WAITING: u64 = 30;
    let leave = Note::Leave { grace: TIMEOUT };
    let drain = Note::Drain { grace: TIMEOUT };
    for (note, taken) in [(leave, 1..=8), (drain, WAITING..=WAITING)] {
        let listener = listener();
        let address = listener.local_addr().unwrap();
        let (parent, worker) = begun(&begin(VERSION), Some(&listener));
        let server = worker.unwrap().server(TcpServer::builder()).unwrap();
        let clients: Vec<_> = (0..WAITING).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        (&parent).write_all(&note.encode()).unwrap();
        let end = std::time::Instant::now() + TIMEOUT;
        while server.core.phase() == Phase::Open {
            assert!(std::time::Instant::now() < end, "it does not obey");
            std::thread::yield_now();
        }
        let served = server.serve_sequential(|connection| {
            connection.abort();
            Ok(())
        });
        let report = served.unwrap();
        drop(clients);
        assert!(taken.contains(&report.drained), "{note:?}: {report}");
        keep(parent);
    }
}

/// Of several processes that wait for connections, one is woken for each. If that one does not accept,
/// another does when its parent has it try again.
#[test]
fn recheck_message_makes_worker_accept_missed_connection() {
    let listener = listener();
    let address = listener.local_addr().unwrap();
    // It waits first, is woken, and does not accept.
    let tokens = [(); 2].map(|()| crate::wait::CancelToken::new().unwrap());
    let idle = crate::wait::poller::ExclusiveWait::new(&listener, [&tokens[0], &tokens[1]]).unwrap();
    // Elsewhere than on Linux all are woken.
    let Some(idle) = idle else { return };
    let (parent, worker) = begun(&begin(VERSION), Some(&listener));
    let server = worker.unwrap().server(TcpServer::builder()).unwrap();
    let serving = std::thread::spawn(move || server.serve(|connection| Ok(connection.send("x")?)));
    let was_missed = (0..100).any(|_| {
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| idle.wait(Some(TIMEOUT)).unwrap());
            // Until both wait; otherwise the worker accepts by itself, and it is tried again.
            std::thread::sleep(Duration::from_millis(20));
            let mut client = std::net::TcpStream::connect(address).unwrap();
            client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let is_missed = client.read(&mut [0]).is_err_and(|error| sys::is_would_block_or_intr(&error));
            if is_missed {
                waiting.join().unwrap();
                (&parent).write_all(&Note::Look.encode()).unwrap();
                client.set_read_timeout(Some(TIMEOUT)).unwrap();
                assert_eq!(client.read(&mut [0]).unwrap(), 1, "it has tried again");
            }
            is_missed
        })
    });
    assert!(was_missed, "all are woken");
    (&parent).write_all(&Note::Drain { grace: TIMEOUT }.encode()).unwrap();
    drop(listener);
    assert_eq!(serving.join().unwrap().unwrap().aborted, 0);
    keep(parent);
}

/// A worker whose parent has exited terminates its process, which is that of the tests.
fn keep(parent: ControlSocket) {
    std::mem::forget(parent);
}
