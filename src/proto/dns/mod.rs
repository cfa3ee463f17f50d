//! DNS as far as it is bytes and rules: names, hosts files, resolver configurations, queries, answers, and how long they hold.
//! All but names and hosts files is for own queries.

#[cfg(feature = "dns")]
mod asked_name;
#[cfg(feature = "dns")]
pub(crate) mod cache;
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
pub(crate) mod records;
#[cfg(feature = "dns")]
pub(crate) mod resolv_conf;
#[cfg(feature = "dns")]
pub(crate) mod wire;
