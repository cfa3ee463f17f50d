//! Connects, sends a text, and prints what comes back.
//!
//! From the notes, TCP, section 8 ("tcp客户端流程"): `connect`, `send("hahah".encode("gb2312"))`,
//! `recv(1024)`.
//!
//! ```text
//! cargo run --example tcp_client -- [ADDR] [--message M] [--encoding E]
//! ```
//!
//! With `tcp_server --reply 收到` at the other end:
//!
//! ```text
//! $ cargo run --example tcp_client
//! recvData:收到
//! ```
//!
//! The notes' server does not answer; what is received then is empty, which in TCP means that the
//! peer has closed. An answer that is not text of the encoding is shown as escaped bytes.

mod cli;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cli::say;
use socketry::{Address, Encoding, TcpClient};

/// Connects, sends a text, and prints what comes back.
#[derive(Parser)]
struct Args {
    /// Where to: HOST:PORT, where HOST is a name, an IPv4 address or an IPv6 address in brackets
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:7788")]
    to: Address,
    /// The text to send
    #[arg(long, value_name = "M", default_value = "hahah")]
    message: String,
    /// The encoding of the text on the wire: utf-8, gb2312, gbk, gb18030 or any label of the Web
    #[arg(long, value_name = "E", default_value_t = Encoding::Gb2312)]
    encoding: Encoding,
}

/// A server that neither answers nor closes is waited for no longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How much one receive takes at most.
const MOST: usize = 1024;

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::run("tcp_client", || {
        let client = TcpClient::builder().encoding(args.encoding).read_timeout(LONGEST_WAIT);
        let connection = client.connect(args.to)?;
        connection.send(args.message)?;
        let answer = connection.recv(MOST)?;
        say!("recvData:{}", cli::readable(&answer, args.encoding))?;
        Ok(())
    })
}
