//! Receives datagrams of text and prints each.
//!
//! From the notes, UDP, section 5 ("udp接收信息，绑定端口"): `bind` to a port of every local
//! address, `recvfrom`, `decode("gb2312")`.
//!
//! ```text
//! cargo run --example udp_recv -- [ADDR] [--encoding E] [--count N]
//! ```
//!
//! Where it listens is said on standard error; what arrives is printed on standard output, as by
//! the notes:
//!
//! ```text
//! $ cargo run --example udp_recv
//! listening on 0.0.0.0:7788 (gb2312)
//! content is 你好，世界
//! ```
//!
//! A datagram that is not text of the encoding counts as well, and is an error that says who sent
//! it and which byte is wrong:
//! `udp_recv: decode text from 127.0.0.1:40312: byte FF at byte 3 is not gb2312`. The example
//! `udp_send` sends.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use cli::say;
use socketry::{BindAddress, Encoding, UdpEndpoint};

/// Receives datagrams of text and prints each.
#[derive(Parser)]
struct Args {
    /// Where to listen: HOST:PORT, or :PORT for every local IPv4 address; port 0 is any free port
    #[arg(value_name = "ADDR", default_value = ":7788")]
    on: BindAddress,
    /// The encoding of the text on the wire: utf-8, gb2312, gbk, gb18030 or any label of the Web
    #[arg(long, value_name = "E", default_value_t = Encoding::Gb2312)]
    encoding: Encoding,
    /// How many datagrams to receive before it ends
    #[arg(long, value_name = "N", default_value = "1", value_parser = cli::count::<u64>)]
    count: u64,
}

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::run("udp_recv", || {
        let endpoint = UdpEndpoint::builder().encoding(args.encoding).bind(args.on)?;
        cli::note(format_args!("listening on {} ({})", endpoint.local_addr(), args.encoding));
        for _ in 0..args.count {
            let datagram = endpoint.recv()?;
            match datagram.text() {
                Ok(content) => say!("content is {content}")?,
                Err(error) => cli::note(format_args!("udp_recv: {error}")),
            }
        }
        Ok(())
    })
}
