//! A chat room: a protocol of lines, in any encoding.
//!
//! From the notes, TCP, sections 7 and 8, and beyond them: many clients at a time, which send and
//! receive when they like.
//!
//! ```text
//! cargo run --example line_chat -- [ADDR] --name NAME [--encoding E] | --serve [ADDR]
//!     [--encoding E] [--seconds S]
//! ```
//!
//! The first line of a client is its name. Each further line goes to all others, with the name
//! before it. A client sends the lines of its standard input and prints what it receives. It ends
//! with its input, and when the room ends.
//!
//! ```text
//! $ cargo run --example line_chat -- --serve --encoding gb2312
//! listening on 127.0.0.1:7788 (gb2312); Ctrl-C ends it
//! 127.0.0.1:56466 is 小明
//! 127.0.0.1:56470 is 小红
//! 小明: 你好
//! 小红: 收到
//!
//! $ cargo run --example line_chat -- --name 小明 --encoding gb2312
//! * welcome, 小明; with you: nobody
//! * 小红 is here
//! 你好
//! 小红: 收到
//! 镕
//! line_chat: not sent: '镕' (U+9555) at byte 0 does not exist in gb2312
//! * 小红 has left
//! * the room closes
//! ```
//!
//! The room has one encoding, and a client that speaks another is told which of its bytes are not
//! text. So is one whose line is too long; the chat goes on. Who does not read, so that a line
//! cannot be sent in a second, is put out: nobody else waits longer than that.
//!
//! Ctrl-C, or `--seconds`, ends the room. `room.rs` is the room and `client.rs` the client.

#[path = "../cli/mod.rs"]
mod cli;
mod client;
mod room;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use socketry::{Address, BindAddress, Encoding};

/// A chat room of lines, and a client of it.
#[derive(Parser)]
struct Args {
    /// The room to enter: HOST:PORT
    #[arg(value_name = "ADDR", default_value = "127.0.0.1:7788", conflicts_with = "serve")]
    to: Address,
    /// The name to enter with
    #[arg(long, value_name = "NAME", required_unless_present = "serve", conflicts_with = "serve")]
    name: Option<String>,
    /// Is the room, at HOST:PORT, or :PORT for every local IPv4 address [default: 127.0.0.1:7788]
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:7788")]
    serve: Option<BindAddress>,
    /// The encoding of the room: utf-8, gb2312, gbk, gb18030 or any label of the Web
    #[arg(long, value_name = "E", default_value_t = Encoding::Utf8)]
    encoding: Encoding,
    /// Ends the room by itself after so long
    #[arg(long, value_name = "S", conflicts_with = "name", value_parser = cli::seconds)]
    seconds: Option<Duration>,
}

/// How soon a peer whose machine has vanished is noticed.
const PEER_TIMEOUT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::run("line_chat", || match (args.serve, args.name) {
        (Some(on), _) => room::serve(on, args.encoding, args.seconds),
        (None, name) => client::chat(&args.to, &name.unwrap_or_default(), args.encoding),
    })
}
