use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::events::ServerEvent;
use super::farewell::Farewells;
use super::hooks::Hooks;
use super::serve::TcpServer;
use super::state::{Observer, Shared, Totals};
use crate::addr::BindAddress;
use crate::config::{OverLimit, ServerConfig};
use crate::dns;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::sys::sync::{Condvar, Mutex};
use crate::sys::{self, CancelToken, Told};
use crate::tcp::connection::Settings;
use crate::tcp::options::connection_options;

/// Options for a [`TcpServer`] and for each of its connections; [`bind`](Self::bind) then makes it.
///
/// # Examples
///
/// ```
/// use socketry::tcp::OverLimit;
/// use socketry::TcpServer;
/// use std::time::Duration;
///
/// let server = TcpServer::builder()
///     .max_connections(1_000)
///     .max_connections_per_peer(10)
///     .when_full(OverLimit::RefuseWith(b"busy, try again later\n".to_vec()))
///     .read_timeout(Duration::from_secs(30))
///     .dead_peer_timeout(Duration::from_secs(60))
///     .on_event(|event| eprintln!("{event:?}"))
///     .bind("127.0.0.1:0")?;
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `bind`"]
pub struct TcpServerBuilder {
    settings: Settings,
    config: ServerConfig,
    token: Option<CancelToken>,
    grace: Duration,
    observer: Option<Observer>,
}

/// A peer that does not read what it is sent keeps a thread for so long, unless somebody says otherwise.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// As long as a worker has without its parent.
const GRACE: Duration = Duration::from_secs(5);

impl Default for TcpServerBuilder {
    fn default() -> TcpServerBuilder {
        let mut settings = Settings::default();
        settings.config.write_timeout = Some(WRITE_TIMEOUT);
        TcpServerBuilder {
            settings,
            config: ServerConfig::default(),
            token: None,
            grace: GRACE,
            observer: None,
        }
    }
}

connection_options!(TcpServerBuilder);

