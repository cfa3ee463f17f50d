//! Connects that do not block: begun, waited for together, and finished, each a step of its own.

use std::io;
use std::net::{SocketAddr, TcpStream};

use rustix::fd::{AsFd, BorrowedFd};
use socket2::{SockRef, Socket};

use super::open::failure;
use super::platform::{self, SUPPORTS_BLOCKING};
use super::stream_options::{configure_new, open_nonblocking};
use super::{Family, MAX_EINTR, error_kind};
use crate::error::{Error, Operation, Result};
use crate::options::TcpOptions;

/// A socket that connects. Dropped, it is closed, and nothing more is sent.
#[derive(Debug)]
pub(crate) struct Connecting {
    socket: Socket,
    address: SocketAddr,
    /// Whether the socket may be given the peer's address for its own.
    may_be_self: bool,
    is_connected: bool,
}

impl Connecting {
    /// Sets the options and begins. An error of another operation than [`Operation::Connect`] is not the address's.
    pub(crate) fn begin(
        address: SocketAddr,
        local: Option<SocketAddr>,
        config: &TcpOptions,
    ) -> Result<Connecting> {
        let family = Family::of(&address);
        let socket = open_nonblocking(family, config.device.as_deref())?;
        configure_new(&SockRef::from(&socket), family, config)?;
        if let Some(local) = local {
            if local.port() == 0 {
                platform::choose_port_in_connect(&socket);
            }
            let bound = socket.bind(&super::mapped(local, family).into());
            bound.map_err(|error| failure(Operation::Bind, error).with_local(Some(local)))?;
        }
        let mut result = socket.connect(&address.into());
        for _ in 0..MAX_EINTR {
            if !result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
                break;
            }
            result = socket.connect(&address.into());
        }
        let may_be_self = may_be_self(&address, local.as_ref());
        let mut connecting = Connecting { socket, address, may_be_self, is_connected: result.is_ok() };
        match result {
            Ok(()) => {}
            // To this machine it may be over by now.
            Err(error) if platform::is_in_progress(&error) => drop(connecting.check()?),
            Err(error) => return Err(failed(error)),
        }
        Ok(connecting)
    }

    /// The socket, to poll it.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Whether it was over at once.
    pub(crate) fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Whether the connect is complete. That a poll ended is not enough, because a signal ends it, too. After an error the socket
    /// is of no further use.
    pub(crate) fn check(&mut self) -> Result<bool> {
        if !self.is_connected {
            self.is_connected = platform::is_complete(&self.socket, &self.address).map_err(failed)?;
        }
        Ok(self.is_connected)
    }

    /// The stream of one that is connected, which blocks.
    pub(crate) fn finish(self) -> Result<TcpStream> {
        let stream = TcpStream::from(self.socket);
        // Two sockets that connect to each other's port at the same time are one connection: RFC 9293, 3.5, "simultaneous open". With a
        // port that the kernel chose, a socket can be connected to itself.
        if self.may_be_self && stream.local_addr().is_ok_and(|own| own == self.address) {
            return Err(failed(io::ErrorKind::ConnectionRefused.into()));
        }
        if SUPPORTS_BLOCKING {
            // `std` has one call for it (`FIONBIO`), where `socket2` reads the flags before.
            stream.set_nonblocking(false).map_err(|error| failure(Operation::Open, error))?;
        }
        Ok(stream)
    }
}

/// Whether a socket that connects to `address` may get it as its own address. RFC 6056, 3.2: the ports from 1,024 on are those
/// that a kernel chooses from.
fn may_be_self(address: &SocketAddr, local: Option<&SocketAddr>) -> bool {
    let Some(local) = local else { return address.port() >= 1_024 };
    let has_port = |port| if port == 0 { address.port() >= 1_024 } else { port == address.port() };
    (local.ip().is_unspecified() || local.ip() == address.ip()) && has_port(local.port())
}

fn failed(error: io::Error) -> Error {
    let kind = error_kind(&error);
    Error::system(Operation::Connect, error).with_kind(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads and writes of a connection block in the system call.
    #[cfg(unix)]
    #[test]
    fn finished_connection_is_blocking() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut connecting =
            Connecting::begin(listener.local_addr().unwrap(), None, &TcpOptions::default()).unwrap();
        assert!(SockRef::from(&connecting.socket).nonblocking().unwrap());
        while !connecting.check().unwrap() {
            std::thread::yield_now();
        }
        let stream = connecting.finish().unwrap();
        assert!(!SockRef::from(&stream).nonblocking().unwrap());
        assert!(stream.nodelay().unwrap());
    }

    /// A socket can be connected to itself only if the kernel, or the caller, may choose the address of the peer for it.
    #[test]
    fn self_connect_is_checked_where_it_is_possible() {
        let peer = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let local = |ip: [u8; 4], port| Some(SocketAddr::from((ip, port)));
        for (port, local, expected) in [
            (80, None, false),
            (1_023, None, false),
            (1_024, None, true),
            (40_000, None, true),
            (40_000, local([127, 0, 0, 1], 0), true),
            (80, local([127, 0, 0, 1], 0), false),
            (40_000, local([127, 0, 0, 1], 40_000), true),
            (40_000, local([127, 0, 0, 1], 40_001), false),
            (80, local([127, 0, 0, 1], 80), true),
            (80, local([0, 0, 0, 0], 80), true),
            (40_000, local([0, 0, 0, 0], 0), true),
            (40_000, local([127, 0, 0, 2], 0), false),
            (40_000, local([127, 0, 0, 2], 40_000), false),
        ] {
            assert_eq!(may_be_self(&peer(port), local.as_ref()), expected, "{port} from {local:?}");
        }
    }
}
