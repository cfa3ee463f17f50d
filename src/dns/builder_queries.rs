//! The options of queries, as methods of the builder.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::builder::ResolverBuilder;
use super::queries::PORT;
use super::zone::literal;
use crate::addr::Address;
use crate::error::{Error, ErrorKind, Operation, Result};
use crate::proto::dns::failure::ResolveError;
use crate::proto::dns::host::{Host, InvalidName, NameBuf};

#[derive(Debug, thiserror::Error)]
#[error("a name server is given by its IP address, with or without a port")]
struct NotAServer;

/// Options of DNS queries, which are available with the feature `dns`.
impl ResolverBuilder {
    /// Adds a name server: an IP address, with or without a port. The default port is 53. Defaults
    /// to the servers of `resolv.conf`.
    ///
    /// # Errors
    ///
    /// This returns an error if the text is not an IP address with or without a port.
    pub fn server(mut self, server: &str) -> Result<Self> {
        let alone = || format!("[{}]:{PORT}", server.trim_start_matches('[').trim_end_matches(']'));
        let address = match server.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, PORT),
            Err(_) => match server.parse().or_else(|_| alone().parse()) {
                Ok(address) if Address::name(&address).is_none() => literal(&address)?,
                _ => {
                    let kind = ErrorKind::InvalidAddress;
                    let error = Error::detailed(Operation::Resolve, kind, NotAServer);
                    return Err(error.at(server.escape_debug()));
                }
            },
        };
        self.queries.servers.push(address);
        Ok(self)
    }

    /// Sets the file that is read instead of `/etc/resolv.conf`. Options of this builder take
    /// precedence over the file, and over `RES_OPTIONS` in the environment. A change of the file clears
    /// the cache. A file of more than 64 KiB is not read.
    pub fn resolv_conf(mut self, path: impl Into<PathBuf>) -> Self {
        self.queries.conf = path.into();
        self
    }

    /// Sets the file that is read instead of `/etc/nsswitch.conf`, for the order of hosts files and name
    /// servers, and for the [back end](Self::backend). If it does not exist, has no `hosts` line, or has
    /// more than 64 KiB, hosts files are read first, and name servers are queried for all other names.
    pub fn nsswitch_conf(mut self, path: impl Into<PathBuf>) -> Self {
        self.queries.services = path.into();
        self
    }

    /// Sets the search list: the domains that are appended to a name. Defaults to `LOCALDOMAIN` in the
    /// environment, that of `resolv.conf`, or the domain of the host name. An empty list, or only the
    /// root `.`, disables the search.
    ///
    /// # Errors
    ///
    /// This returns an error if a domain is not a valid name
    /// ([`InvalidInput`](crate::ErrorKind::InvalidInput)).
    pub fn search<S: AsRef<str>>(mut self, domains: impl IntoIterator<Item = S>) -> Result<Self> {
        let mut search = Vec::new();
        for domain in domains {
            let text = domain.as_ref();
            match Host::parse(text, &mut NameBuf::new()) {
                Ok(Host::Name(name, _)) => search.push(name.as_str().into()),
                _ if text == "." => {}
                Ok(Host::Address(_)) => {
                    return Err(ResolveError::InvalidName(InvalidName::EndsInNumber).into_error(text));
                }
                Err(why) => return Err(ResolveError::InvalidName(why).into_error(text)),
            }
        }
        self.queries.search = Some(search);
        Ok(self)
    }

    /// Sets the number of dots from which a name is queried as it is before the search list is
    /// used. Defaults to that of `resolv.conf`, or 1.
    pub fn ndots(mut self, dots: usize) -> Self {
        self.queries.ndots = Some(dots);
        self
    }

    /// Sets how long one query waits for the response of one server before the next server is
    /// queried. The default is the `timeout` option of `resolv.conf`, or 5 s.
    ///
    /// The [`timeout`](Self::timeout) applies to the whole lookup, including all queries.
    pub fn query_timeout(mut self, timeout: Duration) -> Self {
        self.queries.query_timeout = Some(timeout);
        self
    }

    /// Sets how many times all servers are queried, 1 to 100. Other values are clamped. Defaults to
    /// that of `resolv.conf`, or 2.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.queries.attempts = Some(attempts.clamp(1, 100));
        self
    }

    /// Sets whether all queries use TCP (`use-vc`). Defaults to that of `resolv.conf`, or false.
    /// Truncated responses are requested again over TCP in any case.
    pub fn use_tcp(mut self, on: bool) -> Self {
        self.queries.use_tcp = Some(on);
        self
    }

    /// Sets whether the AAAA query is sent only after the response to the A query, from another
    /// socket (`single-request`), for servers and routers that drop one of two concurrent queries.
    /// Defaults to that of `resolv.conf`, or false.
    pub fn single_request(mut self, on: bool) -> Self {
        self.queries.single_request = Some(on);
        self
    }

    /// Sets the maximum number of cached names. The cache uses at most 1 KiB for each of them.
    /// Defaults to 4,096; 0 disables the cache.
    pub fn cache_size(mut self, names: usize) -> Self {
        self.queries.bounds.names = names;
        self
    }

    /// Sets the maximum time for which it is cached that a name, or a record of a kind, does not
    /// exist. Such an answer is cached for as long as the zone says (RFC 2308), and not at all if it
    /// does not say. Defaults to one hour; zero disables the caching of such answers.
    pub fn negative_cache_ttl(mut self, max: Duration) -> Self {
        self.queries.bounds.longest_negative = max;
        self
    }

    /// Sets the minimum and the maximum time for which an answer is cached, whatever its TTL.
    /// Defaults to 0 s and one day. An answer with a TTL of 0 is not cached. The time applies to
    /// [`Resolved::ttl`](crate::dns::Resolved::ttl) of every answer, cached or not.
    pub fn cache_ttl(mut self, min: Duration, max: Duration) -> Self {
        (self.queries.bounds.shortest, self.queries.bounds.longest) = (min, max);
        self
    }
}
