use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::connection::{Settings, TcpConnection};
use super::observe::{ConnectEvent, Observer};
use crate::addr::ToAddress;
use crate::dns::Resolver;
use crate::error::Result;
use crate::options::{TcpOptions, tcp_option_setters};
use crate::proto::retry::Retry;
use crate::wait::CancelToken;

/// A TCP client, which connects to servers by name or address.
///
/// A client is a set of options for new connections. Use it as often as needed, from any thread.
///
/// * **Happy Eyeballs** (RFC 8305). The addresses of a name are tried in the order of the lookup,
///   IPv6 and IPv4 alternating. The next attempt begins when one has failed or has not responded
///   for [250 ms](TcpClientBuilder::attempt_delay), with at most six in progress, and 64 in all. The
///   first connection wins, and the other attempts are closed. No threads are used.
/// * **One timeout.** The [`connect_timeout`](TcpClientBuilder::connect_timeout), 10 s by default,
///   covers the whole connect: lookup, all addresses and retries. If it is too short for all
///   addresses, the attempts begin closer together, down to 100 ms.
/// * **Errors with every address.** The error of a failed connect has the outcome of each attempt
///   ([`ConnectFailures`](crate::tcp::ConnectFailures)).
/// * **Reconnects.** [`reconnect`](Self::reconnect) is an iterator over connections, with
///   exponential backoff.
///
/// # Examples
///
/// ```
/// use socketry::{Encoding, TcpClient, TcpServer};
/// use std::time::Duration;
///
/// let server = TcpServer::builder().encoding(Encoding::Gb2312).bind("127.0.0.1:0")?;
/// let client = TcpClient::builder()
///     .connect_timeout(Duration::from_secs(3))
///     .encoding(Encoding::Gb2312)
///     .connect(("localhost", server.local_addr().port()))?;
/// client.send("收到")?;
/// assert_eq!(server.accept()?.recv_text(1024)?, "收到");
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TcpClient {
    pub(super) settings: Settings,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) attempt_delay: Option<Duration>,
    pub(super) retry: Option<Retry>,
    pub(super) local: Option<SocketAddr>,
    pub(super) token: Option<CancelToken>,
    pub(super) resolver: Option<Resolver>,
}

/// Options for creating a [`TcpClient`] and its connections.
///
/// # Examples
///
/// ```
/// use socketry::{Retry, TcpClient};
/// use std::time::Duration;
///
/// // A server that is just starting: five attempts, all within ten seconds.
/// let client = TcpClient::builder()
///     .connect_timeout(Duration::from_secs(10))
///     .retry(Retry::new().attempts(5))
///     .dead_peer_timeout(Duration::from_secs(30))
///     .build();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` or `connect`"]
pub struct TcpClientBuilder {
    settings: Settings,
    connect_timeout: Option<Duration>,
    attempt_delay: Option<Duration>,
    retry: Option<Retry>,
    local: Option<SocketAddr>,
    token: Option<CancelToken>,
    resolver: Option<Resolver>,
}

/// The default connect timeout. The limit of the kernel is about two
/// minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// RFC 8305, 5: "One recommended value for a default delay is 250 milliseconds."
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// RFC 8305, 5: it must not be less than 10 ms, and should not be more than 2 s.
const SHORTEST_DELAY: Duration = Duration::from_millis(10);
const LONGEST_DELAY: Duration = Duration::from_secs(2);

impl Default for TcpClientBuilder {
    fn default() -> TcpClientBuilder {
        TcpClientBuilder {
            settings: Settings::default(),
            connect_timeout: Some(CONNECT_TIMEOUT),
            attempt_delay: Some(ATTEMPT_DELAY),
            retry: None,
            local: None,
            token: None,
            resolver: None,
        }
    }
}

tcp_option_setters!(TcpClientBuilder, settings.options);

