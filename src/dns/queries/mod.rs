//! Own queries: with the feature `dns`. `without_queries.rs` has the same items for a build without
//! them.

mod addresses;
mod exchange;
mod flight;
mod options;
mod records;
mod sources;
mod telling;

use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::builder::ResolverBuilder;
use super::failure::{ResolveError, ServerError};
use super::files::{SMALL, Watched};
use crate::error::Error;
use crate::proto::dns::cache::Cache;
use crate::proto::dns::fault::ServerFault;
use crate::proto::dns::nsswitch::NameServices;
use crate::proto::dns::resolv_conf::ResolvConf;
use crate::sys;
use crate::wait::WaitLimit;
use flight::Flights;
pub(super) use options::Options;
use telling::Outcome;

/// What a resolver keeps for its queries.
pub(super) struct Queries {
    conf: Watched<ResolvConf>,
    /// `None` where one back end looks up all names.
    services: Option<Watched<NameServices>>,
    cache: Mutex<Cache>,
    flights: Flights<Outcome>,
    /// Who answered last, or who is next where all are to be used.
    first: AtomicUsize,
}

impl Queries {
    pub(super) fn new(builder: &ResolverBuilder) -> Queries {
        let options = builder.queries.clone();
        let is_asked_of_servers = !options.servers.is_empty();
        let services = (sys::HAS_RESOLV_CONF && builder.backend.is_none() && !is_asked_of_servers)
            .then(|| Watched::new(options.services.clone(), SMALL, |bytes| NameServices::read(&bytes)));
        let cache = Mutex::new(Cache::new(options.bounds));
        let conf =
            Watched::new(options.conf.clone(), SMALL, move |bytes| options.over(ResolvConf::read(&bytes)));
        Queries { conf, services, cache, flights: Flights::new(), first: AtomicUsize::new(0) }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was answered, and reads the files again.
    pub(super) fn flush(&self) {
        self.cache().clear();
        self.conf.read_again();
        self.services.iter().for_each(Watched::read_again);
    }
}

fn failed(troubles: &[ServerError], host: &str, limit: &WaitLimit<'_>) -> Error {
    let is_silent =
        !troubles.is_empty() && troubles.iter().all(|trouble| trouble.fault == ServerFault::Timeout);
    let mut each: Vec<ServerError> = Vec::new();
    for trouble in troubles {
        if !each.contains(trouble) {
            each.push(trouble.clone());
        }
    }
    let failure = if is_silent { ResolveError::TimedOut(each) } else { ResolveError::ServersFailed(each) };
    limit.timed(failure.into_error(host)).with_limit(None)
}
