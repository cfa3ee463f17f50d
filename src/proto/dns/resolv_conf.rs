//! The configuration of the resolver: resolv.conf(5).

use std::cmp::Ordering;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::host::{Host, NameBuf};
use super::name::{HostName, NameRef};

/// A parsed resolv.conf file. Defaults and limits are those of resolv.conf(5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResolvConf {
    /// The name servers, in the order of the queries.
    pub(crate) servers: Vec<NameServer>,
    pub(crate) search: Vec<Box<str>>,
    /// A name with at least this number of dots is queried as it is before the search list is
    /// tried.
    pub(crate) ndots: usize,
    /// The timeout of a query to one server.
    pub(crate) timeout: Duration,
    /// The number of rounds of queries to all servers.
    pub(crate) attempts: u32,
    /// Whether each lookup starts with the next server.
    pub(crate) rotate: bool,
    /// Whether all queries are sent over TCP.
    pub(crate) use_tcp: bool,
    /// Whether A and AAAA queries are sent sequentially, each from its own socket.
    pub(crate) single_request: bool,
}

/// A name server. An IPv6 address may have a zone, which is an interface name or index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameServer {
    pub(crate) ip: IpAddr,
    pub(crate) zone: Option<Box<str>>,
}

const MOST_SERVERS: usize = 3;
const MOST_SEARCHED: usize = 6;
const MOST_NDOTS: usize = 15;
const MOST_SECONDS: u64 = 30;
const MOST_ATTEMPTS: u32 = 5;

impl Default for ResolvConf {
    fn default() -> ResolvConf {
        ResolvConf {
            servers: vec![NameServer { ip: Ipv4Addr::LOCALHOST.into(), zone: None }],
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            use_tcp: false,
            single_request: false,
        }
    }
}

/// Settings other than the file: resolv.conf(5), under `search` and `options`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// The name of this host. Its domain is the search list if the file has no `search` or
    /// `domain`.
    pub(crate) host_name: Option<String>,
    /// `LOCALDOMAIN`: a search list that replaces that of the file.
    pub(crate) local_domain: Option<String>,
    /// `RES_OPTIONS`: options that are applied after those of the file.
    pub(crate) options: Option<String>,
}

impl Environment {
    fn domain_of_host(&self) -> Option<Box<str>> {
        let (_, domain_name) = self.host_name.as_deref()?.split_once('.')?;
        domain(domain_name)
    }
}

impl ResolvConf {
    /// Parses a file. Unknown keywords and options are ignored, as in other resolvers.
    pub(crate) fn read(bytes: &[u8], environment: &Environment) -> ResolvConf {
        let mut conf = ResolvConf { servers: Vec::new(), ..ResolvConf::default() };
        let mut search: Option<Vec<Box<str>>> = None;
        for line in String::from_utf8_lossy(bytes).lines() {
            // A comment begins only in the first column.
            if line.starts_with(['#', ';']) {
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => {
                    if let Some(server) = words.next().and_then(NameServer::read) {
                        conf.servers.push(server);
                    }
                }
                // The last `domain` or `search` line applies. A line without a domain is ignored.
                Some(keyword @ ("domain" | "search")) => {
                    let most = if keyword == "domain" { 1 } else { MOST_SEARCHED };
                    let mut words = words.peekable();
                    if words.peek().is_some() {
                        search = Some(words.filter_map(domain).take(most).collect());
                    }
                }
                Some("options") => words.for_each(|option| conf.take(option)),
                _ => {}
            }
        }
        if let Some(domains) = &environment.local_domain {
            search = Some(domains.split_ascii_whitespace().filter_map(domain).take(MOST_SEARCHED).collect());
        }
        conf.search = search.unwrap_or_else(|| environment.domain_of_host().into_iter().collect());
        let options = environment.options.as_deref().unwrap_or_default();
        options.split_ascii_whitespace().for_each(|option| conf.take(option));
        conf.servers.truncate(MOST_SERVERS);
        if conf.servers.is_empty() {
            conf.servers = ResolvConf::default().servers;
        }
        conf
    }

