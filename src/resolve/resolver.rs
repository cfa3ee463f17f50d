use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::answer::{Resolved, Source};
use super::builder::{Backend, Families, PORT, ResolverBuilder};
use super::exchange::{Bound, Interrupted, run};
use super::failure::{LookupFailure, ServerTrouble};
use super::files::Watched;
use super::flight::Flights;
use super::system;
use crate::addr::Address;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::dns::cache::{Cache, Kept};
use crate::proto::dns::hosts::Hosts;
use crate::proto::dns::lookup::{Lookup, Plan};
use crate::proto::dns::name::{BadName, Host, HostName, LOOPBACK};
use crate::proto::dns::resolv_conf::ResolvConf;
use crate::proto::dns::wire::{Answer, Kind, RecordData};
use crate::sys;

/// Looks names up: in hosts files, in what was answered before, at the servers of this machine or others, within a time.
///
/// * **It is bounded.** A look-up ends within its [deadline](ResolverBuilder::deadline), with all servers, attempts and search
///   domains; the cache holds so many answers; several threads that want the same send one query.
/// * **It is explained.** An answer says where it [comes from](Resolved::source) and how long it [holds](Resolved::ttl); an
///   error says whether there is no such name, or no address, or which servers did what: see
///   [`LookupFailure`](crate::LookupFailure).
/// * **It is careful.** Queries leave from a random port with a random number, and what does not repeat the question is not
///   believed; what is cut comes again over TCP; a name that cannot be one is never sent.
///
/// A hosts file has the last word on its names, of both families. Clones share the cache and the files.
///
/// # Examples
///
/// ```
/// use socketry::{Resolver, Source};
///
/// let answer = Resolver::new().lookup("localhost")?;
/// assert!(answer.addresses().iter().all(|address| address.is_loopback()));
/// println!("{:?} from {}", answer.addresses(), answer.source());
/// assert_eq!(Resolver::new().lookup("192.0.2.7")?.source(), Source::Literal);
/// # Ok::<(), socketry::Error>(())
/// ```
#[derive(Clone)]
pub struct Resolver {
    inner: Arc<Inner>,
}

struct Inner {
    options: ResolverBuilder,
    hosts: Vec<Watched<Hosts>>,
    conf: Watched<ResolvConf>,
    cache: Mutex<Cache>,
    flights: Flights<Outcome>,
    /// Who answered last, or who is next where all are to be used.
    first: AtomicUsize,
}

/// What servers said of a name.
#[derive(Clone)]
struct Outcome {
    answers: Vec<(Kind, Option<Answer>)>,
    troubles: Arc<[ServerTrouble]>,
    server: Option<SocketAddr>,
}

