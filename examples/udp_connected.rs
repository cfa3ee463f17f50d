//! UDP's `connect`: a default peer, and nothing else. Both ends are in this process, on the
//! loopback interface.
//!
//! From the notes, 网络编程 (复习), `connect` ("在UDP下，主要指定向哪个地址发送数据"), `send` and
//! `recv`.
//!
//! ```text
//! cargo run --example udp_connected -- [--message M] [--encoding E]
//! ```
//!
//! It prints, with other ports:
//!
//! ```text
//! connect:  127.0.0.1:43087 has 127.0.0.1:55668 as its peer; no byte was sent for that
//! send:     no address needed; 127.0.0.1:55668 received "你好"
//! recv:     no address asked; "你好" can only come from 127.0.0.1:55668
//! stranger: 127.0.0.1:36973 sent "psst", the peer sent "from the peer"
//!           127.0.0.1:43087 heard "from the peer" and nothing else
//! refused:  the peer is closed: receive at 127.0.0.1:43087 from 127.0.0.1:55668: connection refused
//! ```

mod cli;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cli::say;
use socketry::{Encoding, UdpEndpoint};

/// Shows UDP's connect, send and recv between two sockets of this process.
#[derive(Parser)]
struct Args {
    /// The text to send
    #[arg(long, value_name = "M", default_value = "你好")]
    message: String,
    /// The encoding of the text on the wire: utf-8, gb2312, gbk, gb18030 or any label of the Web
    #[arg(long, value_name = "E", default_value_t = Encoding::Utf8)]
    encoding: Encoding,
}

/// No wait is without an end: a datagram may be lost, even here.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::run("udp_connected", || {
        let builder = UdpEndpoint::builder().encoding(args.encoding).read_timeout(LONGEST_WAIT);
        let peer = builder.clone().bind("127.0.0.1:0")?;
        let peer_address = peer.local_addr();

        let endpoint = builder.connect(peer_address)?;
        let address = endpoint.local_addr();
        say!("connect:  {address} has {peer_address} as its peer; no byte was sent for that")?;

        endpoint.send(&args.message)?;
        let question = peer.recv()?;
        say!("send:     no address needed; {peer_address} received {:?}", question.text()?)?;

        // The peer is not connected: it learns from each datagram whom to answer.
        peer.reply(&question, &args.message)?;
        say!("recv:     no address asked; {:?} can only come from {peer_address}", endpoint.recv()?.text()?)?;

        // What the peer sends after the stranger arrives after it, so it is certain that the
        // endpoint was not too early.
        let stranger = UdpEndpoint::bind("127.0.0.1:0")?;
        stranger.send_to("psst", address)?;
        peer.send_to("from the peer", address)?;
        let heard = endpoint.recv()?;
        let others =
            endpoint.try_recv()?.map_or("nothing else".to_owned(), |datagram| format!("{datagram:?}"));
        say!("stranger: {} sent \"psst\", the peer sent {:?}", stranger.local_addr(), "from the peer")?;
        say!("          {address} heard {:?} and {others}", heard.text()?)?;

        // The system of the peer answers by ICMP that nobody listens; a connected socket is told.
        drop(peer);
        endpoint.send(&args.message)?;
        match endpoint.recv() {
            Err(error) if error.is_refused() => say!("refused:  the peer is closed: {error}")?,
            Err(error) => say!("refused:  the peer is closed, and the system does not tell: {error}")?,
            Ok(datagram) => say!("refused:  somebody took the port and answered: {datagram:?}")?,
        }
        Ok(())
    })
}
