//! The lookup of the addresses of a name, with hosts files, servers and an OS that return anything.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::choices::{Choices, clock};
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::dns::cache::{Bounds, Cache, CacheEntry};
use crate::proto::dns::failure::{ResolveError, ServerError};
use crate::proto::dns::families::IpFamilies;
use crate::proto::dns::fault::{ResponseError, ServerFault};
use crate::proto::dns::host::{Host, NameBuf};
use crate::proto::dns::lookup::QueryResult;
use crate::proto::dns::name::HostName;
use crate::proto::dns::nsswitch::NameServices;
use crate::proto::dns::order::MAX_SORTED;
use crate::proto::dns::records::{Kind, RecordData};
use crate::proto::dns::resolution::{Action, Query, Resolution};
use crate::proto::dns::resolv_conf::{Environment, ResolvConf};
use crate::proto::dns::resolved::{AnswerSource, Distinct, MAX_ADDRESSES, Resolved};
use crate::proto::dns::wire::Answer;

const SERVICES: [&str; 8] = [
    "hosts: files dns",
    "hosts: dns files",
    "hosts: dns [NOTFOUND=return] files",
    "hosts: dns [!UNAVAIL=return] files dns",
    "hosts: files [NOTFOUND=return] ldap",
    "hosts: files mdns4_minimal [NOTFOUND=return] dns",
    "hosts: files",
    "hosts: files dns files dns files",
];

const SEARCH: [&str; 4] =
    ["", "search a.test", "search a.test b.test invalid", "search a b c d e f\noptions ndots:3"];

const HOSTS: [&str; 6] = ["www", "www.test", "www.test.", "a.b.c.d", "localhost", "x.onion"];

const SERVERS: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 53),
    SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 54),
];

fn any_ip(choices: &mut Choices<'_>) -> IpAddr {
    let last = u16::from(choices.byte());
    match choices.below(4) {
        0 => IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0xc000, last]),
        1 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]),
        2 => IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, last]),
        _ => IpAddr::from([192, 0, 2, last as u8]),
    }
}

fn any_entry(choices: &mut Choices<'_>, kind: Kind, bounds: &Bounds, now: Instant) -> Option<CacheEntry> {
    let count = choices.pick(&[0, 0, 1, 2, 3, 90]);
    let mut records = Vec::new();
    for _ in 0..count {
        let ip = any_ip(choices);
        if ip.is_ipv4() == (kind == Kind::A) && !records.contains(&RecordData::Address(ip)) {
            records.push(RecordData::Address(ip));
        }
    }
    let answer = Answer {
        exists: !records.is_empty() || choices.is(),
        records,
        ttl: choices.pick(&[60, 0, 1, u32::MAX]),
        negative_ttl: choices.pick(&[None, Some(0), Some(30)]),
        alias: None,
    };
    choices.is().then(|| bounds.entry(&answer, now))
}

fn any_result(choices: &mut Choices<'_>, query: &Query, bounds: &Bounds, now: Instant) -> QueryResult {
    let faults = [
        ServerFault::Timeout,
        ServerFault::Unreachable,
        ServerFault::Reply(ResponseError::ServFail),
        ServerFault::Reply(ResponseError::Refused),
    ];
    let errors = (0..choices.below(3))
        .map(|place| ServerError { server: SERVERS[place % 2], fault: choices.pick(&faults) })
        .collect();
    let mut entries: Vec<_> =
        query.kinds.iter().map(|kind| (*kind, any_entry(choices, *kind, bounds, now))).collect();
    // A sequential lookup returns them in another order, or only the first.
    if choices.is() {
        entries.reverse();
        entries.truncate(1 + choices.below(2));
    }
    QueryResult { entries, errors, server: choices.is().then_some(SERVERS[0]), is_partial: choices.is() }
}

fn any_error(choices: &mut Choices<'_>) -> Error {
    let kinds = [
        ErrorKind::NameNotFound,
        ErrorKind::NameResolution,
        ErrorKind::TimedOut,
        ErrorKind::ResourceExhausted,
    ];
    Error::new(Operation::Resolve, choices.pick(&kinds))
}

