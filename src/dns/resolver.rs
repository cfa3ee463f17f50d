use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use super::answer::{AnswerSource, Resolved};
use super::asking::{Inner, bad_name, failed, scope};
use super::builder::{Backend, ResolverBuilder};
use super::exchange::Bound;
use super::failure::ResolveError;
use super::files::Watched;
use super::flight::Flights;
use crate::addr::ToAddress;
use crate::error::Result;
use crate::proto::dns::cache::Cache;
use crate::proto::dns::host::{Host, Spelling};
use crate::proto::dns::hosts::Hosts;
use crate::proto::dns::name::{HostName, LOOPBACK};
use crate::proto::dns::nsswitch::NameServices;
use crate::proto::dns::resolv_conf::ResolvConf;
use crate::proto::dns::wire::{Kind, Record};
use crate::sys;

/// Looks names up: in hosts files, in what was answered before, at the servers of this machine or others, within a time.
///
/// * **It is bounded.** A look-up ends within its [deadline](ResolverBuilder::deadline), with all servers, attempts and search
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
    inner: Arc<Inner>,
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
    /// assert_eq!(Resolver::shared().cache_len(), 0);
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
        let paths = match options.use_hosts {
            true => options.hosts.clone().unwrap_or_else(|| vec![sys::hosts_file()]),
            false => Vec::new(),
        };
        let hosts = paths.into_iter().map(|path| Watched::new(path, Hosts::read)).collect();
        let own = options.clone();
        let conf = Watched::new(options.conf.clone(), move |bytes| own.over(ResolvConf::read(&bytes)));
        let is_asked_of_servers = !options.servers.is_empty();
        let services = (sys::HAS_RESOLV_CONF && options.backend.is_none() && !is_asked_of_servers)
            .then(|| Watched::new(options.services.clone(), |bytes| NameServices::read(&bytes)));
        let cache = Mutex::new(Cache::new(options.bounds));
        let inner = Inner {
            hosts,
            conf,
            services,
            cache,
            flights: Flights::new(),
            first: AtomicUsize::new(0),
            options,
        };
        Resolver { inner: Arc::new(inner) }
    }

    /// The addresses of a host.
    ///
    /// A name may be one of any script (`例如.中国`), an IP address, or end with a dot, which means that no domain is put behind
    /// it.
    ///
    /// # Errors
    ///
    /// This returns an error if the text cannot be a name, if there is no such host or it has no addresses, if no server had an
    /// answer in time, or if the cancel token was cancelled. The [`detail`](crate::Error::detail) is a
    /// [`ResolveError`](crate::dns::ResolveError), and [`is_temporary`](crate::Error::is_temporary) says whether asking again may help.
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
        let backend = inner.backend(name, started);
        let known = if backend == Backend::Dns { inner.in_cache(name, is_absolute, started) } else { None };
        if let Some(known) = known {
            return Ok(known);
        }
        if name.is_localhost() {
            let fit = LOOPBACK.into_iter().filter(|ip| inner.wants(*ip));
            return Ok(Resolved::new(fit.collect(), AnswerSource::Localhost, None));
        }
        if name.cannot_exist() {
            return Err(ResolveError::NoSuchName.into_error(host));
        }
        let bound = inner.bound(started, asker);
        match backend {
            Backend::System => inner.by_system(host, name, is_absolute, bound, started),
            Backend::Dns => inner.by_servers(host, name, is_absolute, bound, started),
        }
    }

    /// The addresses of a host with its port, in the order in which they should be tried: of `"host:port"`, `("host", port)` and
    /// all else that is an [`Address`](crate::Address).
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
            return Ok(name.to_string());
        }
        if ip.to_canonical().is_loopback() {
            return Ok("localhost".to_owned());
        }
        let records = self.ask(&HostName::reverse(ip), Kind::Ptr, "name", &ip.to_string())?;
        let name = records.into_iter().find_map(|record| match record {
            Record::Name(name) => Some(name),
            _ => None,
        });
        name.ok_or_else(|| ResolveError::NoRecords("name").into_error(&ip.to_string()))
    }

    /// The texts of a name (TXT), such as those by which a domain is proven.
    ///
    /// # Errors
    ///
    /// This returns an error if it has none, and if [`lookup`](Self::lookup) would.
    pub fn lookup_txt(&self, name: &str) -> Result<Vec<Record>> {
        self.records(name, Kind::Txt, "text")
    }

    /// Who takes the mail of a domain (MX), the best first.
    ///
    /// # Errors
    ///
    /// This returns an error if it has none, and if [`lookup`](Self::lookup) would.
    pub fn lookup_mx(&self, domain: &str) -> Result<Vec<Record>> {
        self.records(domain, Kind::Mx, "mail exchange")
    }

    /// Who has a service (SRV), such as `_xmpp-client._tcp.example.com`, the best first.
    ///
    /// # Errors
    ///
    /// This returns an error if nobody has it, and if [`lookup`](Self::lookup) would.
    pub fn lookup_srv(&self, service: &str) -> Result<Vec<Record>> {
        self.records(service, Kind::Srv, "service")
    }

    fn records(&self, host: &str, kind: Kind, what: &'static str) -> Result<Vec<Record>> {
        match Host::read(host, &mut Spelling::new()) {
            Ok(Host::Name(name, _)) if name.cannot_exist() => Err(ResolveError::NoSuchName.into_error(host)),
            Ok(Host::Name(name, _)) if name.is_localhost() => {
                Err(ResolveError::NoRecords(what).into_error(host))
            }
            Ok(Host::Name(name, _)) => {
                let mut records = self.ask(&name.to_owned(), kind, what, host)?;
                records.sort_by_key(|record| match record {
                    Record::MailExchange { preference, .. } => *preference,
                    Record::Service { priority, .. } => *priority,
                    _ => 0,
                });
                Ok(records)
            }
            Ok(Host::Address(_)) => Err(ResolveError::NoRecords(what).into_error(host)),
            Err(bad) => Err(bad_name(bad, host)),
        }
    }

    fn ask(&self, name: &HostName, kind: Kind, what: &'static str, asked: &str) -> Result<Vec<Record>> {
        let started = Instant::now();
        let inner = &*self.inner;
        let bound = inner.bound(started, Bound::default());
        let conf = inner.conf.current(started);
        let found = inner.known_or_asked(name, &[kind], &conf, bound, started);
        let servers = || inner.servers(&conf);
        let found =
            found.map_err(|interrupted| inner.interrupted(interrupted, &servers(), asked, started))?;
        match found.answers.first() {
            Some((_, Some(kept))) if !kept.records.is_empty() => Ok(kept.records.to_vec()),
            Some((_, Some(kept))) if kept.exists => Err(ResolveError::NoRecords(what).into_error(asked)),
            Some((_, Some(_))) => Err(ResolveError::NoSuchName.into_error(asked)),
            _ => Err(failed(&found.troubles, asked, started)),
        }
    }

    /// Forgets what was answered, and reads the files again.
    pub fn flush(&self) {
        self.inner.cache().clear();
        self.inner.hosts.iter().for_each(Watched::read_again);
        self.inner.conf.read_again();
        self.inner.services.iter().for_each(Watched::read_again);
    }

    /// Of how many names answers are kept.
    pub fn cache_len(&self) -> usize {
        self.inner.cache().len()
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
