//! A look-up, from what is known to who is asked.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::answer::{Resolved, Source};
use super::builder::{Backend, Families, PORT, ResolverBuilder};
use super::exchange::{Bound, Interrupted, run};
use super::failure::{LookupFailure, ServerTrouble};
use super::files::Watched;
use super::flight::Flights;
use super::{sources, system};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::dns::cache::{Cache, Kept};
use crate::proto::dns::host::BadName;
use crate::proto::dns::hosts::Hosts;
use crate::proto::dns::lookup::{Lookup, Plan, ServerFault};
use crate::proto::dns::name::{HostName, NameRef};
use crate::proto::dns::nsswitch::NameServices;
use crate::proto::dns::resolv_conf::ResolvConf;
use crate::proto::dns::wire::{Answer, Kind, RecordData};
use crate::sys;

/// A resolver, as its clones share it.
pub(super) struct Inner {
    pub(super) options: ResolverBuilder,
    pub(super) hosts: Vec<Watched<Hosts>>,
    pub(super) conf: Watched<ResolvConf>,
    /// `None` where one back end looks up all names.
    pub(super) services: Option<Watched<NameServices>>,
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

/// More addresses of one name in a hosts file are a mistake.
const MOST_IN_HOSTS: usize = 1_000;

pub(super) fn bad_name(bad: BadName, host: &str) -> Error {
    LookupFailure::BadName(bad).into_error(host)
}

pub(super) fn failed(troubles: &[ServerTrouble], host: &str, started: Instant) -> Error {
    let is_silent =
        !troubles.is_empty() && troubles.iter().all(|trouble| trouble.fault == ServerFault::Silent);
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
    /// Both the resolver's own bounds and those of who asks, whose stopper is the first; a third is not needed, because who asks
    /// has a resolver of its own if that is to be stopped, too.
    pub(super) fn bound<'a>(&'a self, started: Instant, asker: Bound<'a>) -> Bound<'a> {
        let own = self.options.deadline.and_then(|time| started.checked_add(time));
        let deadline = own.into_iter().chain(asker.deadline).min();
        Bound { deadline, also: asker.also.or(self.options.stopper.as_ref()), ..asker }
    }

    pub(super) fn backend(&self, name: NameRef<'_>, now: Instant) -> Backend {
        if let Some(backend) = self.options.backend {
            return backend;
        }
        let is_system = match &self.services {
            Some(services) => services.with(now, |services| services.has(name)),
            None => self.options.servers.is_empty(),
        };
        if is_system { Backend::System } else { Backend::Dns }
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
            true => {
                let mut itself = Resolved::new(Vec::with_capacity(1), Source::Literal, None);
                itself.push(ip, scope);
                Ok(itself)
            }
            false => Err(LookupFailure::NothingOfTheKind(self.kind_name()).into_error(host)),
        }
    }

    /// What the first file that has the name says, which may be nothing that is wanted.
    pub(super) fn in_hosts(&self, name: NameRef<'_>, now: Instant) -> Option<Resolved> {
        let in_file = |hosts: &Hosts| {
            let mut found = Resolved::new(Vec::new(), Source::Hosts, None);
            let is_there = hosts.each(name, |ip, zone| {
                if !self.wants(ip) || found.addresses().len() >= MOST_IN_HOSTS {
                    return;
                }
                match zone.map(scope) {
                    None => found.push(ip, 0),
                    Some(Some(scope)) => found.push(ip, scope),
                    // An address of a link that is not there leads nowhere.
                    Some(None) => {}
                }
            });
            is_there.then_some(found)
        };
        self.hosts.iter().find_map(|hosts| hosts.with(now, in_file))
    }

    /// What was answered of a name that is asked for as it is, and still holds.
    pub(super) fn in_cache(&self, name: NameRef<'_>, is_absolute: bool, now: Instant) -> Option<Resolved> {
        let is_first = self.conf.with(now, |conf| conf.is_first(name, is_absolute));
        if is_first { self.in_order(name, now, Source::Cache) } else { None }
    }

    fn in_order(&self, name: NameRef<'_>, now: Instant, source: Source) -> Option<Resolved> {
        let cache = self.cache();
        let kept = cache.in_order(name, now)?;
        Some(Resolved::new(kept.ips.to_vec(), source, Some(kept.until)))
    }

