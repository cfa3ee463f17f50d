//! Host name resolution: lookups, their answers and their errors.
//!
//! The main type is at the root of the crate: [`Resolver`]. Sockets resolve names with a resolver
//! that follows the system configuration, or with the one given to their builder.
//!
//! | Task | Type |
//! |---|---|
//! | Set name servers, timeouts, the hosts file | [`ResolverBuilder`] |
//! | Choose between the resolver of the OS and DNS queries | [`Backend`] |
//! | Choose IPv4, IPv6 or both | [`IpFamilies`] |
//! | Read addresses, their source and their remaining TTL | [`Resolved`], [`AnswerSource`] |
#![cfg_attr(
    feature = "dns",
    doc = "| Read MX, SRV and TXT records, and those of any type | [`Mx`], [`Srv`], [`Txt`], [`RawRecord`] |"
)]
//! | Find out why a lookup failed | [`ResolveError`], [`ServerError`], [`ServerFault`], [`ResponseError`], [`InvalidName`] |
//!
//! ```
//! use socketry::Resolver;
//! use socketry::dns::AnswerSource;
//!
//! let found = Resolver::new().lookup("localhost")?;
//! assert!(found.addresses().iter().all(|ip| ip.is_loopback()));
//! assert!(matches!(found.source(), AnswerSource::Localhost | AnswerSource::Hosts));
//! # Ok::<(), socketry::Error>(())
//! ```
//!
//! # Without the feature `dns`
//!
//! DNS queries of the crate's own are available with the feature `dns`, which is on by default.
//! Without it, a resolver reads hosts files and uses the `getaddrinfo` of the OS; record lookups,
//! the cache, and the options of queries are not available, and
//! [`lookup_addr`](Resolver::lookup_addr) only finds addresses of a hosts file and of this machine.

mod backend;
mod builder;
#[cfg(feature = "dns")]
mod builder_queries;
mod drive;
mod for_sockets;
mod hosts_files;
mod interrupted;
mod oneshot;
#[cfg(feature = "dns")]
mod queries;
#[cfg(not(feature = "dns"))]
#[path = "without_queries.rs"]
mod queries;
#[cfg(feature = "dns")]
mod record_lookups;
pub(crate) mod resolver;
mod system;
mod watched_file;
mod zone;

pub use crate::proto::dns::failure::{ResolveError, ServerError};
pub use crate::proto::dns::families::IpFamilies;
pub use crate::proto::dns::fault::{ResponseError, ServerFault};
pub use crate::proto::dns::host::InvalidName;
#[cfg(feature = "dns")]
pub use crate::proto::dns::records::{Mx, RawRecord, Srv, Txt};
pub use crate::proto::dns::resolved::{AnswerSource, Resolved};
pub use backend::Backend;
pub use builder::ResolverBuilder;
pub(crate) use for_sockets::{Found, lookup, lookup_all};
pub(crate) use resolver::Resolver;
