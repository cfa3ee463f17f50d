//! A process that ignores `SIGCHLD`.

#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};

use crate::kit::processes::*;
use crate::kit::*;
use socketry::TcpServer;
use socketry::process::Children;

/// The kernel discards the status of a child if its parent ignores `SIGCHLD`, as a process does whose
/// own parent ignored it.
#[test]
fn child_status_is_unknown_if_sigchld_is_ignored() {
    if !needs("python3") {
        return;
    }
    let own = this_test(part_with_sigchld_ignored, "parent");
    let ignore = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])";
    let mut command = Command::new("python3");
    command.args(["-c", ignore]).arg(own.get_program()).args(own.get_args());
    command.env("SOCKETRY_KIND", "parent").stdout(Stdio::null());
    Running::start(&mut command).assert_success("the parent that ignores SIGCHLD");
}

#[test]
#[ignore = "a part of the test above, which runs it in a process of its own"]
fn part_with_sigchld_ignored() {
    let events = Events::default();
    let server = TcpServer::builder().on_event(events.observer()).bind("127.0.0.1:0").unwrap();
    let handle = server.handle();
    let children = Children::inetd_style(|_| {
        let mut command = Command::new("sh");
        command.args(["-c", "kill -SEGV $$"]);
        command
    });
    let serving = std::thread::spawn(move || server.serve_children(children));
    for _ in 0..2 {
        assert_eq!(client_of(handle.local_addr()).recv_to_end(10).unwrap(), b"");
    }
    eventually("both are counted", || handle.counters().unknown == 2);
    let report = handle.shutdown(PATIENCE);
    serving.join().unwrap().unwrap();
    assert_eq!((report.unknown, report.failed, report.crashed), (2, 0, 0), "{report}");
    let ended = events.all().into_iter().filter(|event| event.contains("unknown status: SIGCHLD is ignored"));
    assert_eq!(ended.count(), 2);
}
