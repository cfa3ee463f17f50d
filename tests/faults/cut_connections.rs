//! Connections that are reset, half-closed, stalled or dripped at every byte of an exchange: each is told as what it is, what
//! came before it is there, nothing outlasts its time, and the server has the next client.
//!
//! On Linux, where a reset leaves what came before it to be read; elsewhere it may take that with it.

#![cfg(target_os = "linux")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::kit::relay::{CUTS, Cut, Cutting, Way};
use crate::kit::*;
use socketry::error::PartialTransfer;
use socketry::frame::{FrameError, Lines};
use socketry::tcp::{ServerCounters, ServerEvent, ServerHandle};
use socketry::{Encoding, ErrorKind, Retry, TcpClient, TcpConnection, TcpServer};

/// Of characters with one, two and three bytes.
const LINE: &str = "aé你\n";

/// How long a client waits for what does not come, and a server, which is to be the later one.
const SHORT: Duration = Duration::from_millis(60);
const LONGER: Duration = Duration::from_millis(400);

fn connect_through(network: &Cutting, cut: Cut) -> TcpConnection {
    let timeout = if cut == Cut::Stall { SHORT } else { PATIENCE };
    TcpClient::builder().connect_timeout(PATIENCE).read_timeout(timeout).connect(network.address).unwrap()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Threads,
    Requests,
}

/// A server that gives lines back, and the kinds of errors that it told of its handlers.
struct Echo {
    handle: ServerHandle,
    told: Arc<Mutex<Vec<ErrorKind>>>,
    serving: JoinHandle<()>,
}

impl Echo {
    fn start(kind: Kind) -> Echo {
        let told = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&told);
        let server = TcpServer::builder()
            .read_timeout(LONGER)
            .on_event(move |event| {
                let kind = match event {
                    ServerEvent::HandlerFailed { error, .. } => {
                        error.downcast_ref::<socketry::Error>().map(socketry::Error::kind)
                    }
                    ServerEvent::Expired { error, .. } | ServerEvent::Disconnected { error, .. } => {
                        Some(error.kind())
                    }
                    _ => return,
                };
                own.lock().unwrap().push(kind.unwrap_or(ErrorKind::Other));
            })
            .bind("127.0.0.1:0")
            .unwrap();
        let handle = server.handle();
        let serving = std::thread::spawn(move || {
            match kind {
                Kind::Threads => server.serve(|connection| {
                    let mut lines = connection.lines(Encoding::Utf8);
                    while let Some(line) = lines.recv()? {
                        lines.send(line)?;
                    }
                    Ok(())
                }),
                Kind::Requests => server.serve_requests(Lines::new(Encoding::Utf8), |request| {
                    let line = request.frame().to_owned();
                    Ok(request.reply(line)?)
                }),
            }
            .unwrap();
        });
        Echo { handle, told, serving }
    }

    /// Serves somebody who comes without a detour, and is told how many it had in all.
    fn check_and_shut_down(self) -> (ServerCounters, Vec<ErrorKind>) {
        let client = client_of(self.handle.local_addr());
        client.send(LINE).unwrap();
        assert_eq!(client.recv(100).unwrap(), LINE.as_bytes());
        drop(client);
        eventually("all are gone", || self.handle.counters().active == 0);
        let counters = self.handle.counters();
        assert_eq!(counters.accepted, counters.served + counters.drained + counters.aborted, "{counters:?}");
        self.handle.shutdown(PATIENCE);
        self.serving.join().unwrap();
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        (counters, told)
    }
}

