//! Options of DNS queries.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::proto::dns::cache::Bounds;
use crate::proto::dns::resolv_conf::ResolvConf;

/// Options of the queries that this crate sends.
#[derive(Clone, Debug)]
pub(in crate::dns) struct Options {
    pub(in crate::dns) servers: Vec<SocketAddr>,
    pub(in crate::dns) conf: PathBuf,
    pub(in crate::dns) services: PathBuf,
    pub(in crate::dns) search: Option<Vec<Box<str>>>,
    pub(in crate::dns) ndots: Option<usize>,
    pub(in crate::dns) query_timeout: Option<Duration>,
    pub(in crate::dns) attempts: Option<u32>,
    pub(in crate::dns) use_tcp: Option<bool>,
    pub(in crate::dns) single_request: Option<bool>,
    pub(in crate::dns) bounds: Bounds,
}

/// The port of name servers: RFC 1035, section 4.2.
pub(in crate::dns) const PORT: u16 = 53;

const DAY: Duration = Duration::from_secs(24 * 3_600);

impl Default for Options {
    fn default() -> Options {
        Options {
            servers: Vec::new(),
            conf: PathBuf::from("/etc/resolv.conf"),
            services: PathBuf::from("/etc/nsswitch.conf"),
            search: None,
            ndots: None,
            query_timeout: None,
            attempts: None,
            use_tcp: None,
            single_request: None,
            bounds: Bounds {
                names: 4_096,
                shortest: Duration::ZERO,
                longest: DAY,
                longest_negative: Duration::from_secs(3_600),
            },
        }
    }
}

impl Options {
    /// Applies the options that are set here to the configuration of the file.
    pub(super) fn over(&self, mut conf: ResolvConf) -> ResolvConf {
        if let Some(search) = &self.search {
            conf.search.clone_from(search);
        }
        conf.ndots = self.ndots.unwrap_or(conf.ndots);
        conf.timeout = self.query_timeout.unwrap_or(conf.timeout);
        conf.attempts = self.attempts.unwrap_or(conf.attempts);
        conf.use_tcp = self.use_tcp.unwrap_or(conf.use_tcp);
        conf.single_request = self.single_request.unwrap_or(conf.single_request);
        conf
    }
}
