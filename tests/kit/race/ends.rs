//! A server, or a handle of a connection, ends while somebody is in the middle of something.

use std::io::Write;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socketry::frame::Lines;
use socketry::{Encoding, TcpClient, TcpServer};

use super::stops::{answered, connection};
use super::{Dice, rounds};
use crate::kit::{PATIENCE, can_drop_syns};

/// Whoever was connected was served. Without the right to hold newcomers off, one who comes between
/// the last accept and the end of the listener is connected and reset.
pub fn assert_accepted_is_answered(taken: u64, answered: Option<bool>) {
    match answered {
        Some(true) => assert_eq!(taken, 1),
        Some(false) => assert!(!can_drop_syns(), "connected, and not answered; {taken} taken"),
        // It may have given up when it was connected already.
        None => assert!(taken <= 1),
    }
}

pub fn accept(count: usize) {
    rounds("a shutdown and accept", count, |dice| {
        let server = TcpServer::bind("127.0.0.1:0").unwrap();
        let (handle, other) = (server.handle(), server.handle());
        let (stop, come) = (dice.moment(), dice.moment());
        std::thread::scope(|scope| {
            let serving =
                scope.spawn(move || server.incoming().map(|one| one.unwrap().send("x").unwrap()).count());
            let coming = scope.spawn(|| {
                come.wait();
                answered(handle.local_addr())
            });
            let also = scope.spawn(|| other.shutdown(PATIENCE));
            stop.wait();
            let report = handle.shutdown(PATIENCE);
            assert_eq!(also.join().unwrap(), report, "both wait for the same end");
            let taken = serving.join().unwrap() as u64;
            assert_eq!((report.served + report.drained, report.aborted), (taken, 0));
            assert_accepted_is_answered(taken, coming.join().unwrap());
        });
    });
}

/// A server is shut down in the middle of clients: each that was connected is answered, and the
/// report agrees.
///
/// Where connections that are idle end with the server, so does one that has not asked yet; in
/// order.
fn shut_down(
    dice: &mut Dice,
    ends_idle: bool,
    serve: impl FnOnce(TcpServer) -> socketry::Result<socketry::tcp::ShutdownReport> + Send,
) {
    const CLIENTS: usize = 3;
    let server = TcpServer::builder().threads(4).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let stop = dice.moment();
    let moments: Vec<_> = (0..CLIENTS).map(|_| dice.moment()).collect();
    let well = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let serving = scope.spawn(move || serve(server));
        for moment in moments {
            let (handle, well) = (&handle, &well);
            scope.spawn(move || {
                moment.wait();
                let client =
                    TcpClient::builder().connect_timeout(Duration::from_millis(20)).read_timeout(PATIENCE);
                let Ok(connection) = client.connect(handle.local_addr()) else { return };
                let mut lines = connection.framed(Lines::new(Encoding::Utf8));
                let answer = lines.send("who").and_then(|()| lines.recv());
                let is_well = matches!(&answer, Ok(Some(answer)) if answer == "who");
                let is_idle = ends_idle && matches!(answer, Ok(None));
                assert!(is_well || is_idle || !can_drop_syns(), "connected, and told {answer:?}");
                well.fetch_add(u64::from(is_well), Ordering::Relaxed);
            });
        }
        stop.wait();
        let report = handle.shutdown(PATIENCE);
        assert_eq!(serving.join().unwrap().unwrap(), report);
        let counters = handle.counters();
        assert_eq!((counters.active, counters.threads), (0, 0), "nobody is left: {report}");
        assert_eq!(counters.accepted, report.served + report.drained, "{report}");
        assert_eq!(report.aborted + report.failed, 0, "{report}");
    });
    let report = handle.counters();
    assert!(report.accepted >= well.into_inner(), "{report:?}");
}

pub fn serve(count: usize) {
    rounds("a shutdown and the threads of a server", count, |dice| {
        shut_down(dice, false, |server| {
            server.serve(|connection| {
                let mut lines = connection.lines(Encoding::Utf8);
                while let Some(line) = lines.recv()? {
                    lines.send(line)?;
                }
                Ok(())
            })
        });
    });
}

pub fn requests(count: usize) {
    rounds("a shutdown and the requests of a server", count, |dice| {
        shut_down(dice, true, |server| {
            server.serve_requests(Lines::new(Encoding::Utf8), |request| {
                let line = request.frame().to_owned();
                Ok(request.reply(line)?)
            })
        });
    });
}

/// One handle goes while another thread reads by its own: it reads on.
pub fn handles(count: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rounds("a handle that goes and one that reads", count, |dice| {
        let (first, mut peer) = connection(&listener);
        let second = first.clone();
        let (go, send) = (dice.moment(), dice.moment());
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || second.recv(8));
            scope.spawn(move || {
                go.wait();
                drop(first);
            });
            send.wait();
            peer.write_all(b"x").unwrap();
            assert_eq!(reading.join().unwrap().unwrap(), b"x");
        });
    });
}

/// One breaks the connection off while another thread reads, and that ends; with what has come, or
/// as stopped.
pub fn abort(count: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rounds("an abort and one that reads", count, |dice| {
        let (first, mut peer) = connection(&listener);
        let second = first.clone();
        let (end, sends) = (dice.moment(), dice.roll(2) == 0);
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || second.recv(8));
            let ending = scope.spawn(move || {
                end.wait();
                first.abort();
            });
            if sends {
                let _ = peer.write_all(b"x");
            }
            ending.join().unwrap();
            match reading.join().unwrap() {
                Ok(bytes) => {
                    assert!(sends && bytes == b"x", "the end, which the peer has not said: {bytes:?}")
                }
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        });
    });
}
