use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::answer::Resolved;
use super::bound::Bound;
use super::builder::ResolverBuilder;
use super::failure::ResolveError;
use super::files::Watched;
use super::inner::{Inner, bad_name, scope};
use crate::addr::ToAddress;
use crate::error::Result;
use crate::proto::dns::host::{Host, Spelling};

/// Looks names up: in hosts files, in what was answered before, at the servers of this machine or others, within a time.
///
/// * **It is bounded.** A lookup ends within its [timeout](ResolverBuilder::timeout), with all servers, attempts and search
///   domains; the cache holds so many names; several threads that want the same send one query.
/// * **It is explained.** An answer says where it [comes from](Resolved::source) and how long it [holds](Resolved::ttl); an
///   error says whether there is no such host, or no address, or which servers did what: see
///   [`ResolveError`](crate::dns::ResolveError).
/// * **It is careful.** Queries leave from a random port with a random number, and what does not repeat the question is not
///   believed; what is cut comes again over TCP; a name that cannot be one is never sent.
///
/// A hosts file has the last word on its names, of both families. Clones share the cache and the files.
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
    /// A resolver that does as this machine is configured.
    pub fn new() -> Resolver {
        ResolverBuilder::default().build()
    }

    /// The resolver of sockets that are given a name and no other resolver: one for the whole process, which does as this machine
    /// is configured. It is made when it is first needed.
    ///
    /// # Examples
    ///
    /// ```
    /// use socketry::Resolver;
    ///
    /// // Forget what was answered, after a change of networks.
    /// Resolver::shared().flush();
    /// ```
    pub fn shared() -> &'static Resolver {
        static SHARED: OnceLock<Resolver> = OnceLock::new();
        SHARED.get_or_init(Resolver::new)
    }

    /// A resolver with options.
    pub fn builder() -> ResolverBuilder {
        ResolverBuilder::default()
    }

    pub(super) fn new_with(options: ResolverBuilder) -> Resolver {
        Resolver { inner: Arc::new(Inner::new(options)) }
    }

    /// The addresses of a host.
    ///
    /// A name may be one of any script (`例如.中国`), an IP address, or end with a dot, which means that no domain is put behind
    /// it.
    ///
    /// # Errors
    ///
    /// This returns an error if the text cannot be a name, if there is no such host or it has no addresses, if no server had an
    /// answer in time, or if the cancel token was cancelled. The [`detail`](Error::detail) is a
    /// [`ResolveError`](crate::dns::ResolveError), and [`is_temporary`](Error::is_temporary) says whether asking again may help.
    pub fn lookup(&self, host: &str) -> Result<Resolved> {
        self.lookup_within(host, Bound::default())
    }

    /// As [`lookup`](Self::lookup), within the bounds of who asks besides those of its own.
    pub(super) fn lookup_within(&self, host: &str, asker: Bound<'_>) -> Result<Resolved> {
        let started = Instant::now();
        let inner = &*self.inner;
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
        if let Some(found) = inner.in_hosts(name, started) {
            return match found.is_empty() {
                true => Err(ResolveError::NoRecords(inner.kind_name()).into_error(host)),
                false => Ok(found),
            };
        }
        inner.resolve(host, name, is_absolute, asker, started)
    }

    /// The addresses of a host with its port, in the order in which they should be tried: of `"host:port"`, `("host", port)` and
    /// all else that is an [`Address`].
    ///
    /// # Errors
    ///
    /// This returns an error if the text is no address, and if [`lookup`](Self::lookup) would.
    pub fn lookup_host_port(&self, address: impl ToAddress) -> Result<Vec<SocketAddr>> {
        let address = address.to_address()?;
        match address.name() {
            Some(name) => Ok(self.lookup(name)?.with_port(address.port()).collect()),
            None => Ok(vec![super::sockets::literal(&address)?]),
        }
    }

    /// The first IPv4 address of a host, as text: what Python's `gethostbyname` gives.
    ///
    /// # Errors
    ///
    /// This returns an error if [`lookup`](Self::lookup) would, or if the host has no IPv4 address.
    pub fn gethostbyname(&self, host: &str) -> Result<String> {
        let found = self.lookup(host)?;
        let first = found.addresses().iter().find(|ip| ip.is_ipv4());
        first.map(ToString::to_string).ok_or_else(|| ResolveError::NoRecords("IPv4 address").into_error(host))
    }

    /// The name of an address: the first of a hosts file, or the one that servers have. An address of this machine itself that
    /// stands in no file is `localhost`, and nobody is asked for it.
    ///
    /// # Errors
    ///
    /// This returns an error if it has none, and if [`lookup`](Self::lookup) would.
    pub fn lookup_addr(&self, ip: impl Into<IpAddr>) -> Result<String> {
        let ip = ip.into();
        let (inner, now) = (&*self.inner, Instant::now());
        if let Some(name) = inner.hosts.iter().find_map(|hosts| hosts.with(now, |hosts| hosts.name(ip))) {
            return Ok(name.as_str().to_owned());
        }
        if ip.to_canonical().is_loopback() {
            return Ok("localhost".to_owned());
        }
        inner.name_of(ip, now)
    }

    /// Forgets what was answered, and reads the files again.
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

/// An IPv6 address in brackets, as in front of a port, or with the interface of its link behind it, or both.
fn ipv6_as_written(host: &str) -> Option<(IpAddr, u32)> {
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match inside.split_once('%') {
        Some((ip, zone)) => Some((IpAddr::V6(ip.parse().ok()?), scope(zone)?)),
        None => Some((IpAddr::V6(inside.parse().ok()?), 0)),
    }
}
