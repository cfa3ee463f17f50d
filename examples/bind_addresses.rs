//! What can be written where an address to bind is asked for, and what comes of it.
//!
//! From the notes, 网络编程 (复习), `socket.bind(address)`: the address is `(host, port)`, the host
//! is an IP address or a name, `''` is every address of this machine, and a port is bound by one
//! process only.
//!
//! ```text
//! cargo run --example bind_addresses
//! ```
//!
//! Each line is what was asked and what came, here for some of them (the ports differ):
//!
//! ```text
//! ("", 0)                        → 0.0.0.0:41087, every IPv4 address of this machine
//! "localhost:0"                  → 127.0.0.1:58229, what the name stands for
//! "127.0.0.1:41533" again        → bind 127.0.0.1:41533: address in use
//! "127.0.0.1:77888"              → parse address: "127.0.0.1:77888": the port is larger than 65535, at byte 10
//! ```

mod cli;

use std::fmt::Display;
use std::process::ExitCode;

use clap::Parser;
use cli::{Outcome, say};
use socketry::{Result, UdpEndpoint};

/// Binds UDP sockets to every kind of address, and shows what comes of it.
#[derive(Parser)]
struct Args {}

fn main() -> ExitCode {
    let Args {} = cli::parse();
    cli::run("bind_addresses", || {
        say!("What was asked for → what came of it")?;
        hosts()?;
        ports()?;
        both_families()?;
        refusals()
    })
}

fn hosts() -> Outcome {
    say!("\nHosts")?;
    show(r#"("", 0)"#, UdpEndpoint::bind(("", 0)), "every IPv4 address of this machine, as in Python")?;
    show(r#"":0""#, UdpEndpoint::bind(":0"), "the same as text")?;
    show("0", UdpEndpoint::bind(0), "the same as a port alone")?;
    show(r#""127.0.0.1:0""#, UdpEndpoint::bind("127.0.0.1:0"), "this machine talking to itself")?;
    show(r#""localhost:0""#, UdpEndpoint::bind("localhost:0"), "what the name stands for")
}

fn ports() -> Outcome {
    say!("\nPorts")?;
    let first = UdpEndpoint::bind("127.0.0.1:0")?;
    let taken = first.local_addr();
    say!("{:<30} → {taken}, a free port: 0 leaves the choice to the system", r#""127.0.0.1:0""#)?;
    show(format_args!(r#""{taken}" again"#), UdpEndpoint::bind(taken), "where it should not be had twice")?;
    drop(first);
    show(format_args!(r#""{taken}" after close"#), UdpEndpoint::bind(taken), "free again at once")
}

fn both_families() -> Outcome {
    say!("\nIPv6")?;
    show(r#""[::1]:0""#, UdpEndpoint::bind("[::1]:0"), "IPv6's 127.0.0.1")?;
    show(r#""[::]:0""#, UdpEndpoint::bind("[::]:0"), "every IPv6 address, and IPv4 not")?;
    let both = UdpEndpoint::builder().dual_stack(true).bind(":0");
    show(r#"":0" with dual_stack(true)"#, both, "every address of both families")
}

fn refusals() -> Outcome {
    say!("\nNot to be had")?;
    for text in ["127.0.0.1", "127.0.0.1:77888", "127.0.0.256:7788", "::1:7788", "http://localhost:7788"] {
        show(format_args!("{text:?}"), UdpEndpoint::bind(text), "which should be no address")?;
    }
    // `.invalid` is kept from ever existing (RFC 6761), and 203.0.113.0/24 is for documentation
    // (RFC 5737).
    show(r#""nobody.invalid:0""#, UdpEndpoint::bind("nobody.invalid:0"), "which should not exist")?;
    show(r#""203.0.113.1:0""#, UdpEndpoint::bind("203.0.113.1:0"), "the address of another machine")
}

/// Prints what was asked, and what came: the address with what it means, or the error.
fn show(asked: impl Display, bound: Result<UdpEndpoint>, meaning: &str) -> Outcome {
    let asked = asked.to_string();
    match bound {
        Ok(endpoint) => say!("{asked:<30} → {}, {meaning}", endpoint.local_addr())?,
        Err(error) => say!("{asked:<30} → {error}")?,
    }
    Ok(())
}
