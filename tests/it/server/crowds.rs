//! Many clients that connect at the same time to a server of `serve`: more than it has threads.

use std::time::{Duration, Instant};

use super::obedient::ms;
use crate::kit::*;
use socketry::tcp::{ServerHandle, ShutdownReport, TcpServerBuilder};
use socketry::{Encoding, TcpConnection, TcpServer};

const CLIENTS: usize = 200;

/// Each connection has one line, for how many milliseconds its handler sleeps before the answer.
fn serve(builder: TcpServerBuilder) -> (ServerHandle, std::thread::JoinHandle<ShutdownReport>) {
    let server = builder.bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let serving = std::thread::spawn(move || {
        let report = server.serve(|connection| {
            let mut lines = connection.lines(Encoding::Utf8);
            while let Some(line) = lines.recv()? {
                std::thread::sleep(ms(line.parse()?));
                lines.send(line)?;
            }
            Ok(())
        });
        report.unwrap()
    });
    (handle, serving)
}

fn crowd(handle: &ServerHandle) -> Vec<TcpConnection> {
    (0..CLIENTS).map(|_| client_of(handle.local_addr())).collect()
}

fn send_all(clients: &[TcpConnection], line: &str) {
    clients.iter().for_each(|client| client.send(line).unwrap());
}

#[test]
fn crowd_larger_than_the_threads_is_answered() {
    let (handle, serving) = serve(TcpServer::builder().threads(16));
    let clients = crowd(&handle);
    send_all(&clients, "1\n");
    clients.iter().for_each(|client| client.half_close().unwrap());
    for client in &clients {
        assert_eq!(client.recv_text(10).unwrap(), "1\n");
    }
    let report = handle.shutdown(Duration::from_secs(5));
    assert_eq!(report.served + report.drained, CLIENTS as u64, "{report}");
    serving.join().unwrap();
}

/// Each client keeps its thread; all have one soon.
#[test]
fn each_of_a_crowd_has_a_thread() {
    let (handle, serving) = serve(TcpServer::builder());
    let clients = crowd(&handle);
    // The last first: it is not served in the thread of another that has ended.
    for client in clients.iter().rev() {
        client.send("0\n").unwrap();
        assert_eq!(client.recv_text(10).unwrap(), "0\n");
    }
    assert_eq!(handle.counters().active, CLIENTS as u64);
    drop(clients);
    let report = handle.shutdown(Duration::from_secs(5));
    assert_eq!(report.served + report.drained, CLIENTS as u64, "{report}");
    serving.join().unwrap();
}

#[test]
fn shutdown_answers_every_client_of_a_crowd() {
    let (handle, serving) = serve(TcpServer::builder());
    let clients = crowd(&handle);
    send_all(&clients, "20\n");
    handle.begin_shutdown(Duration::from_secs(10));
    clients.iter().for_each(|client| client.half_close().unwrap());
    for client in &clients {
        assert_eq!(client.recv_text(10).unwrap(), "20\n");
    }
    let report = serving.join().unwrap();
    assert_eq!((report.served + report.drained, report.aborted), (CLIENTS as u64, 0), "{report}");
}

/// A crowd that says nothing is aborted at the timeout: those with a thread, and those that wait for one.
#[test]
fn shutdown_aborts_a_silent_crowd() {
    for threads in [None, Some(4)] {
        let builder = TcpServer::builder();
        let (handle, serving) = serve(match threads {
            Some(threads) => builder.threads(threads),
            None => builder,
        });
        let clients = crowd(&handle);
        handle.begin_shutdown(ms(50));
        let report = serving.join().unwrap();
        assert_eq!(report.aborted + report.served + report.drained, CLIENTS as u64, "{report}");
        assert!(report.aborted > 0, "{report}");
        drop(clients);
    }
}

/// Handlers that compute share the processors, and more threads would not help. One that blocks is no
/// reason for a thread for each.
#[test]
fn computing_handlers_do_not_get_a_thread_each() {
    for one_sleeps in [false, true] {
        let server = TcpServer::builder().bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let is_first = std::sync::atomic::AtomicBool::new(one_sleeps);
        let serving = std::thread::spawn(move || {
            let report = server.serve(move |_| {
                if is_first.swap(false, std::sync::atomic::Ordering::SeqCst) {
                    std::thread::sleep(ms(1_500));
                    return Ok(());
                }
                let end = Instant::now() + ms(400);
                while Instant::now() < end {
                    std::hint::spin_loop();
                }
                Ok(())
            });
            report.unwrap()
        });
        let clients: Vec<_> = (0..300).map(|_| client_of(handle.local_addr())).collect();
        let (began, mut most) = (Instant::now(), 0);
        while began.elapsed() < ms(1_000) {
            most = most.max(handle.counters().threads);
            std::thread::sleep(ms(5));
        }
        assert!(most <= 100, "{most} threads");
        drop(clients);
        handle.shutdown(ms(100));
        serving.join().unwrap();
    }
}
