//! A peer that is gone is an error and not a signal, also where the program has taken back that Rust's start ignores `SIGPIPE`,
//! or is no program of Rust's: in processes of their own, which a signal would end.

#![cfg(target_os = "linux")]

mod kit;

use std::fs::File;
use std::io::{IoSlice, Write};

use kit::processes::{kind, this_test};
use kit::*;
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
fn assert_told(mut write: impl FnMut() -> std::io::Result<()>) {
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

fn page() -> File {
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
    let file = page();
    let limited = kind().ends_with("limited");
    connection.set_write_timeout(limited.then_some(PATIENCE));
    match kind().trim_end_matches(" limited") {
        "send" => assert_told(|| Ok(connection.send("x")?)),
        "vectored" => assert_told(|| {
            let written = (&connection).write_vectored(&[IoSlice::new(b"x"), IoSlice::new(b"y")]);
            written.map(drop)
        }),
        "lines" => {
            let mut lines = connection.lines(Encoding::Utf8);
            assert_told(|| Ok(lines.send("x")?));
        }
        "file" => assert_told(|| Ok(connection.send_file_range(&file, 0, 10_000).map(drop)?)),
        "copied" => assert_told(|| {
            let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
            writer.write_all(b"x").unwrap();
            drop(writer);
            let pipe = File::from(std::os::fd::OwnedFd::from(reader));
            Ok(connection.send_file(&pipe).map(drop)?)
        }),
        "file behind a signal" => {
            // One that the program holds back stays the program's.
            hold_back_and_raise();
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

fn hold_back_and_raise() {
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
fn a_peer_that_is_gone_is_an_error_and_never_a_signal() {
    let kinds = ["send", "vectored", "lines", "file", "copied"];
    let limited = kinds.map(|kind| format!("{kind} limited"));
    for kind in kinds.into_iter().chain(limited.iter().map(String::as_str)).chain(["file behind a signal"]) {
        let output = Running::start(&mut this_test("child", kind)).finish();
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{kind}: {}: {text}", output.status);
    }
}
