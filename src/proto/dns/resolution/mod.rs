//! The lookup of the addresses of a name: the sources in their order, the cache, the search list,
//! the families, and the order of the addresses. This machine decides all of it and blocks nowhere.
//! The caller reads files, sends queries and calls the OS.
//!
//! ```text
//!   poll ──► Hosts ──► handle_hosts ─────────► next source, or Done
//!        ──► Cache ──► handle_cache ─────────► Query, SourceAddresses, next source, or Done
//!        ──► Query ──► handle_result ────────► Cache
//!        ──► SourceAddresses ──► handle_source_addresses ──► Done
//!        ──► System ──► handle_system ───────► next source, or Done
//! ```

#[cfg(feature = "dns")]
mod records;
mod reverse;
#[cfg(feature = "dns")]
mod search;
mod walk;

#[cfg(feature = "dns")]
use std::net::IpAddr;
use std::net::SocketAddr;
#[cfg(feature = "dns")]
use std::sync::Arc;
#[cfg(feature = "dns")]
use std::time::Instant;

#[cfg(feature = "dns")]
use super::cache::Cache;
use super::failure::ResolveError;
use super::families::IpFamilies;
#[cfg(feature = "dns")]
use super::lookup::QueryResult;
#[cfg(feature = "dns")]
use super::name::HostName;
use super::name::{LOOPBACK, NameRef};
#[cfg(feature = "dns")]
use super::records::Kind;
#[cfg(feature = "dns")]
use super::resolv_conf::ResolvConf;
use super::resolved::{AnswerSource, Distinct, Resolved};
use super::sources::{Source, Sources};
use crate::error::{Error, Result};
#[cfg(feature = "dns")]
pub(crate) use records::RecordLookup;
pub(crate) use reverse::{ReverseAction, ReverseLookup};
#[cfg(feature = "dns")]
use search::{Found, Search};
use walk::Walk;

/// What to do next in a lookup of addresses.
#[derive(Debug)]
#[must_use]
pub(crate) enum Action {
    /// Look the name up in the hosts files, and call [`Resolution::handle_hosts`].
    Hosts,
    /// Call [`Resolution::handle_cache`].
    #[cfg(feature = "dns")]
    Cache,
    /// Query the servers, and call [`Resolution::handle_result`].
    #[cfg(feature = "dns")]
    Query(Query),
    /// Find the source address for each of [`Resolution::unsorted`], and call
    /// [`Resolution::handle_source_addresses`].
    #[cfg(feature = "dns")]
    SourceAddresses,
    /// Pass this name to the resolver of the OS, and call [`Resolution::handle_system`].
    System(String),
    Done(Result<Resolved>),
}

/// A query for record types of a name.
#[cfg(feature = "dns")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) name: HostName,
    pub(crate) kinds: Vec<Kind>,
    /// Whether addresses of the other family are cached.
    pub(crate) has_cached: bool,
}

/// The lookup of the addresses of a name. Call [`poll`](Self::poll) until it returns
/// [`Action::Done`], and after each action the method that the action names.
#[derive(Debug)]
pub(crate) struct Resolution<'a> {
    /// As given by the caller, for errors.
    host: &'a str,
    name: NameRef<'a>,
    is_absolute: bool,
    families: IpFamilies,
    walk: Walk,
    state: State,
    #[cfg(feature = "dns")]
    search: Option<Box<Search>>,
}

#[derive(Debug)]
enum State {
    NextSource,
    Hosts,
    #[cfg(feature = "dns")]
    Cache,
    #[cfg(feature = "dns")]
    Query,
    #[cfg(feature = "dns")]
    SourceAddresses,
    System,
    Done(Result<Resolved>),
    /// After the result was taken.
    Taken,
}

impl<'a> Resolution<'a> {
    /// A lookup of `host`, which is `name` without the dot at its end. With that dot it is absolute.
    #[inline]
    pub(crate) fn new(
        host: &'a str,
        (name, is_absolute): (NameRef<'a>, bool),
        families: IpFamilies,
        sources: Sources,
    ) -> Resolution<'a> {
        Resolution {
            host,
            name,
            is_absolute,
            families,
            walk: Walk::new(sources),
            state: State::NextSource,
            #[cfg(feature = "dns")]
            search: None,
        }
    }

    /// Returns the next action.
    #[inline]
    pub(crate) fn poll(&mut self) -> Action {
        if let State::NextSource = self.state {
            self.next_source();
        }
        match std::mem::replace(&mut self.state, State::Taken) {
            State::Hosts => self.waits_in(State::Hosts, Action::Hosts),
            #[cfg(feature = "dns")]
            State::Cache => self.waits_in(State::Cache, Action::Cache),
            #[cfg(feature = "dns")]
            State::Query => {
                let query = self.search.as_ref().and_then(|search| search.query());
                match query {
                    Some(query) => self.waits_in(State::Query, Action::Query(query)),
                    None => Action::Done(self.failure()),
                }
            }
            #[cfg(feature = "dns")]
            State::SourceAddresses => self.waits_in(State::SourceAddresses, Action::SourceAddresses),
            State::System => {
                let name = [self.name.as_str(), if self.is_absolute { "." } else { "" }].concat();
                self.waits_in(State::System, Action::System(name))
            }
            State::Done(result) => Action::Done(result),
            State::NextSource | State::Taken => Action::Done(self.failure()),
        }
    }

    #[inline]
    fn waits_in(&mut self, state: State, action: Action) -> Action {
        self.state = state;
        action
    }

