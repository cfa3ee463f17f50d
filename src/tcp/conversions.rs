//! Conversions to and from the socket types of `std` and the handles of the OS.

use std::net::TcpStream;
use std::sync::Arc;

use super::client::TcpClient;
use super::connection::{Inner, Settings, TcpConnection};
use crate::error::{Error, ErrorKind, Operation, PartialTransfer, Result};
use crate::sys;

impl TcpConnection {
    /// Adopts a stream, with the settings of a client or server.
    pub(super) fn adopt(stream: TcpStream, settings: &Settings) -> Result<TcpConnection> {
        let stream = sys::adopt_stream(stream, &settings.options)?;
        let peer = stream.peer_addr().map_err(|error| sys::failure(Operation::Open, error))?;
        Ok(TcpConnection::assemble(Inner::new(stream, sys::canonical(peer), settings)))
    }
}

/// Takes a stream over with the defaults of a client: see
/// [`TcpClient::adopt`](crate::TcpClient::adopt).
impl TryFrom<TcpStream> for TcpConnection {
    type Error = Error;

    fn try_from(stream: TcpStream) -> Result<TcpConnection> {
        TcpClient::new().adopt(stream)
    }
}

/// Gives the stream away: blocking, with the connection's timeouts set on it. While there are other
/// handles it is a duplicate.
///
/// It fails if bytes were read and kept for the next read, since the stream would not have them,
/// and if the process has no descriptors left for a duplicate.
impl TryFrom<TcpConnection> for TcpStream {
    type Error = Error;

    fn try_from(connection: TcpConnection) -> Result<TcpStream> {
        let read = connection.read_timeout();
        // The stall timeout limits each write of the stream, which is the closest that the OS has.
        let write = connection.write_timeout().or(connection.stall_timeout());
        let inner: Arc<Inner> = connection.inner;
        let kept = inner.unread.len();
        if kept > 0 {
            let partial = PartialTransfer::new(ErrorKind::InvalidInput, kept, 0, None);
            return Err(inner.with_addrs(Error::detailed(
                Operation::Configure("conversion"),
                ErrorKind::InvalidInput,
                partial,
            )));
        }
        let stream = inner.stream.try_clone().map_err(|error| inner.failure(Operation::Open, error))?;
        // The stream continues: dropping the last handle does not end it.
        inner.settle();
        Ok(sys::release_stream(stream, read, write))
    }
}

sys::borrowed_handle!(TcpConnection, inner.stream);
sys::fallible_handle_conversions!(TcpConnection: TcpStream);
