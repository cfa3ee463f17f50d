//! Own queries: with the feature `dns`. `without_queries.rs` has the same items for a build without
//! them.

mod addresses;
mod exchange;
mod flight;
mod options;
mod records;
mod sources;
mod telling;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::builder::ResolverBuilder;
use super::failure::{ResolveError, ServerError};
use super::files::{SMALL, Watched};
use crate::error::Error;
use crate::proto::dns::cache::Cache;
use crate::proto::dns::fault::ServerFault;
use crate::proto::dns::lookup::Lookup;
use crate::proto::dns::name::HostName;
use crate::proto::dns::nsswitch::NameServices;
use crate::proto::dns::preference::Preferences;
use crate::proto::dns::resolv_conf::{Environment, ResolvConf};
use crate::proto::dns::wire::{Answer, Kind};
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
    preferences: Mutex<Preferences>,
    /// The version of the configuration that the cache and the preferences are derived from.
    derived_from: AtomicU64,
}

/// The configuration of one lookup.
struct Current {
    conf: Arc<ResolvConf>,
    version: u64,
}

impl Queries {
    pub(super) fn new(builder: &ResolverBuilder) -> Queries {
        let options = builder.queries.clone();
        let is_asked_of_servers = !options.servers.is_empty();
        let services = (sys::HAS_RESOLV_CONF && builder.backend.is_none() && !is_asked_of_servers)
            .then(|| Watched::new(options.services.clone(), SMALL, |bytes| NameServices::read(&bytes)));
        let cache = Mutex::new(Cache::new(options.bounds));
        let conf = Watched::new(options.conf.clone(), SMALL, move |bytes| {
            options.over(ResolvConf::read(&bytes, &environment()))
        });
        let derived_from = AtomicU64::new(conf.version());
        let preferences = Mutex::default();
        Queries { conf, services, cache, flights: Flights::new(), preferences, derived_from }
    }

    fn preferences(&self) -> MutexGuard<'_, Preferences> {
        self.preferences.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops what was derived from another configuration, if the file has changed.
    fn refresh(&self) {
        let version = self.conf.version();
        if self.version() != version {
            let mut cache = self.cache();
            self.derived_from.store(version, Ordering::Release);
            cache.clear();
            *self.preferences() = Preferences::default();
        }
    }

    /// The configuration, with its version: what a lookup learns is kept if that is the same when it ends.
    fn current(&self, now: Instant) -> Current {
        self.conf.with(now, |_| ());
        self.refresh();
        // The version first: contents that are newer belong to no version yet.
        let version = self.version();
        Current { version, conf: self.conf.contents(now) }
    }

    /// Of the configuration, which a lookup that ends later compares.
    fn version(&self) -> u64 {
        self.derived_from.load(Ordering::Acquire)
    }

    fn keep(&self, name: &HostName, answers: &[(Kind, Option<Answer>)], version: u64) {
        let (mut cache, now) = (self.cache(), Instant::now());
        if version != self.version() {
            return;
        }
        for (kind, answer) in answers {
            if let Some(answer) = answer {
                cache.put(name, *kind, answer, now);
            }
        }
    }

    fn learn(&self, lookup: &Lookup, version: u64) {
        let (mut preferences, now) = (self.preferences(), Instant::now());
        if version == self.version() {
            lookup.experiences().for_each(|(place, experience)| preferences.learn(place, experience, now));
        }
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what was answered, and reads the files again.
    pub(super) fn flush(&self) {
        self.conf.read_again();
        self.cache().clear();
        *self.preferences() = Preferences::default();
        self.services.iter().for_each(Watched::read_again);
    }
}

/// What applies to lookups besides the files, as it is when `resolv.conf` is read.
fn environment() -> Environment {
    let variable = |name| std::env::var(name).ok();
    Environment {
        host_name: sys::host_name(),
        local_domain: variable("LOCALDOMAIN"),
        options: variable("RES_OPTIONS"),
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
