//! The lookup of the addresses of a name: the sources in their order, the cache, the search list,
//! the families, and the order of the addresses. This machine decides all of it and blocks nowhere.
//! The caller reads files, sends queries and calls the OS.
//!
//! ```text
//!   poll ──► Hosts ──► handle_hosts ─────────► next source, or Done
//!        ──► Cache ──► handle_cache ─────────► Query, SourceAddresses, Cache, next source, or Done
//!        ──► Query ──► handle_result ────────► Cache, or handle_interrupted ──► next source, or Done
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Action {
    /// Look the name up in the hosts files, which put its addresses in [`Resolution::found`], and call
    /// [`Resolution::handle_hosts`].
    Hosts,
    /// Call [`Resolution::handle_cache`].
    #[cfg(feature = "dns")]
    Cache,
    /// Send [`Resolution::query`] to the servers, and call [`Resolution::handle_result`].
    #[cfg(feature = "dns")]
    Query,
    /// Find the source address for each of [`Resolution::unsorted`], and call
    /// [`Resolution::handle_source_addresses`].
    #[cfg(feature = "dns")]
    SourceAddresses,
    /// Pass [`Resolution::system_name`] to the resolver of the OS, and call
    /// [`Resolution::handle_system`].
    System,
    /// Call [`Resolution::finish`].
    Done,
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
    found: Resolved,
    #[cfg(feature = "dns")]
    search: Option<Box<Search>>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    NextSource,
    /// The cache has been read.
    #[cfg(feature = "dns")]
    Evaluate,
    /// The caller is to do this.
    Do(Action),
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
            found: Resolved::empty(),
            #[cfg(feature = "dns")]
            search: None,
        }
    }

    /// Returns the next action.
    #[inline]
    pub(crate) fn poll(&mut self) -> Action {
        loop {
            match self.state {
                State::Do(action) => return action,
                State::NextSource => self.next_source(),
                #[cfg(feature = "dns")]
                State::Evaluate => self.evaluate(),
            }
        }
    }

    #[inline]
    fn next_source(&mut self) {
        self.state = State::Do(match self.walk.next() {
            Some(Source::Files) => Action::Hosts,
            #[cfg(feature = "dns")]
            Some(Source::Dns) => Action::Cache,
            Some(Source::System) => match self.special() {
                Some(result) => return self.source_returned(result),
                None => Action::System,
            },
            None => Action::Done,
        });
    }

    /// Returns the addresses, or the reason why there are none. Call this once.
    #[inline]
    pub(crate) fn finish(&mut self) -> Result<Resolved> {
        if self.found.is_empty() {
            self.failure()
        } else {
            Ok(std::mem::replace(&mut self.found, Resolved::empty()))
        }
    }

    #[inline]
    fn done(&mut self, found: Resolved) {
        self.found = found;
        self.state = State::Do(Action::Done);
    }

    fn failed(&mut self, error: Error) {
        let ends = self.walk.failed(error);
        self.state = if ends { State::Do(Action::Done) } else { State::NextSource };
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
        match result {
            Ok(found) => self.done(found),
            Err(error) => self.failed(error),
        }
    }

    fn no_addresses(&self) -> Error {
        ResolveError::NoRecords(self.families.address_name()).into_error(self.host)
    }

    /// The addresses in the hosts files.
    pub(crate) fn found(&mut self) -> &mut Resolved {
        &mut self.found
    }

    /// Call this with whether the name is in a hosts file, after [`Action::Hosts`]. A name that is in a
    /// file has the addresses of the file only.
    #[inline]
    pub(crate) fn handle_hosts(&mut self, is_there: bool) {
        if is_there {
            if self.found.is_empty() {
                self.walk.failed(self.no_addresses());
            }
            self.state = State::Do(Action::Done);
        } else {
            let ends = self.walk.not_found_ends();
            self.state = if ends { State::Do(Action::Done) } else { State::NextSource };
        }
    }

    /// The name for the resolver of the OS, as it is in queries, because not every OS translates other
    /// scripts.
    pub(crate) fn system_name(&self) -> String {
        [self.name.as_str(), if self.is_absolute { "." } else { "" }].concat()
    }

    /// Call this with the addresses that the resolver of the OS returned, or with its error, after
    /// [`Action::System`].
    pub(crate) fn handle_system(&mut self, found: Result<Vec<SocketAddr>>) {
        let found = match found {
            Ok(found) => found,
            Err(error) => return self.failed(error),
        };
        let mut addresses = Distinct::new(&mut self.found, AnswerSource::System);
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
        if self.found.is_empty() {
            return self.failed(self.no_addresses());
        }
        self.state = State::Do(Action::Done);
    }
}

#[cfg(feature = "dns")]
impl Resolution<'_> {
    /// Call this with the configuration and the cache of its servers, after [`Action::Cache`].
    #[inline]
    pub(crate) fn handle_cache(&mut self, conf: &Arc<ResolvConf>, cache: &Cache, now: Instant) {
        if self.search.is_none() && conf.is_first(self.name, self.is_absolute) {
            if let Some(sorted) = cache.sorted(self.name, now) {
                self.found.set(&sorted.ips, AnswerSource::Cache, sorted.expires);
                self.state = State::Do(Action::Done);
                return;
            }
        }
        self.search_cache(conf, cache, now);
    }

    fn search_cache(&mut self, conf: &Arc<ResolvConf>, cache: &Cache, now: Instant) {
        if self.search.is_none() {
            if let Some(special) = self.special() {
                return self.source_returned(special);
            }
        }
        let (name, is_absolute, families) = (self.name, self.is_absolute, self.families);
        let new = || Box::new(Search::new(Arc::clone(conf), families, name, is_absolute));
        let search = self.search.get_or_insert_with(new);
        let is_found = search.fill(cache, now, &mut self.found);
        self.state = if is_found { State::Do(Action::Done) } else { State::Evaluate };
    }

    fn evaluate(&mut self) {
        let found = self.search.as_mut().map(|search| search.evaluate(self.name, self.is_absolute));
        self.state = State::Do(match found {
            Some(Found::Addresses) => Action::SourceAddresses,
            Some(Found::Unknown) => Action::Query,
            Some(Found::Nothing) => Action::Cache,
            Some(Found::Failed(error)) => {
                let error = error.into_error(self.host);
                // `dns` may follow once more.
                self.search = None;
                return self.failed(error);
            }
            None => Action::Done,
        });
    }

    /// The query for what the cache does not have.
    pub(crate) fn query(&self) -> Option<Query> {
        self.search.as_ref().and_then(|search| search.query())
    }

    /// Call this with what the servers returned, after [`Action::Query`].
    pub(crate) fn handle_result(&mut self, result: QueryResult) {
        if let Some(search) = &mut self.search {
            search.handle_result(result);
        }
        self.state = State::Do(Action::Cache);
    }

    /// Call this with the error if the limit of the lookup ended a query or a call of the OS. The next
    /// source may know the name without waiting.
    pub(crate) fn handle_interrupted(&mut self, error: Error) {
        self.search = None;
        self.failed(error);
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
        match found {
            Some(found) => self.done(found),
            None => self.state = State::Do(Action::Done),
        }
    }

    /// The servers that a lookup that is interrupted now waits for.
    pub(crate) fn configuration(&self) -> Option<&Arc<ResolvConf>> {
        self.search.as_ref().map(|search| search.configuration())
    }
}

#[cfg(all(test, feature = "dns"))]
mod tests;
