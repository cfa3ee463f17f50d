//! Speaking to servers: a fresh connected socket for each that is asked, so that its port is
//! random, the system drops what comes from others, and a server that is not there is known at
//! once; or TCP.

use std::io::IoSlice;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use crate::dns::failure::Interrupted;
use crate::error::TimeLimit;
use crate::options::TcpOptions;
use crate::proto::dns::fault::ServerFault;
use crate::proto::dns::lookup::{Lookup, Step};
use crate::sys::{self, Connecting};
use crate::wait::{self, ReceiveTimeout, WaitError, WaitLimit};

/// Replies are no larger over UDP; what is, comes with a mark that it is cut.
const LARGEST: usize = 4_096;

/// Asks until it is answered, or nobody is left, or the time is over.
pub(super) fn run(
    lookup: &mut Lookup,
    servers: &[SocketAddr],
    limit: &WaitLimit<'_>,
) -> Result<(), Interrupted> {
    let mut socket = None;
    let mut buffer = [0; LARGEST];
    loop {
        if limit.is_cancelled() {
            return Err(Interrupted::Cancelled);
        }
        match lookup.poll(Instant::now(), sys::unpredictable) {
            Step::Done => return Ok(()),
            // One family's addresses are an answer, whether or not there was time for the other's.
            _ if limit.has_passed() && lookup.has_something() => return Ok(()),
            _ if limit.has_passed() => return Err(Interrupted::TimedOut(Arc::default())),
            Step::Ask { server, queries } => match ask(servers[server], &queries, limit) {
                Ok(opened) => socket = Some(opened),
                Err(_) => lookup.handle_unreachable(),
            },
            Step::AskByTcp { server, query, until } => {
                let reply = ask_by_tcp(servers[server], &query, &until_next(limit, until));
                lookup.handle_tcp(reply.as_deref().map_err(|fault| *fault), Instant::now());
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

/// The limit of a step that the lookup ends at that time.
fn until_next<'a>(limit: &WaitLimit<'a>, until: Instant) -> WaitLimit<'a> {
    limit.before(Some(until), TimeLimit::Timeout).refreshed()
}

fn ask(server: SocketAddr, queries: &[Vec<u8>], limit: &WaitLimit<'_>) -> Result<UdpSocket, WaitError> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(server)?;
    // Where every wait is a poll, no call may block.
    socket.set_nonblocking(!sys::SHUTDOWN_WAKES_READERS)?;
    // A signal is no answer, and waiting for room is within the time.
    queries
        .iter()
        .try_for_each(|query| wait::sending(&socket, limit, |mode| sys::send(&socket, query, mode)))?;
    Ok(socket)
}

fn receive(socket: &UdpSocket, buffer: &mut [u8], limit: &WaitLimit<'_>) -> Result<usize, WaitError> {
    let mut length = 0;
    let capacity = buffer.len();
    wait::receiving(socket, &ReceiveTimeout::default(), limit, |mode| {
        let mut received = sys::Received::default();
        sys::receive(socket, buffer, mode, false, false, &mut received)?;
        length = received.length.min(capacity);
        Ok(())
    })?;
    Ok(length)
}

/// RFC 1035, 4.2.2: each message behind its length. The error is why there is no response.
fn ask_by_tcp(server: SocketAddr, query: &[u8], limit: &WaitLimit<'_>) -> Result<Vec<u8>, ServerFault> {
    let stream = connect(server, limit)?;
    let length = (query.len() as u16).to_be_bytes();
    let mut message = [&length[..], query].concat();
    while !message.is_empty() {
        let sent = wait::write_within(&stream, limit, &[IoSlice::new(&message)]).map_err(fault_of_stream)?;
        message.drain(..sent);
    }
    let mut length = [0; 2];
    read_exactly(&stream, &mut length, limit)?;
    let mut reply = vec![0; u16::from_be_bytes(length).into()];
    read_exactly(&stream, &mut reply, limit)?;
    Ok(reply)
}

fn connect(server: SocketAddr, limit: &WaitLimit<'_>) -> Result<TcpStream, ServerFault> {
    let unreachable = |_| ServerFault::Unreachable;
    let mut connecting = Connecting::begin(server, None, &TcpOptions::default()).map_err(unreachable)?;
    while !connecting.is_connected() {
        wait::await_connects(std::iter::once(&connecting), limit).map_err(fault_of_stream)?;
        connecting.check().map_err(unreachable)?;
    }
    connecting.finish().map_err(unreachable)
}

fn read_exactly(stream: &TcpStream, mut buffer: &mut [u8], limit: &WaitLimit<'_>) -> Result<(), ServerFault> {
    let timeout = ReceiveTimeout::default();
    while !buffer.is_empty() {
        // A peer that drips cannot outlast it.
        if limit.has_passed() {
            return Err(ServerFault::Timeout);
        }
        let read = wait::read_within(stream, &timeout, limit, buffer, false).map_err(fault_of_stream)?;
        if read == 0 {
            return Err(ServerFault::Closed);
        }
        buffer = &mut buffer[read..];
    }
    Ok(())
}

/// What a wait on a connection says of the server. After a cancel the lookup ends.
fn fault_of_stream(error: WaitError) -> ServerFault {
    match error {
        WaitError::TimedOut | WaitError::Cancelled | WaitError::ErrorQueueReady => ServerFault::Timeout,
        WaitError::Failed(_) => ServerFault::Closed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A server that is gone when it is asked something more: its system says so, and whoever waits
    /// is told at once.
    #[test]
    fn receive_fails_promptly_when_server_closes() {
        if !sys::HAS_RESOLV_CONF {
            // Where the system has another way to names, it need not say who is gone, either.
            return;
        }
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket =
            ask(server.local_addr().unwrap(), &[b"first".to_vec()], &WaitLimit::unlimited()).unwrap();
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