/// How long the addresses of one family wait for those of the other: RFC 8305, 3.
const SETTLE: Duration = Duration::from_millis(50);

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

    /// A resolver with options.
    pub fn builder() -> ResolverBuilder {
        ResolverBuilder::default()
    }

    pub(super) fn new_with(options: ResolverBuilder) -> Resolver {
        let paths = options.hosts.clone().unwrap_or_else(|| vec![sys::hosts_file()]);
        let hosts = paths.into_iter().map(|path| Watched::new(path, Hosts::read)).collect();
        let conf = Watched::new(options.conf.clone(), |bytes| ResolvConf::read(&bytes));
        let cache = Mutex::new(Cache::new(options.bounds));
        let inner =
            Inner { hosts, conf, cache, flights: Flights::new(), first: AtomicUsize::new(0), options };
        Resolver { inner: Arc::new(inner) }
    }

    /// The addresses of a host.
    ///
    /// A name may be one of any script (`例如.中国`), an IP address, or end with a dot, which means that no domain is put behind
    /// it.
    ///
    /// # Errors
    ///
    /// This returns an error if the text cannot be a name, if there is no such name or it has no addresses, if no server had an
    /// answer in time, or if the stopper was thrown. The [`detail`](Error::detail) is a
    /// [`LookupFailure`](crate::LookupFailure), and [`is_temporary`](Error::is_temporary) says whether asking again may help.
    pub fn lookup(&self, host: &str) -> Result<Resolved> {
        let started = Instant::now();
        let inner = &*self.inner;
        let bound = inner.bound(started);
        let (name, is_absolute) = match Host::read(host) {
            Ok(Host::Address(ip)) => {
                return Ok(Resolved::new(vec![(ip.to_canonical(), 0)], Source::Literal, None));
            }
            Ok(Host::Name(name, is_absolute)) => (name, is_absolute),
            Err(bad) => return Err(bad_name(bad, host)),
        };
        if let Some(found) = inner.in_hosts(&name) {
            let fit: Vec<_> = found.into_iter().filter(|(ip, _)| inner.wants(*ip)).collect();
            return match fit.is_empty() {
                true => Err(LookupFailure::NothingOfTheKind(inner.kind_name()).into_error(host)),
                false => Ok(Resolved::new(fit, Source::Hosts, None)),
            };
        }
        if name.is_localhost() {
            let fit = LOOPBACK.into_iter().filter(|ip| inner.wants(*ip)).map(|ip| (ip, 0));
            return Ok(Resolved::new(fit.collect(), Source::Localhost, None));
        }
        if name.cannot_exist() {
            return Err(LookupFailure::NoSuchName.into_error(host));
        }
        match inner.options.backend_or_default() {
            Backend::System => inner.by_system(host, bound, started),
            Backend::Dns => inner.by_servers(host, &name, is_absolute, bound, started),
        }
    }

    /// The addresses of a host with its port, in the order in which they should be tried: of `"host:port"`, `("host", port)` and
    /// all else that is an [`Address`].
    ///
    /// # Errors
    ///
    /// This returns an error if the text is no address, and if [`lookup`](Self::lookup) would.
    pub fn lookup_host_port<A>(&self, address: A) -> Result<Vec<SocketAddr>>
    where
        A: TryInto<Address>,
        Error: From<A::Error>,
    {
        let address: Address = address.try_into()?;
        match address.name() {
            Some(name) => Ok(self.lookup(name)?.with_port(address.port()).collect()),
            None => Ok(vec![super::literal(&address)?]),
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
        first
            .map(ToString::to_string)
            .ok_or_else(|| LookupFailure::NothingOfTheKind("IPv4 address").into_error(host))
    }

    /// The name of an address: the first of a hosts file, or the one that servers have.
    ///
    /// # Errors
    ///
    /// This returns an error if it has none, and if [`lookup`](Self::lookup) would.
    pub fn reverse(&self, ip: impl Into<IpAddr>) -> Result<String> {
        let ip = ip.into();
        let inner = &*self.inner;
        if let Some(name) = inner.hosts.iter().find_map(|hosts| hosts.current().name(ip)) {
            return Ok(name.to_string());
        }
        let records = self.ask(&HostName::reverse(ip), Kind::Ptr, "name", &ip.to_string())?;
        let name = records.into_iter().find_map(|record| match record {
            RecordData::Name(name) => Some(name),
            _ => None,
        });
        name.ok_or_else(|| LookupFailure::NothingOfTheKind("name").into_error(&ip.to_string()))
    }

    /// The texts of a name (TXT), such as those by which a domain is proven.
    ///
    /// # Errors
    ///
    /// This returns an error if it has none, and if [`lookup`](Self::lookup) would.
    pub fn texts(&self, name: &str) -> Result<Vec<RecordData>> {
        self.records(name, Kind::Txt, "text")
    }

    /// Who takes the mail of a domain (MX), the best first.
    ///
    /// # Errors
    ///
    /// This returns an error if it has none, and if [`lookup`](Self::lookup) would.
    pub fn mail_exchanges(&self, domain: &str) -> Result<Vec<RecordData>> {
        self.records(domain, Kind::Mx, "mail exchange")
    }

    /// Who has a service (SRV), such as `_xmpp-client._tcp.example.com`, the best first.
    ///
    /// # Errors
    ///
    /// This returns an error if nobody has it, and if [`lookup`](Self::lookup) would.
    pub fn services(&self, service: &str) -> Result<Vec<RecordData>> {
        self.records(service, Kind::Srv, "service")
    }

    fn records(&self, host: &str, kind: Kind, what: &'static str) -> Result<Vec<RecordData>> {
        match Host::read(host) {
            Ok(Host::Name(name, _)) => {
                let mut records = self.ask(&name, kind, what, host)?;
                records.sort_by_key(|record| match record {
                    RecordData::MailExchange { preference, .. } => *preference,
                    RecordData::Service { priority, .. } => *priority,
                    _ => 0,
                });
                Ok(records)
            }
            Ok(Host::Address(_)) => Err(LookupFailure::NothingOfTheKind(what).into_error(host)),
            Err(bad) => Err(bad_name(bad, host)),
        }
    }

    fn ask(&self, name: &HostName, kind: Kind, what: &'static str, asked: &str) -> Result<Vec<RecordData>> {
        let started = Instant::now();
        let inner = &*self.inner;
        let bound = inner.bound(started);
        let conf = inner.options.over(&inner.conf.current());
        let servers = inner.servers(&conf);
        let found = inner.known_or_asked(name, &[kind], &conf, &servers, bound);
        let found = found.map_err(|interrupted| inner.interrupted(interrupted, &servers, asked, started))?;
        match found.answers.first() {
            Some((_, Some(kept))) if !kept.records.is_empty() => Ok(kept.records.to_vec()),
            Some((_, Some(kept))) if kept.exists => {
                Err(LookupFailure::NothingOfTheKind(what).into_error(asked))
            }
            Some((_, Some(_))) => Err(LookupFailure::NoSuchName.into_error(asked)),
            _ => Err(failed(&found.troubles, asked, started)),
        }
    }

    /// Forgets what was answered, and reads the files again if they have changed.
    pub fn flush(&self) {
        self.inner.cache.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.inner.hosts.iter().for_each(|hosts| hosts.look(Duration::ZERO));
        self.inner.conf.look(Duration::ZERO);
    }

    /// How many answers are kept.
    pub fn cached(&self) -> usize {
        self.inner.cache.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn bad_name(bad: BadName, host: &str) -> Error {
    LookupFailure::BadName(bad).into_error(host)
}

fn failed(troubles: &[ServerTrouble], host: &str, started: Instant) -> Error {
    let is_silent = !troubles.is_empty() && troubles.iter().all(|trouble| trouble.trouble == "is silent");
    let mut each: Vec<ServerTrouble> = Vec::new();
    troubles
        .iter()
        .filter(|trouble| !each.contains(trouble))
        .cloned()
        .collect::<Vec<_>>()
        .into_iter()
        .for_each(|trouble| {
            if !each.contains(&trouble) {
                each.push(trouble);
            }
        });
    let failure = if is_silent { LookupFailure::TimedOut(each) } else { LookupFailure::ServersFailed(each) };
    failure.into_error(host).with_elapsed(Some(started.elapsed()))
}

/// What is known of a name, of each kind that was asked for.
struct Found {
    answers: Vec<(Kind, Option<Kept>)>,
    troubles: Arc<[ServerTrouble]>,
    /// `None` if nobody had to be asked.
    server: Option<SocketAddr>,
}

impl Inner {
    fn bound(&self, started: Instant) -> Bound<'_> {
        let deadline = self.options.deadline.and_then(|time| started.checked_add(time));
        Bound { deadline, stopper: self.options.stopper.as_ref() }
    }

    fn kinds(&self) -> &'static [Kind] {
        match self.options.families {
            Families::Both => &[Kind::Aaaa, Kind::A],
            Families::Ipv4 => &[Kind::A],
            Families::Ipv6 => &[Kind::Aaaa],
        }
    }

    fn kind_name(&self) -> &'static str {
        match self.options.families {
            Families::Both => "address",
            Families::Ipv4 => "IPv4 address",
            Families::Ipv6 => "IPv6 address",
        }
    }

    fn wants(&self, ip: IpAddr) -> bool {
        match self.options.families {
            Families::Both => true,
            Families::Ipv4 => ip.is_ipv4(),
            Families::Ipv6 => ip.is_ipv6(),
        }
    }

    /// What the first file that has the name says.
    fn in_hosts(&self, name: &HostName) -> Option<Vec<(IpAddr, u32)>> {
        self.hosts.iter().find_map(|hosts| {
            let hosts = hosts.current();
            let found = hosts.addresses(name);
            // An address of a link that is not there leads nowhere.
            let with_scope = found.iter().filter_map(|address| match address.zone {
                None => Some((address.ip, 0)),
                Some(zone) => scope(zone).map(|scope| (address.ip, scope)),
            });
            (!found.is_empty()).then(|| with_scope.collect())
        })
    }

    fn servers(&self, conf: &ResolvConf) -> Vec<SocketAddr> {
        if !self.options.servers.is_empty() {
            return self.options.servers.clone();
        }
        let servers = conf.servers.iter().filter_map(|server| match (server.ip, &server.zone) {
            (IpAddr::V6(ip), Some(zone)) => Some(SocketAddrV6::new(ip, PORT, 0, scope(zone)?).into()),
            (ip, _) => Some((ip, PORT).into()),
        });
        servers.collect()
    }

    fn interrupted(&self, why: Interrupted, servers: &[SocketAddr], host: &str, started: Instant) -> Error {
        let error = match why {
            Interrupted::Stopped => {
                Error::new(Operation::Resolve, ErrorKind::Stopped).at(host.escape_debug())
            }
            Interrupted::TimedOut => {
                let silent = |server: &SocketAddr| ServerTrouble { server: *server, trouble: "is silent" };
                LookupFailure::TimedOut(servers.iter().map(silent).collect()).into_error(host)
            }
        };
        error.with_elapsed(Some(started.elapsed()))
    }

    fn by_system(&self, host: &str, bound: Bound<'_>, started: Instant) -> Result<Resolved> {
        let found = system::lookup(host, bound);
        let found = found.map_err(|interrupted| self.interrupted(interrupted, &[], host, started))??;
        let mut addresses: Vec<(IpAddr, u32)> = Vec::new();
        for address in found {
            let address = sys::canonical(address);
            let scope = match address {
                SocketAddr::V6(v6) => v6.scope_id(),
                SocketAddr::V4(_) => 0,
            };
            if self.wants(address.ip()) && !addresses.contains(&(address.ip(), scope)) {
                addresses.push((address.ip(), scope));
            }
        }
        match addresses.is_empty() {
            true => Err(LookupFailure::NothingOfTheKind(self.kind_name()).into_error(host)),
            false => Ok(Resolved::new(addresses, Source::System, None)),
        }
    }

    fn by_servers(
        &self,
        host: &str,
        name: &HostName,
        is_absolute: bool,
        bound: Bound<'_>,
        started: Instant,
    ) -> Result<Resolved> {
        let conf = self.options.over(&self.conf.current());
        let servers = self.servers(&conf);
        let mut exists = false;
        let mut trouble = None;
        for candidate in conf.candidates(name, is_absolute) {
            let found = self.known_or_asked(&candidate, self.kinds(), &conf, &servers, bound);
            let found =
                found.map_err(|interrupted| self.interrupted(interrupted, &servers, host, started))?;
            if let Some(resolved) = resolved(&found) {
                return Ok(resolved);
            }
            if found.answers.iter().all(|(_, kept)| kept.is_none()) {
                trouble.get_or_insert(found.troubles);
            } else {
                exists |= found.answers.iter().flat_map(|(_, kept)| kept).any(|kept| kept.exists);
            }
        }
        match trouble {
            // It may be there for all that is known.
            Some(troubles) => Err(failed(&troubles, host, started)),
            None if exists => Err(LookupFailure::NothingOfTheKind(self.kind_name()).into_error(host)),
            None => Err(LookupFailure::NoSuchName.into_error(host)),
        }
    }

    fn known(&self, name: &HostName, kind: Kind, now: Instant) -> Option<Kept> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(&(name.clone(), kind), now).cloned()
    }

    fn known_or_asked(
        &self,
        name: &HostName,
        kinds: &[Kind],
        conf: &ResolvConf,
        servers: &[SocketAddr],
        bound: Bound<'_>,
    ) -> std::result::Result<Found, Interrupted> {
        let now = Instant::now();
        let mut answers: Vec<(Kind, Option<Kept>)> =
            kinds.iter().map(|kind| (*kind, self.known(name, *kind, now))).collect();
        // RFC 2308, 5: that there is no such name is so for every kind.
        let is_missing = answers.iter().flat_map(|(_, kept)| kept).any(|kept| !kept.exists);
        let missing: Vec<Kind> =
            answers.iter().filter(|(_, kept)| kept.is_none()).map(|(kind, _)| *kind).collect();
        if missing.is_empty() || is_missing {
            return Ok(Found { answers, troubles: Arc::default(), server: None });
        }
        let outcome = self.flights.fly(&(name.clone(), missing.clone()), bound, || {
            self.ask_servers(name, &missing, conf, servers, bound)
        })?;
        let now = Instant::now();
        for (kind, answer) in &outcome.answers {
            let kept = answer.as_ref().map(|answer| {
                let ttl =
                    if answer.records.is_empty() { answer.negative_ttl.unwrap_or(0) } else { answer.ttl };
                let until = now.checked_add(Duration::from_secs(ttl.into())).unwrap_or(now);
                Kept { records: answer.records.clone().into(), exists: answer.exists, until }
            });
            if let (Some(kept), Some(own)) = (kept, answers.iter_mut().find(|(own, _)| own == kind)) {
                own.1 = Some(kept);
            }
        }
        Ok(Found { answers, troubles: outcome.troubles, server: outcome.server })
    }

    fn ask_servers(
        &self,
        name: &HostName,
        kinds: &[Kind],
        conf: &ResolvConf,
        servers: &[SocketAddr],
        bound: Bound<'_>,
    ) -> std::result::Result<Outcome, Interrupted> {
        let first = match conf.rotate {
            true => self.first.fetch_add(1, Ordering::Relaxed),
            false => self.first.load(Ordering::Relaxed),
        };
        let plan = Plan {
            servers: servers.len(),
            first,
            attempts: conf.attempts,
            timeout: conf.timeout,
            use_tcp: conf.use_tcp,
            settle: SETTLE,
        };
        let mut lookup = Lookup::new(plan, name, kinds);
        run(&mut lookup, servers, bound)?;
        let answers: Vec<_> = lookup.answers().map(|(kind, answer)| (kind, answer.cloned())).collect();
        let has_answer = answers.iter().any(|(_, answer)| answer.is_some());
        if has_answer && !conf.rotate {
            // The one that answers is asked first the next time.
            self.first.store(lookup.answered_by(), Ordering::Relaxed);
        }
        let now = Instant::now();
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, answer) in &answers {
            if let Some(answer) = answer {
                cache.put((name.clone(), *kind), answer, now);
            }
        }
        drop(cache);
        let troubles =
            lookup.troubles().iter().map(|(server, trouble)| ServerTrouble::of(servers[*server], *trouble));
        let server = has_answer.then(|| servers[lookup.answered_by()]);
        Ok(Outcome { answers, troubles: troubles.collect(), server })
    }
}

