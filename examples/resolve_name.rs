//! Looks names up, and prints what they stand for, who says so, and for how long that holds.
//!
//! From the notes, 网络编程 (复习), `gethostbyname`: a name becomes an address. The hosts file
//! (`C:\Windows\System32\drivers\etc\hosts`, `/etc/hosts`) is looked at before a DNS server is
//! asked.
//!
//! ```text
//! cargo run --example resolve_name -- [NAME]... [--server ADDR[:PORT]]... [--hosts PATH]...
//!     [--no-hosts] [--ipv4|--ipv6] [--seconds S] [--reverse]
//! ```
//!
//! What was found is on standard output, what was not on standard error. Here without arguments, of
//! a name server that gives one answer, knows that another name does not exist and is silent on a
//! third, and of an address:
//!
//! ```text
//! $ cargo run --example resolve_name
//! localhost: 127.0.0.1 from hosts file
//! $ cargo run --example resolve_name -- printer.example nobody.example silent.example --server 127.0.0.1:5353 --seconds 0.5
//! printer.example: 2001:db8::53, 192.0.2.53 from server 127.0.0.1:5353, holds 3600 s
//! resolve_name: resolve nobody.example: no such host; asking again does not help
//! resolve_name: resolve silent.example: timed out: 127.0.0.1:5353 did not respond after 500.1ms; asking again may help
//! $ cargo run --example resolve_name -- --reverse
//! 127.0.0.1: localhost
//! ```
//!
//! `gethostbyname` gives one address, of IPv4: the first that `--ipv4` prints. It does not say
//! where it has it from, and waits as long as the system likes.

mod cli;

use std::error::Error;
use std::fs::File;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use cli::{Outcome, say};
use socketry::Resolver;
use socketry::dns::{IpFamilies, Resolved};

/// Looks names up in the hosts file and at name servers, and prints their addresses.
#[derive(Parser)]
struct Args {
    /// The names, of any script, or addresses with --reverse [default: localhost, or 127.0.0.1 with
    /// --reverse]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// A server to ask instead of those of this machine; can be given several times
    #[arg(long = "server", value_name = "ADDR[:PORT]", value_parser = server)]
    servers: Vec<String>,
    /// A hosts file to read instead of that of this machine; can be given several times
    #[arg(long, value_name = "PATH")]
    hosts: Vec<PathBuf>,
    /// Read no hosts file
    #[arg(long, conflicts_with = "hosts")]
    no_hosts: bool,
    /// IPv4 addresses only
    #[arg(long)]
    ipv4: bool,
    /// IPv6 addresses only
    #[arg(long, conflicts_with = "ipv4")]
    ipv6: bool,
    /// How long one name may take
    #[arg(long, value_name = "S", default_value = "10", value_parser = cli::seconds)]
    seconds: Duration,
    /// Look up the names of addresses
    #[arg(long, conflicts_with_all = ["ipv4", "ipv6"])]
    reverse: bool,
}

fn main() -> ExitCode {
    let args: Args = cli::parse();
    let names = match (&args.names[..], args.reverse) {
        ([], false) => vec!["localhost".to_owned()],
        ([], true) => vec!["127.0.0.1".to_owned()],
        (names, _) => names.to_vec(),
    };
    if let Some(name) = names.iter().find(|name| args.reverse && name.parse::<IpAddr>().is_err()) {
        cli::wrong(format_args!("error: --reverse takes IP addresses, and {name:?} is none"));
    }
    let mut failures = 0;
    let code = cli::run("resolve_name", || {
        let resolver = resolver(&args)?;
        for name in &names {
            let found = match args.reverse {
                true => resolver.lookup_addr(name.parse::<IpAddr>()?),
                false => resolver.lookup(name).map(|found| told(&found)),
            };
            match found {
                Ok(found) => say!("{}: {found}", cli::printable(name))?,
                Err(error) => {
                    failures += 1;
                    let helps = if error.is_temporary() { "may help" } else { "does not help" };
                    cli::note(format_args!("resolve_name: {error}; asking again {helps}"));
                }
            }
        }
        Ok(())
    });
    if failures > 0 { ExitCode::FAILURE } else { code }
}

fn resolver(args: &Args) -> Result<Resolver, Box<dyn Error>> {
    let mut builder = Resolver::builder().timeout(args.seconds);
    builder = match (args.ipv4, args.ipv6) {
        (true, _) => builder.families(IpFamilies::Ipv4),
        (_, true) => builder.families(IpFamilies::Ipv6),
        _ => builder,
    };
    for server in &args.servers {
        builder = builder.server(server)?;
    }
    for path in &args.hosts {
        readable(path)?;
        builder = builder.hosts(path);
    }
    Ok(builder.use_hosts(!args.no_hosts).build())
}

/// A resolver takes a file that is not there for one that is not there yet. Who has named one
/// should hear of a mistake.
fn readable(path: &PathBuf) -> Outcome {
    File::open(path).map_err(|error| format!("hosts file {}: {error}", path.display()))?;
    Ok(())
}

/// The addresses, who says so, and for how long that holds if it was said.
fn told(found: &Resolved) -> String {
    let addresses: Vec<_> = found.addresses().iter().map(ToString::to_string).collect();
    let text = format!("{} from {}", addresses.join(", "), found.source());
    match found.ttl() {
        // Some of the last second is over already.
        Some(time) => format!("{text}, holds {} s", time.as_secs_f64().ceil()),
        None => text,
    }
}

/// Whether it can be a server is seen before anything is looked up.
fn server(text: &str) -> Result<String, &'static str> {
    let is_one = Resolver::builder().server(text).is_ok();
    is_one.then(|| text.to_owned()).ok_or("not an IP address, with a port or without")
}
