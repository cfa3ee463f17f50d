//! 64 bytes there and back between two threads on one processor: every receive has to wait.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use socketry::{CancelToken, TcpClient, TcpConnection, TcpServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::kit::{compare, is_smoke_run, print, timed, variant};
use super::raw::{self, Raw, pair};

const SECOND: Duration = Duration::from_secs(1);

fn rounds() -> usize {
    if is_smoke_run() { 3 } else { 3_000 }
}

/// Two threads, each with one end: `ping` sends and waits, `pong` waits and sends.
fn exchange(mut ping: impl FnMut(), mut pong: impl FnMut() + Send) -> Duration {
    std::thread::scope(|scope| {
        let echo = scope.spawn(move || (0..rounds()).for_each(|_| pong()));
        let time = timed(|| (0..rounds()).for_each(|_| ping()));
        echo.join().unwrap();
        time
    })
}

/// The calls alone, or `limited`: with what any limit takes, a timeout of the kernel and one reading of
/// the clock for each receive.
fn raw(limited: bool) -> Duration {
    let ends = pair();
    let before = || {
        if limited {
            std::hint::black_box(Instant::now());
        }
    };
    if limited {
        ends.iter().for_each(|end| end.set_read_timeout(Some(SECOND)).unwrap());
    }
    let [one, two] = ends.each_ref().map(Raw::of);
    let (mut there, mut back) = ([0; 64], [0; 64]);
    exchange(
        || {
            assert_eq!(one.send(&there), 64);
            before();
            assert_eq!(one.recv(&mut there), 64);
        },
        || {
            before();
            assert_eq!(two.recv(&mut back), 64);
            assert_eq!(two.send(&back), 64);
        },
    )
}

fn std(timeout: Option<Duration>) -> Duration {
    let [mut one, mut two] = pair();
    [&one, &two].iter().for_each(|end| end.set_read_timeout(timeout).unwrap());
    let (mut there, mut back) = ([0; 64], [0; 64]);
    exchange(
        || {
            one.write_all(&there).unwrap();
            assert_eq!(one.read(&mut there).unwrap(), 64);
        },
        || {
            assert_eq!(two.read(&mut back).unwrap(), 64);
            two.write_all(&back).unwrap();
        },
    )
}

fn ours(client: &TcpClient, before: impl Fn(&TcpConnection) + Sync) -> Duration {
    between(pair().map(|end| client.adopt(end).unwrap()), before)
}

fn between([mut one, mut two]: [TcpConnection; 2], before: impl Fn(&TcpConnection) + Sync) -> Duration {
    let (mut there, mut back) = ([0; 64], [0; 64]);
    exchange(
        || {
            one.send(&there[..]).unwrap();
            before(&one);
            assert_eq!(one.read(&mut there).unwrap(), 64);
        },
        || {
            before(&two);
            assert_eq!(two.read(&mut back).unwrap(), 64);
            two.send(&back[..]).unwrap();
        },
    )
}

/// With what a server sets by itself: a write timeout, and that a shutdown can end every wait.
fn client_and_server() -> Duration {
    let server = TcpServer::bind("127.0.0.1:0").unwrap();
    let client = raw::client().connect(server.local_addr()).unwrap();
    between([client, server.accept().unwrap()], |_| {})
}

fn tokio(timeout: Option<Duration>) -> Duration {
    async fn receive(end: &mut tokio::net::TcpStream, buffer: &mut [u8], timeout: Option<Duration>) {
        let received = match timeout {
            Some(timeout) => tokio::time::timeout(timeout, end.read(buffer)).await.unwrap(),
            None => end.read(buffer).await,
        };
        assert_eq!(received.unwrap(), 64);
    }
    let [one, two] = pair();
    let play = |end: TcpStream, begins: bool| {
        let runtime = raw::tokio_of_one_thread();
        let mut buffer = [0; 64];
        runtime.block_on(async {
            let mut end = raw::tokio_stream(end);
            let start = Instant::now();
            for _ in 0..rounds() {
                if begins {
                    end.write_all(&buffer).await.unwrap();
                }
                receive(&mut end, &mut buffer, timeout).await;
                if !begins {
                    end.write_all(&buffer).await.unwrap();
                }
            }
            start.elapsed()
        })
    };
    std::thread::scope(|scope| {
        let echo = scope.spawn(|| play(two, false));
        let time = play(one, true);
        echo.join().unwrap();
        time
    })
}

pub(crate) fn run() {
    let _pinned = raw::pin(0);
    let plain = raw::client().build();
    let timed_out = raw::client().read_timeout(SECOND).build();
    let stoppable = raw::client().cancel_connections(&CancelToken::new().unwrap()).build();
    let rows = compare(
        41,
        vec![
            variant("send, recv", || raw(false)),
            variant("send, recv, timeout and one clock reading", || raw(true)),
            variant("std", || std(None)),
            variant("std, read timeout set once", || std(Some(SECOND))),
            variant("socketry", || ours(&plain, |_| {})),
            variant("socketry, read timeout", || ours(&timed_out, |_| {})),
            variant("socketry, one deadline for all", || {
                let end = Instant::now() + 60 * SECOND;
                ours(&plain, |connection| connection.set_deadline(end))
            }),
            variant("socketry, a new deadline for each", || {
                ours(&plain, |connection| connection.set_deadline(Instant::now() + SECOND))
            }),
            variant("socketry, token", || ours(&stoppable, |_| {})),
            variant("socketry, one end of a TcpServer", client_and_server),
            variant("tokio, current thread", || tokio(None)),
            variant("tokio, current thread, timeout()", || tokio(Some(SECOND))),
        ],
    );
    print("ping-pong of 64 bytes on one processor", rounds(), &rows);
}
