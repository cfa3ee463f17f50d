//! Conversions of servers to and from the listeners of `std` and the handles of the OS.

use std::net::TcpListener;
use std::sync::Arc;

use super::serve::TcpServer;
use super::state::Phase;
use crate::error::{Error, ErrorKind, Operation, Result};
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
        let address = server.shared.address;
        let error = |error: Error| error.with_local(Some(address));
        let cancelled = || error(Error::new(Operation::Accept, ErrorKind::Cancelled));
        if server.shared.phase() != Phase::Open {
            return Err(cancelled());
        }
        let own = server.listener.take();
        drop(server.shared.listener().take());
        server.shared.close(None);
        // A shutdown that begins meanwhile may have stopped it.
        let listener = own.and_then(Arc::into_inner).ok_or_else(cancelled)?;
        sys::release_listener(listener).map_err(error)
    }
}

impl TcpServer {
    /// The listener, which the server closes when it is dropped.
    fn lent(&self) -> &TcpListener {
        self.listener.as_ref().expect("only a server that serves lends nothing, and that one is consumed")
    }
}

sys::borrowed_handle!(TcpServer, lent());
sys::fallible_handle_conversions!(TcpServer: TcpListener);
