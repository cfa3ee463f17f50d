//! Servers: [`TcpServer`], its builder and its handle.
//!
//! A server is its parts. [`core`] holds them together; none of them knows it.
//!
//! ```text
//!  accept()  incoming()  serve_sequential()     serve(handler)    serve_requests(framing, handler)
//!        \        |        /                      │                      │
//!         \       |       /                     pool ◄─────────────── requests: idle connections
//!          ▼      ▼      ▼                       │                      │ in a poller
//!          accept ◄──────────────────────────────┴──────────────────────┘
//!            │  acceptor    the listener, and the threads that wait for it
//!            │  ahead       connections accepted before there are threads for them
//!            │  table       limits, open connections, outcomes
//!            ▼
//!        connection ──(its last handle is dropped)──► table, linger: graceful close
//!
//!  lifecycle    open, draining, closed, aborted; one thread waits for the end and executes it
//! ```

// The order of these modules is the order of the methods on the page of `TcpServer`.
mod builder;

pub(crate) mod serve;

mod requests;

mod accept;
mod acceptor;
mod ahead;
mod backoff;
mod conversions;
mod core;
mod counters;
mod events;
#[cfg(all(unix, feature = "process"))]
mod fields;
mod handle;
mod handler;
#[cfg(all(unix, feature = "listen-fds"))]
mod inherited;
mod lifecycle;
mod linger;
mod pool;
#[cfg(all(unix, feature = "process"))]
pub mod process;
#[cfg_attr(not(all(unix, feature = "process")), path = "no_processes.rs")]
mod processes;
mod registry;
mod report;
mod request;
mod table;

pub use crate::handler::HandlerResult;
pub use builder::TcpServerBuilder;
pub use events::ServerEvent;
pub use handle::ServerHandle;
#[cfg(all(unix, feature = "listen-fds"))]
pub use inherited::inherited_listeners;
pub use report::{ServerCounters, ShutdownReport};
pub use request::Request;
pub use serve::Incoming;
