//! Sends one datagram to everybody on the links of this machine, and prints who answers.
//!
//! From the notes, UDP, section 6 ("udp广播"): `SO_BROADCAST`,
//! `sendto("hi", ("<broadcast>", 7788))`, `recvfrom`.
//!
//! ```text
//! cargo run --example udp_broadcast -- [--port P] [--message M] [--encoding E] [--seconds S]
//!     [--interface NAME]... [--loopback]
//! ```
//!
//! The answers are printed on standard output, as by the notes. What became of the message on each
//! interface is said on standard error. Here on a machine with two links, with a third that it has
//! not, and at last with none:
//!
//! ```text
//! $ cargo run --example udp_broadcast -- --message "who is there?"
//! eth1: sent from 192.168.1.10 to 192.168.1.255:7788
//! eth2: sent from 192.168.2.10 to 192.168.2.255:7788
//! Received from 192.168.1.20:7788: 灯
//! Received from 192.168.2.20:7788: 灯
//! $ cargo run --example udp_broadcast -- --interface eth2 --interface wlan0
//! eth2: sent from 192.168.2.10 to 192.168.2.255:7788
//! wlan0: not sent: address not available on this machine
//! nobody answered within 3s
//! $ cargo run --example udp_broadcast
//! udp_broadcast: send to everybody: no usable interface (--loopback takes the one that leads to this machine)
//! ```
//!
//! The notes' `<broadcast>` is 255.255.255.255, which leaves by one interface, and by none without
//! a default route. Here the message goes to the broadcast address of every network instead.
//!
//! The notes listen for ever. This listens for `--seconds`, and prints what one peer says twice
//! once. Whoever is to answer can be the example `discover`, with `--serve NAME --message hi`.

mod cli;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cli::links::{self, Links};
use cli::say;
use socketry::{Broadcaster, Encoding};

/// Sends a message to everybody on the links of this machine, and prints the answers.
#[derive(Parser)]
struct Args {
    /// The port at which the others listen
    #[arg(long, value_name = "P", default_value = "7788", value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// The text to send
    #[arg(long, value_name = "M", default_value = "hi")]
    message: String,
    /// The encoding of the text on the wire: utf-8, gb2312, gbk, gb18030 or any label of the Web
    #[arg(long, value_name = "E", default_value_t = Encoding::Utf8)]
    encoding: Encoding,
    /// How long to listen for answers
    #[arg(long, value_name = "S", default_value = "3", value_parser = cli::seconds)]
    seconds: Duration,
    #[command(flatten)]
    links: Links,
}

fn main() -> ExitCode {
    let args: Args = cli::parse();
    cli::run("udp_broadcast", || {
        // Once, as the notes do; a discovery asks again unless it is told not to.
        let builder = Broadcaster::builder().port(args.port).encoding(args.encoding).repeats(1);
        let broadcaster = args.links.choose(builder).build()?;
        let answers = broadcaster.discover(&args.message, args.seconds);
        let mut answers = answers.map_err(|error| args.links.explain(error))?;
        links::note_deliveries(answers.sends());
        for answer in answers.by_ref() {
            match answer {
                Ok(answer) => {
                    let text = cli::readable(answer.datagram().bytes(), args.encoding);
                    say!("Received from {}: {text}", answer.source())?;
                }
                Err(error) => cli::note(format_args!("udp_broadcast: {error}")),
            }
        }
        if answers.counters().replies == 0 {
            cli::note(format_args!("nobody answered within {:?}", args.seconds));
        }
        Ok(())
    })
}
