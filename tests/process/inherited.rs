//! Listeners that a service manager hands in: the convention of sd_listen_fds(3), played by a shell.

#![cfg(all(target_os = "linux", feature = "listen-fds"))]

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use crate::kit::*;
use socketry::{TcpServer, tcp};

#[test]
#[ignore = "a child of the tests below, which run it in a process of its own"]
fn child_process() {
    let inherited = tcp::inherited_listeners();
    if kind() == "no socket" {
        let error = inherited.unwrap_err();
        assert_eq!(error.kind(), socketry::ErrorKind::InvalidInput);
        println!("\n{error}");
        return;
    }
    let mut listeners = inherited.unwrap();
    assert!(tcp::inherited_listeners().unwrap().is_empty(), "once");
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
    let program = this_test(child_process, kind);
    command.args(["-c", &script, "sh"]).arg(program.get_program()).args(program.get_args());
    command.env("SOCKETRY_KIND", kind).stdin(what);
    Running::start_with(&mut command)
}

fn output_lines(mut running: Running) -> Vec<String> {
    let lines = Lines::of(running.stdout());
    assert!(running.finish().status.success());
    lines.rest()
}

#[test]
fn inherited_listener_serves() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let running = handed("listener", OwnedFd::from(listener.try_clone().unwrap()), "$$");
    assert_eq!(client_of(address).recv_to_end(100).unwrap(), b"served");
    assert!(output_lines(running).contains(&"1 handed in".to_owned()));
    // It is the manager's still: nothing that this server did is left on it.
    let client = client_of(address);
    assert!(listener.accept().is_ok());
    drop(client);
}

#[test]
fn listen_pid_of_other_process_is_ignored() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let running = handed("other", OwnedFd::from(listener), "1");
    assert!(output_lines(running).contains(&"0 handed in".to_owned()));
}

#[test]
fn inherited_non_socket_is_rejected() {
    let running = handed("no socket", std::fs::File::open("/dev/null").unwrap(), "$$");
    let lines = output_lines(running);
    assert!(
        lines.iter().any(|line| line.starts_with("inherit socket descriptor 0 of those handed in:")),
        "{lines:?}"
    );
}