/// One question, and what is to come of it.
fn check_query(network: &Cutting, (way, at, cut): (Way, usize, Cut)) {
    let what = format!("{cut:?} {way:?} after {at}");
    network.plan((way, at, cut));
    let client = connect_through(network, cut);
    let mut lines = client.lines(Encoding::Utf8);
    let began = Instant::now();
    let answer = lines.send(LINE.trim_end()).and_then(|()| lines.recv());
    let elapsed = began.elapsed();
    let is_whole = at == LINE.len() || cut == Cut::Drip;
    match (cut, answer) {
        // The reset of what was asked may be there before the answer is.
        (Cut::Reset, Err(error)) if !is_whole || way == Way::ToServer => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{what}: {error}");
        }
        (_, Ok(Some(line))) => assert!(is_whole && line == LINE.trim_end(), "{what}: {line}"),
        (Cut::End, Ok(None)) => assert!(at == 0 || way == Way::ToServer, "{what}"),
        (Cut::End, Err(error)) => {
            assert!(way == Way::ToClient && (1..LINE.len()).contains(&at), "{what}: {error}");
            match error.detail::<FrameError>() {
                Some(FrameError::UnexpectedEof { partial, .. }) => {
                    assert_eq!(partial, &LINE.as_bytes()[..at], "{what}");
                }
                // Within a character: then it is that character.
                _ => assert!(
                    error.kind() == ErrorKind::InvalidText && !LINE.is_char_boundary(at),
                    "{what}: {error}"
                ),
            }
            assert_eq!(lines.recv().unwrap(), None, "{what}");
        }
        (Cut::Stall, Err(error)) => {
            assert!(error.is_timeout() && elapsed >= SHORT, "{what}: {error}");
        }
        (_, other) => panic!("{what}: {other:?}"),
    }
    assert!(elapsed < SHORT + SLACK, "{what}: {elapsed:?}");
}

#[test]
fn line_exchange_reports_faults_at_both_ends() {
    for kind in [Kind::Threads, Kind::Requests] {
        let echo = Echo::start(kind);
        let network = Cutting::before(echo.handle.local_addr());
        let mut connections = 0;
        for way in [Way::ToServer, Way::ToClient] {
            for cut in CUTS {
                for at in 0..=LINE.len() {
                    check_query(&network, (way, at, cut));
                    connections += 1;
                }
            }
        }
        let (counters, told) = echo.check_and_shut_down();
        assert_eq!(counters.accepted, connections + 1, "{kind:?}");
        let count = |kind| told.iter().filter(|told| **told == kind).count();
        // A client that is silent or leaves within a line is no failure of the handler.
        let all = counters.failed + counters.expired + counters.disconnected;
        assert_eq!(all, told.len() as u64, "{kind:?}");
        assert_eq!(counters.failed as usize, count(ErrorKind::InvalidText), "{kind:?}: {told:?}");
        let within = LINE.len() - 1;
        let ended = count(ErrorKind::UnexpectedEof) + count(ErrorKind::InvalidText);
        assert_eq!(ended, within, "{kind:?}: {told:?}");
        let resets = count(ErrorKind::ConnectionReset);
        let stalls = count(ErrorKind::TimedOut);
        match kind {
            // Whoever reads is told of each.
            Kind::Threads => {
                // One behind the whole exchange may find that the client has gone.
                assert!((2 * LINE.len()..=2 * (LINE.len() + 1)).contains(&resets), "{told:?}");
                assert_eq!(stalls, LINE.len(), "{told:?}");
            }
            // Whoever had asked nothing takes nothing with him; a request that had begun is told.
            Kind::Requests => {
                assert_eq!(counters.expired, LINE.len() as u64, "{counters:?}");
                assert!((within..=2 * (LINE.len() + 1)).contains(&resets), "{told:?}");
            }
        }
    }
}

#[test]
fn recv_exact_keeps_bytes_received_before_fault() {
    const BYTES: &[u8] = b"01234567";
    let server = server();
    let network = Cutting::before(server.local_addr());
    for cut in CUTS {
        for at in 0..=BYTES.len() {
            let what = format!("{cut:?} after {at}");
            network.plan((Way::ToClient, at, cut));
            let client = connect_through(&network, cut);
            let peer = server.accept_timeout(PATIENCE).unwrap();
            // A reset may be there first.
            let _ = peer.send(BYTES);
            let began = Instant::now();
            let mut buffer = [0; BYTES.len()];
            match client.recv_exact(&mut buffer) {
                Ok(()) => {
                    assert!(at == BYTES.len() || cut == Cut::Drip, "{what}");
                    assert_eq!(buffer, BYTES);
                    continue;
                }
                Err(error) => {
                    let expected = match cut {
                        Cut::Reset => ErrorKind::ConnectionReset,
                        Cut::End => ErrorKind::UnexpectedEof,
                        Cut::Stall | Cut::Drip => ErrorKind::TimedOut,
                    };
                    assert_eq!(error.kind(), expected, "{what}: {error}");
                    let partial = error.detail::<PartialTransfer>().unwrap();
                    assert_eq!((partial.transferred, partial.expected), (at, BYTES.len()), "{what}");
                }
            }
            assert!(began.elapsed() < SHORT + SLACK, "{what}: {:?}", began.elapsed());
            if at > 0 {
                assert_eq!(client.recv(100).unwrap(), &BYTES[..at], "{what}");
            }
        }
    }
}