impl TcpServerBuilder {
    /// Sets how many connections may wait in the system's queue to be accepted. Defaults to 1,024. The system has a limit of
    /// its own: `net.core.somaxconn` on Linux, 4,096 there.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.config.backlog = connections;
        self
    }

    /// Sets how many connections may be open at a time; 0 counts as 1. Defaults to 1,024. What becomes of the next one is
    /// said by [`when_full`](Self::when_full).
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.config.max_connections = connections.max(1);
        self
    }

    /// Sets how many connections one peer may have open at a time: an IPv4 address, or the 64 bits of an IPv6 address that
    /// name a network. Defaults to no such limit. One more is refused: see [`when_full`](Self::when_full).
    pub fn max_connections_per_peer(mut self, connections: usize) -> Self {
        self.config.max_connections_per_peer = Some(connections.max(1));
        self
    }

    /// Sets what becomes of a connection that comes when as many are open as may be. Defaults to [`OverLimit::Wait`].
    pub fn when_full(mut self, when_full: OverLimit) -> Self {
        self.config.when_full = when_full;
        self
    }

    /// Sets how many threads [`TcpServer::serve`] uses at most; 0 counts as 1. Defaults to as many as there may be
    /// connections. With fewer, connections wait in the queue for a thread.
    ///
    /// For conversations that last, leave it: each needs a thread. For exchanges that are over at once, about four for each
    /// processor serve a tenth more than one for each connection.
    pub fn threads(mut self, threads: usize) -> Self {
        self.config.threads = Some(threads.max(1));
        self
    }

    /// Sets how many threads wait for work for ever; others end after 10 s without any. Defaults to 2.
    pub fn idle_threads(mut self, threads: usize) -> Self {
        self.config.idle_threads = threads;
        self
    }

    /// Sets the size of each thread's stack in bytes. Defaults to that of `std`, 2 MiB, of which the system gives what is
    /// used.
    pub fn thread_stack_size(mut self, bytes: usize) -> Self {
        self.config.thread_stack_size = Some(bytes);
        self
    }

    /// Sets how long each call that writes may wait for a peer that does not read. `None` is for ever. Defaults to 30 s.
    pub fn write_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.config.write_timeout = timeout.into();
        self
    }

    /// Makes a wildcard address mean IPv6 and IPv4 together. Defaults to false: `":7788"` is IPv4 and `"[::]:7788"` is IPv6
    /// alone, whatever the system's own default. IPv4 peers have IPv4 addresses all the same.
    pub fn dual_stack(mut self, on: bool) -> Self {
        self.config.dual_stack = on;
        self
    }

    /// Sets whether a port can be taken whose last connections are still in TIME_WAIT, as they are for a minute after a
    /// server was restarted. Defaults to true. A port at which somebody listens is never taken.
    ///
    /// # Platform-specific behavior
    ///
    /// Windows allows it always, and has the option's name for something else, which is not used.
    pub fn reuse_address(mut self, on: bool) -> Self {
        self.config.reuse_address = on;
        self
    }

    /// Shares a port among listeners of the same user, over which the system spreads connections. Defaults to false.
    ///
    /// A listener that is closed takes the connections of its queue with it: [`shutdown`](crate::tcp::ServerHandle::shutdown)
    /// serves them before.
    ///
    /// # Platform-specific behavior
    ///
    /// Spread on Linux; on macOS and the BSDs mostly the last one gets all; on Windows an error of kind
    /// [`Unsupported`](crate::ErrorKind::Unsupported).
    pub fn reuse_port(mut self, on: bool) -> Self {
        self.config.reuse_port = on;
        self
    }

    /// Gives the server a [`CancelToken`]: cancelling it begins a [shutdown](crate::tcp::ServerHandle::shutdown), in which handlers have
    /// the [`shutdown_timeout`](Self::shutdown_timeout) to finish. Defaults to none.
    ///
    /// The waits of connections are not ended by it: for that there is [`cancel_connections`](Self::cancel_connections).
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

    /// Sets how long handlers have to finish once the [cancel token](Self::cancel_token) is cancelled; then their connections are cut.
    /// Defaults to 5 s. A [`shutdown`](crate::tcp::ServerHandle::shutdown) of a handle brings its own.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.grace = timeout;
        self
    }

    /// Sets who is told of what the server goes on after: errors and panics of handlers, refusals, failed accepts. Defaults
    /// to nobody; all of it is counted as well. It is called in the thread in which it happened, and keeps that from its
    /// work.
    pub fn on_event(mut self, observer: impl Fn(&ServerEvent<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Makes the server, which listens from now on. All options stand in this builder, so the address comes last.
    ///
    /// # Errors
    ///
    /// This returns an error if the text is not an address, the name cannot be looked up, the address does not belong to this
    /// machine, another socket has it, the process may not take it (ports below 1024), or the system refuses an option: the
    /// error's [`operation`](crate::Error::operation) says which.
    pub fn bind<A>(self, address: A) -> Result<TcpServer>
    where
        A: TryInto<BindAddress>,
        Error: From<A::Error>,
    {
        let address: BindAddress = address.try_into()?;
        let local = self.local(&address)?;
        let listener = sys::listen(local, &self.settings.config, &self.config);
        let listener = listener.map_err(|error| match error.operation() {
            // The address as it was given belongs to the error only if the error is about the address.
            Operation::Bind | Operation::Listen => error.at(&address),
            _ => error,
        })?;
        self.assemble(listener, true)
    }

    /// Makes a server of a listener that is open already: options of its connections are set, and those of the listener itself
    /// (backlog, address, device) are as they are.
    ///
    /// # Errors
    ///
    /// This returns an error if the system refuses.
    pub fn adopt(self, listener: TcpListener) -> Result<TcpServer> {
        let listener = sys::adopt_listener(listener, &self.settings.config)?;
        // Others may have it, too, such as whoever opened it.
        self.assemble(listener, false)
    }

    fn assemble(mut self, listener: TcpListener, is_alone: bool) -> Result<TcpServer> {
        let address = listener.local_addr().map_err(|error| sys::failure(Operation::Open, error))?;
        // Where those who come at the limit are refused, somebody has to be there to refuse them.
        let more = usize::from(self.config.when_full != OverLimit::Wait);
        self.config.threads.get_or_insert(self.config.max_connections.saturating_add(more));
        let inherited = sys::arm_listener(&listener, self.settings.config.read_timeout);
        let shared = Arc::new(Shared {
            address: sys::canonical(address),
            state: Mutex::new(Shared::new_state(&self.config)),
            settings: self.settings,
            config: self.config,
            inherited,
            listener: Mutex::new(Some(listener)),
            is_alone,
            holds: AtomicBool::new(false),
            changed: Condvar::new(),
            wake: CancelToken::new()?,
            cut: CancelToken::new()?,
            grace: self.grace,
            bell: OnceLock::new(),
            farewells: Farewells::default(),
            totals: Totals::default(),
            observer: self.observer,
            hooks: Hooks::default(),
        });
        if let Some(token) = self.token {
            let told: Arc<dyn Told> = shared.clone();
            token.tell(Arc::downgrade(&told));
        }
        Ok(TcpServer { shared })
    }

    /// The local address to bind, in the family that `dual_stack` asks for.
    fn local(&self, address: &BindAddress) -> Result<SocketAddr> {
        if !self.config.dual_stack {
            return dns::lookup(None, address.as_address(), None, sys::Limit::default());
        }
        if !address.is_unspecified() {
            let error = Error::new(Operation::Configure("dual_stack"), ErrorKind::InvalidInput);
            return Err(error.at(format_args!("{address}, which is not a wildcard address")));
        }
        Ok((Ipv6Addr::UNSPECIFIED, address.port()).into())
    }
}

impl std::fmt::Debug for TcpServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TcpServerBuilder")
            .field("settings", &self.settings)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
