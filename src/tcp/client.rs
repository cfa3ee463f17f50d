use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::connection::{Inner, Settings, TcpConnection};
use super::failures::{ConnectFailures, FailedAttempt};
use super::options::connection_options;
use crate::addr::Address;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::attempts;
use crate::proto::retry::Retry;
use crate::resolve;
use crate::sys::{self, Family, Limit, Moment, Stopper};

/// Connects to TCP servers, by name or address, within one time.
///
/// It is the settings of connections to come: made by [`new`](Self::new), or with options by a
/// [`builder`](Self::builder), and used as often as needed, by any thread.
///
/// * **One time for everything**: the name's addresses are tried one after the other, and all of that, repeated attempts
///   included, is over after [`timeout`](TcpClientBuilder::timeout), 10 s unless set otherwise.
/// * **Every address is tried**, and an error tells of each what came of it.
///
/// # Examples
///
/// ```
/// use socketry::{Encoding, TcpClient, TcpServer};
/// use std::time::Duration;
///
/// let server = TcpServer::builder().encoding(Encoding::Gb2312).bind("127.0.0.1:0")?;
/// let client = TcpClient::builder()
///     .timeout(Duration::from_secs(3))
///     .encoding(Encoding::Gb2312)
///     .connect(("localhost", server.local_addr().port()))?;
/// client.send("收到")?;
/// assert_eq!(server.accept()?.recv_text(1024)?, "收到");
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TcpClient {
    settings: Settings,
    timeout: Option<Duration>,
    retry: Option<Retry>,
    local: Option<SocketAddr>,
    stopper: Option<Stopper>,
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
///     .timeout(Duration::from_secs(10))
///     .retry(Retry::new().attempts(5))
///     .peer_timeout(Duration::from_secs(30))
///     .build();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build` or `connect`"]
pub struct TcpClientBuilder {
    settings: Settings,
    timeout: Option<Duration>,
    retry: Option<Retry>,
    local: Option<SocketAddr>,
    stopper: Option<Stopper>,
}

/// How long a connect may take unless somebody says otherwise. The system's own limit is about two minutes.
const TIMEOUT: Duration = Duration::from_secs(10);

impl Default for TcpClientBuilder {
    fn default() -> TcpClientBuilder {
        TcpClientBuilder {
            settings: Settings::default(),
            timeout: Some(TIMEOUT),
            retry: None,
            local: None,
            stopper: None,
        }
    }
}

connection_options!(TcpClientBuilder);

impl TcpClientBuilder {
    /// Sets how long a connect may take in all: looking the name up, trying each address, and trying again. `None` is as
    /// long as the system takes, about two minutes for each address. Defaults to 10 s.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> TcpClientBuilder {
        self.timeout = timeout.into();
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
    /// family are not tried then.
    pub fn local_address(mut self, address: impl Into<SocketAddr>) -> TcpClientBuilder {
        self.local = Some(address.into());
        self
    }

    /// Sets how long each call that writes may wait for room in the system's buffer. Defaults to no limit.
    pub fn write_timeout(mut self, timeout: impl Into<Option<Duration>>) -> TcpClientBuilder {
        self.settings.config.write_timeout = timeout.into();
        self
    }

    /// Gives the client a [`Stopper`], which ends its connects and the waits of its connections. Defaults to none.
    pub fn stopper(mut self, stopper: &Stopper) -> TcpClientBuilder {
        self.stopper = Some(stopper.clone());
        self.connection_stopper(stopper)
    }

    /// The client, for any number of connections.
    #[must_use]
    pub fn build(self) -> TcpClient {
        let TcpClientBuilder { settings, timeout, retry, local, stopper } = self;
        TcpClient { settings, timeout, retry, local, stopper }
    }

    /// Connects: see [`TcpClient::connect`].
    ///
    /// # Errors
    ///
    /// This returns an error if [`TcpClient::connect`] would.
    pub fn connect<A>(self, address: A) -> Result<TcpConnection>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
    {
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

    /// Connects to an address or to the first address of a name that answers.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the text is not an address, or the name cannot be looked up;
    /// * no address could be connected to: the error's kind is that of the first, and where there were several,
    ///   [`ConnectFailures`] has them all;
    /// * the time is over ([`is_timeout`](Error::is_timeout)) or the stopper was thrown
    ///   ([`is_stopped`](Error::is_stopped)).
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::TcpClient;
    ///
    /// let nobody = socketry::TcpServer::bind("127.0.0.1:0")?.local_addr();
    /// let error = TcpClient::new().connect(nobody).unwrap_err();
    /// assert!(error.is_refused());
    /// assert_eq!(error.remote(), Some(nobody));
    /// assert!(error.elapsed().is_some());
    /// # Ok::<(), socketry::Error>(())
    /// ```
    pub fn connect<A>(&self, address: A) -> Result<TcpConnection>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
    {
        let address: Address = address.try_into()?;
        let started = Moment::now();
        let deadline = self.timeout.and_then(|timeout| started.after(nanos(timeout)));
        let mut attempt = 0;
        loop {
            let error = match self.connect_once(&address, started, deadline) {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            let wait = self.retry.and_then(|retry| {
                // The waits stand between the attempts, so the last has none.
                retry.wait(attempt + 1, 0)?;
                retry.wait(attempt, sys::random())
            });
            attempt += 1;
            match wait {
                Some(wait) if error.is_temporary() => self.wait(wait, deadline, error)?,
                _ => return Err(error),
            }
        }
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

    /// Waits between two attempts; when there is no time for another, the last one's error is the result.
    fn wait(&self, wait: Duration, deadline: Option<Moment>, error: Error) -> Result<()> {
        let until = Moment::now().after(nanos(wait));
        if deadline.is_some_and(|deadline| until.is_none_or(|until| until >= deadline)) {
            return Err(error);
        }
        match sys::sleep(Limit { deadline: until, stopper: self.stopper.as_ref(), ..Limit::default() }) {
            true => Ok(()),
            false => Err(error.with_kind(ErrorKind::Stopped)),
        }
    }

    fn connect_once(
        &self,
        address: &Address,
        started: Moment,
        deadline: Option<Moment>,
    ) -> Result<TcpConnection> {
        let addresses = resolve::lookup_all(address)?;
        let local = self.local;
        let mut failed = Vec::new();
        for (index, &remote) in addresses.iter().enumerate() {
            if local.is_some_and(|local| Family::of(&local) != Family::of(&remote)) {
                let error = Error::new(Operation::Connect, ErrorKind::AddressNotAvailable);
                failed.push(FailedAttempt::new(remote, error, Duration::ZERO));
                continue;
            }
            let began = Moment::now();
            let until = match deadline {
                Some(deadline) => {
                    let share = attempts::share(began.until(deadline), addresses.len() - index);
                    match began.after(share) {
                        Some(until) if share > 0 => Some(until.min(deadline)),
                        _ => break,
                    }
                }
                None => None,
            };
            let limit = Limit {
                started: Some(began),
                deadline: until,
                stopper: self.stopper.as_ref(),
                ..Limit::default()
            };
            match sys::connect(remote, local, &self.settings.config, limit) {
                Ok(stream) => {
                    return Ok(TcpConnection::assemble(Inner::new(
                        stream,
                        sys::canonical(remote),
                        &self.settings,
                    )));
                }
                // An option that the system refuses, or a stop, is no answer of this address.
                Err(error) if error.operation() != Operation::Connect || error.is_stopped() => {
                    return Err(error.at(address).with_elapsed(Some(started.elapsed())));
                }
                Err(error) => failed.push(FailedAttempt::new(remote, error, began.elapsed())),
            }
        }
        Err(ConnectFailures::into_error(failed, addresses.len(), local, started.elapsed()).at(address))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
