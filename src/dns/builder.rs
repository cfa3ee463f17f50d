use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::resolver::Resolver;
use crate::addr::Address;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::dns::cache::Bounds;
use crate::proto::dns::resolv_conf::ResolvConf;
use crate::sys::CancelToken;

/// Who looks a name up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// This library: hosts file, search list, servers, cache, within the time. What the system has besides (mDNS, directories,
    /// the name service of a private network) it does not know.
    Dns,
    /// The system's `getaddrinfo`, in a thread that is left behind when the time is over. Of such threads there are 32 at most.
    System,
}

/// Which addresses are looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IpFamilies {
    /// Both, those of IPv6 first; those that this machine has no way to last.
    #[default]
    Both,
    /// Those of IPv4.
    Ipv4,
    /// Those of IPv6.
    Ipv6,
}

/// Options for a [`Resolver`], which [`build`](Self::build) makes.
///
/// # Examples
///
/// ```
/// use socketry::Resolver;
/// use std::time::Duration;
///
/// let resolver = Resolver::builder()
///     .server("127.0.0.1:5353")?
///     .use_hosts(false)
///     .timeout(Duration::from_secs(2))
///     .build();
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ResolverBuilder {
    pub(super) backend: Option<Backend>,
    pub(super) servers: Vec<SocketAddr>,
    pub(super) hosts: Option<Vec<PathBuf>>,
    pub(super) use_hosts: bool,
    pub(super) conf: PathBuf,
    pub(super) services: PathBuf,
    pub(super) search: Option<Vec<Box<str>>>,
    pub(super) ndots: Option<usize>,
    pub(super) query_timeout: Option<Duration>,
    pub(super) attempts: Option<u32>,
    pub(super) use_tcp: Option<bool>,
    pub(super) single_request: Option<bool>,
    pub(super) timeout: Option<Duration>,
    pub(super) families: IpFamilies,
    pub(super) bounds: Bounds,
    pub(super) token: Option<CancelToken>,
}

#[derive(Debug, thiserror::Error)]
#[error("a name server is given by its IP address, with or without a port")]
struct NotAServer;

const DAY: Duration = Duration::from_secs(24 * 3_600);

impl Default for ResolverBuilder {
    fn default() -> ResolverBuilder {
        ResolverBuilder {
            backend: None,
            servers: Vec::new(),
            hosts: None,
            use_hosts: true,
            conf: PathBuf::from("/etc/resolv.conf"),
            services: PathBuf::from("/etc/nsswitch.conf"),
            search: None,
            ndots: None,
            query_timeout: None,
            attempts: None,
            use_tcp: None,
            single_request: None,
            timeout: Some(Duration::from_secs(10)),
            families: IpFamilies::Both,
            bounds: Bounds {
                names: 4_096,
                shortest: Duration::ZERO,
                longest: DAY,
                longest_negative: Duration::from_secs(3_600),
            },
            token: None,
        }
    }
}

