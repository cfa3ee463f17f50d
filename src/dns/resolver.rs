use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use super::answer::Resolved;
use super::builder::ResolverBuilder;
use super::failure::ResolveError;
use super::files::Watched;
use super::inner::{Inner, bad_name, scope};
use crate::addr::ToAddress;
use crate::error::Result;
use crate::proto::dns::host::{Host, Spelling};
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

    pub(super) fn new_with(options: ResolverBuilder) -> Resolver {
        Resolver { inner: Arc::new(Inner::new(options)) }
    }

    /// Resolves a host name to its addresses.
    ///
    /// Blocks until the name is resolved, or until the [timeout](ResolverBuilder::timeout) expires.
    /// The host is a name in any script (`例如.中国`), or an IP address. A final dot excludes the
    /// search list. A name has at most 1,000 addresses from a hosts file, and as many as fit a
    /// response of 64 KiB from a name server.
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
        self.lookup_within(host, &WaitLimit::started_now())
    }

    /// Resolves a host name within the limit of a caller, and the resolver's own.
    pub(super) fn lookup_within(&self, host: &str, asker: &WaitLimit<'_>) -> Result<Resolved> {
        let inner = &*self.inner;
        let limit = &inner.limit(asker);
        let started = limit.instant();
        let mut spelling = Spelling::new();
        let (name, is_absolute) = match Host::read(host, &mut spelling) {
            Ok(Host::Address(ip)) => return inner.literal(ip.to_canonical(), 0, host),
            Ok(Host::Name(name, is_absolute)) => (name, is_absolute),
            Err(bad) => {
                return match ipv6_as_written(host) {
                    Some((ip, scope)) => inner.literal(ip, scope, host),
                    None => Err(bad_name(bad, host)),
                };
            }
        };
        inner.find(host, name, is_absolute, limit, started)
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
            None => Ok(vec![super::sockets::literal(&address)?]),
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
        let ip = ip.into();
        let inner = &*self.inner;
        let limit = &inner.limit(&WaitLimit::started_now());
        let started = limit.instant();
        if inner.reads_hosts_of(ip, started) {
            if let Some(name) = inner.name_in_hosts(ip, limit, started)? {
                return Ok(name);
            }
        }
        if ip.to_canonical().is_loopback() {
            return Ok("localhost".to_owned());
        }
        inner.name_of(ip, limit, started)
    }

    /// Clears the cache and reads the files again, changed or not.
    ///
    /// Blocks until they are read, without a timeout: the next lookup uses what they contain now.
    /// Lookups of other threads continue with the earlier contents meanwhile. A file that cannot be
    /// read, or is too large, keeps its earlier contents.
    pub fn flush(&self) {
        self.inner.hosts.iter().for_each(Watched::read_again);
        self.inner.queries.flush();
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

/// An IPv6 address in brackets, as in front of a port, or with the interface of its link behind it,
/// or both.
fn ipv6_as_written(host: &str) -> Option<(IpAddr, u32)> {
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match inside.split_once('%') {
        Some((ip, zone)) => Some((IpAddr::V6(ip.parse().ok()?), scope(zone)?)),
        None => Some((IpAddr::V6(inside.parse().ok()?), 0)),
    }
}
