//! Servers: [`TcpServer`], its builder and its handle.
//!
//! ```text
//!  accept()  incoming()  serve_sequential()        serve(handler)        serve_requests(framing, handler)
//!        \        |        /                        |                      |
//!         \       |       /                    workers: one leads, the others serve or wait to
//!          \      |      /                          |                      |
//!           accept: limits, errors, draining ◄──────┘         requests: idle connections in a poller
//!                 |
//!           state: who is inside, the phase, the report
//! ```

mod accept;
mod builder;
mod conversions;
mod events;
mod farewell;
mod handle;
mod members;
#[cfg(unix)]
pub mod process;
mod registry;
mod report;
mod request;
mod requests;
pub(crate) mod serve;
mod state;
mod workers;

pub use builder::TcpServerBuilder;
pub use events::ServerEvent;
pub use handle::ServerHandle;
pub use report::{ServerCounters, ShutdownReport};
pub use request::Request;
pub use serve::Incoming;
pub(super) use state::Ticket;
pub use workers::HandlerResult;
