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

// The order of these modules is the order of the methods on the page of `TcpServer`.
pub(crate) mod serve;

mod requests;

mod accept;
mod builder;
mod conversions;
mod events;
mod farewell;
mod handle;
#[cfg_attr(not(all(unix, feature = "process")), path = "without_processes.rs")]
mod hooks;
#[cfg(all(unix, feature = "listen-fds"))]
mod inherited;
mod members;
#[cfg(all(unix, feature = "process"))]
pub mod process;
mod registry;
mod report;
mod request;
mod state;
mod workers;

pub use builder::TcpServerBuilder;
pub use events::ServerEvent;
pub use handle::ServerHandle;
#[cfg(all(unix, feature = "listen-fds"))]
pub use inherited::inherited_listeners;
pub use report::{ServerCounters, ShutdownReport};
pub use request::Request;
pub use serve::Incoming;
pub(super) use state::Ticket;
pub use workers::HandlerResult;