    fn take(&mut self, option: &str) {
        let (name, value) = option.split_once(':').unwrap_or((option, ""));
        match (name, value.parse::<u64>()) {
            ("ndots", Ok(value)) => self.ndots = usize::try_from(value).unwrap_or(MOST_NDOTS).min(MOST_NDOTS),
            ("timeout", Ok(value)) => self.timeout = Duration::from_secs(value.clamp(1, MOST_SECONDS)),
            ("attempts", Ok(value)) => {
                self.attempts = u32::try_from(value).unwrap_or(MOST_ATTEMPTS).clamp(1, MOST_ATTEMPTS);
            }
            ("rotate", _) => self.rotate = true,
            ("use-vc", _) => self.use_tcp = true,
            ("single-request" | "single-request-reopen", _) => self.single_request = true,
            _ => {}
        }
    }

    /// Returns the next name to query, and advances `position`, which begins at 0. A name with at
    /// least `ndots` dots is queried as it is before it is searched, other names after that.
    pub(crate) fn candidate(
        &self,
        name: NameRef<'_>,
        is_absolute: bool,
        position: &mut usize,
    ) -> Option<HostName> {
        let domains: &[Box<str>] = if is_absolute { &[] } else { &self.search };
        let own = if self.is_first(name, is_absolute) { 0 } else { domains.len() };
        while *position <= domains.len() {
            let at = *position;
            *position += 1;
            let candidate = match at.cmp(&own) {
                Ordering::Equal => Some(name.to_owned()),
                Ordering::Less => name.within(&domains[at]),
                Ordering::Greater => name.within(&domains[at - 1]),
            };
            // Names in special-use domains such as `invalid` or `localhost` are skipped.
            let is_queried =
                |name: &HostName| !name.as_ref().is_special_use() && !name.as_ref().is_localhost();
            if let Some(candidate) = candidate.filter(is_queried) {
                return Some(candidate);
            }
        }
        None
    }

    /// Whether a name is queried as it is before it is searched.
    pub(crate) fn is_first(&self, name: NameRef<'_>, is_absolute: bool) -> bool {
        is_absolute || self.search.is_empty() || name.dots() >= self.ndots
    }
}

/// Parses a search domain. Returns `None` for the root (`.`), in which a name is queried as it is,
/// and for `--`. Files without a search domain have one of these.
fn domain(word: &str) -> Option<Box<str>> {
    match Host::parse(word, &mut NameBuf::new()) {
        Ok(Host::Name(name, _)) if name.as_str() == "--" => None,
        Ok(Host::Name(name, _)) => Some(name.as_str().into()),
        _ => None,
    }
}

