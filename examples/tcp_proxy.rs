//! Forwards each connection to another server, with half-closes and resets.
//!
//! From the notes, TCP, sections 7 and 8: to its clients this is a server, and to the server it is a
//! client.
//!
//! ```text
//! cargo run --example tcp_proxy -- [ADDR] [--to ADDR] [--max N] [--timeout SECONDS] [--seconds S]
//! ```
//!
//! One line is printed for each connection that has ended, with the bytes in each direction. The
//! example `threads_server` is a server for it, and `line_chat` a client:
//!
//! ```text
//! $ cargo run --example tcp_proxy -- 127.0.0.1:7789 --to 127.0.0.1:7788
//! listening on 127.0.0.1:7789 (to 127.0.0.1:7788); Ctrl-C ends it
//! 127.0.0.1:52092: 8 bytes to the server, 10 bytes back
//! 127.0.0.1:52104: 11 bytes to the server, 0 bytes back: connection reset
//! handler of 127.0.0.1:52110 failed: connect to 127.0.0.1:7788: connection refused
//! ^Cending: those inside have 5s
//! served 2, drained 0, aborted 0, refused 0, failed 1, panicked 0
//! ```
//!
//! When a peer resets its connection, the other peer receives a reset, too, and so it does when the
//! server cannot be connected to. A connection without a byte in either direction is aborted after
//! `--timeout`.

mod cli;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cli::say;
use socketry::tcp::{HandlerResult, PartialCopy, copy_bidirectional};
use socketry::{Address, BindAddress, TcpClient, TcpConnection, TcpServer};

/// Forwards connections to another server, until Ctrl-C.
#[derive(Parser)]
struct Args {
    /// Listen address: HOST:PORT, or :PORT for every local IPv4 address; port 0 is any free port
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:7789")]
    on: BindAddress,
    /// Address of the server: HOST:PORT, where HOST is a name, an IPv4 address or an IPv6 address in
    /// brackets
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7788")]
    to: Address,
    /// Maximum number of clients; others wait in the backlog
    #[arg(long, value_name = "N", default_value = "100", value_parser = cli::count::<usize>)]
    max: usize,
    /// Abort a connection after N seconds without a byte in either direction
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = cli::seconds)]
    timeout: Duration,
    /// Stop after N seconds
    #[arg(long, value_name = "S", value_parser = cli::seconds)]
    seconds: Option<Duration>,
}

/// A server that does not answer within this time cannot be connected to.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::run("tcp_proxy", || {
        let server = TcpServer::builder()
            .max_connections(args.max)
            .idle_timeout(args.timeout)
            .on_event(cli::note_event)
            .bind(args.on)?;
        let client = TcpClient::builder().connect_timeout(CONNECT_TIMEOUT).build();

        let handle = server.handle();
        cli::end_by_ctrl_c(move |timeout| handle.begin_shutdown(timeout), args.seconds)?;
        let (on, to) = (server.local_addr(), args.to);
        cli::note(format_args!("listening on {on} (to {to}); Ctrl-C ends it"));
        say!("{}", server.serve(move |connection| forward(connection, &client, &to))?)?;
        Ok(())
    })
}

fn forward(connection: TcpConnection, client: &TcpClient, to: &Address) -> HandlerResult {
    let peer = connection.peer_addr();
    let upstream = match client.connect(to) {
        Ok(upstream) => upstream,
        Err(error) => {
            // Closing would look like an empty answer.
            connection.abort();
            return Err(error.into());
        }
    };
    match copy_bidirectional(&connection, &upstream) {
        Ok(copied) => {
            say!("{peer}: {} bytes to the server, {} bytes back", copied.a_to_b, copied.b_to_a)?;
        }
        Err(error) => {
            let Some(PartialCopy { copied, .. }) = error.detail() else { return Err(error.into()) };
            let (kind, up, down) = (error.kind(), copied.a_to_b, copied.b_to_a);
            say!("{peer}: {up} bytes to the server, {down} bytes back: {kind}")?;
        }
    }
    Ok(())
}
