//! What Linux tells of a connection, and how its segments are held back.

use std::net::{Ipv4Addr, SocketAddr};
use std::{fs, io};

use socket2::SockRef;

/// The TCP sockets over IPv4 of this network namespace, a line each: see proc_pid_net(5).
const TABLE: &str = "/proc/self/net/tcp";

/// The states by their numbers in the table, from 1 on.
const STATES: [&str; 11] = [
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSED",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
];

/// A socket: its address, its peer's, and its state.
type Entry = (SocketAddr, SocketAddr, &'static str);

/// The states of both ends as they are now, the client's first. One of which the system knows
/// nothing is closed.
pub(crate) fn states(client: SocketAddr, server: SocketAddr) -> io::Result<[&'static str; 2]> {
    let table = fs::read_to_string(TABLE)?;
    let state =
        |local, peer| table.lines().filter_map(entry).find(|entry| (entry.0, entry.1) == (local, peer));
    let at_client = state(client, server);
    let at_server = match (state(server, client), at_client) {
        // There is no connection yet, only the socket that listens.
        (None, None) => state(server, (Ipv4Addr::UNSPECIFIED, 0).into()),
        (at_server, _) => at_server,
    };
    Ok([at_client, at_server].map(|entry| entry.map_or("CLOSED", |(_, _, state)| state)))
}

/// A line of the table, as `0: 0100007F:9B19 00000000:0000 0A …`. What is none, the heading for
/// one, is nothing.
fn entry(line: &str) -> Option<Entry> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (local, peer) = (address(fields.next()?)?, address(fields.next()?)?);
    let number = usize::from_str_radix(fields.next()?, 16).ok()?;
    Some((local, peer, STATES.get(number.checked_sub(1)?)?))
}

/// `0100007F:9B19`: the address as it lies in memory, read as a number of this machine; the port as
/// a number.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let address = u32::from_str_radix(address, 16).ok()?.to_ne_bytes();
    Some((Ipv4Addr::from(address), u16::from_str_radix(port, 16).ok()?).into())
}

/// A socket to which no segment comes through, until this is dropped. Whoever sent one repeats it
/// later, as after a loss.
///
/// Some kernels (6.18.44 for one) let only `CAP_NET_ADMIN` attach a filter to a socket of TCP. Root
/// has it, and so has everybody in a network namespace of their own.
pub(crate) struct Deaf<'s>(SockRef<'s>);

impl<'s> Deaf<'s> {
    pub(crate) fn of(socket: SockRef<'s>) -> io::Result<Deaf<'s>> {
        set_deaf(&socket, true)?;
        Ok(Deaf(socket))
    }
}

impl Drop for Deaf<'_> {
    fn drop(&mut self) {
        // If this fails, what is waited for next is not seen, and that is said.
        let _ = set_deaf(&self.0, false);
    }
}

#[cfg(target_os = "linux")]
fn set_deaf(socket: &SockRef<'_>, on: bool) -> io::Result<()> {
    if !on {
        return socket.detach_filter();
    }
    // A program for the kernel's packet filter, of one instruction: BPF_RET | BPF_K, keep 0 bytes
    // of what comes.
    socket.attach_filter(&[socket2::SockFilter::new(0x06, 0, 0, 0)])
}

#[cfg(not(target_os = "linux"))]
fn set_deaf(_: &SockRef<'_>, _: bool) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
