use std::net::TcpListener;

use crate::error::{Error, ErrorKind, Operation, Result};

/// Returns the listeners that a service manager, such as systemd, has passed to this process
/// (`LISTEN_FDS`), in order. Empty if there are none.
///
/// [`TcpServerBuilder::adopt`](crate::tcp::TcpServerBuilder::adopt) makes a server of each. Child
/// processes do not inherit them. A second call returns none. Available with the feature
/// `listen-fds`.
///
/// Call it in `main` before other threads exist: it removes variables from the environment, which
/// other threads might be reading.
///
/// # Errors
///
/// This returns an error if one of them is not a TCP socket.
///
/// # Examples
///
/// ```
/// use socketry::{TcpServer, tcp};
///
/// let builder = TcpServer::builder();
/// let server = match tcp::inherited_listeners()?.pop() {
///     Some(listener) => builder.adopt(listener)?,
///     None => builder.bind("127.0.0.1:0")?,
/// };
/// # Ok::<(), socketry::Error>(())
/// ```
pub fn inherited_listeners() -> Result<Vec<TcpListener>> {
    let mut handed = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for number in 0..handed.len() {
        let listener = handed.take_tcp_listener(number).map_err(|error| {
            let error = Error::system(Operation::Inherit, error).with_kind(ErrorKind::InvalidInput);
            error.at(format_args!("descriptor {number} of those handed in"))
        })?;
        listeners.extend(listener);
    }
    Ok(listeners)
}
