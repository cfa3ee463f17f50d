//! Names to addresses: [`Resolver`], also for the sockets of this crate.

mod answer;
mod asking;
mod builder;
mod exchange;
mod failure;
mod files;
mod flight;
mod promise;
mod resolver;
mod sockets;
mod sources;
mod system;
mod telling;

pub use answer::{AnswerSource, Resolved};
pub use builder::{Backend, IpFamilies, ResolverBuilder};
pub use failure::{ResolveError, ServerError};
pub use resolver::Resolver;
pub(crate) use sockets::{Found, lookup, lookup_all};