/// One lookup. Returns the number of its queries, and its result.
fn lookup(
    choices: &mut Choices<'_>,
    host: &'static str,
    (services, conf, families): (&NameServices, &Arc<ResolvConf>, IpFamilies),
    (cache, bounds, now): (&mut Cache, &Bounds, &mut Instant),
) -> (usize, Result<Resolved>) {
    let mut buffer = NameBuf::new();
    let Ok(Host::Name(name, is_absolute)) = Host::parse(host, &mut buffer) else { panic!("{host}") };
    let is_special = name.is_localhost() || name.is_special_use();
    let mut position = 0;
    let candidates: Vec<HostName> =
        std::iter::from_fn(|| conf.candidate(name, is_absolute, &mut position)).collect();
    let mut resolution =
        Resolution::new(host, (name, is_absolute), families, services.sources(name, || false));
    let (mut queries, mut steps) = (Vec::new(), 0);
    loop {
        steps += 1;
        // Each source, and for each candidate of a `dns` source a query, the cache, and the sorting.
        assert!(steps <= 8 + 2 * (3 * candidates.len() + 3), "the lookup of {host} does not end");
        match resolution.poll() {
            Action::Hosts => {
                let is_there = choices.byte() & 7 == 0;
                let mut found = Distinct::new(resolution.found(), AnswerSource::Hosts);
                for _ in 0..if is_there { choices.below(3) } else { 0 } {
                    let ip = any_ip(choices).to_canonical();
                    if families.includes(ip) {
                        found.push(ip, 0);
                    }
                }
                resolution.handle_hosts(is_there);
            }
            Action::Cache => resolution.handle_cache(conf, cache, *now),
            Action::Query => {
                let query = resolution.query().expect("a query");
                assert!(!is_special && candidates.contains(&query.name), "{query:?}");
                assert!(!query.kinds.is_empty());
                for kind in &query.kinds {
                    assert!(families.kinds().contains(kind));
                    assert!(cache.get(query.name.as_ref(), *kind, *now).is_none(), "{kind:?} is cached");
                }
                // At most once for each name and source.
                queries.push(query.name.clone());
                assert!(queries.iter().filter(|own| **own == query.name).count() <= 2);
                *now += choices.time().min(Duration::from_secs(100));
                if choices.byte() & 15 == 0 {
                    resolution.handle_interrupted(any_error(choices));
                    continue;
                }
                let result = any_result(choices, &query, bounds, *now);
                for (kind, entry) in &result.entries {
                    // Not if the configuration has changed.
                    if let Some(entry) = entry.as_ref().filter(|_| choices.byte() & 7 != 0) {
                        cache.put(&query.name, *kind, entry, *now);
                    }
                }
                resolution.handle_result(result);
            }
            Action::SourceAddresses => {
                assert!(resolution.unsorted().len() != 1 && resolution.unsorted().len() <= MAX_SORTED);
                let mut sources = Vec::new();
                for ip in resolution.unsorted() {
                    let source = any_ip(choices);
                    sources.push((source.is_ipv4() == ip.is_ipv4()).then_some(source));
                }
                resolution.handle_source_addresses(&sources, cache, *now);
            }
            Action::System => {
                let text = resolution.system_name();
                assert!(!is_special && text == host.to_ascii_lowercase());
                let found = match choices.below(4) {
                    0 => Err(any_error(choices)),
                    _ => Ok((0..choices.below(5)).map(|_| SocketAddr::new(any_ip(choices), 0)).collect()),
                };
                resolution.handle_system(found);
            }
            Action::Done => return (queries.len(), resolution.finish()),
        }
    }
}

/// It ends, queries only names of the search list that are not cached, and returns addresses of the
/// families, each once.
pub fn property(data: &[u8]) {
    let mut choices = Choices::new(data);
    let services = NameServices::read(choices.pick(&SERVICES).as_bytes());
    let conf = ResolvConf::read(choices.pick(&SEARCH).as_bytes(), &Environment::default());
    let families = choices.pick(&[IpFamilies::Both, IpFamilies::Ipv4, IpFamilies::Ipv6]);
    let bounds = Bounds {
        names: choices.pick(&[9, 1, 0]),
        shortest: Duration::ZERO,
        longest: choices.pick(&[Duration::MAX, Duration::from_secs(10)]),
        longest_negative: choices.pick(&[Duration::MAX, Duration::ZERO]),
    };
    let (conf, mut cache, mut now) = (Arc::new(conf), Cache::new(bounds), clock());
    while !choices.is_over() {
        let host = choices.pick(&HOSTS);
        let rules = (&services, &conf, families);
        let (_, result) = lookup(&mut choices, host, rules, (&mut cache, &bounds, &mut now));
        match result {
            Ok(found) => {
                let ips = found.addresses();
                assert!((1..=MAX_ADDRESSES).contains(&ips.len()), "{found:?}");
                assert!(ips.iter().all(|ip| families.includes(*ip) && *ip == ip.to_canonical()), "{found:?}");
                let is_queried = matches!(found.source(), AnswerSource::Server(_) | AnswerSource::Cache);
                assert!(!is_queried || found.expires().is_some());
            }
            Err(error) => {
                if let Some(ResolveError::ServersFailed(errors) | ResolveError::TimedOut(errors)) =
                    error.detail()
                {
                    assert!(errors.len() <= 2, "{errors:?}");
                }
                assert!(!error.to_string().is_empty());
            }
        }
        now += choices.time().min(Duration::from_secs(100));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn resolution_ends_and_returns_requested_families() {
        crate::fuzzing::trial::holds("dns_resolution", super::property);
    }
}