    fn next_source(&mut self) {
        self.state = match self.walk.next() {
            Some(Source::Files) => State::Hosts,
            #[cfg(feature = "dns")]
            Some(Source::Dns) => State::Cache,
            Some(Source::System) => match self.special() {
                Some(result) => return self.source_returned(result),
                None => State::System,
            },
            None => State::Done(self.failure()),
        };
    }

    /// The error of the lookup after its last source.
    #[cold]
    fn failure(&mut self) -> Result<Resolved> {
        match self.walk.take_failure() {
            Some(error) => Err(error),
            None => self.special().unwrap_or_else(|| Err(ResolveError::NoSuchName.into_error(self.host))),
        }
    }

    /// The answer for names that are not queried. A hosts file may have another one.
    fn special(&self) -> Option<Result<Resolved>> {
        if self.name.is_localhost() {
            let ips = LOOPBACK.into_iter().filter(|ip| self.families.includes(*ip));
            return Some(Ok(Resolved::new(ips.collect(), AnswerSource::Localhost, None)));
        }
        self.name.is_special_use().then(|| Err(ResolveError::NoSuchName.into_error(self.host)))
    }

    fn source_returned(&mut self, result: Result<Resolved>) {
        self.state = match result {
            Ok(found) => State::Done(Ok(found)),
            Err(error) => match self.walk.failed(error) {
                true => State::Done(self.failure()),
                false => State::NextSource,
            },
        };
    }

    fn no_addresses(&self) -> Error {
        ResolveError::NoRecords(self.families.address_name()).into_error(self.host)
    }

    /// Call this with the addresses in the hosts files, after [`Action::Hosts`]. `None` stands for a
    /// name that is in none of them. A name that is in a file has the addresses of the file only.
    #[inline]
    pub(crate) fn handle_hosts(&mut self, found: Option<Resolved>) {
        self.state = match found {
            Some(found) if found.is_empty() => State::Done(Err(self.no_addresses())),
            Some(found) => State::Done(Ok(found)),
            None if self.walk.not_found_ends() => State::Done(self.failure()),
            None => State::NextSource,
        };
    }

    /// Call this with the addresses that the resolver of the OS returned, or with its error, after
    /// [`Action::System`].
    pub(crate) fn handle_system(&mut self, found: Result<Vec<SocketAddr>>) {
        let result = found.and_then(|found| {
            let mut addresses = Distinct::default();
            for address in found {
                let ip = address.ip().to_canonical();
                let scope = match address {
                    SocketAddr::V6(v6) if ip.is_ipv6() => v6.scope_id(),
                    _ => 0,
                };
                if self.families.includes(ip) {
                    addresses.push(ip, scope);
                }
            }
            let addresses = addresses.into_resolved(AnswerSource::System);
            if addresses.is_empty() { Err(self.no_addresses()) } else { Ok(addresses) }
        });
        self.source_returned(result);
    }
}

#[cfg(feature = "dns")]
impl Resolution<'_> {
    /// Call this with the configuration and the cache of its servers, after [`Action::Cache`].
    #[inline]
    pub(crate) fn handle_cache(&mut self, conf: &Arc<ResolvConf>, cache: &mut Cache, now: Instant) {
        if self.search.is_none() && conf.is_first(self.name, self.is_absolute) {
            if let Some(sorted) = cache.sorted(self.name, now) {
                self.state = State::Done(Ok(sorted.resolved(AnswerSource::Cache)));
                return;
            }
        }
        self.search_cache(conf, cache, now);
    }

    fn search_cache(&mut self, conf: &Arc<ResolvConf>, cache: &mut Cache, now: Instant) {
        if self.search.is_none() {
            if let Some(special) = self.special() {
                return self.source_returned(special);
            }
        }
        let families = self.families;
        let search = self.search.get_or_insert_with(|| Box::new(Search::new(Arc::clone(conf), families)));
        match search.look(self.name, self.is_absolute, cache, now) {
            Found::Addresses(resolved) => self.state = State::Done(Ok(resolved)),
            Found::Unsorted => self.state = State::SourceAddresses,
            Found::Unknown => self.state = State::Query,
            Found::Failed(error) => {
                let error = error.into_error(self.host);
                // `dns` may follow once more.
                self.search = None;
                self.source_returned(Err(error));
            }
        }
    }

    /// Call this with what the servers returned, after [`Action::Query`].
    pub(crate) fn handle_result(&mut self, result: QueryResult) {
        if let Some(search) = &mut self.search {
            search.handle_result(result);
        }
        self.state = State::Cache;
    }

    /// The addresses whose order depends on the addresses of this host.
    pub(crate) fn unsorted(&self) -> &[IpAddr] {
        self.search.as_ref().map_or(&[], |search| search.unsorted())
    }

    /// Call this with the address from which this host would send to each of
    /// [`unsorted`](Self::unsorted), after [`Action::SourceAddresses`].
    pub(crate) fn handle_source_addresses(
        &mut self,
        sources: &[Option<IpAddr>],
        cache: &mut Cache,
        now: Instant,
    ) {
        let found = self.search.as_mut().and_then(|search| search.sort(sources, cache, now));
        self.state = State::Done(found.map_or_else(|| self.failure(), Ok));
    }

    /// The servers that a lookup that is interrupted now waits for.
    pub(crate) fn configuration(&self) -> Option<&ResolvConf> {
        self.search.as_ref().map(|search| search.configuration())
    }
}

#[cfg(all(test, feature = "dns"))]
mod tests;
