//! Conversions of servers to and from the listeners of `std` and the handles of the OS.

use std::net::TcpListener;

use super::serve::TcpServer;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::server::lifecycle::Phase;
use crate::sys;

/// Adopts a listener with default options. See
/// [`TcpServerBuilder::adopt`](crate::tcp::TcpServerBuilder::adopt).
impl TryFrom<TcpListener> for TcpServer {
    type Error = Error;

    fn try_from(listener: TcpListener) -> Result<TcpServer> {
        TcpServer::builder().adopt(listener)
    }
}

/// Releases the listener in blocking mode. Connections in its queue stay there, accepted
/// connections remain open, and for [handles](TcpServer::handle) the server has ended.
///
/// Options that connections inherit from the listener, such as `TCP_NODELAY`, stay set.
///
/// This returns an error of kind [`Cancelled`](ErrorKind::Cancelled) if a shutdown has begun, and
/// closes the listener then.
impl TryFrom<TcpServer> for TcpListener {
    type Error = Error;

    fn try_from(mut server: TcpServer) -> Result<TcpListener> {
        let address = server.core.address;
        let error = |error: Error| error.with_local(Some(address));
        let cancelled = || error(Error::new(Operation::Accept, ErrorKind::Cancelled));
        if server.core.phase() != Phase::Open {
            return Err(cancelled());
        }
        server.stop_lending();
        // A shutdown that begins meanwhile may have closed it.
        let listener = server.core.acceptor.take_listener();
        server.core.close();
        let listener = listener.ok_or_else(cancelled)?;
        sys::release_listener(listener).map_err(error)
    }
}

impl TcpServer {
    /// The listener, which stays open from now on until the server is dropped. If it is closed
    /// already, a handle that is readable, so that an event loop learns of the end.
    fn lent(&self) -> &dyn sys::AsSocket {
        match self.lent.get_or_init(|| self.core.acceptor.lend()) {
            Some(listener) => listener,
            None => &self.core.lifecycle.closing,
        }
    }
}

sys::borrowed_handle!(TcpServer, lent());
sys::fallible_handle_conversions!(TcpServer: TcpListener);
