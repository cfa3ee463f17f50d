//! Accepts one connection, receives once, and prints what came from whom.
//!
//! From the notes, TCP, section 7 ("tcp服务器流程"): `bind` to a port of every local address,
//! `listen(5)`, `accept`, `recv(1024)`.
//!
//! ```text
//! cargo run --example tcp_server -- [ADDR] [--backlog N] [--encoding E] [--reply TEXT]
//! ```
//!
//! Where it listens is said on standard error; what came is printed on standard output:
//!
//! ```text
//! $ cargo run --example tcp_server
//! listening on 0.0.0.0:7788 (gb2312)
//! 127.0.0.1:52056:hahah
//! ```
//!
//! The notes print `('127.0.0.1', 36406):b'hahah'`; here it is text, if it is text of the encoding,
//! and else escaped bytes. As the notes' it waits for as long as it takes, and does not answer
//! unless told to. One receive gets what is there, which in TCP may be a part of what was sent, or
//! more than that: for messages see the example `threads_server`. The example `tcp_client` sends.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use cli::say;
use socketry::{BindAddress, Encoding, TcpServer};

/// Accepts one connection, and prints what came from whom.
#[derive(Parser)]
struct Args {
    /// Where to listen: HOST:PORT, or :PORT for every local IPv4 address; port 0 is any free port
    #[arg(value_name = "ADDR", default_value = ":7788")]
    on: BindAddress,
    /// How many connections may wait to be accepted
    #[arg(long, value_name = "N", default_value = "5", value_parser = cli::count::<u32>)]
    backlog: u32,
    /// The encoding of the text on the wire: utf-8, gb2312, gbk, gb18030 or any label of the Web
    #[arg(long, value_name = "E", default_value_t = Encoding::Gb2312)]
    encoding: Encoding,
    /// What to answer; without it, as in the notes, nothing
    #[arg(long, value_name = "TEXT")]
    reply: Option<String>,
}

/// How much one receive takes at most.
const MOST: usize = 1024;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::run("tcp_server", || {
        let server = TcpServer::builder().backlog(args.backlog).encoding(args.encoding).bind(args.on)?;
        cli::note(format_args!("listening on {} ({})", server.local_addr(), args.encoding));

        let connection = server.accept()?;
        let data = connection.recv(MOST)?;
        say!("{}:{}", connection.peer_addr(), cli::readable(&data, args.encoding))?;
        if let Some(reply) = args.reply {
            connection.send(reply)?;
        }
        // It waits for the client's end, at most 2 s: to close before would destroy an answer if
        // there is unread input.
        if let Err(error) = connection.close() {
            cli::note(format_args!("tcp_server: {error}"));
        }
        Ok(())
    })
}
