//! The resolver, and its lookups of addresses and names.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::builder::ResolverBuilder;
use super::drive::Inner;
use super::zone::literal;
use crate::addr::ToAddress;
use crate::error::Result;
use crate::proto::dns::failure::ResolveError;
use crate::proto::dns::resolved::Resolved;
use crate::wait::WaitLimit;

/// A resolver of host names, which uses hosts files, a cache, and DNS or the resolver of the OS.
///
/// Clones share the cache and the files.
///
/// * **Bounded.** One [timeout](ResolverBuilder::timeout) covers the whole lookup: files, all
///   servers, attempts and search domains. The number of cached names is limited. Concurrent
///   lookups of the same name share one query.
/// * **Explained.** An answer has its [source](Resolved::source) and remaining
///   [TTL](Resolved::ttl). An error has the cause: no such host, no address, or the failure of each
///   server ([`ResolveError`](crate::dns::ResolveError)).
/// * **Careful.** Queries have a random port and identifier, and a response must repeat the
///   question. A truncated response is requested again over TCP. An invalid name is not sent.
///
/// A name in a hosts file has the addresses of that file only, in both families.
///
/// # Examples
///
/// ```
/// use socketry::dns::AnswerSource;
/// use socketry::Resolver;
///
/// let answer = Resolver::new().lookup("localhost")?;
/// assert!(answer.addresses().iter().all(|address| address.is_loopback()));
/// println!("{:?} from {}", answer.addresses(), answer.source());
/// assert_eq!(Resolver::new().lookup("192.0.2.7")?.source(), AnswerSource::Literal);
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone)]
pub struct Resolver {
    pub(super) inner: Arc<Inner>,
}

impl Default for Resolver {
    fn default() -> Resolver {
        Resolver::new()
    }
}

impl Resolver {
    /// Creates a resolver with the system configuration.
    pub fn new() -> Resolver {
        ResolverBuilder::default().build()
    }

    /// Returns the shared resolver of the process, which sockets use unless another is set. It has
    /// the system configuration and is created at first use.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Resolver;
    ///
    /// // Discard cached answers after a change of networks.
    /// Resolver::shared().flush();
    /// ```
    pub fn shared() -> &'static Resolver {
        static SHARED: OnceLock<Resolver> = OnceLock::new();
        SHARED.get_or_init(Resolver::new)
    }

    /// Returns a builder with default options.
    pub fn builder() -> ResolverBuilder {
        ResolverBuilder::default()
    }

    /// Resolves a host name to its addresses.
    ///
    /// Blocks until the name is resolved, or until the [timeout](ResolverBuilder::timeout) expires.
    /// The host is a name in any script (`例如.中国`), or an IP address. A final dot excludes the
    /// search list. A name has at most 1,000 addresses from a hosts file, and 8,192 from name servers or
    /// the OS; others are skipped.
    ///
    /// # Errors
    ///
    /// This returns an error if
    ///
    /// * the host does not exist, or has no addresses
    ///   ([`NameNotFound`](crate::ErrorKind::NameNotFound));
    /// * the text is not a valid host name ([`InvalidInput`](crate::ErrorKind::InvalidInput));
    /// * no server responded within the timeout ([`TimedOut`](crate::ErrorKind::TimedOut)), or all
    ///   of them failed ([`NameResolution`](crate::ErrorKind::NameResolution));
    /// * a hosts file was not read within the timeout
    ///   ([`TimedOut`](crate::ErrorKind::TimedOut)), or the thread that reads it did not start;
    /// * the cancel token was cancelled ([`Cancelled`](crate::ErrorKind::Cancelled)).
    ///
    /// Its [`detail`](crate::Error::detail) is a [`ResolveError`](crate::dns::ResolveError). If
    /// [`is_temporary`](crate::Error::is_temporary) returns true, a retry may succeed.
    #[doc(alias = "getaddrinfo")]
    pub fn lookup(&self, host: &str) -> Result<Resolved> {
        self.inner.lookup(host, &WaitLimit::started_now())
    }

    /// Resolves a host and port, such as `"host:port"`, to socket addresses in the order in which
    /// to try them.
    ///
    /// Blocks as [`lookup`](Self::lookup) does.
    ///
    /// # Errors
    ///
    /// This returns an error if the address is invalid, or for any reason listed under
    /// [`lookup`](Self::lookup).
    #[doc(alias = "getaddrinfo")]
    #[doc(alias = "to_socket_addrs")]
    #[doc(alias = "lookup_host")]
    pub fn lookup_socket_addrs(&self, address: impl ToAddress) -> Result<Vec<SocketAddr>> {
        let address = address.to_address()?;
        match address.name() {
            Some(name) => Ok(self.lookup(name)?.with_port(address.port()).collect()),
            None => Ok(vec![literal(&address)?]),
        }
    }

    /// Returns the first IPv4 address of a host as text, as Python's `gethostbyname` does.
    ///
    /// Blocks as [`lookup`](Self::lookup) does.
    ///
    /// # Errors
    ///
    /// This returns an error if the host has no IPv4 address, or for any reason listed under
    /// [`lookup`](Self::lookup).
    pub fn gethostbyname(&self, host: &str) -> Result<String> {
        let found = self.lookup(host)?;
        let first = found.addresses().iter().find(|ip| ip.is_ipv4());
        first.map(ToString::to_string).ok_or_else(|| ResolveError::NoRecords("IPv4 address").into_error(host))
    }

    /// Returns the host name of an address (reverse lookup): the first in a hosts file, or that of
    /// the PTR record.
    ///
    /// Blocks as [`lookup`](Self::lookup) does. A loopback address that is not in a hosts file is
    /// `localhost`, without a query.
    ///
    /// # Errors
    ///
    /// This returns an error if the address has no name, or for any reason listed under
    /// [`lookup`](Self::lookup).
    #[doc(alias = "gethostbyaddr")]
    #[doc(alias = "getnameinfo")]
    #[doc(alias = "getfqdn")]
    pub fn lookup_addr(&self, ip: impl Into<IpAddr>) -> Result<String> {
        self.inner.lookup_addr(ip.into())
    }

    /// Clears the cache and reads the files again, changed or not.
    ///
    /// Blocks until they are read, without a timeout: the next lookup uses what they contain now.
    /// Lookups of other threads continue with the earlier contents meanwhile. A file that cannot be
    /// read, or is too large, keeps its earlier contents.
    pub fn flush(&self) {
        self.inner.flush();
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

impl Resolved {
    /// Returns the remaining time to live; `None` if the source has none, such as a hosts file or
    /// the OS.
    pub fn ttl(&self) -> Option<Duration> {
        self.expires().map(|expires| expires.saturating_duration_since(Instant::now()))
    }
}

impl ResolverBuilder {
    /// Creates the resolver and reads its files. A missing file is no error and counts as empty; no
    /// socket is opened.
    ///
    /// Hosts files of more than 64 KiB are read by a thread, and this method does not wait for it.
    /// See also [`hosts`](Self::hosts).
    pub fn build(self) -> Resolver {
        Resolver { inner: Arc::new(Inner::new(self)) }
    }
}
