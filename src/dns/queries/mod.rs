//! The name servers of a resolver: its configuration, what is derived from it, and queries. Compiled
//! with the feature `dns`. `without_queries.rs` has the same items for a build without it.

mod options;
mod query;
mod single_flight;
mod source_addr;
mod transport;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::backend::Backend;
use super::watched_file::{SMALL, WatchedFile};
use crate::proto::dns::cache::{Bounds, Cache};
use crate::proto::dns::lookup::QueryResult;
use crate::proto::dns::name::{HostName, NameRef};
use crate::proto::dns::nsswitch::NameServices;
use crate::proto::dns::preference::Preferences;
use crate::proto::dns::resolv_conf::{Environment, ResolvConf};
use crate::proto::dns::sources::Sources;
use crate::sys;
use crate::wait::Moment;
pub(super) use options::{Options, PORT};
use single_flight::SingleFlight;
pub(super) use source_addr::source_addr;

/// The name servers of a resolver.
pub(super) struct Queries {
    options: Options,
    backend: Option<Backend>,
    conf: WatchedFile<ResolvConf>,
    /// `None` if all names have the same back end.
    services: Option<WatchedFile<NameServices>>,
    /// The version of `services` whose sources are the hosts files and name servers for all names,
    /// the usual case.
    files_dns_version: AtomicU64,
    /// The number of calls of `flush`, which a version counts as changes of the file.
    flushes: AtomicU64,
    learned: Mutex<Learned>,
    single_flight: SingleFlight<QueryResult>,
}

/// What is derived from one version of `resolv.conf`. A new version replaces it.
struct Learned {
    version: u64,
    conf: Arc<ResolvConf>,
    cache: Cache,
    preferences: Preferences,
}

impl Learned {
    fn new(conf: &WatchedFile<ResolvConf>, version: u64, bounds: Bounds) -> Learned {
        // The version was read before: if the contents are newer, they are replaced with the next one.
        Learned {
            version,
            conf: conf.contents(),
            cache: Cache::new(bounds),
            preferences: Preferences::default(),
        }
    }
}

impl Queries {
    pub(super) fn new(options: &Options, backend: Option<Backend>) -> Queries {
        let options = options.clone();
        let services = (sys::HAS_RESOLV_CONF && backend.is_none() && options.servers.is_empty())
            .then(|| WatchedFile::new(options.services.clone(), SMALL, |bytes| NameServices::read(&bytes)));
        let own = options.clone();
        let conf = WatchedFile::new(options.conf.clone(), SMALL, move |bytes| {
            own.over(ResolvConf::read(&bytes, &environment()))
        });
        let learned = Mutex::new(Learned::new(&conf, conf.version(), options.bounds));
        let (files_dns_version, single_flight) = (AtomicU64::new(u64::MAX), SingleFlight::new());
        let flushes = AtomicU64::new(0);
        Queries { options, backend, conf, services, files_dns_version, flushes, learned, single_flight }
    }

    /// What is known now, of the present configuration.
    #[inline]
    fn learned(&self, now: Moment) -> MutexGuard<'_, Learned> {
        self.conf.refresh_if_due(now);
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        // Both only increase.
        let version = self.conf.version() + self.flushes.load(Ordering::Acquire);
        if learned.version != version {
            *learned = Learned::new(&self.conf, version, self.options.bounds);
        }
        learned
    }

    /// Calls a function with the configuration and its cache. A lookup has one version, that of its
    /// first call. If the configuration has changed since, the cache is an empty one.
    #[inline]
    pub(super) fn with_cache<R>(
        &self,
        version: &mut Option<u64>,
        now: Moment,
        call: impl FnOnce(&Arc<ResolvConf>, &mut Cache) -> R,
    ) -> R {
        let learned = &mut *self.learned(now);
        if *version.get_or_insert(learned.version) == learned.version {
            call(&learned.conf, &mut learned.cache)
        } else {
            call(&learned.conf, &mut Cache::new(self.options.bounds))
        }
    }

    /// The sources of a name, in their order.
    #[inline]
    pub(super) fn sources(&self, name: NameRef<'_>, now: Moment) -> Sources {
        match (self.backend, &self.services) {
            (Some(Backend::System), _) => Sources::FILES_SYSTEM,
            (None, Some(services)) => {
                services.refresh_if_due(now);
                match services.version() == self.files_dns_version.load(Ordering::Relaxed) {
                    true => Sources::FILES_DNS,
                    false => self.sources_in(services, name),
                }
            }
            (None, None) if self.options.servers.is_empty() => Sources::FILES_SYSTEM,
            (Some(Backend::Dns), _) | (None, None) => Sources::FILES_DNS,
        }
    }

    fn sources_in(&self, services: &WatchedFile<NameServices>, name: NameRef<'_>) -> Sources {
        // The version first: it may be older than the contents, and is replaced then.
        let version = services.version();
        let contents = services.contents();
        if contents.is_files_dns() {
            self.files_dns_version.store(version, Ordering::Relaxed);
        }
        let is_own = || sys::host_name().is_some_and(|own| own.eq_ignore_ascii_case(name.as_str()));
        contents.sources(name, is_own)
    }

    /// The sources of the name of an address.
    pub(super) fn reverse_sources(&self, ip: IpAddr, now: Moment) -> Sources {
        self.sources(HostName::reverse(ip).as_ref(), now)
    }

    pub(super) fn cache_len(&self) -> usize {
        self.learned(Moment::now()).cache.len()
    }

    /// Clears the cache, and reads the files again.
    pub(super) fn flush(&self) {
        self.conf.read_again();
        self.services.iter().for_each(WatchedFile::read_again);
        self.flushes.fetch_add(1, Ordering::AcqRel);
        // Frees the memory.
        drop(self.learned(Moment::now()));
    }
}

/// What applies to lookups besides the file when `resolv.conf` is read.
fn environment() -> Environment {
    let variable = |name| std::env::var(name).ok();
    Environment {
        host_name: sys::host_name(),
        local_domain: variable("LOCALDOMAIN"),
        options: variable("RES_OPTIONS"),
    }
}
