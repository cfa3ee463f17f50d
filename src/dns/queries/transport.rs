//! Sends queries to name servers and receives responses. Each query has a new connected socket: its
//! source port is random, the OS drops datagrams from other addresses, and an unreachable server is
//! reported immediately. Truncated responses are requested again over TCP.

use std::io::IoSlice;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use crate::dns::interrupted::Interrupted;
use crate::error::TimeLimit;
use crate::options::TcpOptions;
use crate::proto::dns::fault::ServerFault;
use crate::proto::dns::lookup::{Lookup, Step};
use crate::sys::{self, Connecting, How};
use crate::wait::{self, ReceiveTimeout, WaitError, WaitLimit};

/// The largest response over UDP. A larger datagram is truncated.
const MAX_DATAGRAM: usize = 4_096;

/// Runs a lookup until it is done.
pub(super) fn run(
    lookup: &mut Lookup,
    servers: &[SocketAddr],
    limit: &WaitLimit<'_>,
) -> Result<(), Interrupted> {
    let mut socket = None;
    let mut buffer = [0; MAX_DATAGRAM];
    loop {
        if limit.is_cancelled() {
            return Err(Interrupted::Cancelled);
        }
        match lookup.poll(Instant::now(), sys::unpredictable) {
            Step::Done => return Ok(()),
            // The addresses of one family suffice as the answer.
            _ if limit.has_passed() && lookup.has_records() => return Ok(()),
            _ if limit.has_passed() => return Err(Interrupted::TimedOut(Arc::default())),
            Step::Send { server, queries } => match send(servers[server], &queries, limit) {
                Ok(opened) => socket = Some(opened),
                Err(_) => lookup.handle_unreachable(),
            },
            Step::SendTcp { server, query, until } => {
                let response = exchange(servers[server], &query, &until_next(limit, until));
                lookup.handle_tcp(response.as_deref().map_err(|fault| *fault), Instant::now());
            }
            Step::Receive(until) => {
                let Some(socket) = &socket else {
                    lookup.handle_unreachable();
                    continue;
                };
                match receive(socket, &mut buffer, &until_next(limit, until)) {
                    Ok(length) => lookup.handle_datagram(&buffer[..length], Instant::now()),
                    Err(WaitError::Cancelled) => return Err(Interrupted::Cancelled),
                    Err(WaitError::TimedOut | WaitError::ErrorQueueReady) => {}
                    Err(WaitError::Failed(_)) => lookup.handle_unreachable(),
                }
            }
        }
    }
}

/// The wait limit of a step, which ends at `until` at the latest.
fn until_next<'a>(limit: &WaitLimit<'a>, until: Instant) -> WaitLimit<'a> {
    limit.before(Some(until), TimeLimit::Timeout).refreshed()
}

fn send(server: SocketAddr, queries: &[Vec<u8>], limit: &WaitLimit<'_>) -> Result<UdpSocket, WaitError> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(server)?;
    // On platforms where every wait is a poll, no call may block.
    socket.set_nonblocking(!sys::SHUTDOWN_WAKES_READERS)?;
    // A signal does not end the call. The wait for buffer space counts towards the limit.
    queries
        .iter()
        .try_for_each(|query| wait::sending(&socket, limit, |mode| sys::send(&socket, query, mode)))?;
    Ok(socket)
}

fn receive(socket: &UdpSocket, buffer: &mut [u8], limit: &WaitLimit<'_>) -> Result<usize, WaitError> {
    let mut length = 0;
    wait::receiving(socket, &ReceiveTimeout::default(), limit, |mode| {
        let mut received = sys::Received::default();
        sys::receive(socket, buffer, How { mode, peek: false, control: false }, &mut received)?;
        length = received.meta.len();
        Ok(())
    })?;
    Ok(length)
}

/// Sends a query and receives the response over TCP. Each is preceded by its length (RFC 1035,
/// section 4.2.2).
fn exchange(server: SocketAddr, query: &[u8], limit: &WaitLimit<'_>) -> Result<Vec<u8>, ServerFault> {
    let stream = connect(server, limit)?;
    let length = (query.len() as u16).to_be_bytes();
    let mut message = [&length[..], query].concat();
    while !message.is_empty() {
        let sent = wait::write_within(&stream, limit, &[IoSlice::new(&message)]).map_err(stream_fault)?;
        message.drain(..sent);
    }
    let mut length = [0; 2];
    read_exactly(&stream, &mut length, limit)?;
    let mut response = vec![0; u16::from_be_bytes(length).into()];
    read_exactly(&stream, &mut response, limit)?;
    Ok(response)
}

fn connect(server: SocketAddr, limit: &WaitLimit<'_>) -> Result<TcpStream, ServerFault> {
    let unreachable = |_| ServerFault::Unreachable;
    let mut connecting = Connecting::begin(server, None, &TcpOptions::default()).map_err(unreachable)?;
    while !connecting.is_connected() {
        wait::await_connects(std::iter::once(&connecting), limit).map_err(stream_fault)?;
        connecting.check().map_err(unreachable)?;
    }
    connecting.finish().map_err(unreachable)
}

fn read_exactly(stream: &TcpStream, mut buffer: &mut [u8], limit: &WaitLimit<'_>) -> Result<(), ServerFault> {
    let timeout = ReceiveTimeout::default();
    while !buffer.is_empty() {
        // A server that sends one byte at a time does not extend the limit.
        if limit.has_passed() {
            return Err(ServerFault::Timeout);
        }
        let read = wait::read_within(stream, &timeout, limit, buffer, false).map_err(stream_fault)?;
        if read == 0 {
            return Err(ServerFault::Closed);
        }
        buffer = &mut buffer[read..];
    }
    Ok(())
}

/// Converts the error of a TCP connection to a server fault. After a cancellation, the fault does
/// not matter because the lookup ends.
fn stream_fault(error: WaitError) -> ServerFault {
    match error {
        WaitError::TimedOut | WaitError::Cancelled | WaitError::ErrorQueueReady => ServerFault::Timeout,
        WaitError::Failed(_) => ServerFault::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// If the server has closed its socket, its OS returns an ICMP error, which ends the wait.
    #[test]
    fn receive_fails_promptly_when_server_closes() {
        if !sys::HAS_RESOLV_CONF {
            // Windows does not always report the ICMP error.
            return;
        }
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket =
            send(server.local_addr().unwrap(), &[b"first".to_vec()], &WaitLimit::unlimited()).unwrap();
        let again = socket.try_clone().unwrap();
        let began = Instant::now();
        let limit = WaitLimit::timeout(Duration::from_secs(20));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| receive(&socket, &mut [0; 16], &limit));
            server.recv(&mut [0; 16]).unwrap();
            drop(server);
            again.send(b"second").unwrap();
            assert!(matches!(waiting.join().unwrap(), Err(WaitError::Failed(_))));
        });
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
