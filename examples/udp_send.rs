//! Sends one line of text as one datagram.
//!
//! From the notes, UDP, section 4 ("socket-udp发送数据"): `sendto` to an address, after asking for
//! the text.
//!
//! ```text
//! cargo run --example udp_send -- [ADDR] [--encoding E]
//! ```
//!
//! It asks, and sends what was typed, in UTF-8 to 127.0.0.1:8080 unless told otherwise:
//!
//! ```text
//! $ cargo run --example udp_send -- 127.0.0.1:7788 --encoding gb2312
//! 请输入要发送的数据：你好，世界
//! ```
//!
//! UDP has no receipt: it ends well whether or not somebody listens. The example `udp_recv` does.

mod cli;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use socketry::{Address, Encoding, ErrorKind, UdpEndpoint};

/// Sends one line of standard input as one datagram.
#[derive(Parser)]
struct Args {
    /// Where to: HOST:PORT, where HOST is a name, an IPv4 address or an IPv6 address in brackets
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:8080")]
    to: Address,
    /// The encoding of the text on the wire: utf-8, gb2312, gbk, gb18030 or any label of the Web
    #[arg(long, value_name = "E", default_value_t = Encoding::Utf8)]
    encoding: Encoding,
}

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::run("udp_send", || {
        let text = ask("请输入要发送的数据：")?;
        send(&text, &args.to, args.encoding)?;
        Ok(())
    })
}

/// A socket speaks one family. The notes' is IPv4, and so is this one, unless the address leaves no
/// choice: an IPv6 address, or a name that has no IPv4 address.
fn send(text: &str, to: &Address, encoding: Encoding) -> socketry::Result<()> {
    let ipv4 = UdpEndpoint::builder().encoding(encoding);
    let ipv6 = ipv4.clone();
    if to.ip().is_some_and(|ip| ip.is_ipv6()) {
        return ipv6.bind("[::]:0")?.send_to(text, to);
    }
    match ipv4.bind(":0")?.send_to(text, to) {
        Err(error) if error.kind() == ErrorKind::NameNotFound => {
            ipv6.bind("[::]:0").and_then(|endpoint| endpoint.send_to(text, to)).map_err(|_| error)
        }
        sent => sent,
    }
}

/// One line of standard input, without its line ending.
fn ask(prompt: &str) -> io::Result<String> {
    let mut output = io::stdout();
    write!(output, "{prompt}")?;
    output.flush()?;
    let mut line = String::new();
    let fault = match io::stdin().read_line(&mut line) {
        Ok(0) => "it ended before there was a line to send".to_owned(),
        Ok(_) => {
            let text = line.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
            return Ok(text.unwrap_or(&line).to_owned());
        }
        Err(error) => error.to_string(),
    };
    if output.is_terminal() {
        // The error gets a line of its own.
        writeln!(output)?;
    }
    Err(io::Error::other(format!("standard input: {fault}")))
}
