//! Servers made of processes: one for each connection, or workers that accept from the same listener. Unix.
//!
//! ```text
//!  one for each connection              workers
//!
//!  serve_children(children)             serve_workers(workers)
//!    │  accepts, starts, waits            │  listens, watches, restarts
//!    ├── child: the connection is         ├── worker 0: serve(handler)
//!    │   its standard input               ├── worker 1:  │
//!    └── child                            └── worker 2:  └─ all accept
//! ```
//!
//! Processes are started from a program file and never copied by `fork` alone, which is not safe in a program with threads: a
//! copy has one thread, and the locks of all others. What begins in `main` as such a process says so there: see [`worker`] and
//! [`connection`].
//!
//! # When to use which
//!
//! | | cost of a connection | what a crash ends | shared memory |
//! |---|---|---|---|
//! | [`serve`](crate::TcpServer::serve), threads | least | the server | yes |
//! | [`serve_workers`](crate::TcpServer::serve_workers) | as threads | the connections of one worker | within a worker |
//! | [`serve_children`](crate::TcpServer::serve_children) | the start of a process | that connection | no |
//!
//! # Platform-specific behavior
//!
//! The module is available on Unix with the feature `process`. On Windows `std` starts processes whose standard input is a file or a pipe, not a socket, and
//! there is no safe and kept way to hand a listener over; so what cannot be had is not there.

mod children;
mod counters;
mod crew;
mod failures;
mod role;
mod supervisor;
mod worker;
mod workers;

pub use children::Children;
pub(in crate::tcp::server) use crew::Crew;
pub use crew::{WorkerState, WorkerStatus};
pub use failures::ProcessError;
pub use role::connection;
pub use worker::{Worker, worker};
pub use workers::Workers;
