//! A look-up, from what is known to who is asked.

use std::net::{IpAddr, SocketAddr, SocketAddrV6, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::answer::{Resolved, Source};
use super::builder::{Families, PORT, ResolverBuilder};
use super::exchange::{Bound, Interrupted, run};
use super::failure::{LookupFailure, ServerTrouble};
use super::files::Watched;
use super::flight::Flights;
use super::system;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::dns::cache::{Cache, Kept};
use crate::proto::dns::hosts::Hosts;
use crate::proto::dns::lookup::{Lookup, Plan};
use crate::proto::dns::name::{BadName, HostName};
use crate::proto::dns::resolv_conf::ResolvConf;
use crate::proto::dns::wire::{Answer, Kind, RecordData};
use crate::sys;

/// A resolver, as its clones share it.
pub(super) struct Inner {
    pub(super) options: ResolverBuilder,
    pub(super) hosts: Vec<Watched<Hosts>>,
    pub(super) conf: Watched<ResolvConf>,
    pub(super) cache: Mutex<Cache>,
    pub(super) flights: Flights<Outcome>,
    /// Who answered last, or who is next where all are to be used.
    pub(super) first: AtomicUsize,
}

/// What servers said of a name.
#[derive(Clone)]
pub(super) struct Outcome {
    answers: Vec<(Kind, Option<Answer>)>,
    troubles: Arc<[ServerTrouble]>,
    server: Option<SocketAddr>,
}

/// How long the addresses of one family wait for those of the other: RFC 8305, 3.
const SETTLE: Duration = Duration::from_millis(50);

pub(super) fn bad_name(bad: BadName, host: &str) -> Error {
    LookupFailure::BadName(bad).into_error(host)
}

pub(super) fn failed(troubles: &[ServerTrouble], host: &str, started: Instant) -> Error {
    let is_silent = !troubles.is_empty() && troubles.iter().all(|trouble| trouble.trouble == "is silent");
    let mut each: Vec<ServerTrouble> = Vec::new();
    for trouble in troubles {
        if !each.contains(trouble) {
            each.push(trouble.clone());
        }
    }
    let failure = if is_silent { LookupFailure::TimedOut(each) } else { LookupFailure::ServersFailed(each) };
    failure.into_error(host).with_elapsed(Some(started.elapsed()))
}

/// What is known of a name, of each kind that was asked for.
pub(super) struct Found {
    pub(super) answers: Vec<(Kind, Option<Kept>)>,
    pub(super) troubles: Arc<[ServerTrouble]>,
    /// `None` if nobody had to be asked.
    server: Option<SocketAddr>,
}

impl Inner {
    pub(super) fn bound(&self, started: Instant) -> Bound<'_> {
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

    pub(super) fn kind_name(&self) -> &'static str {
        match self.options.families {
            Families::Both => "address",
            Families::Ipv4 => "IPv4 address",
            Families::Ipv6 => "IPv6 address",
        }
    }

    pub(super) fn wants(&self, ip: IpAddr) -> bool {
        match self.options.families {
            Families::Both => true,
            Families::Ipv4 => ip.is_ipv4(),
            Families::Ipv6 => ip.is_ipv6(),
        }
    }

    pub(super) fn literal(&self, ip: IpAddr, scope: u32, host: &str) -> Result<Resolved> {
        match self.wants(ip) {
            true => Ok(Resolved::new(vec![(ip, scope)], Source::Literal, None)),
            false => Err(LookupFailure::NothingOfTheKind(self.kind_name()).into_error(host)),
        }
    }

    /// What the first file that has the name says.
    pub(super) fn in_hosts(&self, name: &HostName, now: Instant) -> Option<Vec<(IpAddr, u32)>> {
        self.hosts.iter().find_map(|hosts| {
            let hosts = hosts.current(now);
            let found = hosts.addresses(name);
            // An address of a link that is not there leads nowhere.
            let with_scope = found.iter().filter_map(|address| match address.zone {
                None => Some((address.ip, 0)),
                Some(zone) => scope(zone).map(|scope| (address.ip, scope)),
            });
            (!found.is_empty()).then(|| with_scope.collect())
        })
    }

    pub(super) fn servers(&self, conf: &ResolvConf) -> Vec<SocketAddr> {
        if !self.options.servers.is_empty() {
            return self.options.servers.clone();
        }
        let servers = conf.servers.iter().filter_map(|server| match (server.ip, &server.zone) {
            (IpAddr::V6(ip), Some(zone)) => Some(SocketAddrV6::new(ip, PORT, 0, scope(zone)?).into()),
            (ip, _) => Some((ip, PORT).into()),
        });
        servers.collect()
    }

    pub(super) fn interrupted(
        &self,
        why: Interrupted,
        servers: &[SocketAddr],
        host: &str,
        started: Instant,
    ) -> Error {
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

    pub(super) fn by_system(&self, host: &str, bound: Bound<'_>, started: Instant) -> Result<Resolved> {
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

    pub(super) fn by_servers(
        &self,
        host: &str,
        name: &HostName,
        is_absolute: bool,
        bound: Bound<'_>,
        started: Instant,
    ) -> Result<Resolved> {
        let conf = self.conf.current(started);
        let mut exists = false;
        let mut trouble = None;
        for candidate in conf.candidates(name, is_absolute) {
            let found = self.known_or_asked(&candidate, self.kinds(), &conf, bound, started);
            let found = found
                .map_err(|interrupted| self.interrupted(interrupted, &self.servers(&conf), host, started))?;
            if let Some(resolved) = resolved(&found) {
                return Ok(resolved);
            }
            let mut known = found.answers.iter().flat_map(|(_, kept)| kept);
            if known.any(|kept| !kept.exists) {
                continue;
            }
            // One kind of which nobody knows is enough for there to be something.
            match found.answers.iter().any(|(_, kept)| kept.is_none()) {
                true => drop(trouble.get_or_insert(found.troubles)),
                false => exists = true,
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
        cache.get(name, kind, now).cloned()
    }

    pub(super) fn known_or_asked(
        &self,
        name: &HostName,
        kinds: &[Kind],
        conf: &ResolvConf,
        bound: Bound<'_>,
        now: Instant,
    ) -> std::result::Result<Found, Interrupted> {
        let mut answers: Vec<(Kind, Option<Kept>)> =
            kinds.iter().map(|kind| (*kind, self.known(name, *kind, now))).collect();
        // RFC 2308, 5: that there is no such name is so for every kind.
        let is_missing = answers.iter().flat_map(|(_, kept)| kept).any(|kept| !kept.exists);
        let missing: Vec<Kind> =
            answers.iter().filter(|(_, kept)| kept.is_none()).map(|(kind, _)| *kind).collect();
        if missing.is_empty() || is_missing {
            return Ok(Found { answers, troubles: Arc::default(), server: None });
        }
        let is_settled = answers.iter().flat_map(|(_, kept)| kept).any(|kept| !kept.records.is_empty());
        let outcome = self.flights.fly(&(name.clone(), missing.clone()), bound, || {
            self.ask_servers(name, &missing, conf, is_settled, bound)
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
        is_settled: bool,
        bound: Bound<'_>,
    ) -> std::result::Result<Outcome, Interrupted> {
        let servers = self.servers(conf);
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
            is_settled,
        };
        let mut lookup = Lookup::new(plan, name, kinds);
        run(&mut lookup, &servers, bound)?;
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
    let kept = || found.answers.iter().flat_map(|(_, kept)| kept);
    let mut addresses = Vec::with_capacity(kept().map(|kept| kept.records.len()).sum());
    let mut until: Option<Instant> = None;
    for kept in kept() {
        for record in kept.records.iter() {
            if let RecordData::Address(ip) = record {
                addresses.push(ip.to_canonical());
            }
        }
        if !kept.records.is_empty() {
            until = Some(until.map_or(kept.until, |until| until.min(kept.until)));
        }
    }
    if addresses.is_empty() {
        return None;
    }
    if found.server.is_some() && addresses.iter().any(IpAddr::is_ipv6) {
        // Those that no route leads to are tried last. Of IPv6 alone, because that is where it happens.
        addresses.sort_by_key(|ip| ip.is_ipv6() && !is_reachable(*ip));
    }
    let source = found.server.map_or(Source::Cache, Source::Server);
    Some(Resolved::without_scopes(addresses, source, until))
}

/// RFC 6724, rule 1: whether this machine has an address to reach it from. Nothing is sent.
fn is_reachable(ip: IpAddr) -> bool {
    let socket = UdpSocket::bind((std::net::Ipv6Addr::UNSPECIFIED, 0));
    socket.is_ok_and(|socket| socket.connect((ip, PORT)).is_ok())
}

/// The index of an interface by its name or number.
pub(super) fn scope(zone: &str) -> Option<u32> {
    zone.parse().ok().or_else(|| sys::index_of(zone).ok())
}
