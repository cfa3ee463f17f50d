use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::core::{Observer, ServerCore};
use super::events::ServerEvent;
use super::serve::TcpServer;
use crate::addr::{BindAddress, ToBindAddress};
use crate::dns;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::options::{ServerOptions, TcpOptions, server_option_setters, tcp_option_setters};
use crate::sys;
use crate::tcp::connection::Settings;
use crate::wait::{self, CancelToken, OnCancel, WaitLimit};

/// Options for creating a [`TcpServer`], and for its connections.
///
/// # Examples
///
/// ```
/// use socketry::TcpServer;
/// use std::time::Duration;
///
/// let server = TcpServer::builder()
///     .max_connections(1_000)
///     .max_connections_per_peer(10)
///     .refuse_with("busy, try again later\n")
///     .read_timeout(Duration::from_secs(30))
///     .dead_peer_timeout(Duration::from_secs(60))
///     .on_event(|event| eprintln!("{event:?}"))
///     .bind("127.0.0.1:0")?;
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until `bind`"]
pub struct TcpServerBuilder {
    settings: Settings,
    options: ServerOptions,
    token: Option<CancelToken>,
    observer: Option<Observer>,
}

/// The default: a peer that does not read blocks a thread for at most this long.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

tcp_option_setters!(TcpServerBuilder, settings.options);
server_option_setters!(TcpServerBuilder, options);

impl TcpServerBuilder {
    /// Sets all [options](ServerOptions) of the server at once, instead of those that were set
    /// before.
    pub fn server_options(mut self, options: ServerOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets all [options](TcpOptions) of its connections at once, instead of those that were set
    /// before.
    pub fn options(mut self, options: TcpOptions) -> Self {
        self.settings.options = options;
        self
    }

    /// Sets a [`CancelToken`] that begins a [shutdown](crate::tcp::ServerHandle::shutdown) when it
    /// is cancelled, with the [`shutdown_timeout`](Self::shutdown_timeout). Defaults to none.
    ///
    /// It does not cancel blocking calls of connections;
    /// [`cancel_connections`](Self::cancel_connections) does.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{CancelToken, TcpServer};
    /// use std::time::Duration;
    ///
    /// let token = CancelToken::new()?;
    /// let server = TcpServer::builder().cancel_token(&token).shutdown_timeout(Duration::from_secs(1)).bind("127.0.0.1:0")?;
    /// let serving = std::thread::spawn(move || server.serve(|connection| Ok(connection.send("你好")?)));
    /// token.cancel();
    /// assert_eq!(serving.join().unwrap()?.aborted, 0);
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn cancel_token(mut self, token: &CancelToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// Sets a [`CancelToken`] that cancels blocking calls of the connections. Defaults to none.
    ///
    /// A connection with a token polls before it blocks; [`CancelToken`] says what that costs.
    pub fn cancel_connections(mut self, token: &CancelToken) -> Self {
        self.settings.token = Some(token.clone());
        self
    }

    /// Sets a callback for events that do not end the server: errors and panics of handlers,
    /// refused connections, failed accepts. Defaults to none;
    /// [`ServerCounters`](crate::tcp::ServerCounters) counts them in any case. The callback runs on
    /// the thread on which the event occurs, and delays its work.
    pub fn on_event(mut self, observer: impl Fn(&ServerEvent<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Binds the server to a local address and listens.
    ///
    /// Blocks only to resolve a host name, if the address has one, for at most 10 s. The
    /// [cancel token](Self::cancel_token) cancels the lookup.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the address is invalid ([`InvalidAddress`](crate::ErrorKind::InvalidAddress)), or its name
    ///   cannot be resolved;
    /// * another socket uses the port ([`AddressInUse`](crate::ErrorKind::AddressInUse)), or the
    ///   address is not local ([`AddressNotAvailable`](crate::ErrorKind::AddressNotAvailable));
    /// * the process may not bind the port, such as one below 1024
    ///   ([`PermissionDenied`](crate::ErrorKind::PermissionDenied));
    /// * the OS rejects an option: the [`operation`](crate::Error::operation) has its name.
    #[doc(alias = "EADDRINUSE")]
    #[doc(alias = "listen")]
    pub fn bind(self, address: impl ToBindAddress) -> Result<TcpServer> {
        let address = address.to_bind_address()?;
        let local = self.local(&address)?;
        let listener = sys::listen(local, &self.settings.options, &self.options);
        let listener = listener.map_err(|error| match error.operation() {
            // The address as it was given belongs to the error only if the error is about the
            // address.
            Operation::Bind | Operation::Listen => error.at(&address),
            _ => error,
        })?;
        self.assemble(listener, true)
    }

    /// Adopts an open listener. Options of connections are set; those of the listener (backlog,
    /// address, device) stay.
    ///
    /// # Errors
    ///
    /// This returns an error if the OS rejects an option.
    pub fn adopt(self, listener: TcpListener) -> Result<TcpServer> {
        let listener = sys::adopt_listener(listener, &self.settings.options)?;
        // Other processes may have it, too.
        self.assemble(listener, false)
    }

    fn assemble(mut self, listener: TcpListener, owns_listener: bool) -> Result<TcpServer> {
        let address = listener.local_addr().map_err(|error| sys::failure(Operation::Open, error))?;
        let encoding = self.settings.options.encoding;
        if let Some(message) = &self.options.refuse_with {
            message
                .to_bytes(encoding)
                .map_err(|error| Error::from(error).with_operation(Operation::Configure("refuse_with")))?;
        }
        self.settings.options.stall_timeout.get_or_insert(Some(STALL_TIMEOUT));
        let rcvtimeo = wait::arm_listener(&listener, self.settings.options.read_timeout);
        let core = ServerCore::new(
            sys::canonical(address),
            (listener, owns_listener),
            rcvtimeo,
            self.settings,
            self.options,
            self.observer,
        )?;
        if let Some(token) = self.token {
            let callback: Arc<dyn OnCancel> = core.clone();
            token.on_cancel(Arc::downgrade(&callback));
        }
        Ok(TcpServer { core, lent: OnceLock::new() })
    }

    /// The local address to bind, in the family that `dual_stack` asks for.
    fn local(&self, address: &BindAddress) -> Result<SocketAddr> {
        if !self.options.dual_stack {
            let limit = WaitLimit::unlimited().cancelled_by(self.token.as_ref(), None);
            return dns::lookup(None, address.as_address(), None, &limit);
        }
        if !address.is_unspecified() {
            let error = Error::new(Operation::Configure("dual_stack"), ErrorKind::InvalidInput);
            return Err(error.at(format_args!("{address}, which is not a wildcard address")));
        }
        Ok((Ipv6Addr::UNSPECIFIED, address.port()).into())
    }
}

impl TcpServer {
    /// Binds a server to a local address with default options. See [`TcpServerBuilder::bind`].
    ///
    /// # Errors
    ///
    /// This returns an error if [`TcpServerBuilder::bind`] would.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::TcpServer;
    ///
    /// let first = TcpServer::bind("127.0.0.1:0")?;
    /// let error = TcpServer::bind(first.local_addr()).unwrap_err();
    /// assert!(error.is_address_in_use());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "listen")]
    #[doc(alias = "create_server")]
    pub fn bind(address: impl ToBindAddress) -> Result<TcpServer> {
        TcpServer::builder().bind(address)
    }

    /// Returns a builder with default options.
    pub fn builder() -> TcpServerBuilder {
        TcpServerBuilder::default()
    }
}

impl std::fmt::Debug for TcpServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TcpServerBuilder")
            .field("settings", &self.settings)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
