//! DNS as far as it is bytes and rules: names, hosts files, resolver configurations, queries, answers, and how long they hold.

pub(crate) mod cache;
pub(crate) mod host;
pub(crate) mod hosts;
pub(crate) mod lookup;
pub(crate) mod name;
pub(crate) mod nsswitch;
pub(crate) mod order;
pub(crate) mod records;
pub(crate) mod resolv_conf;
pub(crate) mod wire;
