//! A peer that is gone is an error and not a signal, also where the program has taken back that Rust's start ignores `SIGPIPE`,
//! or is no program of Rust's: in processes of their own, which a signal would end.

#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{IoSlice, Write};

use crate::kit::*;
use socketry::{Encoding, TcpConnection};

/// Signal 13, in the masks of proc(5).
const SIGPIPE_BIT: u64 = 1 << 12;

/// A mask of this thread's.
fn mask(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap()
}

/// A connection that its peer has broken off.
fn broken() -> TcpConnection {
    let (client, peer) = connection();
    peer.abort();
    client
}

/// Until it is told, and twice after that: the first error is the reset, and what follows would be the signal.
#[track_caller]
fn assert_write_fails(mut write: impl FnMut() -> std::io::Result<()>) {
    let mut errors = 0;
    for _ in 0..10_000 {
        if let Err(error) = write() {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
            errors += 1;
            if errors == 3 {
                assert_eq!(mask("SigBlk") & SIGPIPE_BIT, 0, "the mask of the thread is what it was");
                return;
            }
        }
    }
    panic!("{errors} errors");
}

fn temp_file() -> File {
    let path = std::env::temp_dir().join(format!("socketry-{}-sigpipe", std::process::id()));
    std::fs::write(&path, [7; 10_000]).unwrap();
    let file = File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    file
}

#[test]
#[ignore = "a part of the test below, which runs it in a process of its own"]
fn child() {
    // SAFETY: the default disposition has no handler that could do anything.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    assert_eq!(mask("SigIgn") & SIGPIPE_BIT, 0);
    let connection = broken();
    let file = temp_file();
    let limited = kind().ends_with("limited");
    connection.set_write_timeout(limited.then_some(PATIENCE));
    match kind().trim_end_matches(" limited") {
        "send" => assert_write_fails(|| Ok(connection.send("x")?)),
        "vectored" => assert_write_fails(|| {
            let written = (&connection).write_vectored(&[IoSlice::new(b"x"), IoSlice::new(b"y")]);
            written.map(drop)
        }),
        "lines" => {
            let mut lines = connection.lines(Encoding::Utf8);
            assert_write_fails(|| Ok(lines.send("x")?));
        }
        "file" => assert_write_fails(|| Ok(connection.send_file_range(&file, 0, 10_000).map(drop)?)),
        "copied" => assert_write_fails(|| {
            let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
            writer.write_all(b"x").unwrap();
            drop(writer);
            let pipe = File::from(std::os::fd::OwnedFd::from(reader));
            Ok(connection.send_file(&pipe).map(drop)?)
        }),
        "file behind a signal" => {
            // One that the program holds back stays the program's.
            block_and_raise_sigpipe();
            let before = mask("SigPnd") & SIGPIPE_BIT;
            assert!(before != 0 && mask("SigBlk") & SIGPIPE_BIT != 0);
            let mut errors = 0;
            while errors < 3 {
                errors += u32::from(connection.send_file_range(&file, 0, 10_000).is_err());
            }
            assert!(mask("SigPnd") & SIGPIPE_BIT != 0 && mask("SigBlk") & SIGPIPE_BIT != 0);
        }
        other => panic!("{other}"),
    }
}

fn block_and_raise_sigpipe() {
    // SAFETY: the set is made by `sigemptyset` before it is read, and both live as long as the calls.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        libc::raise(libc::SIGPIPE);
    }
}

#[test]
fn write_to_aborted_peer_is_error_not_sigpipe() {
    let kinds = ["send", "vectored", "lines", "file", "copied"];
    let limited = kinds.map(|kind| format!("{kind} limited"));
    for kind in kinds.into_iter().chain(limited.iter().map(String::as_str)).chain(["file behind a signal"]) {
        Running::start(&mut this_test(child, kind)).assert_success(kind);
    }
}
