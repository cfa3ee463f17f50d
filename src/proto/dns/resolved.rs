//! The addresses of a host, and where they are from.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Instant;

/// The source of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnswerSource {
    /// The host was an IP address.
    Literal,
    /// The name is `localhost` or ends in `.localhost` (RFC 6761, section 6.3).
    Localhost,
    /// A hosts file.
    Hosts,
    /// The cache: an earlier answer of a name server whose TTL has not expired.
    Cache,
    /// A name server.
    Server(SocketAddr),
    /// The resolver of the OS (`getaddrinfo`), which does not report its source.
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

/// The most addresses of a name, from any source. A response of 64 KiB has at most 4,095.
pub(crate) const MAX_ADDRESSES: usize = 8_192;

/// Adds addresses without a TTL to an answer, each of them once, at most [`MAX_ADDRESSES`].
pub(crate) struct Distinct<'a> {
    found: &'a mut Resolved,
    /// All of them, once a hash lookup is faster than comparing each.
    seen: Option<HashSet<(IpAddr, u32)>>,
}

impl<'a> Distinct<'a> {
    /// The most addresses that are compared one by one.
    const FEW: usize = 16;

    /// Replaces an answer with an empty one of that source.
    pub(crate) fn new(found: &'a mut Resolved, source: AnswerSource) -> Distinct<'a> {
        found.ips.clear();
        found.scopes.clear();
        found.source = source;
        Distinct { found, seen: None }
    }

    /// Adds an address unless it is present. `scope` is the interface index of a link-local
    /// address, and 0 for others.
    #[inline]
    pub(crate) fn push(&mut self, ip: IpAddr, scope: u32) {
        let Resolved { ips, scopes, .. } = &mut *self.found;
        if ips.is_empty() && scope == 0 {
            if ips.capacity() == 0 {
                // In one allocation of the usual size, without the code that grows a vector.
                *ips = Vec::with_capacity(4);
            }
            ips.push(ip);
            return;
        }
        let known = scopes.iter().copied().chain(std::iter::repeat(0));
        let mut known = ips.iter().copied().zip(known);
        let is_known = match ips.len() {
            0..Self::FEW => known.any(|known| known == (ip, scope)),
            _ => !self.seen.get_or_insert_with(|| known.collect()).insert((ip, scope)),
        };
        if is_known || ips.len() >= MAX_ADDRESSES {
            return;
        }
        if scope != 0 {
            scopes.resize(ips.len(), 0);
            scopes.push(scope);
        }
        ips.push(ip);
    }

    pub(crate) fn len(&self) -> usize {
        self.found.ips.len()
    }
}

/// The addresses of a host, with their source and TTL, from
/// [`Resolver::lookup`](crate::Resolver::lookup).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    ips: Vec<IpAddr>,
    /// The scope of each link-local address; empty if none has one.
    scopes: Vec<u32>,
    source: AnswerSource,
    until: Option<Instant>,
}

impl Resolved {
    pub(crate) fn new(ips: Vec<IpAddr>, source: AnswerSource, until: Option<Instant>) -> Resolved {
        Resolved { ips, scopes: Vec::new(), source, until }
    }

    /// An answer without addresses, to which a source adds some.
    pub(crate) fn empty() -> Resolved {
        Resolved::new(Vec::new(), AnswerSource::Literal, None)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ips.is_empty()
    }

    /// Replaces the addresses.
    #[cfg(feature = "dns")]
    pub(crate) fn set(&mut self, ips: &[IpAddr], source: AnswerSource, until: Instant) {
        self.ips = ips.to_vec();
        self.source = source;
        self.until = Some(until);
    }

    /// Returns the addresses in the order in which to try them (RFC 6724). There is at least one.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.ips
    }

    /// Returns the addresses with a port, and with the scope of link-local addresses.
    pub fn with_port(&self, port: u16) -> impl Iterator<Item = SocketAddr> + '_ {
        let scopes = self.scopes.iter().copied().chain(std::iter::repeat(0));
        self.ips.iter().zip(scopes).map(move |(ip, scope)| match ip {
            IpAddr::V6(ip) => SocketAddrV6::new(*ip, port, 0, scope).into(),
            IpAddr::V4(ip) => (*ip, port).into(),
        })
    }

    /// Returns the source of the answer.
    pub fn source(&self) -> AnswerSource {
        self.source
    }

    /// When the first address expires.
    pub(crate) fn expires(&self) -> Option<Instant> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Below and above the number from which they are not compared one by one.
        #[test]
        fn distinct_keeps_first_of_equal_addresses(
            all in proptest::collection::vec((0_u8..40, 0_u32..3), 0..120)
        ) {
            let (mut found, mut expected) = (Resolved::empty(), Vec::new());
            let mut distinct = Distinct::new(&mut found, AnswerSource::Hosts);
            for (last, scope) in all {
                let one = (IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, u16::from(last)]), scope);
                distinct.push(one.0, one.1);
                if !expected.contains(&one) {
                    expected.push(one);
                }
            }
            prop_assert_eq!(distinct.len(), expected.len());
            let scopes = found.scopes.iter().copied().chain(std::iter::repeat(0));
            let found: Vec<_> = found.ips.iter().copied().zip(scopes).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