/// Files are of more than the buffers of all that are in between hold.
#[test]
fn send_file_reports_transferred_bytes_on_failure() {
    const LENGTH: usize = 24 << 20;
    let path = std::env::temp_dir().join(format!("socketry-{}-cut", std::process::id()));
    std::fs::write(&path, vec![7; LENGTH]).unwrap();
    let server = server();
    let network = Cutting::before(server.local_addr());
    for (cut, at) in [
        (Cut::Reset, 0),
        (Cut::Reset, 1),
        (Cut::Reset, 100_000),
        (Cut::Reset, 9_000_001),
        (Cut::Stall, 0),
        (Cut::Stall, 2_000_000),
    ] {
        let what = format!("{cut:?} after {at}");
        network.plan((Way::ToClient, at, cut));
        let client = connect_through(&network, Cut::Reset);
        let peer = server.accept_timeout(PATIENCE).unwrap();
        peer.set_write_timeout((cut == Cut::Stall).then_some(LONGER));
        let reading = std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            let mut length = 0;
            while let Ok(count @ 1..) = client.recv_into(&mut buffer) {
                length += count;
            }
            length
        });
        let mut file = std::fs::File::open(&path).unwrap();
        let began = Instant::now();
        let error = peer.send_file(&file).unwrap_err();
        let elapsed = began.elapsed();
        match cut {
            Cut::Reset => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{what}: {error}"),
            _ => {
                assert!(
                    error.is_timeout() && elapsed >= LONGER && elapsed < LONGER + SLACK,
                    "{what}: {error}"
                )
            }
        }
        let done = error.detail::<PartialTransfer>().unwrap().transferred;
        assert!((at..LENGTH).contains(&done), "{what}: {done}");
        assert_eq!(std::io::Seek::stream_position(&mut file).unwrap(), done as u64, "{what}");
        drop(peer);
        if cut == Cut::Reset {
            assert!(reading.join().unwrap() <= at, "{what}");
        }
    }
    let _ = std::fs::remove_file(&path);
}

/// However each connection ends, there is a next one, after no more than its wait.
#[test]
fn reconnect_continues_after_every_fault() {
    let server = server();
    let network = Cutting::before(server.local_addr());
    let mut plans = Vec::new();
    for at in 0..=LINE.len() {
        plans.extend(CUTS.map(|cut| (Way::ToClient, at, cut)));
    }
    plans.iter().for_each(|plan| network.plan(*plan));
    let greeted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..=plans.len() {
                let _ = server.accept_timeout(PATIENCE).unwrap().send(LINE);
                greeted.fetch_add(1, Ordering::Relaxed);
            }
        });
        let wait = Duration::from_millis(10);
        let retry = Retry::new().attempts(3).initial_delay(wait).max_delay(wait).jitter(0.0);
        let client = TcpClient::builder().connect_timeout(PATIENCE).read_timeout(SHORT).retry(retry).build();
        let began = Instant::now();
        let mut whole = 0;
        for (number, connection) in
            client.reconnect(network.address).unwrap().take(plans.len() + 1).enumerate()
        {
            let connection = match connection {
                Ok(connection) => connection,
                // A reset may be there before the connect has seen that it is over.
                Err(error) => {
                    assert_eq!(plans[number].2, Cut::Reset, "{error}");
                    whole += usize::from(plans[number].1 == LINE.len());
                    continue;
                }
            };
            let mut lines = connection.lines(Encoding::Utf8);
            let expected =
                plans.get(number).is_none_or(|(_, at, cut)| *at == LINE.len() || *cut == Cut::Drip);
            let line = lines.recv();
            assert_eq!(line.as_ref().is_ok_and(Option::is_some), expected, "{number}: {line:?}");
            whole += usize::from(expected);
        }
        assert_eq!(whole, LINE.len() + CUTS.len() + 1);
        let stalls = SHORT * LINE.len() as u32;
        assert!(began.elapsed() < stalls + 2 * wait * plans.len() as u32 + SLACK, "{:?}", began.elapsed());
    });
    assert_eq!(greeted.load(Ordering::Relaxed), plans.len() + 1);
}
