//! The state of a resolver, and the lookups that block: each drives a machine of the core, which
//! decides, until it is done.

use std::net::IpAddr;
#[cfg(feature = "dns")]
use std::sync::Arc;

use super::builder::ResolverBuilder;
use super::hosts_files::HostsFiles;
use super::queries::Queries;
#[cfg(feature = "dns")]
use super::queries::source_addr;
use super::system;
use super::watched_file::Unread;
use super::zone::scoped_ipv6;
use crate::error::{Error, ErrorKind, Operation, Result, TimeLimit};
use crate::proto::dns::failure::ResolveError;
use crate::proto::dns::host::{Host, InvalidName, NameBuf};
#[cfg(feature = "dns")]
use crate::proto::dns::name::HostName;
use crate::proto::dns::name::NameRef;
#[cfg(feature = "dns")]
use crate::proto::dns::records::{Kind, RecordData};
#[cfg(feature = "dns")]
use crate::proto::dns::resolution::RecordLookup;
use crate::proto::dns::resolution::{Action, Resolution, ReverseAction, ReverseLookup};
use crate::proto::dns::resolved::{AnswerSource, Distinct, Resolved};
use crate::sys;
#[cfg(feature = "dns")]
use crate::wait::Moment;
use crate::wait::WaitLimit;

/// A resolver, as its clones share it.
pub(super) struct Inner {
    pub(super) options: ResolverBuilder,
    hosts: HostsFiles,
    queries: Queries,
}

/// The error of a text that is not a valid host name.
fn invalid(why: InvalidName, host: &str) -> Error {
    ResolveError::InvalidName(why).into_error(host)
}

impl Inner {
    pub(super) fn new(options: ResolverBuilder) -> Inner {
        let paths = match options.use_hosts {
            true => options.hosts.clone().unwrap_or_else(|| vec![sys::hosts_file()]),
            false => Vec::new(),
        };
        let queries = Queries::new(&options.queries, options.backend);
        Inner { hosts: HostsFiles::new(paths), queries, options }
    }

    /// Combines the timeout and the token of the resolver with the limit of the caller.
    #[inline]
    fn limit<'a>(&'a self, caller: &WaitLimit<'a>) -> WaitLimit<'a> {
        let limit = match self.options.timeout {
            Some(timeout) => caller.starting(timeout, TimeLimit::Timeout),
            None => *caller,
        };
        limit.or_cancelled_by(self.options.token.as_ref())
    }

    /// Resolves a host name within the limit of the caller, and the resolver's own.
    pub(super) fn lookup(&self, host: &str, caller: &WaitLimit<'_>) -> Result<Resolved> {
        let limit = &self.limit(caller);
        let mut buffer = NameBuf::new();
        match Host::parse(host, &mut buffer) {
            Ok(Host::Name(name, is_absolute)) => self.resolve(host, (name, is_absolute), limit),
            Ok(Host::Address(ip)) => self.literal(ip.to_canonical(), 0, host),
            Err(why) => match scoped_ipv6(host) {
                Some((ip, scope)) => self.literal(ip, scope, host),
                None => Err(invalid(why, host)),
            },
        }
    }

    fn literal(&self, ip: IpAddr, scope: u32, host: &str) -> Result<Resolved> {
        let families = self.options.families;
        if !families.includes(ip) {
            return Err(ResolveError::NoRecords(families.address_name()).into_error(host));
        }
        let mut found = Resolved::empty();
        Distinct::new(&mut found, AnswerSource::Literal).push(ip, scope);
        Ok(found)
    }

