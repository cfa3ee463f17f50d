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

pub use answer::{Resolved, Source};
pub use builder::{Backend, Families, ResolverBuilder};
pub use failure::{LookupFailure, ServerTrouble};
pub use resolver::Resolver;
pub(crate) use sockets::{Found, lookup, lookup_all};
