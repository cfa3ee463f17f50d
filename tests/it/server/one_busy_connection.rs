//! A connection that is the only one with requests has a thread of its own for a while; the others, the
//! limits and a shutdown notice nothing of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::kit::*;
use socketry::frame::Lines;
use socketry::tcp::{ServerHandle, ShutdownReport, TcpServerBuilder};
use socketry::{Encoding, TcpConnection, TcpServer};

type Serving = std::thread::JoinHandle<ShutdownReport>;

fn serve(builder: TcpServerBuilder) -> (ServerHandle, Serving) {
    let server = builder.bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || {
        let served = server.serve_requests(Lines::new(Encoding::Utf8), |request| {
            if request.frame() == "block" {
                std::thread::sleep(Duration::from_millis(300));
            }
            let reply = format!("{}!", request.frame());
            Ok(request.reply(reply)?)
        });
        served.unwrap()
    });
    (handle, serving)
}

fn ask(client: &TcpConnection, question: &str) {
    let mut lines = client.lines(Encoding::Utf8);
    lines.send(question).unwrap();
    assert_eq!(lines.recv().unwrap(), Some(format!("{question}!")));
}

/// A client whose connection is followed.
fn busy_client(handle: &ServerHandle) -> TcpConnection {
    let client = client_of(handle.local_addr());
    (0..100).for_each(|number| ask(&client, &number.to_string()));
    client
}

#[test]
fn others_are_served_beside_a_busy_connection() {
    for threads in [1, 2] {
        let (handle, serving) = serve(TcpServer::builder().threads(threads));
        let (done, busy) = (AtomicUsize::new(0), busy_client(&handle));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while done.load(Ordering::SeqCst) == 0 {
                    ask(&busy, "busy");
                }
            });
            for _ in 0..20 {
                let start = Instant::now();
                let other = client_of(handle.local_addr());
                ask(&other, "first");
                ask(&other, "second");
                assert!(start.elapsed() < Duration::from_secs(5));
            }
            done.store(1, Ordering::SeqCst);
        });
        drop(busy);
        handle.shutdown(PATIENCE);
        serving.join().unwrap();
    }
}

/// The thread that polls is blocked in a handler: another takes its place.
#[test]
fn blocked_handler_holds_no_request_beside_a_busy_connection() {
    let (handle, serving) = serve(TcpServer::builder());
    let busy = busy_client(&handle);
    let blocking = client_of(handle.local_addr());
    blocking.send("block\n").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    let start = Instant::now();
    ask(&client_of(handle.local_addr()), "other");
    ask(&busy, "busy");
    assert!(start.elapsed() < Duration::from_millis(200), "{:?}", start.elapsed());
    assert_eq!(blocking.recv(100).unwrap(), b"block!\n");
    handle.shutdown(PATIENCE);
    serving.join().unwrap();
}

#[test]
fn busy_connection_expires_and_begins_requests_as_others_do() {
    let timeout = Duration::from_millis(300);
    let (handle, serving) = serve(TcpServer::builder().read_timeout(timeout));
    let client = busy_client(&handle);
    let start = Instant::now();
    client.send("in two ").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    client.send("parts\n").unwrap();
    assert_eq!(client.recv(100).unwrap(), b"in two parts!\n");
    client.send("begun").unwrap();
    assert_eq!(client.recv(100).unwrap(), b"", "it is closed");
    assert!(start.elapsed() >= Duration::from_millis(390), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(5));
    eventually("it is counted", || handle.counters().expired == 1);
    handle.shutdown(PATIENCE);
    serving.join().unwrap();
}

#[test]
fn shutdown_and_close_reach_a_busy_connection() {
    let (handle, serving) = serve(TcpServer::builder().shutdown_idle_timeout(Duration::ZERO));
    let client = busy_client(&handle);
    drop(busy_client(&handle));
    eventually("it is closed", || handle.counters().active == 1);
    ask(&client, "still here");
    let start = Instant::now();
    let report = handle.shutdown(PATIENCE);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!((report.drained, report.aborted, report.failed), (1, 0, 0), "{report}");
    assert_eq!(client.recv(100).unwrap(), b"");
    serving.join().unwrap();
}
