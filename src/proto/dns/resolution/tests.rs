use std::time::Duration;

use super::*;
use crate::error::{Error, ErrorKind, Operation};
use crate::proto::dns::cache::{Bounds, CacheEntry};
use crate::proto::dns::failure::ServerError;
use crate::proto::dns::fault::{ResponseError, ServerFault};
use crate::proto::dns::host::{Host, NameBuf};
use crate::proto::dns::nsswitch::NameServices;
use crate::proto::dns::records::RecordData;
use crate::proto::dns::resolv_conf::Environment;

const MINUTE: Duration = Duration::from_secs(60);

const BOUNDS: Bounds =
    Bounds { names: 9, shortest: Duration::ZERO, longest: Duration::MAX, longest_negative: Duration::MAX };

/// A host with hosts files, servers and an OS that return what the test says.
struct Machine {
    services: NameServices,
    conf: Arc<ResolvConf>,
    cache: Cache,
    now: Instant,
    /// Names in the hosts file, with an address.
    hosts: Vec<(&'static str, &'static str)>,
    /// Names at the servers: addresses after spaces, `-` for NODATA, `!` for a failure, `?` for none
    /// within the limit.
    zone: Vec<(&'static str, &'static str)>,
    /// What the resolver of the OS returns.
    system: Result<Vec<SocketAddr>>,
    families: IpFamilies,
}

fn server() -> SocketAddr {
    ([127, 0, 0, 1], 53).into()
}

fn ips(text: &str) -> Vec<IpAddr> {
    text.split_whitespace().filter_map(|ip| ip.parse().ok()).collect()
}

fn not_found() -> Error {
    Error::new(Operation::Resolve, ErrorKind::NameNotFound)
}

impl Machine {
    #[allow(clippy::disallowed_methods, reason = "the clock of a test needs a start")]
    fn new(nsswitch: &str, resolv_conf: &str) -> Machine {
        Machine {
            services: NameServices::read(nsswitch.as_bytes()),
            conf: Arc::new(ResolvConf::read(resolv_conf.as_bytes(), &Environment::default())),
            cache: Cache::new(BOUNDS),
            now: Instant::now(),
            hosts: Vec::new(),
            zone: Vec::new(),
            system: Err(not_found()),
            families: IpFamilies::Both,
        }
    }

    fn respond(&self, query: &Query) -> QueryResult {
        let found = self.zone.iter().find(|(name, _)| *name == query.name.as_str()).map(|(_, found)| *found);
        let entry = |kind: Kind| {
            let fits = |ip: &IpAddr| ip.is_ipv4() == (kind == Kind::A);
            let records = ips(found.unwrap_or_default()).into_iter().filter(fits).map(RecordData::Address);
            CacheEntry { records: records.collect(), exists: found.is_some(), expires: self.now + MINUTE }
        };
        let has_failed = found == Some("!");
        let fault = ServerFault::Reply(ResponseError::ServFail);
        QueryResult {
            entries: query.kinds.iter().map(|kind| (*kind, (!has_failed).then(|| entry(*kind)))).collect(),
            errors: if has_failed { vec![ServerError { server: server(), fault }] } else { Vec::new() },
            server: (!has_failed).then(server),
            is_partial: false,
        }
    }

