//! Servers with processes: one process for each connection, or worker processes that share a
//! listener. Unix only.
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
//! Each process executes a program file. A plain `fork` is not used, because it is not safe in a
//! program with threads: the copy has one thread, and the locks of all the others. A process finds
//! out what it was started for by calling [`worker`] or [`connection`] first in `main`.
//!
//! # Threads or processes
//!
//! | | Overhead of a connection | A crash ends | Shared memory |
//! |---|---|---|---|
//! | [`serve`](crate::TcpServer::serve), threads | lowest | the server | yes |
//! | [`serve_workers`](crate::TcpServer::serve_workers) | as threads | the connections of one worker | within a worker |
//! | [`serve_children`](crate::TcpServer::serve_children) | the start of a process | that connection | no |
//!
//! # Platform-specific behavior
//!
//! The module is available on Unix with the feature `process`. On Windows, `std` starts processes
//! with a file or a pipe as standard input, not with a socket, and there is no safe, maintained way
//! to pass a listener to a process.

mod children;
mod control_writer;
mod failures;
mod handle;
mod role;
mod shutdown;
mod supervisor;
mod worker;
mod worker_table;
mod workers;

pub use children::Children;
pub(in crate::tcp::server) use control_writer::ControlWriter;
pub use failures::ProcessError;
pub use role::connection;
pub use worker::{Worker, worker};
pub(in crate::tcp::server) use worker_table::WorkerTable;
pub use worker_table::{WorkerState, WorkerStatus};
pub use workers::Workers;
