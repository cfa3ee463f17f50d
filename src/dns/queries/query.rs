//! A query for records of a name: one thread sends it, and others that need the same answer wait
//! for it.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Instant;

use super::{Learned, PORT, Queries, transport};
use crate::dns::interrupted::Interrupted;
use crate::dns::zone::scope;
use crate::proto::dns::lookup::{Lookup, Plan, QueryResult};
use crate::proto::dns::preference::{Preferences, ServerOrder};
use crate::proto::dns::resolution::Query;
use crate::proto::dns::resolv_conf::ResolvConf;
use crate::wait::WaitLimit;

impl Queries {
    /// The servers of a configuration, unless the builder has some.
    pub(in crate::dns) fn servers(&self, conf: &ResolvConf) -> Vec<SocketAddr> {
        if !self.options.servers.is_empty() {
            return self.options.servers.clone();
        }
        let servers = conf.servers.iter().filter_map(|server| match (server.ip, &server.zone) {
            (IpAddr::V6(ip), Some(zone)) => Some(SocketAddrV6::new(ip, PORT, 0, scope(zone)?).into()),
            (ip, _) => Some((ip, PORT).into()),
        });
        servers.collect()
    }

    /// Sends a query to the servers of that version of the configuration, or waits for the answer to
    /// that of another thread.
    pub(in crate::dns) fn query(
        &self,
        query: &Query,
        conf: &ResolvConf,
        version: u64,
        limit: &WaitLimit<'_>,
    ) -> Result<QueryResult, Interrupted> {
        let key = (query.name.clone(), query.kinds.clone(), version);
        // The limit of this thread does not decide for others.
        let is_shared = |result: &QueryResult| !result.is_partial;
        self.single_flight.run(&key, limit, || self.query_servers(query, conf, version, limit), is_shared)
    }

    fn query_servers(
        &self,
        query: &Query,
        conf: &ResolvConf,
        version: u64,
        limit: &WaitLimit<'_>,
    ) -> Result<QueryResult, Interrupted> {
        let servers = self.servers(conf);
        let plan = Plan::new(conf, self.order(servers.len(), conf, version), query.has_cached);
        let mut lookup = Lookup::new(plan, &query.name, &query.kinds);
        let ended = transport::run(&mut lookup, &servers, limit);
        let now = Instant::now();
        let result = lookup.result(&servers, &self.options.bounds, now);
        let mut learned = self.learned(now.into());
        // The servers may have changed during the lookup.
        if learned.version == version {
            let Learned { cache, preferences, .. } = &mut *learned;
            lookup.experiences().for_each(|(place, experience)| preferences.learn(place, experience, now));
            for (kind, entry) in &result.entries {
                // Some servers return NXDOMAIN for a name without addresses of one family, which the
                // answer for the other family shows.
                if let Some(entry) = entry.as_ref().filter(|entry| entry.exists || !result.is_partial) {
                    cache.put(&query.name, *kind, entry, now);
                }
            }
        }
        drop(learned);
        match ended {
            Err(Interrupted::TimedOut(_)) => {
                Err(Interrupted::TimedOut(lookup.state_of_servers(&servers).into()))
            }
            Err(cancelled) => Err(cancelled),
            Ok(()) => Ok(result),
        }
    }

    /// The order of the servers for a query that begins now.
    fn order(&self, servers: usize, conf: &ResolvConf, version: u64) -> ServerOrder {
        let now = Instant::now();
        let learned = &mut *self.learned(now.into());
        match learned.version == version {
            true => learned.preferences.order(servers, conf.rotate, now),
            false => Preferences::default().order(servers, conf.rotate, now),
        }
    }
}