impl TcpClientBuilder {
    /// Sets all [options](TcpOptions) of the connections at once, instead of those that were set
    /// before.
    pub fn options(mut self, options: TcpOptions) -> TcpClientBuilder {
        self.settings.options = options;
        self
    }

    /// Sets the timeout of a connect as a whole: name resolution, all addresses, and retries.
    /// `None` is the limit of the OS, about two minutes for each address. Defaults to 10 s.
    #[doc(alias = "ETIMEDOUT", alias = "create_connection")]
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> TcpClientBuilder {
        self.connect_timeout = timeout.into();
        self
    }

    /// Sets how long an attempt may be unanswered before the next address is tried concurrently, 10
    /// ms to 2 s. Other values are clamped. Defaults to 250 ms, as RFC 8305, section 5, recommends.
    ///
    /// The delay is shorter if the [`connect_timeout`](Self::connect_timeout) would expire before
    /// all attempts have begun. `None` tries the addresses sequentially, each for an equal share of
    /// the remaining time, at least 2 s.
    pub fn attempt_delay(mut self, delay: impl Into<Option<Duration>>) -> TcpClientBuilder {
        self.attempt_delay = delay.into().map(|delay| delay.clamp(SHORTEST_DELAY, LONGEST_DELAY));
        self
    }

    /// Sets how many times a connect is attempted, and the delays in between, after a failure that
    /// may be temporary, such as a refused connection. The first attempt counts. Defaults to one
    /// attempt.
    pub fn retry(mut self, retry: Retry) -> TcpClientBuilder {
        self.retry = Some(retry);
        self
    }

    /// Sets the local address to connect from. Port 0 is any free port. Defaults to the choice of
    /// the OS.
    ///
    /// Addresses of the other family are not tried. With a port other than 0, addresses are tried
    /// sequentially, because only one socket can use the port at a time.
    pub fn local_address(mut self, address: impl Into<SocketAddr>) -> TcpClientBuilder {
        self.local = Some(address.into());
        self
    }

    /// Sets the resolver of host names. Defaults to [`Resolver::shared`].
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{Resolver, TcpClient};
    ///
    /// // Only the names of this file, for a test.
    /// let names = std::env::temp_dir().join(format!("names-{}", std::process::id()));
    /// std::fs::write(&names, "127.0.0.1 shop.example\n")?;
    /// let client = TcpClient::builder().resolver(&Resolver::builder().hosts(&names).build()).build();
    /// # std::fs::remove_file(&names)?;
    ///
    /// let server = socketry::TcpServer::bind("127.0.0.1:0")?;
    /// let connection = client.connect(("shop.example", server.local_addr().port()))?;
    /// assert_eq!(connection.peer_addr(), server.local_addr());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resolver(mut self, resolver: &Resolver) -> TcpClientBuilder {
        self.resolver = Some(resolver.clone());
        self
    }

    /// Sets a [`CancelToken`] that cancels connects of the client and blocking calls of its
    /// connections. Defaults to none.
    pub fn cancel_token(mut self, token: &CancelToken) -> TcpClientBuilder {
        self.token = Some(token.clone());
        self.cancel_connections(token)
    }

    /// Sets a [`CancelToken`] that cancels blocking calls of the connections. Defaults to none.
    ///
    /// A connection with a token polls before it blocks; [`CancelToken`] says what that costs.
    pub fn cancel_connections(mut self, token: &CancelToken) -> TcpClientBuilder {
        self.settings.token = Some(token.clone());
        self
    }

    /// Creates the client. This method never blocks and cannot fail.
    #[must_use]
    pub fn build(self) -> TcpClient {
        let TcpClientBuilder { settings, connect_timeout, attempt_delay, retry, local, token, resolver } =
            self;
        TcpClient { settings, connect_timeout, attempt_delay, retry, local, token, resolver }
    }

    /// Connects without keeping the client. Blocks as [`TcpClient::connect`] does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`TcpClient::connect`] would.
    pub fn connect(self, address: impl ToAddress) -> Result<TcpConnection> {
        self.build().connect(address)
    }
}