    pub(super) fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
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
                let silent =
                    |server: &SocketAddr| ServerTrouble { server: *server, fault: ServerFault::Silent };
                LookupFailure::TimedOut(servers.iter().map(silent).collect()).into_error(host)
            }
        };
        error.with_elapsed(Some(started.elapsed()))
    }

    pub(super) fn by_system(&self, host: &str, bound: Bound<'_>, started: Instant) -> Result<Resolved> {
        let found = system::lookup(host, bound);
        let found = found.map_err(|interrupted| self.interrupted(interrupted, &[], host, started))??;
        let mut addresses = Resolved::new(Vec::new(), Source::System, None);
        for address in found.into_iter().map(sys::canonical).filter(|address| self.wants(address.ip())) {
            match address {
                SocketAddr::V6(v6) => addresses.push((*v6.ip()).into(), v6.scope_id()),
                SocketAddr::V4(v4) => addresses.push((*v4.ip()).into(), 0),
            }
        }
        match addresses.is_empty() {
            true => Err(LookupFailure::NothingOfTheKind(self.kind_name()).into_error(host)),
            false => Ok(addresses),
        }
    }

    pub(super) fn by_servers(
        &self,
        host: &str,
        name: NameRef<'_>,
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
            if let Some(resolved) = self.resolved(&candidate, &found) {
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

    /// The addresses of what was found, in order; `None` if there are none.
    fn resolved(&self, name: &HostName, found: &Found) -> Option<Resolved> {
        let source = found.server.map_or(Source::Cache, Source::Server);
        let now = Instant::now();
        // Of those who waited for the same answer, the first has put it in order.
        if let Some(resolved) = self.in_order(name.as_ref(), now, source) {
            return Some(resolved);
        }
        let kept = || found.answers.iter().flat_map(|(_, kept)| kept);
        let mut ips = Vec::with_capacity(kept().map(|kept| kept.records.len()).sum());
        for record in kept().flat_map(|kept| kept.records.iter()) {
            if let RecordData::Address(ip) = record {
                ips.push(ip.to_canonical());
            }
        }
        if ips.is_empty() {
            return None;
        }
        sources::in_order(&mut ips);
        self.cache().put_in_order(name, self.kinds(), &ips, now);
        let until = kept().filter(|kept| !kept.records.is_empty()).map(|kept| kept.until).min();
        Some(Resolved::new(ips, source, until))
    }

    fn known(&self, name: &HostName, kind: Kind, now: Instant) -> Option<Kept> {
        self.cache().get(name.as_ref(), kind, now).cloned()
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
        let outcome =
            self.flights.fly(&(name.clone(), missing.clone()), bound, || match conf.one_at_a_time {
                true => self.ask_one_at_a_time(name, &missing, conf, bound),
                false => self.ask_servers(name, &missing, conf, is_settled, bound),
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

    /// The last kind, which is A, first: if the time is over before the other is answered, it is enough.
    fn ask_one_at_a_time(
        &self,
        name: &HostName,
        kinds: &[Kind],
        conf: &ResolvConf,
        bound: Bound<'_>,
    ) -> std::result::Result<Outcome, Interrupted> {
        let mut all: Option<Outcome> = None;
        for kind in kinds.iter().rev() {
            let outcome = match (self.ask_servers(name, &[*kind], conf, false, bound), &all) {
                (Ok(outcome), _) => outcome,
                (Err(Interrupted::TimedOut), Some(_)) => break,
                (Err(interrupted), _) => return Err(interrupted),
            };
            // RFC 2308, 5: that there is no such name is so for every kind.
            let is_missing =
                outcome.answers.iter().flat_map(|(_, answer)| answer).any(|answer| !answer.exists);
            all = Some(match all {
                None => outcome,
                Some(before) => Outcome {
                    answers: [before.answers, outcome.answers].concat(),
                    troubles: before.troubles.iter().chain(outcome.troubles.iter()).cloned().collect(),
                    server: before.server.or(outcome.server),
                },
            });
            if is_missing {
                break;
            }
        }
        Ok(all.unwrap_or(Outcome { answers: Vec::new(), troubles: Arc::default(), server: None }))
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
        let mut cache = self.cache();
        for (kind, answer) in &answers {
            if let Some(answer) = answer {
                cache.put(name, *kind, answer, now);
            }
        }
        drop(cache);
        let trouble = |(server, fault): &(usize, ServerFault)| ServerTrouble {
            server: servers[*server],
            fault: *fault,
        };
        let troubles = lookup.troubles().iter().map(trouble);
        let server = has_answer.then(|| servers[lookup.answered_by()]);
        Ok(Outcome { answers, troubles: troubles.collect(), server })
    }
}

/// The index of an interface by its name or number.
pub(super) fn scope(zone: &str) -> Option<u32> {
    zone.parse().ok().or_else(|| sys::index_of(zone).ok())
}
