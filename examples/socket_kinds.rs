//! The four kinds of socket: IPv4 or IPv6, TCP or UDP. Each is opened on the loopback interface.
//!
//! From the notes, 网络编程 (复习), `socket.socket(family, type)`.
//!
//! ```text
//! cargo run --example socket_kinds
//! ```
//!
//! It prints, with other ports:
//!
//! ```text
//! IPv4 TCP  socket(AF_INET, SOCK_STREAM)    open at 127.0.0.1:43569
//!           a connection: a stream of bytes both ways, in order and complete, to one peer
//! IPv4 UDP  socket(AF_INET, SOCK_DGRAM)     open at 127.0.0.1:53184
//!           single messages: each arrives whole or not at all, to and from anybody
//! IPv6 TCP  socket(AF_INET6, SOCK_STREAM)   open at [::1]:44141
//!           as with IPv4, with addresses of 128 bits
//! IPv6 UDP  socket(AF_INET6, SOCK_DGRAM)    open at [::1]:59077
//!           as with IPv4, with addresses of 128 bits
//! ```
//!
//! A kind that the machine lacks, IPv6 mostly, is shown with the system's error.

mod cli;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;
use cli::say;
use socketry::{Result, TcpServer, UdpEndpoint};

/// Opens the four kinds of socket, IPv4 or IPv6 and TCP or UDP, and says what each is for.
#[derive(Parser)]
struct Args {}

/// A kind: its name, the call that makes it in Python, what it is for, and how it is opened here.
type Kind = (&'static str, &'static str, &'static str, fn() -> Result<SocketAddr>);

const KINDS: [Kind; 4] = [
    (
        "IPv4 TCP",
        "socket(AF_INET, SOCK_STREAM)",
        "a connection: a stream of bytes both ways, in order and complete, to one peer",
        || tcp("127.0.0.1:0"),
    ),
    (
        "IPv4 UDP",
        "socket(AF_INET, SOCK_DGRAM)",
        "single messages: each arrives whole or not at all, to and from anybody",
        || udp("127.0.0.1:0"),
    ),
    (
        "IPv6 TCP",
        "socket(AF_INET6, SOCK_STREAM)",
        "as with IPv4, with addresses of 128 bits", //
        || tcp("[::1]:0"),
    ),
    (
        "IPv6 UDP",
        "socket(AF_INET6, SOCK_DGRAM)",
        "as with IPv4, with addresses of 128 bits", //
        || udp("[::1]:0"),
    ),
];

fn udp(address: &str) -> Result<SocketAddr> {
    Ok(UdpEndpoint::bind(address)?.local_addr())
}

/// A TCP socket that was never connected or listened at is of no use: this one listens.
fn tcp(address: &str) -> Result<SocketAddr> {
    Ok(TcpServer::bind(address)?.local_addr())
}

fn main() -> ExitCode {
    let Args {} = cli::parse();
    cli::run("socket_kinds", || {
        for (name, python, purpose, open) in KINDS {
            match open() {
                Ok(address) => say!("{name}  {python:<30}  open at {address}")?,
                Err(error) => say!("{name}  {python:<30}  not on this machine: {error}")?,
            }
            say!("          {purpose}")?;
        }
        Ok(())
    })
}