impl NameServer {
    fn read(word: &str) -> Option<NameServer> {
        let (ip, zone) = match word.split_once('%') {
            Some((ip, zone)) => (ip, Some(zone)),
            None => (word, None),
        };
        let ip: IpAddr = ip.parse().ok()?;
        (zone.is_none() || ip.is_ipv6()).then(|| NameServer { ip, zone: zone.map(Box::from) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> ResolvConf {
        ResolvConf::read(bytes, &Environment::default())
    }

    fn servers(conf: &ResolvConf) -> Vec<String> {
        let text = |server: &NameServer| match &server.zone {
            Some(zone) => format!("{}%{zone}", server.ip),
            None => server.ip.to_string(),
        };
        conf.servers.iter().map(text).collect()
    }

    #[test]
    fn servers_search_and_options_are_parsed() {
        let conf = read(
            b"# comment\n; another\nnameserver 192.0.2.1 # the rest is nobody's\nnameserver\tfe80::1%eth0\r\n\
              nameserver nonsense\nnameserver 192.0.2.3%lo\n nameserver 2001:db8::53\nnameserver 192.0.2.99\n\
              domain old.example\nsearch a.Example. -- b.example\noptions ndots:2 timeout:3 attempts:4 rotate edns0 use-vc\n",
        );
        assert_eq!(servers(&conf), ["192.0.2.1", "fe80::1%eth0", "2001:db8::53"], "at most three servers");
        assert_eq!(conf.search, ["a.example".into(), "b.example".into()] as [Box<str>; 2]);
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (2, Duration::from_secs(3), 4));
        assert!(conf.rotate && conf.use_tcp);
    }

    #[test]
    fn settings_default_and_clamp_to_limits() {
        assert_eq!(read(b""), ResolvConf::default());
        assert_eq!(servers(&read(b"options x")), ["127.0.0.1"]);
        let conf = read(b"options ndots:99 timeout:9999 attempts:0\noptions attempts:77 timeout:0 ndots:-1");
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (15, Duration::from_secs(1), 5));
        assert_eq!(read(b"options timeout:9999").timeout, Duration::from_secs(30));
        assert_eq!(read(b"search a b c d e f g").search.len(), 6);
        let conf = read(b"search a b c d e f g\nsearch .\n");
        assert!(conf.search.is_empty(), "the last line applies, and the root is not a search domain");
    }

    #[test]
    fn host_domain_and_environment_apply_as_in_glibc() {
        let environment = |host: &str, domains: Option<&str>, options: Option<&str>| Environment {
            host_name: Some(host.to_owned()),
            local_domain: domains.map(str::to_owned),
            options: options.map(str::to_owned),
        };
        let search =
            |file: &str, environment: &Environment| ResolvConf::read(file.as_bytes(), environment).search;
        let own = environment("box.corp.test", None, None);
        let boxed =
            |domains: &[&str]| domains.iter().map(|domain| Box::from(*domain)).collect::<Vec<Box<str>>>();
        assert_eq!(search("nameserver 192.0.2.1\n", &own), boxed(&["corp.test"]));
        assert_eq!(search("search\n", &own), boxed(&["corp.test"]), "a line without a domain is ignored");
        assert_eq!(search("search .\n", &own), boxed(&[]), "the root replaces the domain of the host");
        assert_eq!(search("domain a.test\n", &own), boxed(&["a.test"]));
        assert_eq!(search("", &environment("box", None, None)), boxed(&[]));
        let set = environment("box.corp.test", Some("x.test y.test"), Some("ndots:3 rotate"));
        let conf = ResolvConf::read(b"search a.test\noptions ndots:2\n", &set);
        assert_eq!((conf.search, conf.ndots, conf.rotate), (boxed(&["x.test", "y.test"]), 3, true));
    }

    fn candidates(conf: &ResolvConf, name: &str) -> Vec<String> {
        let mut buffer = NameBuf::new();
        let Ok(Host::Name(name, is_absolute)) = Host::parse(name, &mut buffer) else { panic!("{name}") };
        let mut position = 0;
        let next = || conf.candidate(name, is_absolute, &mut position);
        std::iter::from_fn(next).map(|name| name.to_string()).collect()
    }

    #[test]
    fn candidates_follow_ndots_and_search_list() {
        let conf = read(b"search a.example b.example\n");
        assert_eq!(candidates(&conf, "host"), ["host.a.example", "host.b.example", "host"]);
        assert_eq!(candidates(&conf, "host.sub"), ["host.sub", "host.sub.a.example", "host.sub.b.example"]);
        assert_eq!(candidates(&conf, "host."), ["host"]);
        assert_eq!(candidates(&ResolvConf::default(), "host"), ["host"]);
        let five = read(b"search a.example\noptions ndots:5\n");
        assert_eq!(candidates(&five, "a.b.c"), ["a.b.c.a.example", "a.b.c"]);
        // If a name is too long with the domain appended, only the name itself is queried.
        let long = ["a".repeat(60).as_str(); 4].join(".");
        assert_eq!(candidates(&read(b"search much.too.long.example"), &long), [long.as_str()]);
        assert_eq!(candidates(&read(b"search invalid a.onion localhost"), "host"), ["host"]);
    }

    proptest! {
        #[test]
        fn any_file_parses_within_limits(bytes in proptest::collection::vec(any::<u8>(), 0..1_000)) {
            let conf = read(&bytes);
            prop_assert!((1..=3).contains(&conf.servers.len()) && conf.search.len() <= 6 && conf.ndots <= 15);
        }
    }
}
