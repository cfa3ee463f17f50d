//! Connects that do not block: begun, waited for together, and finished, each a step of its own.

use std::io;
use std::net::{SocketAddr, TcpStream};

use rustix::fd::{AsFd, BorrowedFd};
use socket2::{SockRef, Socket};

use super::open::failure;
use super::platform::{self, SUPPORTS_BLOCKING};
use super::stream_options::{configure, open};
use super::{Family, MAX_EINTR, error_kind};
use crate::error::{Error, Operation, Result};
use crate::options::TcpOptions;

/// A socket that connects. Dropped, it is closed, and nothing more is sent.
#[derive(Debug)]
pub(crate) struct Connecting {
    socket: Socket,
    address: SocketAddr,
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
        let socket = open(family, config.device.as_deref())?;
        configure(&SockRef::from(&socket), family, config)?;
        if let Some(local) = local {
            let bound = socket.bind(&super::mapped(local, family).into());
            bound.map_err(|error| failure(Operation::Bind, error).with_local(Some(local)))?;
        }
        socket.set_nonblocking(true).map_err(|error| failure(Operation::Open, error))?;
        let mut result = socket.connect(&address.into());
        for _ in 0..MAX_EINTR {
            if !result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
                break;
            }
            result = socket.connect(&address.into());
        }
        let mut connecting = Connecting { socket, address, is_connected: result.is_ok() };
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

    /// connect(2), EINPROGRESS: writable when it is over, and the socket's error says how. That a poll ended is not enough,
    /// because a signal ends it, too. False while it goes on.
    pub(crate) fn check(&mut self) -> Result<bool> {
        match self.socket.take_error() {
            Ok(Some(error)) | Err(error) => Err(failed(error)),
            Ok(None) => {
                self.is_connected = self.is_connected || self.socket.peer_addr().is_ok();
                Ok(self.is_connected)
            }
        }
    }

    /// The stream of one that is connected, which blocks.
    pub(crate) fn finish(self) -> Result<TcpStream> {
        if SUPPORTS_BLOCKING {
            self.socket.set_nonblocking(false).map_err(|error| failure(Operation::Open, error))?;
        }
        let stream = TcpStream::from(self.socket);
        // Two sockets that connect to each other's port at once are one connection: RFC 9293, 3.5, "simultaneous open".
        // With a port that the system chose it is a socket that found itself.
        match stream.local_addr() {
            Ok(own) if own == self.address => Err(failed(io::ErrorKind::ConnectionRefused.into())),
            _ => Ok(stream),
        }
    }
}

fn failed(error: io::Error) -> Error {
    let kind = error_kind(&error);
    Error::system(Operation::Connect, error).with_kind(kind)
}