    /// Looks a name up. Returns the actions, and the addresses with their source or the error.
    fn lookup(&mut self, host: &str) -> (String, String) {
        let mut buffer = NameBuf::new();
        let Ok(Host::Name(name, is_absolute)) = Host::parse(host, &mut buffer) else { panic!("{host}") };
        let sources = self.services.sources(name, || false);
        let mut resolution = Resolution::new(host, (name, is_absolute), self.families, sources);
        let mut actions: Vec<String> = Vec::new();
        loop {
            match resolution.poll() {
                Action::Hosts => {
                    actions.push("hosts".to_owned());
                    let found = self.hosts.iter().find(|(own, _)| *own == name.as_str());
                    let ips = ips(found.map_or("", |(_, found)| found));
                    let mut addresses = Distinct::new(resolution.found(), AnswerSource::Hosts);
                    let fits = ips.into_iter().filter(|ip| self.families.includes(*ip));
                    fits.for_each(|ip| addresses.push(ip, 0));
                    resolution.handle_hosts(found.is_some());
                }
                Action::Cache => resolution.handle_cache(&self.conf, &self.cache, self.now),
                Action::Query => {
                    let query = resolution.query().expect("a query");
                    actions.push(format!("{}/{:?}", query.name, query.kinds));
                    if self.zone.iter().any(|found| *found == (query.name.as_str(), "?")) {
                        let servers = vec![ServerError { server: server(), fault: ServerFault::Timeout }];
                        resolution.handle_interrupted(ResolveError::TimedOut(servers).into_error(host));
                        continue;
                    }
                    let result = self.respond(&query);
                    for (kind, entry) in &result.entries {
                        entry.iter().for_each(|entry| self.cache.put(&query.name, *kind, entry, self.now));
                    }
                    resolution.handle_result(result);
                }
                Action::SourceAddresses => {
                    let count = resolution.unsorted().len();
                    actions.extend((count > 0).then(|| format!("source of {count}")));
                    // Only IPv4 has a route.
                    let source = |ip: &IpAddr| ip.is_ipv4().then_some(IpAddr::from([192, 0, 2, 77]));
                    let sources: Vec<_> = resolution.unsorted().iter().map(source).collect();
                    resolution.handle_source_addresses(&sources, &mut self.cache, self.now);
                }
                Action::System => {
                    let name = resolution.system_name();
                    actions.push(format!("system {name}"));
                    resolution.handle_system(std::mem::replace(&mut self.system, Err(not_found())));
                }
                Action::Done => {
                    let result = match resolution.finish() {
                        Ok(found) => format!("{:?} {}", found.addresses(), found.source()),
                        Err(error) => match error.detail::<ResolveError>() {
                            Some(cause) => cause.to_string(),
                            None => error.to_string(),
                        },
                    };
                    return (actions.join(", "), result);
                }
            }
        }
    }

    #[track_caller]
    fn expect(&mut self, host: &str, actions: &str, result: &str) {
        assert_eq!(self.lookup(host), (actions.to_owned(), result.to_owned()), "{host}");
    }
}

const BOTH: &str = "[Aaaa, A]";
const FAILED: &str = "all name servers failed: 127.0.0.1:53 returned SERVFAIL";

#[test]
fn hosts_file_is_first_and_ends_the_lookup() {
    let mut machine = Machine::new("", "");
    machine.hosts = vec![("box", "192.0.2.1"), ("localhost", "127.0.0.9")];
    machine.expect("box", "hosts", "[192.0.2.1] hosts file");
    machine.expect("localhost", "hosts", "[127.0.0.9] hosts file");
    machine.families = IpFamilies::Ipv6;
    machine.expect("box", "hosts", "name exists but has no IPv6 address");
}

#[test]
fn addresses_are_queried_sorted_and_cached() {
    let mut machine = Machine::new("", "");
    machine.zone = vec![("www.test", "2001:db8::1 192.0.2.1 192.0.2.2"), ("v4.test", "192.0.2.9 192.0.2.3")];
    let sorted = "[192.0.2.1, 192.0.2.2, 2001:db8::1]";
    let actions = format!("hosts, www.test/{BOTH}, source of 3");
    machine.expect("www.test", &actions, &format!("{sorted} server 127.0.0.1:53"));
    machine.expect("WWW.test.", "hosts", &format!("{sorted} cache"));
    // IPv4 addresses alone stay in the order of the response.
    machine.expect(
        "v4.test",
        &format!("hosts, v4.test/{BOTH}"),
        "[192.0.2.9, 192.0.2.3] server 127.0.0.1:53",
    );
    machine.now += MINUTE;
    machine.expect(
        "v4.test",
        &format!("hosts, v4.test/{BOTH}"),
        "[192.0.2.9, 192.0.2.3] server 127.0.0.1:53",
    );
}

#[test]
fn only_missing_record_types_are_queried() {
    let mut machine = Machine::new("", "");
    machine.zone = vec![("www.test", "192.0.2.1"), ("none.test", "-")];
    machine.families = IpFamilies::Ipv4;
    machine.expect("www.test", "hosts, www.test/[A]", "[192.0.2.1] server 127.0.0.1:53");
    machine.families = IpFamilies::Both;
    // The sorted addresses are those of one family, for the lookup of both as well.
    machine.cache = Cache::new(BOUNDS);
    let query = Query { name: HostName::found("www.test"), kinds: vec![Kind::A], has_cached: false };
    let (_, entry) = machine.respond(&query).entries.remove(0);
    machine.cache.put(&query.name, Kind::A, &entry.unwrap(), machine.now);
    machine.expect("www.test", "hosts, www.test/[Aaaa]", "[192.0.2.1] server 127.0.0.1:53");
    machine.expect("none.test", &format!("hosts, none.test/{BOTH}"), "name exists but has no address");
    machine.expect("none.test", "hosts", "name exists but has no address");
    machine.expect("no.test", &format!("hosts, no.test/{BOTH}"), "no such host");
    machine.expect("no.test", "hosts", "no such host");
}

