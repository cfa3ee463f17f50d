use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::connection::{Settings, TcpConnection};
use super::observe::{ConnectEvent, Observer};
use super::reconnect::Reconnect;
use crate::addr::ToAddress;
use crate::dns::Resolver;
use crate::error::Result;
use crate::options::{TcpOptions, tcp_option_setters};
use crate::proto::retry::Retry;
use crate::sys::CancelToken;

/// Connects to TCP servers, by name or address, within one time.
///
/// It is the settings of connections to come: made by [`new`](Self::new), or with options by a
/// [`builder`](Self::builder), and used as often as needed, by any thread.
///
/// * **The addresses of a name race** (RFC 8305, "Happy Eyeballs"): those of IPv6 and IPv4 in turn, in the order of the look-up
///   otherwise. The next one begins when one has failed, or has not answered for
///   [250 ms](TcpClientBuilder::attempt_delay), beside those under way, of which there are six at most. The first that is
///   connected wins, and the others are closed. It is done without threads.
/// * **One time for everything**: all of that, repeated attempts included, is over after
///   [`timeout`](TcpClientBuilder::connect_timeout), 10 s unless set otherwise. Where it is too short for all addresses, they begin
///   closer together, down to 100 ms.
/// * **Every address is tried**, and an error tells of each what came of it.
/// * **It can go on for ever**: [`reconnect`](Self::reconnect) is an iterator over connections with waits between.
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

/// Options for a [`TcpClient`], and for the connections that it makes.
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

/// How long a connect may take unless somebody says otherwise. The system's own limit is about two minutes.
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
    /// Sets all [options](TcpOptions) of the connections at once, instead of those that were set before.
    pub fn options(mut self, options: TcpOptions) -> TcpClientBuilder {
        self.settings.options = options;
        self
    }

    /// Sets the timeout of a connect as a whole: name resolution, all addresses, and retries. `None` is the limit of the
    /// OS, about two minutes for each address. Defaults to 10 s.
    #[doc(alias = "ETIMEDOUT", alias = "create_connection")]
    pub fn connect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> TcpClientBuilder {
        self.connect_timeout = timeout.into();
        self
    }

    /// Sets how long an address may be silent until the next one is tried beside it, 10 ms to 2 s; what is outside counts as
    /// the nearest of these. Defaults to 250 ms, as RFC 8305 recommends.
    ///
    /// It is less where the [`connect_timeout`](Self::connect_timeout) would be over before all have begun. `None` tries the addresses one
    /// after the other, in the same order: each for an equal share of the time that remains, at least 2 s.
    pub fn attempt_delay(mut self, delay: impl Into<Option<Duration>>) -> TcpClientBuilder {
        self.attempt_delay = delay.into().map(|delay| delay.clamp(SHORTEST_DELAY, LONGEST_DELAY));
        self
    }

    /// Tries again when a connect has failed in a way that may pass (nobody listens yet, the host did not answer), with the
    /// waits of a [`Retry`] between: its attempts are counted with the first, and its waits are between them. Defaults to
    /// one attempt.
    pub fn retry(mut self, retry: Retry) -> TcpClientBuilder {
        self.retry = Some(retry);
        self
    }

    /// Connects from a local address; port 0 is any free port. Defaults to the system's choice. Addresses of the other
    /// family are not tried then, and from a port that is not 0 the others one after the other, as a port can be left from
    /// once at a time.
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
    /// // Names of this file alone, for a test.
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

    /// Sets a [`CancelToken`] that cancels connects of the client and blocking calls of its connections. Defaults to none.
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

    /// The client, for any number of connections. Nothing is asked of the system before it connects, so it cannot fail.
    #[must_use]
    pub fn build(self) -> TcpClient {
        let TcpClientBuilder { settings, connect_timeout, attempt_delay, retry, local, token, resolver } =
            self;
        TcpClient { settings, connect_timeout, attempt_delay, retry, local, token, resolver }
    }

    /// Connects: see [`TcpClient::connect`].
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
    /// A client without options.
    #[must_use]
    pub fn new() -> TcpClient {
        TcpClientBuilder::default().build()
    }

    /// A client with options.
    pub fn builder() -> TcpClientBuilder {
        TcpClientBuilder::default()
    }

    /// Connects to an address, or to the address of a name that answers first: see [above](Self).
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the text is not an address, or the name cannot be looked up;
    /// * no address could be connected to: the error's kind is that of the most preferred, and where there were several,
    ///   [`ConnectFailures`](crate::tcp::ConnectFailures) has them all;
    /// * the time is over ([`is_timeout`](crate::Error::is_timeout)) or the cancel token was cancelled
    ///   ([`is_cancelled`](crate::Error::is_cancelled)).
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::TcpClient;
    ///
    /// let nobody = socketry::TcpServer::bind("127.0.0.1:0")?.local_addr();
    /// let error = TcpClient::new().connect(nobody).unwrap_err();
    /// assert!(error.is_refused());
    /// assert_eq!(error.peer_addr(), Some(nobody));
    /// assert!(error.elapsed().is_some());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn connect(&self, address: impl ToAddress) -> Result<TcpConnection> {
        let address = address.to_address()?;
        self.connect_within(&address, self.retry, &mut Observer::none())
    }

    /// As [`connect`](Self::connect), and tells what happens meanwhile: which addresses there are, which is tried when, and what
    /// comes of each.
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

    /// Connects again and again: an iterator over connections, which waits between rounds that fail as the client's
    /// [`retry`](TcpClientBuilder::retry) says, [`Retry::default`] if none is set, and ends with its attempts. Each round has
    /// the [`timeout`](TcpClientBuilder::connect_timeout) of a connect.
    ///
    /// # Errors
    ///
    /// This returns an error if the text is not an address. What else goes wrong is an item of the iterator.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::{Retry, TcpClient, TcpServer};
    /// use std::time::Duration;
    ///
    /// let server = TcpServer::bind("127.0.0.1:0")?;
    /// let address = server.local_addr();
    /// let serving = std::thread::spawn(move || {
    ///     for word in ["one", "two"] {
    ///         server.accept()?.send(word)?; // and closes
    ///     }
    ///     Ok::<(), socketry::Error>(())
    /// });
    ///
    /// let retry = Retry::new().attempts(3).initial_delay(Duration::from_millis(10));
    /// let client = TcpClient::builder().retry(retry).build();
    /// let (mut words, mut failures) = (Vec::new(), 0);
    /// for connection in client.reconnect(address)? {
    ///     match connection {
    ///         Ok(connection) => words.push(connection.recv_text(100)?),
    ///         Err(error) => failures += u32::from(error.is_refused()),
    ///     }
    /// }
    /// assert_eq!(words, ["one", "two"]);
    /// assert_eq!(failures, 3, "then nobody listens any more");
    /// # serving.join().unwrap()?;
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn reconnect(&self, address: impl ToAddress) -> Result<Reconnect> {
        Ok(Reconnect::new(self, address.to_address()?))
    }

    /// Takes over a stream that somebody else opened, with the options that can still be set. It becomes blocking, and
    /// timeouts set on it before are taken away.
    ///
    /// # Errors
    ///
    /// This returns an error if the stream is not connected or the system refuses an option.
    pub fn adopt(&self, stream: TcpStream) -> Result<TcpConnection> {
        TcpConnection::adopt(stream, &self.settings)
    }
}
