//! An echo of lines by the library's own threads: bounded, and with an end.
//!
//! From the notes, 网络编程 (复习), `listen` and `accept`, and TCP, section 11, which has a process
//! for each client where this has a thread.
//!
//! ```text
//! cargo run --example threads_server -- [ADDR] [--encoding E] [--max N] [--threads N]
//!     [--timeout SECONDS] [--seconds S]
//! ```
//!
//! Each line is printed as it comes, and sent back. What the server goes on after is said on
//! standard error:
//!
//! ```text
//! $ cargo run --example threads_server -- --max 1
//! listening on 127.0.0.1:7788 (gb2312); Ctrl-C ends it
//! 127.0.0.1:52092: 你好
//! 127.0.0.1:52092: byte FF at byte 5 is not gb2312
//! refused 127.0.0.1:52100: connection limit reached
//! 127.0.0.1:52092: frame is longer than the limit of 65536 bytes
//! handler of 127.0.0.1:52092 failed: receive at 127.0.0.1:7788 from 127.0.0.1:52092: timed out after 30s
//! ^Cending: those inside have 5s
//! served 1, drained 0, aborted 0, refused 1, failed 1, panicked 0
//! ```
//!
//! Ctrl-C, or `--seconds`, ends it: nobody new is let in, those inside have 5 s to finish, and the
//! report is printed. A second Ctrl-C cuts those inside at once. A line that is too long, or not
//! text of the encoding, is answered by an error.
//!
//! The client of the example `line_chat` is one for this as well.

mod cli;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cli::say;
use socketry::tcp::HandlerResult;
use socketry::{BindAddress, Encoding, TcpConnection, TcpServer};

/// Echoes lines to many clients at a time, until Ctrl-C.
#[derive(Parser)]
struct Args {
    /// Where to listen: HOST:PORT, or :PORT for every local IPv4 address; port 0 is any free port
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:7788")]
    on: BindAddress,
    /// The encoding of the lines: utf-8, gb2312, gbk, gb18030 or any label of the Web
    #[arg(long, value_name = "E", default_value_t = Encoding::Gb2312)]
    encoding: Encoding,
    /// How many clients may be connected; one more is told so and closed
    #[arg(long, value_name = "N", default_value = "100", value_parser = cli::count::<usize>)]
    max: usize,
    /// How many threads serve them; with fewer than clients, the others wait for one [default: as
    /// many as clients]
    #[arg(long, value_name = "N", value_parser = cli::count::<usize>)]
    threads: Option<usize>,
    /// How long a client may be silent
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = cli::seconds)]
    timeout: Duration,
    /// Ends the server by itself after so long
    #[arg(long, value_name = "S", value_parser = cli::seconds)]
    seconds: Option<Duration>,
}

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::run("threads_server", || {
        let encoding = args.encoding;
        let mut builder = TcpServer::builder()
            .max_connections(args.max)
            .encoding(encoding)
            .refuse_with("busy, try again later\n")
            .read_timeout(args.timeout)
            .on_event(cli::note_event);
        if let Some(threads) = args.threads {
            builder = builder.threads(threads);
        }
        let server = builder.bind(args.on)?;

        let handle = server.handle();
        cli::end_by_ctrl_c(move |timeout| handle.begin_shutdown(timeout), args.seconds)?;
        cli::note(format_args!("listening on {} ({encoding}); Ctrl-C ends it", server.local_addr()));
        say!("{}", server.serve(move |connection| echo(&connection, encoding))?)?;
        Ok(())
    })
}

fn echo(connection: &TcpConnection, encoding: Encoding) -> HandlerResult {
    let peer = connection.peer_addr();
    let mut lines = connection.lines(encoding);
    loop {
        let error = match lines.recv() {
            Ok(None) => return Ok(()),
            Ok(Some(line)) => {
                say!("{peer}: {}", cli::printable(&line))?;
                match lines.send(&line) {
                    Ok(()) => continue,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        let Some(fault) = cli::fault_of_a_line(&error) else { return Err(error.into()) };
        cli::note(format_args!("{peer}: {fault}"));
        lines.send(format!("error: {fault}"))?;
    }
}