#[test]
fn search_list_is_followed_until_a_name_has_addresses() {
    let mut machine = Machine::new("", "search a.test b.test");
    machine.zone = vec![("www.b.test", "192.0.2.1"), ("none.a.test", "-")];
    let queries = |names: &[&str]| {
        let each = names.iter().map(|name| format!(", {name}/{BOTH}"));
        std::iter::once("hosts".to_owned()).chain(each).collect::<String>()
    };
    let found = "[192.0.2.1] server 127.0.0.1:53";
    machine.expect("www", &queries(&["www.a.test", "www.b.test"]), found);
    // With NXDOMAIN cached for the first name.
    machine.expect("www", "hosts", "[192.0.2.1] cache");
    machine.expect("www.", &queries(&["www"]), "no such host");
    let names = ["none.a.test", "none.b.test", "none"];
    machine.expect("none", &queries(&names), "name exists but has no address");
    machine.zone = vec![("bad.a.test", "!")];
    machine.expect("bad", &queries(&["bad.a.test", "bad.b.test", "bad"]), FAILED);
}

#[test]
fn order_and_actions_of_nsswitch_conf_are_followed() {
    let query = format!("www.test/{BOTH}");
    // The zone, the file, the actions, and the result.
    let table: [(&str, &str, &str, &str); 9] = [
        ("hosts: dns files", "", "Q, hosts", "[192.0.2.7] hosts file"),
        ("hosts: dns files", "!", "Q, hosts", "[192.0.2.7] hosts file"),
        ("hosts: dns [NOTFOUND=return] files", "", "Q", "no such host"),
        ("hosts: dns [NOTFOUND=return] files", "!", "Q, hosts", "[192.0.2.7] hosts file"),
        ("hosts: dns [TRYAGAIN=return] files", "!", "Q", FAILED),
        ("hosts: dns files", "?", "Q, hosts", "[192.0.2.7] hosts file"),
        ("hosts: dns [UNAVAIL=return] files", "?", "Q", "timed out: 127.0.0.1:53 did not respond"),
        ("hosts: files", "192.0.2.1", "hosts", "[192.0.2.7] hosts file"),
        ("hosts: dns", "192.0.2.1", "Q", "[192.0.2.1] server 127.0.0.1:53"),
    ];
    for (services, zone, actions, result) in table {
        let mut machine = Machine::new(services, "");
        machine.hosts = vec![("www.test", "192.0.2.7")];
        machine.zone = if zone.is_empty() { Vec::new() } else { vec![("www.test", zone)] };
        machine.expect("www.test", &actions.replace('Q', &query), result);
    }
    let mut machine = Machine::new("hosts: files [NOTFOUND=return] dns", "");
    machine.expect("www.test", "hosts", "no such host");
    // A failure is not replaced by a later source that does not have the name.
    let mut machine = Machine::new("hosts: dns files", "");
    machine.zone = vec![("www.test", "!")];
    machine.expect("www.test", &format!("{query}, hosts"), FAILED);
}

#[test]
fn special_use_names_are_not_queried() {
    for services in ["", "hosts: files ldap", "hosts: files"] {
        let mut machine = Machine::new(services, "search a.test");
        machine.expect("localhost", "hosts", "[127.0.0.1, ::1] localhost");
        machine.expect("a.localhost", "hosts", "[127.0.0.1, ::1] localhost");
        machine.expect("x.invalid", "hosts", "no such host");
        machine.expect("x.onion", "hosts", "no such host");
    }
}

#[test]
fn addresses_of_the_os_are_filtered_and_limited() {
    let mut machine = Machine::new("hosts: files ldap", "");
    let v6 = |last: u16| SocketAddr::new(IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, last]), 0);
    machine.system = Ok(vec![v6(1), ([192, 0, 2, 1], 0).into(), v6(1)]);
    machine.expect("box", "hosts, system box", "[fe80::1, 192.0.2.1] system");
    machine.families = IpFamilies::Ipv4;
    machine.system = Ok(vec![v6(1)]);
    machine.expect("box.", "hosts, system box.", "name exists but has no IPv4 address");
    machine.families = IpFamilies::Both;
    machine.system = Ok((0..20_000).map(v6).collect());
    let (_, found) = machine.lookup("box");
    assert_eq!(found.split(',').count(), 8_192);
}

