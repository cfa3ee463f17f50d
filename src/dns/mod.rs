//! Host name resolution: lookups, their answers and their errors.
//!
//! The main type is at the root of the crate: [`Resolver`]. Sockets resolve names with a resolver that follows the
//! system configuration, or with the one given to their builder.
//!
//! | Task | Type |
//! |---|---|
//! | Set name servers, timeouts, the hosts file | [`ResolverBuilder`] |
//! | Choose between the system's resolver and DNS queries | [`Backend`] |
//! | Choose IPv4, IPv6 or both | [`IpFamilies`] |
//! | Read addresses, their source and their remaining TTL | [`Resolved`], [`AnswerSource`] |
//! | Read MX, SRV and TXT records | [`Mx`], [`Srv`], [`Txt`] |
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

mod answer;
mod asking;
mod builder;
mod exchange;
mod failure;
mod files;
mod flight;
mod promise;
pub(crate) mod resolver;
mod sockets;
mod sources;
mod system;
mod telling;

pub use crate::proto::dns::host::InvalidName;
pub use crate::proto::dns::lookup::ServerFault;
pub use crate::proto::dns::records::{Mx, Srv, Txt};
pub use crate::proto::dns::wire::ResponseError;
pub use answer::{AnswerSource, Resolved};
pub use builder::{Backend, IpFamilies, ResolverBuilder};
pub use failure::{ResolveError, ServerError};
pub(crate) use resolver::Resolver;
pub(crate) use sockets::{Found, lookup, lookup_all};
