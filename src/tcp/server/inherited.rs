use std::net::TcpListener;

use crate::error::{Error, ErrorKind, Operation, Result};

/// The listeners that a service manager such as systemd has opened for this process and handed in (`LISTEN_FDS`), in its
/// order; none if nobody has. They are closed in children of this process, and a second call gives none.
///
/// Each becomes a server by [`TcpServerBuilder::adopt`](crate::tcp::TcpServerBuilder::adopt). With the feature `listen-fds`, which
/// adds the crate `listenfd`.
///
/// Call it in `main` before there are threads: it takes the variables out of the environment, which other threads may be
/// reading.
///
/// # Errors
///
/// This returns an error if one of them is no TCP socket.
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