impl Default for TcpClient {
    fn default() -> TcpClient {
        TcpClient::new()
    }
}

impl TcpClient {
    /// Creates a client with default options.
    #[must_use]
    pub fn new() -> TcpClient {
        TcpClientBuilder::default().build()
    }

    /// Returns a builder with default options.
    pub fn builder() -> TcpClientBuilder {
        TcpClientBuilder::default()
    }

    /// Connects to an address, or to the address of a host name that responds first.
    ///
    /// Blocks until the connection is established, or until the
    /// [`connect_timeout`](TcpClientBuilder::connect_timeout) expires.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the address is invalid ([`InvalidAddress`](crate::ErrorKind::InvalidAddress)), or the
    ///   lookup fails ([`NameNotFound`](crate::ErrorKind::NameNotFound),
    ///   [`NameResolution`](crate::ErrorKind::NameResolution));
    /// * no address can be connected to, with the kind of the preferred address, such as
    ///   [`ConnectionRefused`](crate::ErrorKind::ConnectionRefused). If there are several
    ///   addresses, its detail is [`ConnectFailures`](crate::tcp::ConnectFailures);
    /// * the timeout expires ([`TimedOut`](crate::ErrorKind::TimedOut)), or the cancel token is
    ///   cancelled ([`Cancelled`](crate::ErrorKind::Cancelled)).
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::TcpClient;
    ///
    /// let closed = socketry::TcpServer::bind("127.0.0.1:0")?.local_addr();
    /// let error = TcpClient::new().connect(closed).unwrap_err();
    /// assert!(error.is_refused());
    /// assert_eq!(error.peer_addr(), Some(closed));
    /// assert!(error.elapsed().is_some());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    #[doc(alias = "create_connection")]
    #[doc(alias = "connect_ex")]
    pub fn connect(&self, address: impl ToAddress) -> Result<TcpConnection> {
        let address = address.to_address()?;
        self.connect_within(&address, self.retry, &mut Observer::none())
    }

    /// Connects, and calls `observer` with each event: the addresses, the beginning and the outcome
    /// of each attempt.
    ///
    /// Blocks as [`connect`](Self::connect) does. The observer runs on the current thread.
    ///
    /// # Errors
    ///
    /// This returns an error if [`connect`](Self::connect) would.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::tcp::ConnectEvent;
    /// use socketry::{TcpClient, TcpServer};
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let mut tried = Vec::new();
    /// let connection = TcpClient::new().connect_with(server.local_addr(), |event| match event {
    ///     ConnectEvent::Attempting { address, .. } => tried.push(*address),
    ///     event => println!("{event}"),
    /// })?;
    /// assert_eq!(tried, [connection.peer_addr()]);
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn connect_with(
        &self,
        address: impl ToAddress,
        mut observer: impl FnMut(&ConnectEvent<'_>),
    ) -> Result<TcpConnection> {
        let address = address.to_address()?;
        self.connect_within(&address, self.retry, &mut Observer::new(&mut observer))
    }

    /// Adopts a connected stream, with the options that can still be set. The stream becomes
    /// blocking, and its timeouts are removed.
    ///
    /// # Errors
    ///
    /// This returns an error if the stream is not connected, or if the OS rejects an option.
    pub fn adopt(&self, stream: TcpStream) -> Result<TcpConnection> {
        TcpConnection::adopt(stream, &self.settings)
    }
}

impl TcpConnection {
    /// Connects with default options. Blocks as [`TcpClient::connect`](crate::TcpClient::connect)
    /// does.
    ///
    /// # Errors
    ///
    /// This returns an error if [`TcpClient::connect`](crate::TcpClient::connect) would.
    pub fn connect(address: impl ToAddress) -> Result<TcpConnection> {
        TcpClient::new().connect(address)
    }
}
