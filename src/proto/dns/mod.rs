//! DNS without sockets: names, configuration files, messages, the cache, and the decisions of a
//! lookup. Only names, hosts files and the lookup of addresses are compiled without the feature
//! `dns`.

#[cfg(feature = "dns")]
pub(crate) mod cache;
pub(crate) mod failure;
pub(crate) mod families;
pub(crate) mod fault;
pub(crate) mod host;
pub(crate) mod hosts;
#[cfg(feature = "dns")]
pub(crate) mod lookup;
pub(crate) mod name;
#[cfg(feature = "dns")]
pub(crate) mod nsswitch;
#[cfg(feature = "dns")]
pub(crate) mod order;
#[cfg(feature = "dns")]
pub(crate) mod preference;
#[cfg(feature = "dns")]
mod query_name;
#[cfg(feature = "dns")]
pub(crate) mod records;
pub(crate) mod resolution;
#[cfg(feature = "dns")]
pub(crate) mod resolv_conf;
pub(crate) mod resolved;
pub(crate) mod sources;
#[cfg(feature = "dns")]
pub(crate) mod wire;
