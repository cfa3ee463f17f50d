//! Listeners that a service manager hands in: the convention of sd_listen_fds(3), played by a shell.

#![cfg(all(target_os = "linux", feature = "listen-fds"))]

mod kit;

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use kit::processes::kind;
use kit::*;
use socketry::{TcpServer, process};

#[test]
#[ignore = "a part of the tests below, which run it in a process of its own"]
fn part() {
    let inherited = process::inherited_listeners();
    if kind() == "no socket" {
        let error = inherited.unwrap_err();
        assert_eq!(error.kind(), socketry::ErrorKind::InvalidInput);
        println!("\n{error}");
        return;
    }
    let mut listeners = inherited.unwrap();
    assert!(process::inherited_listeners().unwrap().is_empty(), "once");
    println!("\n{} handed in", listeners.len());
    if let Some(listener) = listeners.pop() {
        let flags = rustix::io::fcntl_getfd(&listener).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC), "its children do not get it");
        let server = TcpServer::builder().adopt(listener).unwrap();
        let handle = server.handle();
        let report = server.serve(move |connection| {
            connection.send("served")?;
            handle.begin_shutdown(PATIENCE);
            Ok(())
        });
        assert_eq!(report.unwrap().aborted, 0);
    }
}

/// This program as a service manager starts it: descriptor 3 is what is handed in.
fn handed(kind: &str, what: impl Into<Stdio>, pid: &str) -> Running {
    let mut command = Command::new("sh");
    let script = format!("exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID={pid} exec \"$@\"");
    command.args(["-c", &script, "sh"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "part", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("SOCKETRY_KIND", kind).stdin(what);
    Running::start_with(&mut command)
}

fn said(mut running: Running) -> Vec<String> {
    let lines = Lines::of(running.stdout());
    assert!(running.finish().status.success());
    lines.rest()
}

#[test]
fn a_listener_that_is_handed_in_serves() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let running = handed("listener", OwnedFd::from(listener.try_clone().unwrap()), "$$");
    assert_eq!(client_of(address).recv_to_end(100).unwrap(), b"served");
    assert!(said(running).contains(&"1 handed in".to_owned()));
    // It is the manager's still: nothing that this server did is left on it.
    let client = client_of(address);
    assert!(listener.accept().is_ok());
    drop(client);
}

#[test]
fn what_was_handed_to_another_process_is_not_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let running = handed("other", OwnedFd::from(listener), "1");
    assert!(said(running).contains(&"0 handed in".to_owned()));
}

#[test]
fn what_is_no_socket_is_said_to_be_none() {
    let running = handed("no socket", std::fs::File::open("/dev/null").unwrap(), "$$");
    let lines = said(running);
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("take over what was handed in descriptor 0 of those handed in:")),
        "{lines:?}"
    );
}
