//! Examples that listen, and clients of theirs that speak lines.

use std::net::SocketAddr;

use super::{Lines, Running, client_of, example};
use socketry::frame::Framed;
use socketry::{Encoding, TcpConnection};

/// An example that listens at a port of the system's choice.
pub struct Listening {
    pub running: Running,
    /// What it prints on standard output and on standard error, after saying where it listens.
    pub lines: Lines,
    pub notes: Lines,
    pub address: SocketAddr,
}

#[track_caller]
pub fn listen(name: &str, arguments: &[&str]) -> Listening {
    let mut running = Running::start(example(name).args(arguments));
    let (lines, notes) = (Lines::of(running.stdout()), Lines::of(running.stderr()));
    let ready = notes.next();
    let address = ready.strip_prefix("listening on ").and_then(|rest| rest.split(' ').next());
    let address = address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{ready}"));
    Listening { running, lines, notes, address }
}

/// What the report of a server says of its connections: how many ended by themselves, and how many
/// were cut. Whether one ended before or after the shutdown began is a matter of a moment, and left
/// out.
#[track_caller]
pub fn ended_and_cut(report: &str) -> (u64, u64) {
    let (served, rest) =
        report.strip_prefix("served ").and_then(|rest| rest.split_once(", drained ")).expect(report);
    let (drained, rest) = rest.split_once(", aborted ").expect(report);
    let (aborted, _) = rest.split_once(", refused 0").expect(report);
    let number = |text: &str| text.parse::<u64>().expect(report);
    (number(served) + number(drained), number(aborted))
}

/// Waits until nothing listens at the port, by proc(5): a connection would be counted. Elsewhere than
/// on Linux it returns immediately.
#[track_caller]
pub fn await_closed_port(address: SocketAddr) {
    let port = format!(":{:04X}", address.port());
    // The columns are a number, the local address, the remote address and the state.
    let is_listening = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns.len() > 3 && columns[1].ends_with(&port) && columns[3] == "0A"
    };
    super::eventually("the listener is closed", || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        !table.lines().any(is_listening)
    });
}

/// Ends a child as Ctrl-C does.
#[cfg(unix)]
pub fn interrupt(running: &Running) {
    let id = rustix::process::Pid::from_raw(running.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
}

/// A client that speaks lines.
pub type Client = Framed<TcpConnection, socketry::frame::Lines>;

pub fn client_in(encoding: Encoding, address: SocketAddr) -> Client {
    client_of(address).into_framed(socketry::frame::Lines::new(encoding))
}

#[track_caller]
pub fn heard(client: &mut Client) -> String {
    client.recv().unwrap().expect("a line")
}
