//! Lists who is there on the links of this machine; or is there, and answers.
//!
//! From the notes, UDP, section 6 ("udp广播"), and beyond it: the other side, a question that is
//! asked again in case it was lost, every link, and each answer once.
//!
//! ```text
//! cargo run --example discover -- [--port P] [--message M] [--seconds S] [--interface NAME]...
//!     [--loopback] | --serve NAME [--for S]
//! ```
//!
//! A machine asks by its two links, at which there is another one. What became of the question on
//! each interface is said on standard error; the table and the counts are on standard output:
//!
//! ```text
//! $ cargo run --example discover
//! eth1: sent from 192.168.1.10 to 192.168.1.255:7788
//! eth2: sent from 192.168.2.10 to 192.168.2.255:7788
//! name             address               interface round trip
//! 灯               192.168.1.20:7788     eth1      666.0µs
//! 灯               192.168.2.20:7788     eth2      869.8µs
//! asked 3, replies 2, duplicates 4, dropped 0, lost 0
//!
//! $ cargo run --example discover -- --serve 灯
//! listening on 0.0.0.0:7788 (灯); Ctrl-C ends it
//! 192.168.1.10:53872 on eth1: who is there?
//! 192.168.2.10:53872 on eth2: who is there?
//! 192.168.1.10:53872 on eth1: who is there?
//! 192.168.2.10:53872 on eth2: who is there?
//! 192.168.1.10:53872 on eth1: who is there?
//! 192.168.2.10:53872 on eth2: who is there?
//! 192.168.2.10:36980 on eth2: hi, which is not the question
//! ^Canswered 6
//! ```
//!
//! It asks three times, because a datagram may be lost; answers that say the same again are
//! duplicates. An answer by another link is a line of its own. Ctrl-C ends the listening early.
//!
//! Every message that comes is shown, and only the question is answered: `--message`, which is to
//! be the same on both sides. By `--message hi` it answers the notes' script and the example
//! `udp_broadcast`.

mod cli;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::builder::NonEmptyStringValueParser;
use cli::links::{self, Links};
use cli::{Outcome, say};
use socketry::{Broadcaster, CancelToken, Encoding};

/// Lists who is there on the links of this machine; with --serve, is there itself.
#[derive(Parser)]
struct Args {
    /// Answers with that name, instead of asking; several may, on one machine, too
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    serve: Option<String>,
    /// The port to ask at, or to answer at; with --serve, 0 is any free port
    #[arg(long, value_name = "P", default_value = "7788")]
    port: u16,
    /// The question; --serve answers this one and no other
    #[arg(long, value_name = "M", default_value = "who is there?")]
    message: String,
    /// How long to listen for answers
    #[arg(long, value_name = "S", default_value = "3", conflicts_with = "serve", value_parser = cli::seconds)]
    seconds: Duration,
    /// Ends --serve by itself after so long
    #[arg(long = "for", value_name = "S", requires = "serve", value_parser = cli::seconds)]
    time: Option<Duration>,
    #[command(flatten)]
    links: Links,
}

fn main() -> ExitCode {
    let args: Args = cli::parse();
    if args.serve.is_none() && args.port == 0 {
        cli::wrong(format_args!("error: nobody can be asked at port 0"));
    }
    cli::run("discover", || {
        let token = links::cancelled_by_ctrl_c(args.time)?;
        match &args.serve {
            Some(name) => answer(name, &args, &token),
            None => ask(&args, &token),
        }
    })
}

fn ask(args: &Args, token: &CancelToken) -> Outcome {
    let builder = Broadcaster::builder().port(args.port).cancel_token(token);
    let broadcaster = args.links.choose(builder).build()?;
    let found = broadcaster.discover(&args.message, args.seconds);
    let mut found = found.map_err(|error| args.links.explain(error))?;
    links::note_deliveries(found.sends());
    let row = |name: &str, address: &str, interface: &str, round_trip: &str| {
        say!("{} {address:<21} {interface:<9} {round_trip}", cli::filled(name, 16))
    };
    let mut is_first = true;
    for found in found.by_ref() {
        match found {
            Ok(found) => {
                if std::mem::take(&mut is_first) {
                    row("name", "address", "interface", "round trip")?;
                }
                let name = cli::readable(found.datagram().bytes(), Encoding::Utf8);
                let round_trip = format!("{:.1?}", found.round_trip());
                row(&name, &found.source().to_string(), found.interface_name(), &round_trip)?;
            }
            // Ctrl-C: what was counted until then is told.
            Err(error) if error.is_cancelled() => {}
            Err(error) => cli::note(format_args!("discover: {error}")),
        }
    }
    let counted = found.counters();
    say!(
        "asked {}, replies {}, duplicates {}, dropped {}, lost {}",
        counted.queries,
        counted.replies,
        counted.duplicates,
        counted.dropped,
        counted.lost
    )?;
    Ok(())
}

fn answer(name: &str, args: &Args, token: &CancelToken) -> Outcome {
    let builder = Broadcaster::builder().port(args.port).reuse_address(true).cancel_token(token);
    let responder = args.links.choose(builder).responder().map_err(|error| args.links.explain(error))?;
    cli::note(format_args!("listening on {} ({name}); Ctrl-C ends it", responder.local_addr()));
    let mut answered = 0_u64;
    // `Responder::serve` is this loop in one call, and passes over in silence what fails by itself.
    loop {
        let query = match responder.recv() {
            Ok(query) => query,
            Err(error) if error.is_cancelled() => break,
            Err(error) => return Err(error.into()),
        };
        let (from, interface) = (query.source(), query.interface_name());
        let text = cli::readable(query.datagram().bytes(), Encoding::Utf8);
        if query.datagram().bytes() != args.message.as_bytes() {
            cli::note(format_args!("{from} on {interface}: {text}, which is not the question"));
            continue;
        }
        say!("{from} on {interface}: {text}")?;
        match responder.reply(&query, name) {
            Ok(()) => answered += 1,
            Err(error) => cli::note(format_args!("discover: {error}")),
        }
    }
    say!("answered {answered}")?;
    Ok(())
}