#[test]
fn ipv4_mapped_addresses_are_ipv4_addresses() {
    let mut machine = Machine::new("", "");
    machine.zone = vec![("www.test", "::ffff:192.0.2.1 192.0.2.1 ::ffff:192.0.2.2")];
    let (_, found) = machine.lookup("www.test");
    assert_eq!(found, "[192.0.2.2, 192.0.2.1] server 127.0.0.1:53");
    machine.families = IpFamilies::Ipv6;
    machine.cache = Cache::new(BOUNDS);
    assert_eq!(machine.lookup("www.test").1, "name exists but has no IPv6 address");
}

/// Returns the actions of a reverse lookup, and its result. Only the last source has the name.
fn reverse(services: &str, ip: &str, hosts: Option<&str>, ptr: Option<&str>) -> (String, String) {
    let ip = ips(ip)[0];
    let sources = NameServices::read(services.as_bytes()).sources(HostName::reverse(ip).as_ref(), || false);
    let (mut lookup, mut actions) = (ReverseLookup::new(ip, sources), Vec::new());
    loop {
        match lookup.next() {
            ReverseAction::Hosts => {
                actions.push("hosts");
                lookup.handle_name(Ok(hosts.map(str::to_owned)));
            }
            ReverseAction::Ptr => {
                actions.push("ptr");
                lookup.handle_name(match ptr {
                    Some(name) => Ok(Some(name.to_owned())),
                    None => Err(ResolveError::NoSuchName.into_error("1.2.0.192.in-addr.arpa")),
                });
            }
            ReverseAction::Done(result) => {
                return (actions.join(" "), result.unwrap_or_else(|error| error.to_string()));
            }
        }
    }
}

#[test]
fn reverse_lookup_follows_order_of_sources() {
    let table: [(&str, &str, Option<&str>, &str, &str); 8] = [
        ("", "192.0.2.1", Some("file"), "hosts", "file"),
        ("", "192.0.2.1", None, "hosts ptr", "server"),
        ("hosts: dns files", "192.0.2.1", Some("file"), "ptr", "server"),
        ("hosts: files", "192.0.2.1", None, "hosts", "resolve 192.0.2.1: name exists but has no name"),
        ("hosts: files ldap", "192.0.2.1", None, "hosts ptr", "server"),
        ("hosts: files [NOTFOUND=return] ldap", "192.0.2.1", Some("file"), "hosts", "file"),
        ("", "127.0.0.1", None, "hosts", "localhost"),
        ("hosts: dns", "::1", None, "", "localhost"),
    ];
    for (services, ip, hosts, actions, name) in table {
        let expected = (actions.to_owned(), name.to_owned());
        assert_eq!(reverse(services, ip, hosts, Some("server")), expected, "{services:?} {ip}");
    }
    let (actions, error) = reverse("hosts: dns files", "192.0.2.1", None, None);
    assert_eq!((actions.as_str(), error.ends_with("no such host")), ("ptr hosts", true), "{error}");
}

#[test]
fn record_lookup_uses_the_cache_and_maps_failures() {
    let mut machine = Machine::new("", "");
    machine.zone = vec![("www.test", "192.0.2.1"), ("none.test", "-"), ("bad.test", "!")];
    let mut records = |name: &str| {
        let mut lookup = RecordLookup::new(HostName::found(name), Kind::A, "A record");
        let query = lookup.handle_cache(&machine.cache, machine.now).cloned();
        let is_queried = query.is_some();
        if let Some(query) = query {
            let result = machine.respond(&query);
            for (kind, entry) in &result.entries {
                entry.iter().for_each(|entry| machine.cache.put(&query.name, *kind, entry, machine.now));
            }
            lookup.handle_result(result);
        }
        let result = lookup.finish("host").map(|records| records.len());
        (is_queried, result.map_err(|error| error.detail::<ResolveError>().unwrap().to_string()))
    };
    assert_eq!(records("www.test"), (true, Ok(1)));
    assert_eq!(records("www.test"), (false, Ok(1)));
    assert_eq!(records("none.test"), (true, Err("name exists but has no A record".to_owned())));
    assert_eq!(records("no.test"), (true, Err("no such host".to_owned())));
    assert_eq!(records("bad.test"), (true, Err(FAILED.to_owned())));
    assert_eq!(records("a.localhost"), (false, Err("name exists but has no A record".to_owned())));
    assert_eq!(records("a.onion"), (false, Err("no such host".to_owned())));
}