/// The addresses of what was found, in order; `None` if there are none.
fn resolved(found: &Found) -> Option<Resolved> {
    let mut addresses = Vec::new();
    let mut until: Option<Instant> = None;
    for kept in found.answers.iter().flat_map(|(_, kept)| kept) {
        for record in kept.records.iter() {
            if let RecordData::Address(ip) = record {
                addresses.push((ip.to_canonical(), 0));
            }
        }
        if !kept.records.is_empty() {
            until = Some(until.map_or(kept.until, |until| until.min(kept.until)));
        }
    }
    if addresses.is_empty() {
        return None;
    }
    if found.server.is_some() && addresses.iter().any(|(ip, _)| ip.is_ipv6()) {
        // Those that no route leads to are tried last. Of IPv6 alone, because that is where it happens.
        addresses.sort_by_key(|(ip, _)| ip.is_ipv6() && !is_reachable(*ip));
    }
    let source = found.server.map_or(Source::Cache, Source::Server);
    Some(Resolved::new(addresses, source, until))
}

/// RFC 6724, rule 1: whether this machine has an address to reach it from. Nothing is sent.
fn is_reachable(ip: IpAddr) -> bool {
    let socket = UdpSocket::bind((std::net::Ipv6Addr::UNSPECIFIED, 0));
    socket.is_ok_and(|socket| socket.connect((ip, PORT)).is_ok())
}

/// The index of an interface by its name or number.
fn scope(zone: &str) -> Option<u32> {
    zone.parse().ok().or_else(|| sys::index_of(zone).ok())
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("options", &self.inner.options).finish_non_exhaustive()
    }
}
