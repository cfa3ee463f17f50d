//! Writes of 64 KiB, read into 256 KiB, sender and receiver on a processor each.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::clock::Clock;
use super::kit::{compare, is_smoke_run, print, variant};
use super::raw::{self, Aligned, Raw, pair};

const WRITE: usize = 64 * 1024;
const ROOM: usize = 256 * 1024;

/// An allocation of this size begins this many bytes after a page boundary in glibc, as long as it
/// has a mapping of its own.
const AS_A_VEC: usize = 16;

/// A multiple of four, so that the reads of exactly 256 KiB come out even.
fn writes() -> usize {
    if is_smoke_run() { 8 } else { 2_000 }
}

/// Times the receiver, which reads until it has everything.
fn transfer(
    clock: Clock,
    send: impl FnOnce(TcpStream, &[u8]) + Send,
    receive: impl FnOnce(TcpStream, usize),
) -> Duration {
    let [sender, receiver] = pair();
    let message = Aligned::new(WRITE);
    std::thread::scope(|scope| {
        let sending = scope.spawn(move || {
            let _pinned = raw::pin(1);
            let mut message = message;
            send(sender, message.room());
        });
        let _pinned = raw::pin(0);
        let time = clock.time(|| receive(receiver, writes() * WRITE));
        sending.join().unwrap();
        time
    })
}

fn send_raw(stream: TcpStream, message: &[u8]) {
    (0..writes()).for_each(|_| Raw::of(&stream).send_all(message));
}

fn send_std(mut stream: TcpStream, message: &[u8]) {
    (0..writes()).for_each(|_| stream.write_all(message).unwrap());
}

fn send_ours(stream: TcpStream, message: &[u8]) {
    let connection = raw::client().build().adopt(stream).unwrap();
    (0..writes()).for_each(|_| connection.send(message).unwrap());
}

fn send_tokio(stream: TcpStream, message: &[u8]) {
    raw::tokio_of_one_thread().block_on(async {
        let mut stream = raw::tokio_stream(stream);
        for _ in 0..writes() {
            stream.write_all(message).await.unwrap();
        }
    });
}

/// Reads until everything has come.
fn all(total: usize, mut read: impl FnMut() -> usize) {
    let mut left = total;
    while left > 0 {
        let length = read();
        assert!(length > 0, "{left} bytes are missing");
        left -= length;
    }
}

fn measured(clock: Clock, addition: &str) {
    let raw_into = |flags| {
        move || {
            let mut buffer = Aligned::new(ROOM);
            transfer(clock, send_raw, |stream, total| {
                all(total, || Raw::of(&stream).recv_with(buffer.room(), flags));
            })
        }
    };
    let rows = vec![
        variant("recv, aligned", raw_into(0)),
        variant("recv of all 256 KiB, aligned", raw_into(libc::MSG_WAITALL)),
        variant("std read, aligned", || {
            let mut buffer = Aligned::new(ROOM);
            transfer(clock, send_std, |mut stream, total| all(total, || stream.read(buffer.room()).unwrap()))
        }),
        variant("std read, as a large Vec lies", || {
            let mut buffer = Aligned::behind(AS_A_VEC, ROOM);
            transfer(clock, send_std, |mut stream, total| all(total, || stream.read(buffer.room()).unwrap()))
        }),
        variant("socketry read, aligned", || {
            let mut buffer = Aligned::new(ROOM);
            transfer(clock, send_ours, |stream, total| {
                let mut connection = raw::client().build().adopt(stream).unwrap();
                all(total, || connection.read(buffer.room()).unwrap());
            })
        }),
        variant("socketry recv_exact of 256 KiB, aligned", || {
            let mut buffer = Aligned::new(ROOM);
            transfer(clock, send_ours, |stream, total| {
                let connection = raw::client().build().adopt(stream).unwrap();
                all(total, || {
                    connection.recv_exact(buffer.room()).unwrap();
                    ROOM
                });
            })
        }),
        variant("tokio read, aligned", || {
            let mut buffer = Aligned::new(ROOM);
            transfer(clock, send_tokio, |stream, total| {
                raw::tokio_of_one_thread().block_on(async {
                    let mut stream = raw::tokio_stream(stream);
                    let mut left = total;
                    while left > 0 {
                        let length = stream.read(buffer.room()).await.unwrap();
                        assert!(length > 0, "{left} bytes are missing");
                        left -= length;
                    }
                });
            })
        }),
    ];
    print(&format!("writes of 64 KiB, read into 256 KiB{addition}"), writes(), &compare(31, rows));
}

pub(crate) fn run() {
    for (clock, addition) in Clock::BOTH {
        let addition = if addition.is_empty() { "" } else { ", processor time of the receiver" };
        measured(clock, addition);
    }
}
