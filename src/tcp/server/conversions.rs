//! Conversions of servers to and from the listeners of `std` and the handles of the OS.
//!
//! A server does not lend its listener (`AsFd`): a shutdown closes it while the server is still borrowed.

use std::net::TcpListener;

use super::serve::TcpServer;
use super::state::Phase;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::sys;

/// Adopts a listener with the default options: see [`TcpServerBuilder::adopt`](crate::tcp::TcpServerBuilder::adopt).
impl TryFrom<TcpListener> for TcpServer {
    type Error = Error;

    fn try_from(listener: TcpListener) -> Result<TcpServer> {
        TcpServer::builder().adopt(listener)
    }
}

/// Releases the listener in blocking mode. Connections in its queue stay there, accepted connections remain open, and for
/// [handles](TcpServer::handle) the server has ended.
///
/// Options that connections inherit from the listener, such as `TCP_NODELAY`, stay set.
///
/// This returns an error of kind [`Cancelled`](ErrorKind::Cancelled) if a shutdown has begun, and closes the listener then.
impl TryFrom<TcpServer> for TcpListener {
    type Error = Error;

    fn try_from(server: TcpServer) -> Result<TcpListener> {
        let error = |error: Error| error.with_local(Some(server.shared.address));
        if server.shared.phase() != Phase::Open {
            return Err(error(Error::new(Operation::Accept, ErrorKind::Cancelled)));
        }
        let listener = server.shared.listener().take();
        let listener = listener.ok_or_else(|| error(Error::new(Operation::Accept, ErrorKind::Cancelled)))?;
        server.shared.close(None);
        sys::release_listener(listener).map_err(error)
    }
}

sys::fallible_handle_conversions!(TcpServer: TcpListener);
