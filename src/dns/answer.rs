use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnswerSource {
    /// The name was an address.
    Literal,
    /// The name means this machine by convention (RFC 6761).
    Localhost,
    /// A hosts file.
    Hosts,
    /// An earlier answer of a server, which still holds.
    Cache,
    /// That server.
    Server(SocketAddr),
    /// The system's own resolver, which does not tell.
    System,
}

impl std::fmt::Display for AnswerSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AnswerSource::Literal => f.write_str("literal address"),
            AnswerSource::Localhost => f.write_str("localhost"),
            AnswerSource::Hosts => f.write_str("hosts file"),
            AnswerSource::Cache => f.write_str("cache"),
            AnswerSource::Server(server) => write!(f, "server {server}"),
            AnswerSource::System => f.write_str("system"),
        }
    }
}

/// The addresses of a host, and how they are known; made by [`Resolver::lookup`](crate::Resolver::lookup).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    ips: Vec<IpAddr>,
    /// The index of the interface of each that is of one link; empty if none is.
    scopes: Vec<u32>,
    source: AnswerSource,
    until: Option<Instant>,
}

impl Resolved {
    pub(super) fn new(ips: Vec<IpAddr>, source: AnswerSource, until: Option<Instant>) -> Resolved {
        Resolved { ips, scopes: Vec::new(), source, until }
    }

    /// Adds an address, unless it is there; one of a link with the index of the interface, which is 0 for all others.
    pub(super) fn push(&mut self, ip: IpAddr, scope: u32) {
        let known = self.scopes.iter().copied().chain(std::iter::repeat(0));
        if self.ips.iter().zip(known).any(|known| known == (&ip, scope)) {
            return;
        }
        if scope != 0 {
            self.scopes.resize(self.ips.len(), 0);
            self.scopes.push(scope);
        }
        self.ips.push(ip);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ips.is_empty()
    }

    /// The addresses, in the order in which they should be tried; there is at least one.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.ips
    }

    /// The addresses with a port, and with the interface of those that are of one link.
    pub fn with_port(&self, port: u16) -> impl Iterator<Item = SocketAddr> + '_ {
        let scopes = self.scopes.iter().copied().chain(std::iter::repeat(0));
        self.ips.iter().zip(scopes).map(move |(ip, scope)| match ip {
            IpAddr::V6(ip) => SocketAddrV6::new(*ip, port, 0, scope).into(),
            IpAddr::V4(ip) => (*ip, port).into(),
        })
    }

    /// Where the answer comes from.
    pub fn source(&self) -> AnswerSource {
        self.source
    }

    /// For how long the answer still holds; `None` where nobody said so.
    pub fn ttl(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(Instant::now()))
    }
}
