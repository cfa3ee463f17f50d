//! A UDP server that replies to each datagram, on several threads, with a report at its end.
//!
//! From the notes, UDP, section 3, which receives one datagram at a time in one thread
//! (`recvfrom`, `sendto`). Here the library runs the loop.
//!
//! ```text
//! cargo run --example udp_server -- [ADDR] [--encoding E] [--reply TEXT] [--threads N]
//!     [--seconds S]
//! ```
//!
//! Each datagram is printed, and replied to with its text and `--reply`:
//!
//! ```text
//! $ cargo run --example udp_server
//! listening on 127.0.0.1:7788 (gb2312), 2 threads; Ctrl-C ends it
//! 127.0.0.1:40312: 你好
//! handler of 127.0.0.1:40312 failed: decode text from 127.0.0.1:40312: byte FF at byte 0 is not gb2312
//! ^Cending: those inside have 5s
//! 2 requests, 1 replies, 1 failed; shut down in 95.6µs
//! ```
//!
//! The examples `udp_send` and `udp_connected` are clients.

mod cli;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cli::say;
use socketry::udp::UdpServer;
use socketry::{BindAddress, Encoding, UdpEndpoint};

/// Replies to each datagram, until Ctrl-C.
#[derive(Parser)]
struct Args {
    /// Where to receive: HOST:PORT, or :PORT for every local IPv4 address; port 0 is any free port
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:7788")]
    on: BindAddress,
    /// The encoding of the text: utf-8, gb2312, gbk, gb18030 or any label of the Web
    #[arg(long, value_name = "E", default_value_t = Encoding::Gb2312)]
    encoding: Encoding,
    /// The text that is added in the reply
    #[arg(long, value_name = "TEXT", default_value = "，收到")]
    reply: String,
    /// How many threads handle datagrams [default: as many as processors]
    #[arg(long, value_name = "N", value_parser = cli::count::<usize>)]
    threads: Option<usize>,
    /// Ends the server by itself after so long
    #[arg(long, value_name = "S", value_parser = cli::seconds)]
    seconds: Option<Duration>,
}

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::run("udp_server", || {
        let endpoint = UdpEndpoint::builder().encoding(args.encoding).bind(args.on)?;
        let threads = args.threads.or_else(|| Some(std::thread::available_parallelism().ok()?.get()));
        let threads = threads.unwrap_or(1);
        let server =
            UdpServer::new(endpoint)?.threads(threads).on_event(|event| cli::note(format_args!("{event}")));
        let handle = server.handle();
        cli::note(format_args!(
            "listening on {} ({}), {threads} threads; Ctrl-C ends it",
            server.local_addr(),
            args.encoding,
        ));
        cli::end_by_ctrl_c(move |timeout| handle.begin_shutdown(timeout), args.seconds)?;

        let report = server.serve(move |request| {
            let text = request.text()?;
            say!("{}: {}", request.source(), cli::printable(&text))?;
            Ok(request.reply(format!("{text}{}", args.reply))?)
        })?;
        say!("{report}")?;
        Ok(())
    })
}