    fn resolve(&self, host: &str, name: (NameRef<'_>, bool), limit: &WaitLimit<'_>) -> Result<Resolved> {
        #[cfg_attr(not(feature = "dns"), allow(unused_mut, reason = "queries take time"))]
        let mut now = limit.now();
        let families = self.options.families;
        let sources = self.queries.sources(name.0, now);
        let mut resolution = Resolution::new(host, name, families, sources);
        #[cfg(feature = "dns")]
        let mut version = None;
        loop {
            match resolution.poll() {
                Action::Hosts => {
                    let found = resolution.found();
                    let is_there = self.hosts.addresses(name.0, families, limit, now, found);
                    resolution.handle_hosts(is_there.map_err(|unread| unread_error(unread, host, limit))?);
                }
                #[cfg(feature = "dns")]
                Action::Cache => self.queries.with_cache(&mut version, now, |conf, cache| {
                    resolution.handle_cache(conf, cache, now.instant());
                }),
                #[cfg(feature = "dns")]
                Action::Query => {
                    let (Some(query), Some(conf)) = (resolution.query(), resolution.configuration()) else {
                        return resolution.finish();
                    };
                    let result = self.queries.query(&query, conf, version.unwrap_or_default(), limit);
                    let servers = || self.queries.servers(conf);
                    match result.map_err(|why| why.into_error(&servers(), host, limit)) {
                        Ok(result) => resolution.handle_result(result),
                        Err(error) if error.is_cancelled() => return Err(error),
                        Err(error) => resolution.handle_interrupted(error),
                    }
                    now = Moment::now();
                }
                #[cfg(feature = "dns")]
                Action::SourceAddresses => {
                    let sources: Vec<_> = resolution.unsorted().iter().map(|ip| source_addr(*ip)).collect();
                    self.queries.with_cache(&mut version, now, |_, cache| {
                        resolution.handle_source_addresses(&sources, cache, now.instant());
                    });
                }
                Action::System => {
                    let found = system::lookup(&resolution.system_name(), limit);
                    match found.map_err(|why| why.into_error(&[], host, limit)) {
                        Ok(found) => resolution.handle_system(found),
                        Err(error) if error.is_cancelled() => return Err(error),
                        Err(error) => resolution.handle_system(Err(error)),
                    }
                }
                Action::Done => return resolution.finish().map_err(|error| timed(error, limit)),
            }
        }
    }

    /// The name of an address.
    pub(super) fn lookup_addr(&self, ip: IpAddr) -> Result<String> {
        let limit = &self.limit(&WaitLimit::started_now());
        let now = limit.now();
        let host = ip.to_string();
        let mut reverse = ReverseLookup::new(ip, self.queries.reverse_sources(ip, now));
        loop {
            match reverse.next() {
                ReverseAction::Hosts => {
                    let name = self.hosts.name(ip, limit, now);
                    reverse.handle_name(Ok(name.map_err(|unread| unread_error(unread, &host, limit))?));
                }
                #[cfg(feature = "dns")]
                ReverseAction::Ptr => reverse.handle_name(self.ptr(ip, &host, limit)),
                ReverseAction::Done(result) => return result.map_err(|error| timed(error, limit)),
            }
        }
    }

    pub(super) fn flush(&self) {
        self.hosts.read_again();
        self.queries.flush();
    }
}

#[cfg(feature = "dns")]
impl Inner {
    /// The records of a name. `record_name` is the name of such a record in an error.
    pub(super) fn lookup_records(
        &self,
        host: &str,
        kind: Kind,
        record_name: &'static str,
    ) -> Result<Vec<RecordData>> {
        let limit = &self.limit(&WaitLimit::started_now());
        match Host::parse(host, &mut NameBuf::new()) {
            Ok(Host::Name(name, _)) => {
                self.records(RecordLookup::new(name.to_owned(), kind, record_name), host, limit)
            }
            Ok(Host::Address(_)) => Err(ResolveError::NoRecords(record_name).into_error(host)),
            Err(why) => Err(invalid(why, host)),
        }
    }

    fn records(
        &self,
        mut lookup: RecordLookup,
        host: &str,
        limit: &WaitLimit<'_>,
    ) -> Result<Vec<RecordData>> {
        let mut version = None;
        let now = limit.now();
        let unknown = self.queries.with_cache(&mut version, now, |conf, cache| {
            lookup.handle_cache(cache, now.instant()).map(|query| (query.clone(), Arc::clone(conf)))
        });
        if let Some((query, conf)) = unknown {
            let result = self.queries.query(&query, &conf, version.unwrap_or_default(), limit);
            let servers = || self.queries.servers(&conf);
            lookup.handle_result(result.map_err(|why| why.into_error(&servers(), host, limit))?);
        }
        lookup.finish(host).map_err(|error| timed(error, limit))
    }

    fn ptr(&self, ip: IpAddr, host: &str, limit: &WaitLimit<'_>) -> Result<Option<String>> {
        let lookup = RecordLookup::new(HostName::reverse(ip), Kind::Ptr, "name");
        let records = self.records(lookup, host, limit)?;
        Ok(records.into_iter().find_map(|record| match record {
            RecordData::Name(name) => Some(name),
            _ => None,
        }))
    }

    pub(super) fn cache_len(&self) -> usize {
        self.queries.cache_len()
    }
}

/// The error of a hosts file that was not read in time.
fn unread_error(unread: Unread, host: &str, limit: &WaitLimit<'_>) -> Error {
    match unread {
        Unread::Interrupted(why) => why.into_error(&[], host, limit),
        Unread::NoThread(error) => {
            limit.timed(sys::thread_failure(Operation::Resolve, error).at(host.escape_debug()))
        }
    }
}

/// Adds the time of the call to the error of servers. Their own timeouts are no limit of the call.
fn timed(error: Error, limit: &WaitLimit<'_>) -> Error {
    match error.kind() {
        ErrorKind::TimedOut if error.limit().is_some() => error,
        ErrorKind::TimedOut | ErrorKind::NameResolution => limit.timed(error).with_limit(None),
        _ => error,
    }
}