impl ResolverBuilder {
    /// Sets who looks up the names that are in no hosts file.
    ///
    /// Defaults to [`Backend::Dns`] where servers are [given](Self::server). On macOS and Windows it defaults to
    /// [`Backend::System`] else. On other systems it is [`Backend::Dns`] for all names of which `/etc/nsswitch.conf` says that
    /// name servers know them, and [`Backend::System`] for the others: those of the local link (`printer.local`) where there is
    /// mDNS, names without a dot where the system knows its own and its neighbours', and all where there is a directory (LDAP)
    /// or another service.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = Some(backend);
        self
    }

    /// Adds a server, by its address and port, or by the address alone with port 53. Defaults to those of `resolv.conf`.
    ///
    /// # Errors
    ///
    /// This returns an error if it is no IP address with or without a port.
    pub fn server(mut self, server: &str) -> Result<Self> {
        let alone = || format!("[{}]:{PORT}", server.trim_start_matches('[').trim_end_matches(']'));
        let address = match server.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, PORT),
            Err(_) => match server.parse().or_else(|_| alone().parse()) {
                Ok(address) if Address::name(&address).is_none() => super::sockets::literal(&address)?,
                _ => {
                    let kind = ErrorKind::InvalidAddress;
                    let error = Error::detailed(Operation::Resolve, kind, NotAServer);
                    return Err(error.at(server.escape_debug()));
                }
            },
        };
        self.servers.push(address);
        Ok(self)
    }

    /// Reads hosts files, instead of the system's. Where a name stands in several, the first one counts. A file that changes is
    /// read again within some seconds. A name has no more than 1,000 addresses.
    pub fn hosts(mut self, path: impl Into<PathBuf>) -> Self {
        self.hosts.get_or_insert_default().push(path.into());
        self
    }

    /// Sets whether hosts files are read: the system's, or those that were [given](Self::hosts). Defaults to true.
    pub fn use_hosts(mut self, on: bool) -> Self {
        self.use_hosts = on;
        self
    }

    /// Reads another file than `/etc/resolv.conf`. What is set in this builder counts more than what stands there.
    pub fn resolv_conf(mut self, path: impl Into<PathBuf>) -> Self {
        self.conf = path.into();
        self
    }

    /// Reads another file than `/etc/nsswitch.conf`, for what must be asked of the system: see [`backend`](Self::backend). One that is
    /// not there says that name servers know all names.
    pub fn nsswitch_conf(mut self, path: impl Into<PathBuf>) -> Self {
        self.services = path.into();
        self
    }

    /// Sets the domains in which a name is searched. Defaults to those of `resolv.conf`.
    pub fn search<S: AsRef<str>>(mut self, domains: impl IntoIterator<Item = S>) -> Self {
        self.search = Some(domains.into_iter().map(|domain| domain.as_ref().into()).collect());
        self
    }

    /// Sets how many dots a name has that is asked for as it is before it is searched. Defaults to that of `resolv.conf`, 1.
    pub fn ndots(mut self, dots: usize) -> Self {
        self.ndots = Some(dots);
        self
    }

    /// Sets how long one query waits for the response of one server before the next server is queried. The default is the `timeout`
    /// option of `resolv.conf`, or 5 s.
    ///
    /// The [`timeout`](Self::timeout) applies to the whole lookup, including all queries.
    pub fn query_timeout(mut self, timeout: Duration) -> Self {
        self.query_timeout = Some(timeout);
        self
    }

    /// Sets how often all servers are asked, 1 to 100; what is outside counts as the nearest. Defaults to that of `resolv.conf`,
    /// 2.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts.clamp(1, 100));
        self
    }

    /// Sets whether all is asked over TCP. Defaults to false, or what `resolv.conf` says; long answers come over TCP anyway.
    pub fn use_tcp(mut self, on: bool) -> Self {
        self.use_tcp = Some(on);
        self
    }

    /// Sets whether the query for the other family is sent only when the first, for IPv4, is answered, from a socket of its own: for
    /// servers and routers that lose one of two at a time. Defaults to false, or what `resolv.conf` says.
    pub fn single_request(mut self, on: bool) -> Self {
        self.single_request = Some(on);
        self
    }

    /// Sets the timeout of a lookup. It applies to the whole lookup, including all servers, attempts and search domains.
    ///
    /// The default is 10 s. Pass `None` for no limit. If the caller has a limit of its own, such as the connect timeout of a
    /// client, the earlier one wins.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets which addresses are looked up. Defaults to both.
    pub fn families(mut self, families: IpFamilies) -> Self {
        self.families = families;
        self
    }

    /// Sets of how many names answers are kept; all together have no more than 1 KiB for each. Defaults to 4,096; 0 keeps none.
    pub fn cache_size(mut self, names: usize) -> Self {
        self.bounds.names = names;
        self
    }

    /// Sets for how long an answer is kept at least and at most, whatever it says. Defaults to 0 s and a day. An answer that says
    /// 0 is never kept.
    pub fn cache_ttl(mut self, least: Duration, most: Duration) -> Self {
        (self.bounds.shortest, self.bounds.longest) = (least, most);
        self
    }

    /// Gives a [`CancelToken`], which ends look-ups. Defaults to none.
    pub fn cancel_token(mut self, token: &CancelToken) -> Self {
        self.token = Some(token.clone());
        self
    }

    /// Makes the resolver, and reads its files. It opens no socket, so it cannot fail: a file that is not there says nothing.
    pub fn build(self) -> Resolver {
        Resolver::new_with(self)
    }

    /// What stands in the file, under what was set here.
    pub(super) fn over(&self, mut conf: ResolvConf) -> ResolvConf {
        if let Some(search) = &self.search {
            conf.search.clone_from(search);
        }
        conf.ndots = self.ndots.unwrap_or(conf.ndots);
        conf.timeout = self.query_timeout.unwrap_or(conf.timeout);
        conf.attempts = self.attempts.unwrap_or(conf.attempts);
        conf.use_tcp = self.use_tcp.unwrap_or(conf.use_tcp);
        conf.single_request = self.single_request.unwrap_or(conf.single_request);
        conf
    }
}

/// RFC 1035, 4.2.
pub(super) const PORT: u16 = 53;
