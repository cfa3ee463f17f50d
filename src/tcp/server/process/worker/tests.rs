use super::*;
use crate::error::ErrorKind;
use crate::tcp::server::state::Phase;

const PATIENCE: Duration = Duration::from_secs(20);

fn begin(version: u64) -> Note {
    Note::Begin { version, number: 3, grace: Duration::from_secs(7) }
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
    let leave = Note::Leave { grace: PATIENCE };
    let drain = Note::Drain { grace: PATIENCE };
    for (note, taken) in [(leave, 1..=8), (drain, WAITING..=WAITING)] {
        let listener = listener();
        let address = listener.local_addr().unwrap();
        let (parent, worker) = begun(&begin(VERSION), Some(&listener));
        let server = worker.unwrap().server(TcpServer::builder()).unwrap();
        let clients: Vec<_> = (0..WAITING).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        (&parent).write_all(&note.encode()).unwrap();
        let end = std::time::Instant::now() + PATIENCE;
        while server.shared.phase() == Phase::Open {
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
        // The thread that hears the parent ends the process when that is gone.
        std::mem::forget(parent);
    }
}

/// Of several that wait for connections one is woken for each; when that one does not accept,
/// another does when it is told to look.
#[test]
#[cfg(target_os = "linux")]
fn recheck_message_makes_worker_accept_missed_connection() {
    let listener = listener();
    let address = listener.local_addr().unwrap();
    // Somebody who was there first, is woken, and does nothing.
    let idle = Arc::new(crate::wait::Poller::new().unwrap());
    assert!(idle.add_shared(&listener).unwrap());
    let (parent, worker) = begun(&begin(VERSION), Some(&listener));
    let server = worker.unwrap().server(TcpServer::builder()).unwrap();
    let serving = std::thread::spawn(move || server.serve(|connection| Ok(connection.send("x")?)));
    let mut is_passed_over = false;
    for _ in 0..100 {
        let (own, (woken, wakes)) = (Arc::clone(&idle), std::sync::mpsc::channel());
        let (begins, began) = std::sync::mpsc::channel();
        let dozing = std::thread::spawn(move || {
            begins.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
            own.wait_any().unwrap();
            woken.send(()).unwrap();
        });
        is_asleep(&began.recv_timeout(PATIENCE).unwrap());
        let mut client = std::net::TcpStream::connect(address).unwrap();
        // The other one may have come by itself, before it waited; then it is tried again.
        client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        is_passed_over = client.read(&mut [0]).is_err_and(|error| sys::is_would_block_or_intr(&error));
        if is_passed_over {
            wakes.recv_timeout(PATIENCE).unwrap();
            (&parent).write_all(&Note::Look.encode()).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            assert_eq!(client.read(&mut [0]).unwrap(), 1, "it has looked");
        }
        if !dozing.is_finished() {
            idle.wake();
        }
        dozing.join().unwrap();
        if is_passed_over {
            break;
        }
    }
    assert!(is_passed_over, "all are woken");
    idle.remove_shared(&listener);
    (&parent).write_all(&Note::Drain { grace: PATIENCE }.encode()).unwrap();
    drop(listener);
    assert_eq!(serving.join().unwrap().unwrap().aborted, 0);
    // The thread that hears the parent ends the process when that is gone.
    std::mem::forget(parent);
}

/// Waits until a thread waits, as /proc(5) has it, or has ended.
#[cfg(target_os = "linux")]
fn is_asleep(thread: &std::path::Path) {
    let path = std::path::Path::new("/proc").join(thread).join("stat");
    let end = std::time::Instant::now() + PATIENCE;
    while std::fs::read_to_string(&path).is_ok_and(|status| !status.contains(") S ")) {
        assert!(std::time::Instant::now() < end, "it does not wait");
        std::thread::yield_now();
    }
}
