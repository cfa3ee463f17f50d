//! Programs written by others, against small servers that are made of the public API alone.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, reason = "the modules of one test program")]

#[cfg(feature = "dns")]
mod glibc;
mod http;
#[path = "../kit/mod.rs"]
mod kit;
mod memcached;
mod redis;
mod udp;

use std::process::Command;

use socketry::tcp::{HandlerResult, ServerHandle, ShutdownReport, TcpServerBuilder};
use socketry::{TcpConnection, TcpServer};

/// A server that runs in a thread.
struct Serving {
    handle: ServerHandle,
    thread: std::thread::JoinHandle<ShutdownReport>,
}

impl Serving {
    fn start(
        builder: TcpServerBuilder,
        handler: impl Fn(&TcpConnection) -> HandlerResult + Send + Sync + 'static,
    ) -> Serving {
        let server = builder.bind("127.0.0.1:0").unwrap();
        let handle = server.handle();
        let serve = move || server.serve(move |connection| handler(&connection)).unwrap();
        Serving { handle, thread: std::thread::spawn(serve) }
    }

    fn port(&self) -> String {
        self.handle.local_addr().port().to_string()
    }

    fn end(self) -> ShutdownReport {
        let report = self.handle.shutdown(kit::PATIENCE);
        assert_eq!(self.thread.join().unwrap(), report);
        report
    }
}

/// What a program prints, which must succeed.
fn output_of(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
    text
}

fn server() -> TcpServerBuilder {
    TcpServer::builder()
}
